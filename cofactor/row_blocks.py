"""Dividing n rows into blocks: of equal length, into equally many parts, or into parts of about equal cost."""

from collections.abc import Iterator

import numpy as np

from cofactor.arrays import Array


def batch_slices(n: int, batch_size: int) -> Iterator[slice]:
    """Slices of `batch_size` rows that cover 0 … n - 1 in order; the last one may reach beyond n."""
    return (slice(start, start + batch_size) for start in range(0, n, batch_size))


def even_bounds(n: int, n_parts: int) -> Array:
    """(n_parts + 1,) bounds of parts of n rows whose lengths differ by at most 1."""
    bounds: Array = np.arange(n_parts + 1) * n // n_parts
    return bounds


def equal_cost_bounds(costs: Array, n_parts: int) -> Array:
    """(n_parts + 1,) int64 bounds of parts of (n,) rows of about equal total cost; a part may be empty.

    A bound is the first row before which at least its share of the total cost lies, so one row that costs more than a
    part makes the parts beside it empty.
    """
    total = np.concatenate(([0], np.cumsum(costs, dtype=np.float64)))
    inner = np.searchsorted(total, np.linspace(0, total[-1], n_parts + 1)[1:-1])
    return np.concatenate(([0], inner, [len(costs)])).astype(np.int64)
