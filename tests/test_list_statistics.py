"""The kernels that count what lists hold, compared with a literal computation."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cofactor.arrays import Array
from cofactor.kernels.list_statistics import expose, popularity_ranks, tally


def starts(lists: list[Array]) -> Array:
    return np.cumsum([0, *(len(one) for one in lists)]).astype(np.int64)


def joined(lists: list[Array]) -> Array:
    return np.concatenate([np.empty(0), *lists]).astype(np.int32)


@given(st.integers(0, 10**6), st.integers(0, 5), st.integers(1, 40))
def test_a_rank_by_popularity_is_a_position_among_the_unseen_items(seed: int, n_users: int, n_items: int) -> None:
    rng = np.random.default_rng(seed)
    place = rng.permutation(n_items).astype(np.int32)
    seen = [rng.permutation(n_items)[: rng.integers(0, n_items)] for _ in range(n_users)]
    asked = [rng.permutation(np.setdiff1d(np.arange(n_items), one))[:7] for one in seen]
    asked = [np.append(one, -1) for one in asked]
    ranks = np.full(len(joined(asked)), -9, np.int32)
    popularity_ranks(place, starts(seen), joined(seen), starts(asked), joined(asked), ranks)
    expected = []
    for taken, wanted in zip(seen, asked, strict=True):
        candidates = sorted(set(range(n_items)) - set(taken.tolist()), key=lambda item: place[item])
        expected += [candidates.index(item) + 1 if item >= 0 else -9 for item in wanted.tolist()]
    assert ranks.tolist() == expected


@given(st.integers(0, 10**6), st.integers(1, 5), st.sets(st.integers(1, 12), min_size=1, max_size=4))
def test_lists_are_tallied_up_to_each_k(seed: int, n_users: int, lengths: set[int]) -> None:
    rng, k = np.random.default_rng(seed), np.array(sorted(lengths), np.int64)
    n, n_items, n_k = int(rng.integers(1, k[-1] + 1)), 15, len(k)
    lists = np.stack([rng.permutation(n_items)[:n] for _ in range(n_users)]).astype(np.int32)
    for row in lists:
        row[n - rng.integers(0, n + 1) :] = -1
    popularity = rng.integers(1, n_items, lists.shape).astype(np.int32)
    values = rng.normal(size=(n_items, 2))
    length, popular = np.zeros((n_users, n_k), np.int64), np.zeros((n_users, n_k), np.int64)
    sums, exposure = np.zeros((n_users, n_k, 2)), np.zeros((n_k, n_items), np.int64)
    tally(lists, popularity, values, k, length, popular, sums)
    expose(lists, k, exposure)
    for user in range(n_users):
        for column, reach in enumerate(k.tolist()):
            held = [place for place in range(min(reach, n)) if lists[user, place] >= 0]
            assert length[user, column] == len(held)
            assert popular[user, column] == sum(popularity[user, place] <= reach for place in held)
            np.testing.assert_allclose(sums[user, column], values[lists[user, held]].sum(axis=0))
    for column, reach in enumerate(k.tolist()):
        listed = lists[:, : min(reach, n)]
        assert exposure[: column + 1].sum(axis=0).tolist() == np.bincount(listed[listed >= 0], minlength=15).tolist()
