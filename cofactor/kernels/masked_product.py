"""Products of dense rows at the cells of a sparse matrix alone, and products of such a matrix with dense rows.

The input of an autoencoder of ratings is a few rated cells of a row, and its loss needs the output at the rated cells
alone. If a share d of the cells is rated, both products cost a share d of the dense products, and no dense row of the
input or output is ever stored. Four cells share each pass over a sum, which halves the memory traffic.
"""

import numpy as np

from cofactor.arrays import Floats
from cofactor.kernels.compilation.compile import compiled
from cofactor.kernels.sparse_rows import SparseRows


@compiled(cache=True, nogil=True, fastmath=True)
def multiply_rows(first: int, last: int, matrix: SparseRows, dense: Floats, out: Floats) -> None:
    """out_r = Σ_t v_t · dense[c_t] over the values v and columns c of row r, for r in [first, last).

    dense: (n, width); out: (m, width). Each sum is added in the order of its row, so that it does not matter which
    thread has which rows.
    """
    starts, columns, values = matrix.starts, matrix.columns, matrix.values
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


@compiled(cache=True, nogil=True, fastmath=True)
def dot_rows(first: int, last: int, cells: SparseRows, left: Floats, right: Floats, out: Floats) -> None:
    """out_t = left[r] · right[c_t] for each column c of row r, for r in [first, last); the values are not read.

    left: (m, width); right: (n, width); out: (nnz,).
    """
    starts, columns = cells.starts, cells.columns
    width = left.shape[1]
    for r in range(first, last):
        one = left[r]
        for t in range(starts[r], starts[r + 1]):
            other = right[columns[t]]
            total = np.float32(0)
            for j in range(width):
                total += one[j] * other[j]
            out[t] = total
