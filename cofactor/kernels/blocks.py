"""Ratings dealt into conflict-free blocks and cache-sized tiles, for kernels that learn from one rating at a time.

Users and items are dealt into GRID hands each, so ratings fall into GRID × GRID blocks. Blocks with neither a user hand
nor an item hand in common may be learned side by side. Each hand meets the others in one order, whatever the number of
threads (see `rounds`), so the result is the same for any. Within a block, ratings lie in tiles of neighbouring users
whose vectors stay in the cache, shuffled within a tile: neighbours in the order then rarely share a row, so that a
processor overlaps several ratings.
"""

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]
Rows = NDArray[np.int32]

LEVELS = (2, 2, 3)  # how hands are grouped: halves, quarters, single hands
GRID = 12  # their product; a larger one meets each user's vector too often, to learn too little each time
TILE_BYTES = 1 << 14  # of user vectors in a tile: half of a first-level cache


def deal(counts: Rows, grid: int) -> tuple[Rows, Rows]:
    """Deals rows into `grid` hands of about equally many ratings, the busiest first, back and forth.

    counts: (n,) ratings of each row. Returns (n,) the hand of each row, and (n,) its place when all rows are laid out
    hand by hand, so that rows that meet in a block are neighbours in memory.
    """
    busiest_first = np.argsort(-counts, kind="stable")
    turn = np.arange(len(counts)) % (2 * grid)
    hand = np.empty(len(counts), dtype=np.int32)
    hand[busiest_first] = np.where(turn < grid, turn, 2 * grid - 1 - turn)
    place = np.empty(len(counts), dtype=np.int32)
    place[np.lexsort((-counts, hand))] = np.arange(len(counts), dtype=np.int32)
    return hand, place


def rounds(n_threads: int) -> list[list[Array]]:
    """Block numbers in the order of learning: for each round, one sequence for each thread.

    Hand a = (a1, a2, a3), digits to the bases of LEVELS, meets item hand (a + s) digit by digit in stratum s, and
    strata go by s1, then s2, then s3. So in all strata of one s1, users of one half meet items of one half only, and
    two threads need to wait for each other twice in a pass, not twelve times; likewise four threads four times.
    """
    digits = np.array(list(np.ndindex(*LEVELS)))
    met = (digits[:, None] + digits) % LEVELS  # (stratum, user hand, digit) of the item hand
    item_hand = np.ravel_multi_index(tuple(np.moveaxis(met, -1, 0)), LEVELS)
    block = np.arange(GRID) * GRID + item_hand  # (stratum, user hand)
    n_groups = next((n for n in (1, 2, 4) if n >= n_threads and n % n_threads == 0), GRID)
    grouped = block.reshape(n_groups, GRID // n_groups, n_groups, GRID // n_groups)
    return [
        [np.concatenate([one[:, g].ravel() for g in mine]) for mine in np.array_split(np.arange(n_groups), n_threads)]
        for one in grouped
    ]


def tile(
    user: Rows, item: Rows, value: Floats, users: tuple[Rows, Rows], items: tuple[Rows, Rows], grid: int,
    row_bytes: int, seed: int,
) -> tuple[Array, Array, Array, Floats]:  # fmt: skip
    """Ratings in order of block and tile, shuffled within a tile.

    user, item, value: (n,) ratings by row; users, items: what `deal` gave; row_bytes: of a user's vector.
    Returns (grid² + 1,) the starts of the blocks, and (n,) uint32 places of users and items, and values.
    """
    (user_hand, user_place), (item_hand, item_place) = users, items
    tile_rows = max(1, TILE_BYTES // row_bytes)
    first_place = np.full(grid, len(user_place), dtype=np.int32)
    np.minimum.at(first_place, user_hand, user_place)
    user_tile = (user_place - first_place[user_hand]) // tile_rows
    n_tiles = int(user_tile.max(initial=0)) + 1
    user_key = user_hand.astype(np.int64) * grid * n_tiles + user_tile
    item_key = item_hand.astype(np.int64) * n_tiles
    starts, user_at, item_at, values = _sort_by_tile(
        user, item, value, user_key, item_key, user_place, item_place, grid * grid * n_tiles
    )
    _shuffle_tiles(starts, user_at, item_at, values, seed)
    return starts[::n_tiles].copy(), user_at, item_at, values


@nb.njit(cache=True, nogil=True)
def _sort_by_tile(
    user: Rows, item: Rows, value: Floats, user_key: Array, item_key: Array, user_place: Rows, item_place: Rows,
    n_keys: int,
) -> tuple[Array, Array, Array, Floats]:  # fmt: skip
    """A counting sort by user_key + item_key: (n_keys + 1,) starts, then places of users and items, and values."""
    n = len(user)
    starts = np.zeros(n_keys + 1, dtype=np.int64)
    for t in range(n):
        starts[user_key[user[t]] + item_key[item[t]] + 1] += 1
    for key in range(n_keys):
        starts[key + 1] += starts[key]
    fill = starts[:-1].copy()
    users, items = np.empty(n, dtype=np.uint32), np.empty(n, dtype=np.uint32)
    values = np.empty(n, dtype=np.float32)
    for t in range(n):
        key = user_key[user[t]] + item_key[item[t]]
        to = fill[key]
        fill[key] += 1
        users[to] = user_place[user[t]]
        items[to] = item_place[item[t]]
        values[to] = value[t]
    return starts, users, items, values


@nb.njit(cache=True, nogil=True)
def _shuffle_tiles(starts: Array, users: Array, items: Array, values: Floats, seed: int) -> None:
    """Fisher and Yates' shuffle of the ratings of each tile, in place; random numbers by splitmix64."""
    state = np.uint64(seed)
    for tile in range(len(starts) - 1):
        for last in range(starts[tile + 1] - 1, starts[tile], -1):
            state += np.uint64(0x9E3779B97F4A7C15)
            z = state
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = (z ^ (z >> np.uint64(31))) >> np.uint64(32)
            other = starts[tile] + np.int64((z * np.uint64(last - starts[tile] + 1)) >> np.uint64(32))
            users[last], users[other] = users[other], users[last]
            items[last], items[other] = items[other], items[last]
            values[last], values[other] = values[other], values[last]
