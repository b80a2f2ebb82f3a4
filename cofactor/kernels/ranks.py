"""Where given items stand in each user's full ranking, and who stands at its top."""

import numpy as np
import numpy.typing as npt
from numba import prange

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


@compiled(parallel=True, cache=True)
def ranks(
    scores: Floats,
    rankable: Mask,
    seen_start: Counts,
    seen: Rows,
    asked_start: Counts,
    asked: Rows,
    n_top: int,
) -> tuple[Rows, Doubles, Rows]:
    """Ranks of the asked items among each user's candidates, and each user's first `n_top` candidates.

    Shapes, for m users and n items:
        scores (m, n), no NaN; rankable (n,);
        seen_start (m + 1,), seen (·,): items of user u that are no candidates, seen[seen_start[u]:seen_start[u+1]];
        asked_start (m + 1,), asked (q,): items of user u to find, none of them seen.
    Returns
        rank (q,): 1 is the top. Candidates go by falling score, of equal scores by row. Items that are not rankable
        score -∞: they stand last, by row.
        mid_rank (q,): the same, but candidates of equal score share the mean of their ranks.
        top (m, n_top): the first rankable candidates by rank; -1 where there are no more.

    An item's rank is a count, 1 + |{c : s_c > s or (s_c = s and c before it)}|, read off one pass over the scores for
    each asked item: such a pass is a vector loop, faster than sorting until a user has hundreds of asked items.
    Users are independent of each other, so the result is the same for any number of threads.
    """
    m, n = scores.shape
    rank = np.empty(len(asked), np.int32)
    mid_rank = np.empty(len(asked), np.float64)
    top = np.full((m, n_top), -1, np.int32)
    never = _ordered(np.float32(-np.inf))
    for user in prange(m):
        row = np.empty(n, np.int32)
        for item in range(n):
            row[item] = _ordered(scores[user, item]) if rankable[item] else never
        for at in range(seen_start[user], seen_start[user + 1]):
            row[seen[at]] = SEEN
        for at in range(asked_start[user], asked_start[user + 1]):
            rank[at], mid_rank[at] = _rank(row, asked[at])
        if n_top > 0:
            _fill_top(row, never, top[user])
    return rank, mid_rank, top


@compiled(cache=True)
def _ordered(score: np.float32) -> np.int32:
    """An int32 for each score, in the order of the scores: its bits, those of negative ones turned."""
    bits = np.float32(score + np.float32(0)).view(np.int32)  # + 0, because -0 equals 0
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@compiled(cache=True)
def _rank(row: Rows, item: int) -> tuple[int, float]:
    score = row[item]
    above, above_or_equal = _count(row[:item], score)
    above_after, above_or_equal_after = _count(row[item + 1 :], score)
    rank = 1 + above_or_equal + above_after
    return rank, 1 + (above + above_or_equal + above_after + above_or_equal_after) / 2


@compiled(cache=True)
def _count(row: Rows, score: np.int32) -> tuple[int, int]:
    """How many scores are greater, and how many greater or equal."""
    above, above_or_equal = np.int32(0), np.int32(0)
    for at in range(len(row)):
        above = np.int32(above + np.int32(row[at] > score))  # in 32 bits, or the loop is not vectorised
        above_or_equal = np.int32(above_or_equal + np.int32(row[at] >= score))
    return int(above), int(above_or_equal)


@compiled(cache=True)
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
        keys.sort()
        for above in range(min(n_found, len(top))):
            top[above] = ALL_ROWS - (keys[n_found - 1 - above] & ALL_ROWS)
        return
    for key in keys:  # no branch depends on a score: a processor's guess would be wrong every other time
        above = 0
        for other in keys:
            above += int(other > key)
        if above < len(top):
            top[above] = ALL_ROWS - (key & ALL_ROWS)


@compiled(cache=True)
def _floor(row: Rows, never: np.int32, n: int) -> tuple[np.int32, int, int]:
    """A floor, how many scores to take so as to have the n greatest, and how many of those may equal the floor.

    By bisection over the 32 bits of a score, each step a vector loop, until n scores or a few more are above the floor;
    where too many of one score stand at the end of the list, the first of them are taken.
    """
    enough = n + n // 4 + 16
    low, high = np.int64(never), np.int64(row.max())
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


@compiled(cache=True)
def _above(row: Rows, floor: np.int32) -> int:
    above = np.int32(0)
    for at in range(len(row)):
        above = np.int32(above + np.int32(row[at] > floor))
    return int(above)
