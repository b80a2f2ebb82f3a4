"""The gradient descent kernel beside its naive twin, and the order of ratings that it needs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.kernels.blocks import GRID, deal, rounds, tile
from cofactor.kernels.sgd import WIDTH, aligned, learn_blocks, padded
from tests.twins import learn_one_by_one


def made(n_users: int, n_items: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(n_users * n_items)[:n]
    value = rng.choice([0.5, 1, 2.5, 4, 5], n).astype(np.float32)
    return (pairs // n_items).astype(np.int32), (pairs % n_items).astype(np.int32), value


def dealt(user: np.ndarray, item: np.ndarray, n_users: int, n_items: int, grid: int) -> tuple:
    return deal(np.bincount(user, minlength=n_users), grid), deal(np.bincount(item, minlength=n_items), grid)


@pytest.mark.parametrize("rank", [1, 15, 16, 17, 32, 70])
def test_one_pass_equals_the_naive_twin(rank: int) -> None:
    user, item, value = made(30, 20, 200)
    users, items = dealt(user, item, 30, 20, 3)
    starts, user_at, item_at, values = tile(user, item, value, users, items, 3, 64, 7)
    rng = np.random.default_rng(1)
    P, Q = aligned(30, padded(rank)), aligned(20, padded(rank))
    P[:, :rank], Q[:, :rank] = rng.normal(0, 0.3, (30, rank)), rng.normal(0, 0.3, (20, rank))
    b, c = rng.normal(0, 0.1, 30).astype(np.float32), rng.normal(0, 0.1, 20).astype(np.float32)
    rates = rng.uniform(0.01, 0.1, 30).astype(np.float32), rng.uniform(0.01, 0.1, 20).astype(np.float32)
    expected = learn_one_by_one(user_at, item_at, values, P, Q, b, c, *rates, 3.0, 0.04, 0.01)
    errors = np.zeros(9)
    constants = [np.float32(x) for x in (3.0, 0.04, 0.01)]
    learn_blocks(np.arange(9), starts, user_at, item_at, values, P, Q, b, c, *rates, *constants, errors)
    for ours, naive in zip((P, Q, b, c), expected, strict=True):
        np.testing.assert_allclose(ours, naive, atol=2e-5)
    assert not P[:, rank:].any(), "the padding learned something"
    assert not Q[:, rank:].any(), "the padding learned something"


def test_the_squared_errors_are_those_before_each_update() -> None:
    P, Q = aligned(1, WIDTH), aligned(1, WIDTH)
    errors = np.zeros(1)
    rows = np.zeros(2, dtype=np.uint32)
    b, c = np.zeros(1, np.float32), np.zeros(1, np.float32)
    half = np.full(1, 0.5, dtype=np.float32)
    constants = [np.float32(x) for x in (3.0, 0.0, 0.0)]
    fives = np.full(2, 5, dtype=np.float32)
    learn_blocks(np.array([0]), np.array([0, 2]), rows, rows, fives, P, Q, b, c, half, half, *constants, errors)
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
    users, items = dealt(user, item, n_users, n_items, grid)
    starts, user_at, item_at, values = tile(user, item, value, users, items, grid, row_bytes, seed)
    back_u, back_i = np.argsort(users[1]), np.argsort(items[1])
    assert sorted(zip(back_u[user_at], back_i[item_at], values, strict=True)) == sorted(
        zip(user, item, value, strict=True)
    )
    block = np.repeat(np.arange(grid * grid), np.diff(starts))
    assert np.array_equal(users[0][back_u[user_at]], block // grid)
    assert np.array_equal(items[0][back_i[item_at]], block % grid)


@pytest.mark.parametrize("n_threads", range(1, GRID + 1))
def test_every_number_of_threads_learns_every_block_in_one_order_and_without_conflict(n_threads: int) -> None:
    every = [blocks for one in rounds(n_threads) for blocks in one]
    assert sorted(np.concatenate(every)) == list(range(GRID * GRID))
    for one in rounds(n_threads):
        assert len(one) == n_threads
        for hands in ([set(blocks // GRID) for blocks in one], [set(blocks % GRID) for blocks in one]):
            assert sum(map(len, hands)) == len(set().union(*hands)), "two threads share a hand"
    for of, met in ((lambda b: b // GRID, lambda b: b % GRID), (lambda b: b % GRID, lambda b: b // GRID)):
        for hand in range(GRID):
            ours = [met(b) for b in np.concatenate(every) if of(b) == hand]
            alone = [met(b) for b in np.concatenate(rounds(1)[0]) if of(b) == hand]
            assert ours == alone, "a hand meets the others in another order"


def test_hands_hold_about_equally_many_ratings() -> None:
    counts = np.random.default_rng(0).zipf(1.6, 5000).clip(max=400)
    hand, place = deal(counts, 12)
    weight = np.bincount(hand, counts, minlength=12)
    assert weight.max() < 1.05 * weight.mean()
    assert sorted(place) == list(range(5000))
    assert (np.diff(hand[np.argsort(place)]) >= 0).all()


def test_tiles_are_shuffled_by_the_seed_alone() -> None:
    user, item, value = made(200, 100, 5000)
    users, items = dealt(user, item, 200, 100, 4)
    first, again, other = (tile(user, item, value, users, items, 4, 64, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_vectors_begin_at_a_cache_line() -> None:
    for rows in (1, 3, 1000):
        assert aligned(rows, 48).ctypes.data % 64 == 0
    assert (padded(1), padded(16), padded(17)) == (16, 16, 32)
