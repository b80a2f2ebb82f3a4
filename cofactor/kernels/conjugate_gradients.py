"""The ridge regressions of `als.solve_rows` by a few steps of conjugate gradients each.

D holds what the normal matrix A = XᵀX + D has of all columns of the table, XᵀX what it has of those that the row names.
With D as the preconditioner, D⁻¹A is the identity but for as many directions, and two steps do what a solution does.
"""

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.kernels.als import Ridge
from cofactor.kernels.compilation.compile import compiled
from cofactor.kernels.sparse_rows import SparseRows

NOTHING = np.float32(1e-10)  # of a sum in single precision


@compiled(inline="always")
def _add_errors(
    columns: Array, targets: Floats, weights: Floats, vectors: Floats, share: np.float32, v: Floats, out: Floats
) -> None:
    """out += Σ_t ω_t (share · y_t - x_t · v) x_t over the entries t of a row; ω_t = 1 where there are no weights."""
    for t in range(len(columns)):
        x = vectors[columns[t]]
        error = share * targets[t]
        for k in range(len(v)):
            error -= x[k] * v[k]
        if len(weights) > 0:
            error *= weights[t]
        for k in range(len(v)):
            out[k] += error * x[k]


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def descend_rows(
    first_row: int,
    last_row: int,
    table: SparseRows,
    weights: Floats,
    vectors: Floats,
    ridge: Ridge,
    steps: int,
    solutions: Floats,
) -> None:
    """Improves the rows `first_row` … `last_row` - 1 of `solutions`; the solution of a row without entries is 0.

    With weights ω of the squared errors, A = XᵀΩX + D and the gradient g = XᵀΩy - Aw, from p = D⁻¹g on, `steps` times:

        w += a p,  g -= a Ap,  p = D⁻¹g + b p        a = g·D⁻¹g / p·Ap,  b = the new g·D⁻¹g over the one before

    table: the targets by row, its columns uint32; weights: (nnz,) ω of the entries, or (0,) where all are 1; vectors:
    (n_columns, width) and solutions: (n_rows, width), C-contiguous. A step costs 4 · width operations per entry.
    """
    starts, columns, targets = table.starts, table.columns, table.values
    width = vectors.shape[1]
    diagonal, gradient = np.empty(width, np.float32), np.empty(width, np.float32)
    image, p = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(first_row, last_row):
        here, w = slice(starts[row], starts[row + 1]), solutions[row]
        omega = weights[here]
        if here.start == here.stop:
            w[:] = 0
            continue
        for k in range(width):
            diagonal[k] = ridge.shared_diagonal[k] + ridge.row_weight[row] * ridge.penalty[k]
            gradient[k] = -diagonal[k] * w[k]
            p[k] = 0
        _add_errors(columns[here], targets[here], omega, vectors, np.float32(1), w, gradient)
        least = np.float32(0)  # by how little the objective, at most Σ ωy², may fall in a step that is worth its time
        for t in range(here.start, here.stop):
            square = NOTHING * targets[t] * targets[t]
            least += square * omega[t - here.start] if len(omega) > 0 else square
        before = np.float32(1)
        for _ in range(steps):
            slope = np.float32(0)
            for k in range(width):
                slope += gradient[k] * gradient[k] / diagonal[k]
            if not slope > least:
                break
            for k in range(width):
                p[k] = gradient[k] / diagonal[k] + slope / before * p[k]
                image[k] = -diagonal[k] * p[k]
            _add_errors(columns[here], targets[here], omega, vectors, np.float32(0), p, image)
            curvature = np.float32(0)
            for k in range(width):
                curvature -= p[k] * image[k]
            for k in range(width):
                w[k] += slope / curvature * p[k]
                gradient[k] += slope / curvature * image[k]
            before = slope
