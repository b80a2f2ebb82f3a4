"""Ratings: checked when made, and the same rows whichever way they are taken."""

import math
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings, find_step, latest_row_of_each_pair, make_histories
from cofactor.data.reading.read import read
from cofactor.errors import BadData, Unavailable
from tests.toys import noise

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 10), st.integers(0, 3)), max_size=40)


@given(pairs, st.booleans())
def test_of_a_repeated_pair_the_latest_counts(rows, timed):
    user, item, value, time = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    ratings = Ratings.of(user, item, value, time if timed else None)
    latest = {}
    for u, i, v, t in rows:
        if not timed or (u, i) not in latest or t >= latest[u, i][1]:
            latest[u, i] = v, t
    found = {
        (int(ratings.users.ids[u]), int(ratings.items.ids[i])): v
        for u, i, v in zip(ratings.user, ratings.item, ratings.value, strict=True)
    }
    assert found == {pair: v for pair, (v, _) in latest.items()}
    assert ratings.origin.duplicates == len(rows) - len(latest)


@given(pairs)
def test_matrices_hold_every_rating_in_order(rows):
    ratings = Ratings.of(*zip(*[row[:3] for row in rows], strict=True)) if rows else Ratings.of([], [], [])
    by_user, by_item = ratings.by_user(), ratings.by_item()
    assert by_user.shape == (len(ratings.users), len(ratings.items))
    np.testing.assert_array_equal(by_user.toarray(), by_item.toarray().T)
    for u, i, v in zip(ratings.user, ratings.item, ratings.value, strict=True):
        assert by_user[u, i] == v
    for matrix in (by_user, by_item):
        assert matrix.nnz == len(ratings)
        assert matrix.dtype == np.float32
        assert all((np.diff(matrix[[row]].indices) > 0).all() for row in range(matrix.shape[0]))


def test_a_rating_of_zero_is_a_rating():
    ratings = Ratings.of(["a", "a"], ["x", "y"], [0.0, 3.0])
    assert ratings.by_user().nnz == 2
    assert ratings.training_data.item_counts.tolist() == [1, 1]


def test_where_keeps_rows_and_scale():
    ratings = noise()
    some = ratings.where(ratings.value < 2)
    assert 0 < len(some) < len(ratings)
    assert some.users is ratings.users
    assert some.scale == (0.5, 5.0)
    assert (some.titles is ratings.titles, some.split) == (True, "0123abcd")
    assert some.by_user().shape == ratings.by_user().shape
    assert len(ratings.where(np.array([5, 3]))) == 2


def test_a_catalog_remembers():
    ratings = noise()
    training_data = ratings.training_data
    assert ratings.training_data is training_data
    assert training_data.item_counts.tolist() == [int((ratings.item == i).sum()) for i in range(20)]
    assert training_data.user_counts.tolist() == [int((ratings.user == u).sum()) for u in range(30)]
    assert (training_data.title(0), training_data.title(1)) == ("0", "Film “1” | <b>")
    assert replace(training_data, titles=None).title(1) == "1"


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1, 2, 5], 1.0),
        ([0.5, 4.5, 5.0], 0.5),
        ([0.5, 3.0, 4.5], 0.5),  # no two of them are one step apart
        ([0.5, 3.5, 5.0], 0.5),
        ([0.3, 0.6, 0.8], 0.1),
        ([0, 0, 100], 100.0),
        (list(range(101)), 1.0),
        ([1, 1, 1], None),
        ([1, 1.37, 2], None),
        ([-10, 0, 10], 10.0),
        (list(np.linspace(0, 1, 300)), None),
        ([], None),
    ],
)
def test_the_step_of_a_scale(values, step):
    assert find_step(np.array(values, dtype=np.float32)) == step


@given(
    step=st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 0.5, 1.0, 2.0, 5.0]),
    multiples=st.sets(st.integers(-20, 20), min_size=2),
)
@example(step=1 / 3, multiples={0, 11, 12, -16, -10})
def test_the_step_of_some_values_of_a_scale_is_their_greatest_common_step(step, multiples):
    found = find_step(np.array([n * step for n in multiples], dtype=np.float32))
    assert found == pytest.approx(step * math.gcd(*multiples), rel=1e-6)


@given(seed=st.integers(0, 10_000), n=st.integers(8, 200))
def test_a_continuous_scale_has_no_step(seed, n):
    assert find_step(np.random.default_rng(seed).uniform(-5, 5, n).astype(np.float32)) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user": np.array([0, 30])}, "a rating of user row 30; there are 30"),
        ({"item": np.array([-1, 0])}, "a rating of item row -1"),
        ({"user": np.array([0])}, "1 values of user|for 1 ratings"),
        ({"value": np.array([1.0, np.nan])}, "rating 1 is nan"),
        ({"value": np.array([np.inf, 1.0])}, "rating 0 is inf"),
        ({"time": np.array([1])}, "1 values of time"),
        ({"titles": np.array(["a"], dtype=object)}, "1 titles for 20 items"),
    ],
)
def test_impossible_ratings(change, says):
    two = noise().where(np.array([0, 1]))
    with pytest.raises(BadData, match=says):
        replace(two, **change)


def test_ratings_cannot_be_changed():
    ratings = noise()
    with pytest.raises(FrozenInstanceError):
        ratings.user = ratings.item
    with pytest.raises(ValueError, match="read-only"):
        ratings.value[0] = 5


def test_the_latest_of_equal_times_is_the_last():
    user = item = np.zeros(3, dtype=np.int32)
    assert latest_row_of_each_pair(user, item, np.array([5, 7, 7])).tolist() == [2]
    assert latest_row_of_each_pair(user, item, np.array([7, 5, 5])).tolist() == [0]
    assert latest_row_of_each_pair(user, item, None).tolist() == [2]


def test_histories_keep_a_row_for_everybody():
    matrix = make_histories([{3: 2.0, 1: 4.5}, {}, {0: 0.0}, {}], 5)
    assert matrix.shape == (4, 5)
    assert matrix.indptr.tolist() == [0, 2, 2, 3, 3]
    assert matrix.indices.tolist() == [1, 3, 0]
    assert matrix.data.tolist() == [4.5, 2.0, 0.0]
    assert make_histories([{}], 5).shape == (1, 5)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("times", [None, [30, 10, 20]])
def test_ratings_become_a_table_and_are_read_back(library, times):
    pytest.importorskip(library)
    ratings = Ratings.of(["10", "9", "10"], ["x", "x", "ü"], [4.0, 0.5, 3.0], times)
    table = getattr(ratings, {"pyarrow": "to_arrow"}.get(library, f"to_{library}"))()
    back = read(table)
    assert back.users == ratings.users
    assert back.items == ratings.items
    for name in ("user", "item", "value", "time"):
        np.testing.assert_array_equal(getattr(back, name), getattr(ratings, name))


def test_a_table_of_a_package_that_is_missing_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(Unavailable, match="polars is not installed"):
        Ratings.of(["1"], ["a"], [1]).to_polars()
