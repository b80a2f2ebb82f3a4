"""The constants that the kernels take of an optimizer."""

from typing import TYPE_CHECKING

import numpy as np

from cofactor.training.optimizer import OptimizerSettings

if TYPE_CHECKING:
    from cofactor.kernels.minibatch import OptimizerConstants

MOVES_UNTOUCHED_ROWS = ("adam", "rmsprop", "momentum")
N_CORRECTIONS = 1 << 14  # after so many updates β₂ᵗ is 0 to a float's precision
LONGEST_DELAY = 1 << 14  # after so many batches nothing is left that would change a row


def optimizer_constants(settings: OptimizerSettings) -> "OptimizerConstants":
    """Of any optimizer that `OptimizerSettings` names."""
    from cofactor.kernels.minibatch import OptimizerConstants

    beta1, beta2, averaging = settings.beta1, settings.beta2, settings.averaging
    updates = np.arange(1, N_CORRECTIONS + 1, dtype=np.float64)
    correction1, correction2 = (1 / (1 - beta**updates) if averaging else np.ones(1) for beta in (beta1, beta2))
    delays = np.arange(LONGEST_DELAY if settings.name in MOVES_UNTOUCHED_ROWS else 1, dtype=np.float64)
    ratio = beta1 / np.sqrt(beta2) if settings.adaptive else beta1
    delayed_steps = ratio * (1 - ratio**delays) / (1 - ratio)
    return OptimizerConstants(
        settings.adaptive,
        beta1=np.float32(beta1),
        gradient_weight=np.float32(1 - beta1 if averaging else 1),
        beta2=np.float32(beta2),
        epsilon=np.float32(settings.epsilon),
        correction1=correction1.astype(np.float32),
        correction2=np.sqrt(correction2).astype(np.float32),
        decay1=(beta1**delays).astype(np.float32),
        decay2=(beta2**delays).astype(np.float32),
        delayed_steps=delayed_steps.astype(np.float32),
    )
