"""Solution of linear equations whose coefficients may come from an untrusted file."""

import numpy as np

from cofactor.arrays import Array, Doubles


def solve_or_nan(matrices: Doubles, right: Array) -> Doubles:
    """As np.linalg.solve, but NaN for a singular matrix, which a trained model never has.

    Items with a NaN score are not listed (see `top_n.selection`), so that a request does not fail.
    """
    try:
        solutions = np.asarray(np.linalg.solve(matrices, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        solutions = np.full(np.broadcast_shapes(right.shape, matrices.shape[:-2] + right.shape[-2:]), np.nan)
    return solutions
