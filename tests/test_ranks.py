import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.evaluation.scored_test_set import compute_ranks
from cofactor.kernels.ranks import UserItems
from tests import twins


def ranks(scores, rankable, seen_start, seen, asked_start, asked, n_top):
    return compute_ranks(scores, rankable, UserItems(seen_start, seen), UserItems(asked_start, asked), n_top)


def starts(lists):
    return np.concatenate(([0], np.cumsum([len(one) for one in lists]))).astype(np.int64)


def joined(lists):
    return np.concatenate([np.empty(0), *lists]).astype(np.int32)


def case(seed, m, n, n_values):
    """Scores of few distinct values, so that many tie; some items seen, some asked, some not rankable."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-n_values, n_values + 1, (m, n)).astype(np.float32)
    seen, asked = [], []
    for _ in range(m):
        shuffled, cut = rng.permutation(n), sorted(rng.integers(0, n + 1, 2))
        seen.append(np.sort(shuffled[: cut[0]]))
        asked.append(np.sort(shuffled[cut[0] : cut[1]]))
    return scores, rng.random(n) < 0.8, starts(seen), joined(seen), starts(asked), joined(asked)


@given(st.integers(0, 10**6), st.integers(0, 5), st.integers(1, 12), st.integers(0, 4), st.integers(0, 15))
@settings(deadline=None, max_examples=120)
def test_equal_to_sorting_with_ties_seen_items_and_lists_longer_than_the_catalogue(seed, m, n, n_values, n_top):
    arguments = case(seed, m, n, n_values)
    for ours, naive in zip(ranks(*arguments, n_top), twins.ranks(*arguments, n_top), strict=True):
        np.testing.assert_array_equal(ours, naive)


def test_long_rows_of_distinct_and_of_signed_zero_and_huge_scores():
    rng = np.random.default_rng(0)
    scores, rankable, *lists = case(1, 4, 1003, 3)
    scores[0] = rng.normal(size=1003)
    scores[1] = rng.choice([0.0, -0.0], 1003)
    scores[2] = rng.choice([3e38, -3e38, 1e-44, 0], 1003)
    for ours, naive in zip(ranks(scores, rankable, *lists, 50), twins.ranks(scores, rankable, *lists, 50), strict=True):
        np.testing.assert_array_equal(ours, naive)


@pytest.mark.parametrize("n_top", [1, 40, 300, 1003])
def test_long_lists_of_scores_of_which_few_or_many_are_equal(n_top):
    rng = np.random.default_rng(0)
    _, rankable, *lists = case(1, 5, 1003, 3)
    scores = np.stack([rng.permutation(np.arange(1003) // equal) for equal in (1, 2, 90, 400, 2000)])
    for ours, naive in zip(
        ranks(scores.astype(np.float32), rankable, *lists, n_top),
        twins.ranks(scores, rankable, *lists, n_top),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, naive)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_one_thread_gives_what_many_give():
    arguments = case(2, 64, 300, 5)
    before = numba.get_num_threads()
    many = ranks(*arguments, 20)
    try:
        numba.set_num_threads(1)
        one = ranks(*arguments, 20)
    finally:
        numba.set_num_threads(before)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_array_equal(a, b)
