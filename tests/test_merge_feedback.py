"""Ratings merged with the events of a feedback store."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.data.features import ColumnEncoding, Encoding, Features
from cofactor.data.merge_feedback import merge_events
from cofactor.data.origin import FeedbackCounts, Origin
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import split
from cofactor.errors import BadData

TAKEN_BACK = float("nan")
Table = dict[tuple[str, str], tuple[float, int]]


def table(ratings: Ratings) -> Table:
    users, items = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    times = np.zeros(len(ratings), int) if ratings.time is None else ratings.time
    rows = zip(users, items, ratings.value.tolist(), times.tolist(), strict=True)
    return {(user, item): (value, time) for user, item, value, time in rows}


def amend(ratings: Ratings, *words: tuple[str, str, float, int]) -> Ratings:
    users, items, values, times = zip(*words, strict=True) if words else ((), (), (), ())
    return merge_events(ratings, "ratings.db", users, items, np.array(values), np.array(times, dtype=np.int64))


@pytest.fixture
def known() -> Ratings:
    return Ratings.of(["2", "2", "10", "10"], ["1", "20", "1", "3"], [1, 2, 3, 5], [11, 12, 13, 14])


def test_a_word_replaces_adds_or_takes_back(known: Ratings) -> None:
    after = amend(
        known, ("10", "1", TAKEN_BACK, 50), ("10", "20", 4, 51), ("2", "1", 5, 52), ("2", "9", TAKEN_BACK, 53)
    )
    assert table(after) == {
        ("2", "1"): (5, 52), ("2", "20"): (2, 12), ("10", "3"): (5, 14), ("10", "20"): (4, 51)
    }  # fmt: skip
    assert after.origin == Origin("memory", 4, feedback=FeedbackCounts("ratings.db", added=1, replaced=1, taken_back=1))
    assert list(after.users.ids) == ["2", "10"]
    assert list(after.items.ids) == ["1", "3", "20"], "nobody rated 9"


def test_what_is_new_joins_in_its_natural_order_and_the_rest_stays_aligned(known: Ratings) -> None:
    encoding = Encoding((ColumnEncoding("kind", "category", ("short", "long")),))
    features = Features(encoding.names, encoding.matrix({"kind": ["short", None, "long"]}), encoding)
    titled = replace(
        known,
        titles=np.array(["One", "Three", "Twenty"], dtype=object),
        genres=np.array(["Drama", "", "War"], dtype=object),
        item_features=features,
    )
    after = amend(titled, ("7", "2", 3, 50), ("10", "100", 4, 50))
    assert list(after.users.ids) == ["2", "7", "10"]
    assert list(after.items.ids) == ["1", "2", "3", "20", "100"]
    assert after.titles is not None
    assert after.titles.tolist() == ["One", "", "Three", "Twenty", ""]
    assert after.genres is not None
    assert after.genres.tolist() == ["Drama", "", "", "War", ""]
    assert after.item_features is not None
    assert after.item_features.matrix.toarray().tolist() == [[1, 0], [0, 0], [0, 0], [0, 1], [0, 0]]


def test_times_are_taken_where_the_data_has_them(known: Ratings) -> None:
    assert amend(replace(known, time=None), ("7", "2", 3, 50)).time is None


@pytest.mark.parametrize(("value", "scale"), [(0.5, (0.5, 5)), (5.5, (1, 5.5)), (-1, (-1, 5)), (10, (1, 10))])
def test_a_scale_that_is_only_that_of_the_ratings_grows(
    known: Ratings, value: float, scale: tuple[float, float]
) -> None:
    after = amend(known, ("2", "1", 5, 1), ("2", "x", value, 1))
    assert after.scale == scale
    assert after.step == (1 if value == int(value) else 0.5)
    assert table(after)["2", "x"] == (value, 1)
    assert after.origin is not None
    low, high = scale
    remark = f"from ratings.db: 1 added, 1 replaced, 0 deleted; the scale is {low:g} to {high:g} because of them"
    assert after.origin.remarks()[-1].startswith(remark)
    record = after.origin.as_record()["ratings_from"]
    assert record == {"name": "ratings.db", "added": 1, "replaced": 1, "taken_back": 0, "widened": scale}


def test_a_rating_outside_a_stated_scale_is_left_out_and_counted(known: Ratings) -> None:
    values = np.array([7.0, 0.0, 3.0, TAKEN_BACK, 2.0])
    arguments = (["2", "10", "2", "10", "7"], ["1", "x", "20", "3", "1"], values, np.arange(5))
    after = merge_events(known, "ratings.db", *arguments, scale=(1, 5))
    assert table(after) == {("2", "1"): (1, 11), ("2", "20"): (3, 2), ("10", "1"): (3, 13), ("7", "1"): (2, 4)}
    assert after.scale == (1, 5)
    assert "x" not in after.items
    assert after.origin is not None
    assert after.origin.remarks()[-1] == (
        "from ratings.db: 1 added, 1 replaced, 1 deleted, 2 ratings outside the scale left out"
    )


@pytest.mark.parametrize("off", [1e30, 80, -60])
def test_a_rating_on_another_scale_is_named(known: Ratings, off: float) -> None:
    with pytest.raises(BadData) as told:
        amend(known, ("2", "1", 5, 1), ("2", "x", off, 1))
    assert told.value.message == f"ratings.db: user '2' rated item 'x' {off:g}, outside the scale 1 to 5"


def test_the_scale_stays_and_the_step_where_it_can(known: Ratings) -> None:
    halves = Ratings.of(["1"] * 3, ["1", "2", "3"], [0.5, 3.0, 5.0])
    assert (amend(halves, ("2", "1", 4.5, 1)).scale, amend(halves, ("2", "1", 4.5, 1)).step) == ((0.5, 5.0), 0.5)
    assert amend(known, ("10", "3", 3, 1)).scale == (1, 5), "though nobody gives 5 any more"
    assert (known.step, amend(known, ("10", "3", 3.5, 1)).step) == (1.0, 0.5)
    assert amend(known, ("10", "3", 3.21, 1)).step != 1.0
    tenths = Ratings.of(["1"] * 3, ["1", "2", "3"], [0.1, 0.7, 1.0])
    assert amend(tenths, ("2", "1", 0.3, 1)).step == tenths.step == pytest.approx(0.1)


def test_no_words_change_nothing_but_ratings_make_another_split(movies: Ratings) -> None:
    before = split(movies).fingerprint
    assert split(amend(movies)).fingerprint == before
    user, item = movies.users.ids[movies.user[0]], movies.items.ids[movies.item[0]]
    assert split(amend(movies, ("nobody", item, TAKEN_BACK, 1))).fingerprint == before
    assert split(amend(movies, ("nobody", item, 3.0, 1))).fingerprint != before
    assert split(amend(movies, (user, item, TAKEN_BACK, 1))).fingerprint != before


IDS = st.sampled_from(["1", "2", "10", "x", "é"])
PAIRS = st.tuples(IDS, IDS)


@given(
    st.dictionaries(PAIRS, st.tuples(st.integers(1, 5), st.integers(0, 9)), min_size=1),
    st.dictionaries(PAIRS, st.tuples(st.none() | st.integers(1, 5), st.integers(0, 9))),
)
def test_it_is_a_dictionary_updated(before: Table, said: dict[tuple[str, str], tuple[int | None, int]]) -> None:
    users, items = zip(*before, strict=True)
    ratings = replace(Ratings.of(users, items, *zip(*before.values(), strict=True)), scale=(1.0, 5.0))
    after = amend(ratings, *((u, i, TAKEN_BACK if v is None else v, t) for (u, i), (v, t) in said.items()))
    expected = {pair: one for pair, one in (before | said).items() if one[0] is not None}
    assert table(after) == expected
    assert after.origin is not None
    assert after.origin.feedback is not None
    counts = after.origin.feedback
    assert counts.added == sum(v is not None and pair not in before for pair, (v, _) in said.items())
    assert counts.replaced == sum(v is not None and pair in before for pair, (v, _) in said.items())
    assert counts.taken_back == sum(v is None and pair in before for pair, (v, _) in said.items())


def test_ids_of_an_earlier_store_follow_the_rule_for_ids(known: Ratings) -> None:
    after = amend(known, ("Jose\u0301 ", "20", 3, 60))
    assert table(after)["Jos\xe9", "20"] == (3, 60)
    with pytest.raises(BadData, match=r"ratings\.db: the user id .* control character"):
        amend(known, ("a\tb", "20", 3, 60))
