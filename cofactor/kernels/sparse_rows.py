"""A sparse matrix by row, as kernels take it."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats


class SparseRows(NamedTuple):
    """Row r has the values values[t] in the columns columns[t] for starts[r] ≤ t < starts[r + 1]."""

    starts: Array  # (n_rows + 1,) integers
    columns: Array  # (n,) integers
    values: Floats  # (n,)


def to_sparse_rows(matrix: csr_array) -> SparseRows:
    """With int64 starts and int32 columns."""
    return SparseRows(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)
