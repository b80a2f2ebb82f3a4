"""Sparse matrices: checks of saved ones, and new values for the same places."""

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Rows
from cofactor.errors import BadArtifact


def checked_matrix(name: str, starts: Array, columns: Array, values: Floats, shape: tuple[int, int]) -> csr_array:
    """A sparse matrix of saved arrays, which are not copied; raises BadArtifact with the `name` if they are invalid.

    starts: (n_rows + 1,) from 0 to nnz, never decreasing; columns: (nnz,) increasing within each row; values: (nnz,)
    finite float32. Both index arrays are int32, or both int64.
    """
    if not _is_matrix(starts, columns, values, shape):
        size = f"{shape[0]:,} rows and {shape[1]:,} columns"
        raise BadArtifact(f"{name} is not a matrix of {size}", "the folder is damaged: save the model again")
    return csr_array((values, columns, starts), shape=shape)


def with_values(matrix: csr_array, values: Floats) -> csr_array:
    """A matrix with the same sparsity pattern as `matrix` and (nnz,) new values."""
    return csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def select_columns(matrix: csr_array, items: Rows | None) -> csr_array:
    """(n, k) columns of a matrix; the whole matrix if `items` is None."""
    return matrix if items is None else matrix[:, items]


def index_type(nnz: int) -> type[np.int32] | type[np.int64]:
    """The smallest index type that can count nnz values."""
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
