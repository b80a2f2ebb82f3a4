"""Optimizers by name: what each name means, wherever it is computed."""

from dataclasses import dataclass

ADAPTIVE = ("adam", "lazy-adam", "rmsprop")  # a step is divided by the root of the mean squared gradient
AVERAGING = ("adam", "lazy-adam")  # the gradients' running mean has weights that add up to 1, corrected for its start
WITH_MOMENTUM = (*AVERAGING, "momentum")


@dataclass(frozen=True)
class OptimizerSettings:
    """With a gradient g and a learning rate η, at step t:

        adam       m = β₁ m + (1 - β₁) g,  v = β₂ v + (1 - β₂) g²,  w -= η m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε)
        lazy-adam  the same; a row that a batch does not touch does not change, nor do its m, v and t
        rmsprop    v = β₂ v + (1 - β₂) g²,  w -= η g / (√v + ε)
        momentum   m = β₁ m + g,  w -= η m
        sgd        w -= η g

    Source: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1. The
    constants are those of the source (β₂ = 0.999) unless a trainer states others: `autoencoder` uses β₂ = 0.99.
    """

    name: str
    momentum: float = 0.9  # β₁ of the optimizers that have one
    adam_beta2: float = 0.999
    rmsprop_beta2: float = 0.99
    epsilon: float = 1e-8

    @property
    def adaptive(self) -> bool:
        return self.name in ADAPTIVE

    @property
    def averaging(self) -> bool:
        return self.name in AVERAGING

    @property
    def beta1(self) -> float:
        """0 for an optimizer without a running mean of gradients."""
        return self.momentum if self.name in WITH_MOMENTUM else 0.0

    @property
    def beta2(self) -> float:
        """0 for an optimizer that does not divide by squared gradients."""
        if not self.adaptive:
            return 0.0
        return self.rmsprop_beta2 if self.name == "rmsprop" else self.adam_beta2
