"""The best n of many scores: exact, and the same whenever it is asked."""

import numpy as np

from cofactor.arrays import Array, Floats, Rows

NEVER = np.float32(-np.inf)  # the score of an item that must not be listed


def highest(scores: Floats, n: int) -> tuple[Rows, Floats]:
    """(m, n) columns and values of the n highest scores in each row of (m, n_items), the highest first.

    Of equal scores the lower column comes first. A list that ends early, because the rest is not finite, is filled up
    with column -1 and value `NEVER`.
    """
    m, n_items = scores.shape
    columns, best = np.full((m, n), -1, dtype=np.int32), np.full((m, n), NEVER)
    k = min(n, n_items)
    if m == 0 or k == 0:
        return columns, best
    top = np.partition(scores, n_items - k, axis=1)[:, n_items - k :]  # infinity and NaN sort above every number
    if not (top < np.inf).all():
        return highest(np.where(np.isfinite(scores), scores, NEVER), n)
    kept = _exactly(k, scores, top[:, :1])
    found = np.take_along_axis(scores, kept, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    best[:, :k] = np.take_along_axis(found, order, axis=1)
    columns[:, :k] = np.where(best[:, :k] > NEVER, np.take_along_axis(kept, order, axis=1), -1)
    return columns, best


def highest_of_one(scores: Floats, n: int) -> tuple[Rows, Floats]:
    """(k,) columns and values of the k <= n highest of (n_items,) scores: a row of `highest`, without what fills it up.

    For one user the calls of NumPy cost more than the work in them: `highest` takes several times as many.
    """
    k = min(n, len(scores))
    if k == 0:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    top = np.partition(scores, len(scores) - k)[len(scores) - k :]
    top.sort()  # NaN last
    if np.isnan(top[-1]):
        return highest_of_one(np.where(np.isnan(scores), NEVER, scores), n)
    least = top[0]
    kept = (scores >= least if least > NEVER else scores > NEVER).nonzero()[0]
    found = scores[kept]
    if len(kept) > k:  # some are equal to the least
        room = k - np.count_nonzero(found > least)
        chosen = (found > least) | (np.cumsum(found == least) <= room)
        kept, found = kept[chosen], found[chosen]
    order = (-found).argsort(kind="stable")
    return kept[order].astype(np.int32), found[order]


def _exactly(k: int, scores: Floats, least: Floats) -> Array:
    """(m, k) columns, ascending, of the scores above (m, 1) `least`, filled up with the first that are equal to it."""
    m, n_items = scores.shape
    keep = scores >= least
    tied = np.flatnonzero(np.count_nonzero(keep, axis=1) > k)
    if len(tied):
        level = scores[tied] == least[tied]
        room = k - np.count_nonzero(keep[tied] & ~level, axis=1)
        keep[tied] &= ~level | (np.cumsum(level, axis=1, dtype=np.int32) <= room[:, None])
    columns: Array = np.flatnonzero(keep).reshape(m, k) - n_items * np.arange(m)[:, None]
    return columns
