"""Sparse matrices over saved arrays: row starts, columns and values, each checked before it is used as an index."""

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats
from cofactor.errors import BadArtifact


def matrix(what: str, starts: Array, columns: Array, values: Floats, shape: tuple[int, int]) -> csr_array:
    """The sparse matrix `what` over the arrays themselves, none copied; raises BadArtifact where they are none.

    starts: (n_rows + 1,) from 0 to nnz, never falling; columns: (nnz,) rising within each row; values: (nnz,) finite
    float32. Both kinds of index have one type, int32 or int64.
    """
    if not _is_matrix(starts, columns, values, shape):
        size = f"{shape[0]:,} rows and {shape[1]:,} columns"
        raise BadArtifact(f"{what} is no matrix of {size}", "the folder is damaged: save the model again")
    return csr_array((values, columns, starts), shape=shape)


def index_type(nnz: int) -> type[np.int32] | type[np.int64]:
    """The smaller type of index that can count nnz values."""
    return np.int32 if nnz < 1 << 31 else np.int64


def _is_matrix(starts: Array, columns: Array, values: Floats, shape: tuple[int, int]) -> bool:
    n = values.size
    right = starts.shape == (shape[0] + 1,) and columns.shape == (n,) and values.shape == (n,)
    right = right and starts.dtype == columns.dtype and starts.dtype.kind == "i" and values.dtype == np.float32
    right = right and starts[0] == 0 and starts[-1] == n and bool((starts[1:] >= starts[:-1]).all())
    if right and n:
        rises = np.append(columns[1:] > columns[:-1], True)
        rises[starts[(starts > 0) & (starts <= n)] - 1] = True  # the last column of a row
        right = columns.min() >= 0 and columns.max() < shape[1] and bool(rises.all())
        right = right and bool(np.isfinite(values).all())
    return bool(right)
