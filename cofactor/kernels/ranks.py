"""Where given items stand in each user's full ranking, and who stands at its top."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cofactor.kernels.compilation.compile import compiled

Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]

SEEN = np.int32(-(2**31))  # in the place of a score: below the least of them
ALL_ROWS = 2**31 - 1  # as a mask: the bits of a row
FEW = 256  # keys that are put in order sooner by counting than by sorting
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class UserItems(NamedTuple):
    """Some items of each of m users: those of user u are items[start[u]:start[u + 1]]."""

    start: Counts  # (m + 1,)
    items: Rows


class Ranking(NamedTuple):
    """Ranks of q items among their users' candidates, and the first candidates of each of m users."""

    rank: Rows  # (q,) 1 is the top
    mid_rank: Doubles  # (q,) the same, but candidates of equal score share the mean of their ranks
    top: Rows  # (m, n_top) the first rankable candidates by rank; -1 where there are no more


@compiled(cache=True, nogil=True)
def rank_items(
    first: int, last: int, scores: Floats, rankable: Mask, seen: UserItems, asked: UserItems, found: Ranking
) -> None:
    """Fills the ranks of asked items among each user's candidates, and the first candidates, for users first … last.

    scores: (m, n), no NaN; rankable: (n,); seen: the items that are no candidates; asked: the items to find, none of
    them seen; found: all is -1 before.

    Candidates go by falling score, of equal scores by row. Items that are not rankable score -∞: they stand last, by
    row. An item's rank is a count, 1 + |{c : s_c > s or (s_c = s and c before it)}|, read off one pass over the scores
    for each asked item: such a pass is a vector loop, faster than sorting until a user has hundreds of asked items.
    Users are independent of each other, so the result is the same however they are dealt out to threads.
    """
    n = scores.shape[1]
    never = _ordered(np.float32(-np.inf))
    row = np.empty(n, np.int32)
    for user in range(first, last):
        for item in range(n):
            row[item] = _ordered(scores[user, item]) if rankable[item] else never
        for at in range(seen.start[user], seen.start[user + 1]):
            row[seen.items[at]] = SEEN
        for at in range(asked.start[user], asked.start[user + 1]):
            found.rank[at], found.mid_rank[at] = _rank(row, asked.items[at])
        if found.top.shape[1] > 0:
            _fill_top(row, never, found.top[user])


@compiled(cache=True, nogil=True)
def _ordered(score: np.float32) -> np.int32:
    """An int32 for each score, in the order of the scores: its bits, those of negative ones turned."""
    bits = np.float32(score + np.float32(0)).view(np.int32)  # + 0, because -0 equals 0
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@compiled(cache=True, nogil=True)
def _rank(row: Rows, item: int) -> tuple[int, float]:
    score = row[item]
    above, above_or_equal = _count(row[:item], score)
    above_after, above_or_equal_after = _count(row[item + 1 :], score)
    rank = 1 + above_or_equal + above_after
    return rank, 1 + (above + above_or_equal + above_after + above_or_equal_after) / 2


@compiled(cache=True, nogil=True)
def _count(row: Rows, score: np.int32) -> tuple[int, int]:
    """How many scores are greater, and how many greater or equal."""
    above, above_or_equal = np.int32(0), np.int32(0)
    for at in range(len(row)):
        above = np.int32(above + np.int32(row[at] > score))  # in 32 bits, or the loop is not vectorised
        above_or_equal = np.int32(above_or_equal + np.int32(row[at] >= score))
    return int(above), int(above_or_equal)


@compiled(cache=True, nogil=True)
def _fill_top(row: Rows, never: np.int32, top: Rows) -> None:
    """The rows of the greatest scores above `never` in order, ties by row: those above a floor, put in order."""
    floor, n_found, n_equal = _floor(row, never, len(top))
    keys, size = np.empty(n_found, np.int64), 0
    for item in range(len(row)):
        if row[item] > floor or (n_equal > 0 and row[item] == floor):
            keys[size] = (np.int64(row[item]) << 32) | np.int64(ALL_ROWS - item)  # of equal scores the first is best
            size += 1
            n_equal -= row[item] == floor
    if n_found > FEW:
        _sort_descending(keys)
        for above in range(min(n_found, len(top))):
            top[above] = ALL_ROWS - (keys[above] & ALL_ROWS)
        return
    for key in keys:  # no branch depends on a score: a processor's guess would be wrong every other time
        above = 0
        for other in keys:
            above += int(other > key)
        if above < len(top):
            top[above] = ALL_ROWS - (key & ALL_ROWS)


@compiled(cache=True, nogil=True)
def _sort_descending(keys: Keys) -> None:
    """Puts keys in falling order by heapsort: `keys.sort()` is faster here, but takes a second to compile."""
    n = len(keys)
    for start in range(n // 2 - 1, -1, -1):
        _sift_down(keys, start, n)
    for last in range(n - 1, 0, -1):
        keys[0], keys[last] = keys[last], keys[0]
        _sift_down(keys, 0, last)


@compiled(cache=True, nogil=True)
def _sift_down(keys: Keys, parent: int, n: int) -> None:
    """Restores the heap of the first n keys, of which each is less than those below it, from `parent` on."""
    moved = keys[parent]
    child = 2 * parent + 1
    while child < n:
        if child + 1 < n and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= moved:
            break
        keys[parent] = keys[child]
        parent, child = child, 2 * child + 1
    keys[parent] = moved


@compiled(cache=True, nogil=True)
def _floor(row: Rows, never: np.int32, n: int) -> tuple[np.int32, int, int]:
    """A floor, how many scores to take so as to have the n greatest, and how many of those may equal the floor.

    By bisection over the 32 bits of a score, each step a vector loop, until n scores or a few more are above the floor;
    where too many of one score stand at the end of the list, the first of them are taken.
    """
    enough = n + n // 4 + 16
    low, high = np.int64(never), np.int64(_highest(row))
    n_above, n_above_high = _above(row, never), 0
    while n_above > enough and low + 1 < high:
        middle = (low + high) // 2
        n_middle = _above(row, np.int32(middle))
        if n_middle >= n:
            low, n_above = middle, n_middle
        else:
            high, n_above_high = middle, n_middle
    if n_above > enough:  # all that are above `low` and not above `high` equal `high`
        return np.int32(high), n, n - n_above_high
    return np.int32(low), n_above, 0


@compiled(cache=True, nogil=True)
def _highest(row: Rows) -> np.int32:
    highest = row[0]
    for at in range(len(row)):
        highest = max(highest, row[at])
    return np.int32(highest)


@compiled(cache=True, nogil=True)
def _above(row: Rows, floor: np.int32) -> int:
    above = np.int32(0)
    for at in range(len(row)):
        above = np.int32(above + np.int32(row[at] > floor))
    return int(above)
