"""The optimisers by name, in the one form that the kernels know."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cofactor.kernels.rows import Optimiser

KEEP_SQUARES = {"adam": 0.999, "rmsprop": 0.99}  # β₂
EPSILON = 1e-8
MOVES_CORRECTED = 1 << 14  # after so many moves β₂ᵗ is 0 to a float's precision


def optimiser(name: str, momentum: float) -> "Optimiser":
    """adam, rmsprop, momentum or sgd; momentum: β₁ of the two that have one."""
    from cofactor.kernels.rows import Optimiser

    adaptive, averaged = name in KEEP_SQUARES, name == "adam"
    keep = momentum if name in ("adam", "momentum") else 0.0
    keep_squares = KEEP_SQUARES.get(name, 0.0)
    moves = np.arange(1, MOVES_CORRECTED + 1, dtype=np.float64)
    first, second = (1 / (1 - rate**moves) if averaged else np.ones(1) for rate in (keep, keep_squares))
    return Optimiser(
        adaptive,
        keep_first=np.float32(keep),
        add_first=np.float32(1 - keep if averaged else 1),
        keep_second=np.float32(keep_squares),
        epsilon=np.float32(EPSILON),
        correct_first=first.astype(np.float32),
        correct_second=np.sqrt(second).astype(np.float32),
    )
