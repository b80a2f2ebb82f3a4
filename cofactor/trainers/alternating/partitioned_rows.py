"""Ratings by row, divided into parts for threads: what alternating least squares of every kind share."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array
from cofactor.kernels.sparse_rows import SparseRows
from cofactor.row_blocks import equal_cost_bounds

N_PARTS = 32  # whatever the number of threads: sums over parts are always added in the same order
ROW_COST = 16  # of a row beside its entries, in entries
WORTH_A_THREAD = 2_000_000  # ratings × rank from which a second thread gains more than it costs


@dataclass(frozen=True, eq=False)
class PartitionedRows:
    """Ratings by row, in parts of about equal work."""

    rows: SparseRows  # columns: uint32
    counts: Array  # (n_rows,) ratings of each row
    bounds: Array  # (N_PARTS + 1,) rows at which a part begins

    @classmethod
    def from_matrix(cls, matrix: csr_array) -> Self:
        starts = matrix.indptr.astype(np.int64)
        counts = np.diff(starts)
        rows = SparseRows(starts, matrix.indices.astype(np.uint32), matrix.data)
        return cls(rows, counts, equal_cost_bounds(counts + ROW_COST, N_PARTS))
