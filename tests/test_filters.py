"""Which items may be listed: each filter beside a plain loop, and lists as long as if only those items existed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.serving.lists.filters import has_filters
from cofactor.serving.schemas.requests import BatchBody, FoldedBody, ListBody, ListQuery, PopularQuery, Rated
from cofactor.serving.service import OperatorRules, RecommendationService
from cofactor.trainers.popularity import Popularity
from tests.small_service import bundle
from tests.toys import factors

GENRES = ["Action|Sci-Fi", "Comedy", "comedy|Drama", "Drama", "", None]
N_ITEMS = 24


@pytest.fixture(scope="module")
def answers():
    """Items 0 … 23 from the years 1990 … 2001 and some without; item 23 was rated by nobody."""
    rng = np.random.default_rng(0)
    which = rng.random((12, N_ITEMS - 1)) < 0.3
    which[0] = True
    user, item = np.nonzero(which)
    rated = Ratings(
        Vocabulary(np.array([f"u{row}" for row in range(12)], dtype=object), "user"),
        Vocabulary(np.array([f"i{row:02}" for row in range(N_ITEMS)], dtype=object), "item"),
        user,
        item,
        rng.integers(1, 6, len(user)),
        titles=np.array(
            [f"Film {row}" + (f" ({1990 + row // 2})" if row % 3 else "") for row in range(N_ITEMS)], dtype=object
        ),
        genres=np.array([GENRES[row % len(GENRES)] for row in range(N_ITEMS)], dtype=object),
    )
    return RecommendationService(bundle(factors(rated)))


def ids(answer, of="recommendations"):
    return [one["item"] for one in answer[of]]


def everything(answers, user="u3"):
    return answers.recommendations(user, ListQuery(n=100))["recommendations"]


some_ids = st.lists(st.sampled_from([f"i{row:02}" for row in range(N_ITEMS)] + ["unheard of"]), max_size=8)
some_genres = st.lists(st.sampled_from(["action", "SCI-FI", "Comedy", "drama"]), max_size=2)
some_year = st.none() | st.integers(1989, 2003)


def passes(line, asked):
    """Whether a line of a list fits, as the words of the API say."""
    genres = {one.casefold() for one in line["genres"]}
    return (
        ("genre" not in asked or bool(genres & {one.casefold() for one in asked["genre"]}))
        and not genres & {one.casefold() for one in asked["without_genre"]}
        and (asked["year_from"] is None or (line["year"] or 0) >= asked["year_from"])
        and (asked["year_to"] is None or (line["year"] or 9999) <= asked["year_to"])
        and ("allow" not in asked or line["item"] in asked["allow"])
        and line["item"] not in asked["deny"]
    )


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "without_genre": some_genres,
            "year_from": some_year,
            "year_to": some_year,
            "deny": some_ids,
        },
        optional={"genre": some_genres, "allow": some_ids},
    ),
    st.integers(1, 12),
)
def test_a_filtered_list_is_the_long_list_without_what_does_not_fit(answers, asked, n):
    fitting = [one for one in everything(answers) if passes(one, asked)]
    for listed in (
        answers.recommendations("u3", ListQuery(n=n, **asked)),
        answers.recommendations("u3", ListBody(n=n, **asked)),
    ):
        assert listed["recommendations"] == fitting[:n]
        assert (listed["next"] is None) == (len(fitting) <= n)
    most_rated = answers.popular(PopularQuery(n=100))["items"]
    assert answers.popular(PopularQuery(n=n, **asked))["items"] == [one for one in most_rated if passes(one, asked)][:n]


def test_an_unknown_genre_comes_with_near_ones(answers):
    with pytest.raises(BadData, match="unknown genre 'Comdey'") as caught:
        answers.recommendations("u3", ListQuery(genre=["Comdey"]))
    assert caught.value.hint == "did you mean Comedy?"
    with pytest.raises(BadData, match="unknown genre '西部'") as caught:
        answers.recommendations("u3", ListQuery(without_genre=["西部"]))
    assert caught.value.hint.startswith("there are Action")


def test_candidates_are_ranked_rated_before_or_not(answers):
    model = answers.loaded_model.model
    row = model.training_data.users.row("u3")
    seen = [str(model.training_data.items.ids[one]) for one in model.training_data.rated(row)[0]]
    candidates = sorted({*seen[:3], "i23", "i00", "i05"}, reverse=True)
    listed = answers.recommendations("u3", ListBody(n=100, candidates=candidates))
    scores = model.score_rows(np.array([row], dtype=np.int32))[0]
    assert ids(listed) == sorted(candidates, key=lambda one: (-scores[int(one[1:])], one))
    for one in listed["recommendations"]:
        assert one["score"] == round(float(np.clip(scores[int(one["item"][1:])], 1, 5)), 4)
    assert listed["next"] is None
    fewer = answers.recommendations("u3", ListBody(n=100, candidates=candidates, deny=["i05"], year_to=1990))
    assert set(ids(fewer)) == {one["item"] for one in listed["recommendations"] if (one["year"] or 9999) <= 1990}
    folded = FoldedBody(ratings=[Rated(item="i00", rating=5.0)], candidates=["i00", "i23"])
    assert set(ids(answers.recommendations_for_ratings(folded))) == {"i00", "i23"}


def test_a_candidate_must_be_known(answers):
    with pytest.raises(BadData, match="unknown item 'i99'"):
        answers.recommendations("u3", ListBody(candidates=["i01", "i99"]))


def test_the_operator_has_the_last_word_on_candidates(answers):
    strict = RecommendationService(
        answers.loaded_model, rules=OperatorRules(allow=frozenset({"i01", "i02"}), deny=frozenset({"i02"}))
    )
    assert ids(strict.recommendations("u3", ListBody(candidates=["i01", "i02", "i04"]))) == ["i01"]


@pytest.mark.parametrize("name", ["allow", "candidates", "genre"])
def test_an_empty_list_leaves_nothing_and_is_not_read_as_an_absent_one(answers, name):
    asked = ListBody.model_validate_json(f'{{"{name}": [], "n": 5}}')
    answer = answers.recommendations("u3", asked)
    assert (answer["recommendations"], answer["next"]) == ([], None)
    assert answers.batch(BatchBody.model_validate({"users": ["u3"], name: []}))["lists"][0]["recommendations"] == []
    empty = FoldedBody.model_validate({"ratings": [{"item": "i00", "rating": 5.0}], name: []})
    assert answers.recommendations_for_ratings(empty)["recommendations"] == []
    unknown = ListBody.model_validate({"stranger": "popular", name: []})
    assert answers.recommendations("nobody", unknown)["recommendations"] == []
    assert len(answers.recommendations("u3", ListBody(n=5))["recommendations"]) == 5


def test_an_empty_file_of_allowed_items_leaves_nothing(answers):
    strict = RecommendationService(answers.loaded_model, rules=OperatorRules(allow=frozenset()))
    assert strict.recommendations("u3", ListQuery())["recommendations"] == []
    assert strict.popular(PopularQuery())["items"] == []


def test_an_empty_cursor_is_not_read_as_an_absent_one():
    for request in (ListQuery, PopularQuery):
        with pytest.raises(ValidationError, match="at least 1 character"):
            request(cursor="")


@pytest.mark.parametrize(
    ("options", "filtered"),
    [
        ({}, False),
        ({"genre": ["Drama"]}, True),
        ({"without_genre": ["Drama"]}, True),
        ({"allow": ["i01"]}, True),
        ({"deny": ["i01"]}, True),
        ({"year_from": 1990}, True),
        ({"year_to": 1990}, True),
        ({"candidates": ["i01"]}, True),
        ({"candidates": []}, True),
        ({"allow": []}, True),
        ({"genre": []}, True),
        ({"deny": [], "without_genre": []}, False),
        ({"n": 3, "why": 1, "seen": True, "diversity": 0.5}, False),
    ],
)
def test_each_filter_alone_makes_a_filtered_list_and_nothing_else_does(options, filtered):
    assert has_filters(ListBody(**options)) is filtered


def test_a_year_without_a_lower_bound_leaves_out_items_without_a_year(answers):
    years = {one["year"] for one in answers.recommendations("u3", ListQuery(n=100, year_to=2999))["recommendations"]}
    assert None not in years
    assert len(years) > 1
    unfiltered = {one["year"] for one in everything(answers)}
    assert None in unfiltered


def test_genres_are_in_descending_order_of_their_items():
    ids, genres = [str(row) for row in range(6)], ["Western", "Drama", "Drama", "Drama|Comedy", "Comedy", "Absent"]
    user, item = np.zeros(5, dtype=np.int32), np.arange(5, dtype=np.int32)  # no rating of the last item
    rated = Ratings(
        Vocabulary(np.array(["u"], dtype=object), "user"),
        Vocabulary(np.array(ids, dtype=object), "item"),
        user,
        item,
        np.arange(1, 6, dtype=np.float32),
        genres=np.array(genres, dtype=object),
    )
    service = RecommendationService(bundle(Popularity().fit(rated)))
    found = [(one["genre"], one["items"]) for one in service.genres()["genres"]]
    assert found == [("Drama", 3), ("Comedy", 2), ("Western", 1)]
