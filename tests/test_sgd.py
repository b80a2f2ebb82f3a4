"""The gradient descent kernel beside its naive twin, and the order of ratings that it needs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.kernels.rating_blocks import N_PARTS, RatingBlocks, assign_parts, schedule_blocks, sort_into_blocks
from cofactor.kernels.sgd import WIDTH, Factors, LearningRates, SGDConstants, aligned, learn_blocks, padded
from tests.twins import learn_one_by_one


def made(n_users: int, n_items: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(n_users * n_items)[:n]
    value = rng.choice([0.5, 1, 2.5, 4, 5], n).astype(np.float32)
    return (pairs // n_items).astype(np.int32), (pairs % n_items).astype(np.int32), value


def partitions(user: np.ndarray, item: np.ndarray, n_users: int, n_items: int, grid: int) -> tuple:
    return tuple(assign_parts(np.bincount(one, minlength=n), grid) for one, n in ((user, n_users), (item, n_items)))


@pytest.mark.parametrize("rank", [1, 15, 16, 17, 32, 70])
def test_one_pass_equals_the_naive_twin(rank: int) -> None:
    user, item, value = made(30, 20, 200)
    users, items = partitions(user, item, 30, 20, 3)
    ratings = sort_into_blocks(user, item, value, users, items, 3, 64, 7)
    rng = np.random.default_rng(1)
    P, Q = aligned(30, padded(rank)), aligned(20, padded(rank))
    P[:, :rank], Q[:, :rank] = rng.normal(0, 0.3, (30, rank)), rng.normal(0, 0.3, (20, rank))
    b, c = rng.normal(0, 0.1, 30).astype(np.float32), rng.normal(0, 0.1, 20).astype(np.float32)
    rates = LearningRates(*(rng.uniform(0.01, 0.1, n).astype(np.float32) for n in (30, 20)))
    constants = SGDConstants(*(np.float32(x) for x in (3.0, 0.04, 0.01)))
    factors = Factors(P, Q, b, c)
    expected = learn_one_by_one(ratings, factors, rates, constants)
    errors = np.zeros(9)
    learn_blocks(np.arange(9), ratings, factors, rates, constants, errors)
    for ours, naive in zip(factors, expected, strict=True):
        np.testing.assert_allclose(ours, naive, atol=2e-5)
    assert not P[:, rank:].any(), "the padding learned something"
    assert not Q[:, rank:].any(), "the padding learned something"


def test_the_squared_errors_are_those_before_each_update() -> None:
    P, Q = aligned(1, WIDTH), aligned(1, WIDTH)
    errors = np.zeros(1)
    rows = np.zeros(2, dtype=np.uint32)
    b, c = np.zeros(1, np.float32), np.zeros(1, np.float32)
    half = np.full(1, 0.5, dtype=np.float32)
    constants = SGDConstants(*(np.float32(x) for x in (3.0, 0.0, 0.0)))
    ratings = RatingBlocks(np.array([0, 2]), rows, rows, np.full(2, 5, dtype=np.float32))
    learn_blocks(np.array([0]), ratings, Factors(P, Q, b, c), LearningRates(half, half), constants, errors)
    assert errors[0] == 2**2 + 0**2  # the first rating moves both biases by .5 · 2, so the second is exact


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    share=st.floats(0, 1),
    grid=st.integers(1, 9),
    row_bytes=st.sampled_from([64, 1 << 16, 1 << 20]),
    seed=st.integers(0, 3),
)
def test_blocks_hold_every_rating_once_and_where_it_belongs(
    shape: tuple[int, int], share: float, grid: int, row_bytes: int, seed: int
) -> None:
    n_users, n_items = shape
    user, item, value = made(n_users, n_items, max(1, int(share * n_users * n_items)), seed)
    users, items = partitions(user, item, n_users, n_items, grid)
    starts, user_at, item_at, values = sort_into_blocks(user, item, value, users, items, grid, row_bytes, seed)
    back_u, back_i = np.argsort(users.position), np.argsort(items.position)
    assert sorted(zip(back_u[user_at], back_i[item_at], values, strict=True)) == sorted(
        zip(user, item, value, strict=True)
    )
    block = np.repeat(np.arange(grid * grid), np.diff(starts))
    assert np.array_equal(users.part[back_u[user_at]], block // grid)
    assert np.array_equal(items.part[back_i[item_at]], block % grid)


@pytest.mark.parametrize("n_threads", range(1, N_PARTS + 1))
def test_every_number_of_threads_learns_every_block_in_one_order_and_without_conflict(n_threads: int) -> None:
    every = [blocks for one in schedule_blocks(n_threads) for blocks in one]
    assert sorted(np.concatenate(every)) == list(range(N_PARTS * N_PARTS))
    for one in schedule_blocks(n_threads):
        assert len(one) == n_threads
        for parts in ([set(blocks // N_PARTS) for blocks in one], [set(blocks % N_PARTS) for blocks in one]):
            assert sum(map(len, parts)) == len(set().union(*parts)), "two threads share a part"
    for of, met in ((lambda b: b // N_PARTS, lambda b: b % N_PARTS), (lambda b: b % N_PARTS, lambda b: b // N_PARTS)):
        for part in range(N_PARTS):
            ours = [met(b) for b in np.concatenate(every) if of(b) == part]
            alone = [met(b) for b in np.concatenate(schedule_blocks(1)[0]) if of(b) == part]
            assert ours == alone, "a part is combined with the others in another order"


def test_parts_hold_about_equally_many_ratings() -> None:
    counts = np.random.default_rng(0).zipf(1.6, 5000).clip(max=400)
    part, place = assign_parts(counts, 12)
    weight = np.bincount(part, counts, minlength=12)
    assert weight.max() < 1.05 * weight.mean()
    assert sorted(place) == list(range(5000))
    assert (np.diff(part[np.argsort(place)]) >= 0).all()


def test_tiles_are_shuffled_by_the_seed_alone() -> None:
    user, item, value = made(200, 100, 5000)
    users, items = partitions(user, item, 200, 100, 4)
    first, again, other = (sort_into_blocks(user, item, value, users, items, 4, 64, seed).users for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_vectors_begin_at_a_cache_line() -> None:
    for rows in (1, 3, 1000):
        assert aligned(rows, 48).ctypes.data % 64 == 0
    assert (padded(1), padded(16), padded(17)) == (16, 16, 32)
