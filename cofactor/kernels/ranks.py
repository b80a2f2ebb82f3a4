"""Where given items stand in each user's full ranking, and who stands at its top."""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@njit(parallel=True, cache=True)
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
    for user in prange(m):
        row = np.empty(n, np.float32)
        for item in range(n):
            row[item] = scores[user, item] if rankable[item] else -np.inf
        for at in range(seen_start[user], seen_start[user + 1]):
            row[seen[at]] = np.nan  # neither above nor equal to anything
        for at in range(asked_start[user], asked_start[user + 1]):
            rank[at], mid_rank[at] = _rank(row, asked[at])
        _fill_top(row, top[user])
    return rank, mid_rank, top


@njit(cache=True)
def _rank(row: Floats, item: int) -> tuple[int, float]:
    score = row[item]
    above, above_or_equal = _count(row[:item], score)
    above_after, above_or_equal_after = _count(row[item + 1 :], score)
    rank = 1 + above_or_equal + above_after
    return rank, 1 + (above + above_or_equal + above_after + above_or_equal_after) / 2


@njit(cache=True)
def _count(row: Floats, score: float) -> tuple[int, int]:
    """How many scores are greater, and how many greater or equal."""
    above, above_or_equal = np.int32(0), np.int32(0)
    for at in range(len(row)):
        above = np.int32(above + np.int32(row[at] > score))  # in 32 bits, or the loop is not vectorised
        above_or_equal = np.int32(above_or_equal + np.int32(row[at] >= score))
    return int(above), int(above_or_equal)


@njit(cache=True)
def _fill_top(row: Floats, top: Rows) -> None:
    """The rows of the greatest scores in order, by insertion: few scores get into the list once it is full."""
    last = len(top) - 1
    length, worst = 0, np.float32(-np.inf)  # the score to beat
    for item in range(len(row)):
        score = row[item]
        if score > worst and last >= 0:
            place = min(length, last)
            while place > 0 and score > row[top[place - 1]]:
                top[place] = top[place - 1]
                place -= 1
            top[place] = item
            length = min(length + 1, len(top))
            if length > last:
                worst = row[top[last]]
