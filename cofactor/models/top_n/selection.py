"""The n highest of many scores: exact and deterministic."""

import numpy as np

from cofactor.arrays import Array, Floats, Mask, Rows

EXCLUDED = np.float32(-np.inf)  # the score of an item that is not to be listed
WIDEST, PARTS = 64, 4  # maximum number of scores in a part; minimum number of parts for each place of a list


def move_last(scores: Floats, last: Mask | None) -> None:
    """Lowers the scores of the items `last`, an (n_items,) mask, below all others in each row of (…, n_items) scores.

    An `EXCLUDED` score, and one that is below the others already, stays as it is.
    """
    if last is None:
        return
    listed = scores > EXCLUDED
    lowest = np.min(scores, axis=-1, keepdims=True, initial=np.inf, where=listed & ~last)
    above = last & listed & (scores >= lowest)
    np.copyto(scores, np.nextafter(lowest, EXCLUDED), where=above)


def top_n_per_row(scores: Floats, n: int) -> tuple[Rows, Floats]:
    """(m, n) columns and values of the n highest scores in each row of (m, n_items), the highest first.

    Of equal scores the lower column comes first. A list with fewer than n finite scores is padded with column -1 and
    value `EXCLUDED`.
    """
    m, n_items = scores.shape
    columns, best = np.full((m, n), -1, dtype=np.int32), np.full((m, n), EXCLUDED)
    k = min(n, n_items)
    if m == 0 or k == 0:
        return columns, best
    top = np.partition(scores, n_items - k, axis=1)[:, n_items - k :]  # infinity and NaN sort above every number
    if not (top < np.inf).all():
        return top_n_per_row(np.where(np.isfinite(scores), scores, EXCLUDED), n)
    chosen = _top_columns(k, scores, top[:, :1])
    found = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    best[:, :k] = np.take_along_axis(found, order, axis=1)
    columns[:, :k] = np.where(best[:, :k] > EXCLUDED, np.take_along_axis(chosen, order, axis=1), -1)
    return columns, best


def top_n(scores: Floats, n: int) -> tuple[Rows, Floats]:
    """(k,) columns and values of the k <= n highest of (n_items,) scores: a row of `top_n_per_row` without its padding.

    The scores are divided into parts. The k-th highest maximum of a part is a lower bound of the k-th highest score,
    and only scores that reach it are sorted. For one user this is much faster than `top_n_per_row`, especially if
    most scores are equal, because they are `EXCLUDED`.
    """
    k = min(n, len(scores))
    if k == 0:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    least, width = EXCLUDED, min(WIDEST, len(scores) // (PARTS * k))
    if width > 1:
        n_parts = len(scores) // width
        maxima = scores[: width * n_parts].reshape(width, n_parts).max(axis=0)
        maxima.partition(n_parts - k)
        least = maxima[n_parts - k]
        if np.isnan(maxima[n_parts - k :].max()):  # NaN sorts above every number
            return top_n(np.where(np.isnan(scores), EXCLUDED, scores), n)
    columns = (scores >= least if least > EXCLUDED else scores > EXCLUDED).nonzero()[0]
    found = scores[columns]
    order = (-found).argsort(kind="stable")[:k]
    if len(order) and found[order[0]] == np.inf:
        return top_n(np.where(np.isfinite(scores), scores, EXCLUDED), n)
    return columns[order].astype(np.int32), found[order]


def _top_columns(k: int, scores: Floats, least: Floats) -> Array:
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
