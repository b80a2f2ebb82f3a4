"""Nonlinear regression with a normal prior on W weights: the posterior mode, by the Gauss-Newton method.

    w ~ N(m, Λ⁻¹),    v_j = f_j(w) + noise of variance σ²;    the posterior mode w minimises

        Σ_j (v_j - f_j(w))² / σ² + (w - m)ᵀ Λ (w - m)

Each step solves the regression linearised at w (see `bayesian_linear`). If that does not lower the objective, half of
the step is tried, then a quarter and a sixteenth; if none lowers it, w stays as it is.
J. Nocedal, S. J. Wright, "Numerical Optimization", 2006, section 10.3.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.models.regression.bayesian_linear import leave_one_out_means, posterior_mean

STEPS = 6  # at most; two steps already predicted held-out ratings equally well
SHARES = (1.0, 0.5, 0.25, 0.0625)  # of a step, tried until one lowers the objective
TOLERANCE = 0.01  # steps end if one lowers the objective by less; a change of 1 would be statistically meaningful


@dataclass(frozen=True, eq=False)
class NonlinearRegressions(ABC):
    """b regressions with the same prior and h values each; values, curve and tangents of padding are 0."""

    mean: Doubles  # (W,) m
    precision: Doubles  # (W, W) Λ
    noise: float  # σ²
    observed: Doubles  # (b, h) v

    @abstractmethod
    def curve(self, weights: Doubles, which: Array) -> Doubles:
        """(m, h) values f of the (m,) regressions `which` at (m, W) weights."""

    @abstractmethod
    def tangents(self, weights: Doubles, which: Array) -> tuple[Doubles, Doubles]:
        """(m, h) values as in `curve`, and their (m, h, W) gradients."""

    def posterior_mode(self) -> Doubles:
        """(b, W) posterior modes of the weights; the first step starts from the prior mean."""
        active = np.arange(len(self.observed))
        weights = np.tile(self.mean, (len(active), 1))
        objectives = self.objective(weights, active)
        for _ in range(STEPS):
            before = objectives[active]
            design, values = self.linear(weights[active], active)
            goal = posterior_mean(self.mean[None], self.precision, self.noise, design, values)
            self._step(weights, objectives, active, goal - weights[active])
            active = active[before - objectives[active] > TOLERANCE]
            if len(active) == 0:
                break
        return weights

    def leave_one_out(self, weights: Doubles) -> Doubles:
        """(h, W) weights of a single regression without each of its values, to first order: from the regression
        linearised at its (1, W) posterior mode."""
        design, values = self.linear(weights, np.zeros(1, dtype=np.int64))
        whole = posterior_mean(self.mean[None], self.precision, self.noise, design, values)
        fewer = leave_one_out_means(self.mean[None], self.precision, self.noise, design[0], values[0])
        return weights + fewer - whole

    def linear(self, weights: Doubles, which: Array) -> tuple[Doubles, Doubles]:
        """(m, h, W) design and (m, h) values of the regressions `which`, linearised at (m, W) weights."""
        values, design = self.tangents(weights, which)
        return design, self.observed[which] - values + np.vecdot(design, weights[:, None, :])

    def objective(self, weights: Doubles, which: Array) -> Doubles:
        """(m,) objective, which the posterior mode minimises, of the regressions `which` at (m, W) weights."""
        residual, change = self.observed[which] - self.curve(weights, which), weights - self.mean
        total: Doubles = np.vecdot(residual, residual) / self.noise + np.vecdot(change @ self.precision, change)
        return total

    def _step(self, weights: Doubles, objectives: Doubles, which: Array, step: Doubles) -> None:
        """Adds the largest share of (m, W) steps that lowers the objective to the weights of `which`."""
        for share in SHARES:
            moved = weights[which] + share * step
            total = self.objective(moved, which)
            lower = total < objectives[which]
            weights[which[lower]], objectives[which[lower]] = moved[lower], total[lower]
            which, step = which[~lower], step[~lower]
            if len(which) == 0:
                return
