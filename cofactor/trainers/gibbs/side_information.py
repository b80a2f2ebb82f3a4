"""Side information of the rows that a Gibbs sampler samples: features, and the partners that a row was rated with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import csr_array, hstack

from cofactor.arrays import Array, Floats
from cofactor.kernels.sparse_rows import SparseRows, to_sparse_rows
from cofactor.row_blocks import equal_cost_bounds
from cofactor.trainers.gibbs.prior import Prior
from cofactor.training.row_thread_pool import RowThreadPool

PARTS_PER_THREAD = 3  # of the rows, so that no thread waits long for another


class FeatureBlock(NamedTuple):
    """Columns of φ whose coefficients share a prior: all items of histories, or the values of one feature."""

    matrix: csr_array  # (n, n_columns)
    biased: bool  # whether the coefficients add to the bias as well


@dataclass
class Coefficients:
    """The coefficients of one block."""

    rows: slice  # of B
    biased: bool
    prior: Prior


@dataclass(frozen=True, eq=False)
class SideInformation:
    """The sparse matrix φ of all blocks, and its transpose."""

    matrix: SparseRows  # (n, m)
    transposed: SparseRows  # (m, n)
    bounds: Array  # of parts of the rows for threads
    transposed_bounds: Array
    weights: Floats  # (m,) Σ φ²
    blocks: Sequence[FeatureBlock]

    @classmethod
    def from_blocks(cls, blocks: Sequence[FeatureBlock], pool: RowThreadPool) -> Self | None:
        """None where there are no blocks."""
        if not blocks:
            return None
        matrix = csr_array(hstack([block.matrix for block in blocks], format="csr", dtype=np.float32))
        transposed = csr_array(matrix.T)
        bounds, transposed_bounds = (thread_bounds(np.diff(one.indptr) + 1, pool) for one in (matrix, transposed))
        weights = np.bincount(matrix.indices, matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[1])
        rows, transposed_rows = to_sparse_rows(matrix), to_sparse_rows(transposed)
        return cls(rows, transposed_rows, bounds, transposed_bounds, weights.astype(np.float32), blocks)

    def coefficients(self, width: int, deviation: float) -> list[Coefficients]:
        """One of each block, with the first prior."""
        widths = [block.matrix.shape[1] for block in self.blocks]
        stops = np.cumsum(widths).tolist()
        return [
            Coefficients(slice(stop - size, stop), block.biased, Prior.isotropic(width, deviation))
            for stop, size, block in zip(stops, widths, self.blocks, strict=True)
        ]


def thread_bounds(costs: Array, pool: RowThreadPool) -> Array:
    """Bounds of parts of (n,) rows of these costs, several for each thread."""
    return equal_cost_bounds(costs, PARTS_PER_THREAD * pool.n_threads if pool.n_threads > 1 else 1)
