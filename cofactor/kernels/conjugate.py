"""The ridge regressions of `als.solve_rows` by a few steps of conjugate gradients each.

D holds what the normal matrix A = XᵀX + D has of all columns of the table, XᵀX what it has of those that the row names.
With D as the preconditioner, D⁻¹A is the identity but for as many directions, and two steps do what a solution does.
"""

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]

NOTHING = np.float32(1e-10)  # of a sum in single precision


@nb.njit(inline="always")
def _add_errors(columns: Array, targets: Floats, vectors: Floats, weight: np.float32, v: Floats, out: Floats) -> None:
    """out += Σ_t (weight · y_t - x_t · v) x_t over the entries t of a row."""
    for t in range(len(columns)):
        x = vectors[columns[t]]
        error = weight * targets[t]
        for k in range(len(v)):
            error -= x[k] * v[k]
        for k in range(len(v)):
            out[k] += error * x[k]


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def descend_rows(
    first_row: int,
    last_row: int,
    starts: Array,
    columns: Array,
    targets: Floats,
    vectors: Floats,
    prior: Floats,
    pull: Floats,
    times: Floats,
    steps: int,
    solutions: Floats,
) -> None:
    """The rows `first_row` … `last_row` - 1 of `solutions`, each from where it stands; zeros for one without entries.

    With the gradient g = Xᵀy - Aw, from p = D⁻¹g on, `steps` times:

        w += a p,  g -= a Ap,  p = D⁻¹g + b p        a = g·D⁻¹g / p·Ap,  b = the new g·D⁻¹g over the one before

    starts: (n_rows + 1,), columns: (n,) uint32, targets: (n,): the table by row; vectors: (n_columns, width) and
    solutions: (n_rows, width), C-contiguous; D_k of a row is prior[k] + times[row] · pull[k], which must be above 0.
    A step costs 4 · width operations an entry.
    """
    width = vectors.shape[1]
    diagonal, gradient = np.empty(width, np.float32), np.empty(width, np.float32)
    bent, p = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(first_row, last_row):
        here, w = slice(starts[row], starts[row + 1]), solutions[row]
        if here.start == here.stop:
            w[:] = 0
            continue
        for k in range(width):
            diagonal[k] = prior[k] + times[row] * pull[k]
            gradient[k] = -diagonal[k] * w[k]
            p[k] = 0
        _add_errors(columns[here], targets[here], vectors, np.float32(1), w, gradient)
        least = np.float32(0)  # by how little the objective, at most Σ y², may fall in a step that is worth its time
        for t in range(here.start, here.stop):
            least += NOTHING * targets[t] * targets[t]
        before = np.float32(1)
        for _ in range(steps):
            slope = np.float32(0)
            for k in range(width):
                slope += gradient[k] * gradient[k] / diagonal[k]
            if not slope > least:
                break
            for k in range(width):
                p[k] = gradient[k] / diagonal[k] + slope / before * p[k]
                bent[k] = -diagonal[k] * p[k]
            _add_errors(columns[here], targets[here], vectors, np.float32(0), p, bent)
            curvature = np.float32(0)
            for k in range(width):
                curvature -= p[k] * bent[k]
            for k in range(width):
                w[k] += slope / curvature * p[k]
                gradient[k] += slope / curvature * bent[k]
            before = slope
