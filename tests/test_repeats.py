"""Rows of one pair become one, by the rule for what the values are or by the rule given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.data.reading.load_rows import EncodedRatings
from cofactor.data.reading.meaning.repeats import MergedRatings, merge_repeats
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData


def encoded(rows: list[tuple[int, int, float, int]], *, timed: bool = True) -> EncodedRatings:
    user, item, value, time = (np.array(column) for column in zip(*rows, strict=True))
    ids = Vocabulary.of(map(str, range(10)))
    times = time.astype(np.int64) if timed else None
    return EncodedRatings(ids, ids, user.astype(np.int32), item.astype(np.int32), value.astype(np.float32), times)


def told(merged: MergedRatings) -> list[tuple[int, int, float]]:
    rows = merged.rows
    return list(zip(rows.user.tolist(), rows.item.tolist(), rows.value.tolist(), strict=True))


PLAYS = [(3, 7, 2.0, 5), (1, 2, 8.0, 1), (3, 7, 4.0, 9), (3, 7, 3.0, 1)]


@pytest.mark.parametrize(
    ("rule", "value", "time"),
    [("latest", 4, 9), ("first", 3, 1), ("sum", 9, 9), ("count", 3, 9), ("mean", 3, 9), ("max", 4, 9)],
)
def test_each_rule(rule, value: float, time: int) -> None:
    merged = merge_repeats(encoded(PLAYS), "counts", rule)
    rest = (1, 2, 1.0 if rule == "count" else 8.0)
    assert sorted(told(merged)) == [rest, (3, 7, value)]
    assert merged.merged == 2
    assert merged.rows.time is not None
    assert sorted(merged.rows.time.tolist()) == [1, time]
    assert merged.kind == "counts"


def test_the_latest_counts_for_ratings_counts_are_added_and_pairs_counted() -> None:
    assert sorted(told(merge_repeats(encoded(PLAYS), "ratings")))[1] == (3, 7, 4.0)
    assert sorted(told(merge_repeats(encoded(PLAYS), "counts")))[1] == (3, 7, 9.0)
    ones = [(user, item, 1.0, time) for user, item, _, time in PLAYS]
    assert sorted(told(merge_repeats(encoded(ones), "pairs"))) == [(1, 2, 1.0), (3, 7, 3.0)]


def test_what_the_values_are_afterwards() -> None:
    ones = [(user, item, 1.0, time) for user, item, _, time in PLAYS]
    assert merge_repeats(encoded(ones), "pairs").kind == "counts"
    assert merge_repeats(encoded(ones), "pairs", "latest").kind == "pairs"
    assert merge_repeats(encoded(ones[:2]), "pairs").kind == "pairs"
    assert merge_repeats(encoded(PLAYS), "ratings", "mean").kind == "ratings"
    assert merge_repeats(encoded(PLAYS), "ratings", "sum").kind == "counts"
    assert merge_repeats(encoded(PLAYS), "ratings", "count").kind == "counts"


def test_the_order_of_rows_decides_between_equal_times_and_without_times() -> None:
    equal = [(0, 0, 1.0, 4), (0, 1, 9.0, 4), (0, 0, 2.0, 4)]
    for timed in (True, False):
        rows = encoded(equal, timed=timed)
        assert told(merge_repeats(rows, "ratings", "latest")) == [(0, 1, 9.0), (0, 0, 2.0)]
        assert told(merge_repeats(rows, "ratings", "first")) == [(0, 0, 1.0), (0, 1, 9.0)]


def test_negative_values_cannot_be_added_up() -> None:
    with pytest.raises(BadData, match="-1 cannot be added up"):
        merge_repeats(encoded([(0, 0, -1.0, 1), (0, 0, 2.0, 1)]), "ratings", "sum")


def test_parts_of_a_second_decide_which_row_is_the_latest() -> None:
    rows = encoded([(0, 0, 1.0, 4), (0, 0, 2.0, 4)])
    timed = EncodedRatings(rows.users, rows.items, rows.user, rows.item, rows.value, np.array([4.75, 4.25]))
    assert told(merge_repeats(timed, "ratings")) == [(0, 0, 1.0)]


pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9), st.integers(0, 5)), min_size=1)


@given(pairs)
def test_sums_and_counts_agree_with_a_dictionary(rows: list) -> None:
    total: dict[tuple[int, int], float] = {}
    number: dict[tuple[int, int], int] = {}
    for user, item, value, _ in rows:
        total[user, item] = total.get((user, item), 0) + value
        number[user, item] = number.get((user, item), 0) + 1
    for rule, wanted in (("sum", total), ("count", number)):
        found = {(user, item): value for user, item, value in told(merge_repeats(encoded(rows), "counts", rule))}
        assert found == wanted
