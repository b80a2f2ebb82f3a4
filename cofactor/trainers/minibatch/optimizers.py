"""The optimisers by name, in the one form that the kernels know."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cofactor.kernels.rows import Optimiser

KEEP_SQUARES = {"adam": 0.999, "lazy-adam": 0.999, "rmsprop": 0.99}  # β₂
AVERAGED = ("adam", "lazy-adam")
RESTLESS = ("adam", "rmsprop", "momentum")  # a row goes on where no rating touches it
EPSILON = 1e-8
MOVES_CORRECTED = 1 << 14  # after so many moves β₂ᵗ is 0 to a float's precision
LONGEST_REST = 1 << 14  # after so many batches nothing is left to move a row


def optimiser(name: str, momentum: float) -> "Optimiser":
    """adam, lazy-adam, rmsprop, momentum or sgd; momentum: β₁ of those that have one."""
    from cofactor.kernels.rows import Optimiser

    adaptive, averaged = name in KEEP_SQUARES, name in AVERAGED
    keep = momentum if averaged or name == "momentum" else 0.0
    keep_squares = KEEP_SQUARES.get(name, 0.0)
    moves = np.arange(1, MOVES_CORRECTED + 1, dtype=np.float64)
    first, second = (1 / (1 - rate**moves) if averaged else np.ones(1) for rate in (keep, keep_squares))
    rests = np.arange(LONGEST_REST if name in RESTLESS else 1, dtype=np.float64)
    ratio = keep / np.sqrt(keep_squares) if adaptive else keep
    moved = ratio * (1 - ratio**rests) / (1 - ratio)
    return Optimiser(
        adaptive,
        keep_first=np.float32(keep),
        add_first=np.float32(1 - keep if averaged else 1),
        keep_second=np.float32(keep_squares),
        epsilon=np.float32(EPSILON),
        correct_first=first.astype(np.float32),
        correct_second=np.sqrt(second).astype(np.float32),
        rest_first=(keep**rests).astype(np.float32),
        rest_second=(keep_squares**rests).astype(np.float32),
        rest_moves=moved.astype(np.float32),
    )
