"""Systems of linear equations whose numbers may come out of a file that somebody else wrote."""

import numpy as np

from cofactor.arrays import Array, Doubles


def solve_or_nan(matrices: Doubles, right: Array) -> Doubles:
    """As np.linalg.solve; NaN where the equations have no single answer, which those of a trained model always have.

    What follows from NaN is listed nowhere and explains nothing (see `ranking`): a request is answered, not failed.
    """
    try:
        answers = np.asarray(np.linalg.solve(matrices, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        answers = np.full(np.broadcast_shapes(right.shape, matrices.shape[:-2] + right.shape[-2:]), np.nan)
    return answers
