"""Products of dense rows that are only wanted where a sparse matrix has a value, and products with such a matrix.

An autoencoder of ratings multiplies its input, a few rated cells of a row, by a wide table, and of its output needs no
more than the rated cells. With d of the cells rated, both cost d of what the dense products do, and no dense row of
the input or output is ever made. Four cells share each pass over a sum, which halves what is read and written.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Index = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@njit(cache=True, nogil=True, fastmath=True)
def multiply_rows(
    first: int, last: int, starts: Index, columns: Rows, values: Floats, dense: Floats, out: Floats
) -> None:
    """out_r = Σ_t v_t · dense[c_t] over the values v and columns c of row r, for r in [first, last).

    starts: (m + 1,); columns, values: (nnz,); dense: (n, width); out: (m, width). Each sum is added in the order of its
    row, so that it does not matter which thread has which rows.
    """
    width = dense.shape[1]
    for r in range(first, last):
        total, stop = out[r], starts[r + 1]
        for j in range(width):
            total[j] = 0
        t = starts[r]
        while t + 3 < stop:
            a, b, c, d = values[t], values[t + 1], values[t + 2], values[t + 3]
            row_a, row_b, row_c, row_d = (
                dense[columns[t]],
                dense[columns[t + 1]],
                dense[columns[t + 2]],
                dense[columns[t + 3]],
            )
            for j in range(width):
                total[j] += a * row_a[j] + b * row_b[j] + c * row_c[j] + d * row_d[j]
            t += 4
        while t < stop:
            a, row_a = values[t], dense[columns[t]]
            for j in range(width):
                total[j] += a * row_a[j]
            t += 1


@njit(cache=True, nogil=True, fastmath=True)
def dot_rows(first: int, last: int, starts: Index, columns: Rows, left: Floats, right: Floats, out: Floats) -> None:
    """out_t = left[r] · right[c_t] for each column c of row r, for r in [first, last).

    starts: (m + 1,); columns, out: (nnz,); left: (m, width); right: (n, width).
    """
    width = left.shape[1]
    for r in range(first, last):
        one = left[r]
        for t in range(starts[r], starts[r + 1]):
            other = right[columns[t]]
            total = np.float32(0)
            for j in range(width):
                total += one[j] * other[j]
            out[t] = total
