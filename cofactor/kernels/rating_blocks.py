"""Ratings sorted into conflict-free blocks and cache-sized tiles, for kernels that learn from one rating at a time.

Users and items are divided into N_PARTS parts each, which divides the ratings into N_PARTS × N_PARTS blocks. Two blocks
that share neither a part of the users nor one of the items can be trained at the same time. The blocks of a part come
in one order, whatever the number of threads (see `schedule_blocks`), so the result does not depend on that number.
Within a block, ratings lie in tiles of neighbouring users whose vectors stay in the cache, shuffled within a tile:
consecutive ratings then rarely share a row, so that a processor overlaps several of them.
"""

from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Floats, Rows
from cofactor.kernels.compilation.compile import compiled

LEVELS = (2, 2, 3)  # how parts are grouped: halves, quarters, single parts
N_PARTS = 12  # their product; with more parts a user's vector is loaded more often, for fewer ratings each time
TILE_BYTES = 1 << 14  # of user vectors in a tile: half of a first-level cache


class Partition(NamedTuple):
    """Rows divided into parts."""

    part: Rows  # (n,) the part of each row
    position: Rows  # (n,) where a row lies in memory when all rows are laid out part by part


class RatingBlocks(NamedTuple):
    """Ratings in order of block and tile, with users and items by their position in memory."""

    starts: Array  # (N_PARTS² + 1,) int64 first rating of each block
    users: Array  # (n,) uint32
    items: Array  # (n,) uint32
    values: Floats  # (n,)


def assign_parts(counts: Array, n_parts: int) -> Partition:
    """Divides rows into parts of about equally many ratings: the rows with most ratings first, back and forth.

    counts: (n,) ratings of each row. Rows that meet in a block become neighbours in memory.
    """
    busiest_first = np.argsort(-counts, kind="stable")
    turn = np.arange(len(counts)) % (2 * n_parts)
    part = np.empty(len(counts), dtype=np.int32)
    part[busiest_first] = np.where(turn < n_parts, turn, 2 * n_parts - 1 - turn)
    position = np.empty(len(counts), dtype=np.int32)
    position[np.lexsort((-counts, part))] = np.arange(len(counts), dtype=np.int32)
    return Partition(part, position)


def schedule_blocks(n_threads: int) -> list[list[Array]]:
    """Block numbers in the order of training: for each round, one sequence for each thread.

    User part a = (a1, a2, a3), digits to the bases of LEVELS, is combined with item part (a + s), digit by digit, in
    stratum s, and the strata go by s1, then s2, then s3. So in all strata of one s1, users of one half are combined
    with items of one half only, and two threads wait for each other twice in a pass, not twelve times; likewise four
    threads four times.
    """
    digits = np.array(list(np.ndindex(*LEVELS)))
    item_digits = (digits[:, None] + digits) % LEVELS  # (stratum, user part, digit)
    item_part = np.ravel_multi_index(tuple(np.moveaxis(item_digits, -1, 0)), LEVELS)
    block = np.arange(N_PARTS) * N_PARTS + item_part  # (stratum, user part)
    n_groups = next((n for n in (1, 2, 4) if n >= n_threads and n % n_threads == 0), N_PARTS)
    grouped = block.reshape(n_groups, N_PARTS // n_groups, n_groups, N_PARTS // n_groups)
    return [
        [np.concatenate([one[:, g].ravel() for g in mine]) for mine in np.array_split(np.arange(n_groups), n_threads)]
        for one in grouped
    ]


def sort_into_blocks(
    user: Rows, item: Rows, value: Floats, users: Partition, items: Partition, n_parts: int, row_bytes: int, seed: int
) -> RatingBlocks:
    """The ratings block by block, within a block tile by tile, and in random order within a tile.

    user, item, value: (n,) ratings by row; row_bytes: size of a user's vector.
    """
    tile_rows = max(1, TILE_BYTES // row_bytes)
    first_position = np.full(n_parts, len(users.position), dtype=np.int32)
    np.minimum.at(first_position, users.part, users.position)
    user_tile = (users.position - first_position[users.part]) // tile_rows
    n_tiles = int(user_tile.max(initial=0)) + 1
    user_key = users.part.astype(np.int64) * n_parts * n_tiles + user_tile
    item_key = items.part.astype(np.int64) * n_tiles
    n_keys = n_parts * n_parts * n_tiles
    tiles = _sort_by_tile(user, item, value, user_key, item_key, users.position, items.position, n_keys)
    _shuffle_tiles(*tiles, seed)
    starts, user_at, item_at, values = tiles
    return RatingBlocks(starts[::n_tiles].copy(), user_at, item_at, values)


@compiled(cache=True, nogil=True)
def _sort_by_tile(
    user: Rows, item: Rows, value: Floats, user_key: Array, item_key: Array, user_position: Rows, item_position: Rows,
    n_keys: int,
) -> tuple[Array, Array, Array, Floats]:  # fmt: skip
    """A counting sort by user_key + item_key: (n_keys + 1,) starts, then positions of users and items, and values."""
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
        users[to] = user_position[user[t]]
        items[to] = item_position[item[t]]
        values[to] = value[t]
    return starts, users, items, values


@compiled(cache=True, nogil=True)
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
