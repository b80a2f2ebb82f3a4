"""Regression on a curve with a normal prior: the most likely W weights, by the steps of Gauss and Newton.

    w ~ N(m, Λ⁻¹),    v_j = f_j(w) + noise of variance σ²;    the most likely w makes least

        Σ_j (v_j - f_j(w))² / σ² + (w - m)ᵀ Λ (w - m)

A step solves the linear regression of the tangents at w (see gaussian.py). Where that does not lower the sum, which a
curve does not promise, half of the step is tried, then a quarter and a sixteenth; where none helps, w stays.
J. Nocedal, S. J. Wright, "Numerical Optimization", 2006, section 10.3.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.models.regression.bayesian_linear import leave_one_out_means, posterior_mean

STEPS = 6  # at most: held-out ratings were predicted as well after two
SHARES = (1.0, 0.5, 0.25, 0.0625)  # of a step, until one helps
GAIN = 0.01  # what a step has to lower the sum by so that another follows; a change of 1 would mean something


@dataclass(frozen=True, eq=False)
class NonlinearRegressions(ABC):
    """b regressions with one prior. A history shorter than h is filled up: there values, curve and tangents are 0."""

    mean: Doubles  # (W,) m
    precision: Doubles  # (W, W) Λ
    noise: float  # σ²
    observed: Doubles  # (b, h) v

    @abstractmethod
    def curve(self, weights: Doubles, which: Array) -> Doubles:
        """(m, h) f of (m, W) weights of the regressions `which`."""

    @abstractmethod
    def tangents(self, weights: Doubles, which: Array) -> tuple[Doubles, Doubles]:
        """The same, and (m, h, W) its gradients."""

    def posterior_mode(self) -> Doubles:
        """(b, W) weights, from the prior mean on."""
        going = np.arange(len(self.observed))
        weights = np.tile(self.mean, (len(going), 1))
        sums = self.sums(weights, going)
        for _ in range(STEPS):
            before = sums[going]
            design, values = self.linear(weights[going], going)
            goal = posterior_mean(self.mean[None], self.precision, self.noise, design, values)
            self._walk(weights, sums, going, goal - weights[going])
            going = going[before - sums[going] > GAIN]
            if len(going) == 0:
                break
        return weights

    def without_each(self, weights: Doubles) -> Doubles:
        """(h, W) weights of a single regression without each of its values, by one step of all from its (1, W) most
        likely ones: what the linear regression of the tangents there loses with a value."""
        design, values = self.linear(weights, np.zeros(1, dtype=np.int64))
        whole = posterior_mean(self.mean[None], self.precision, self.noise, design, values)
        fewer = leave_one_out_means(self.mean[None], self.precision, self.noise, design[0], values[0])
        return weights + fewer - whole

    def linear(self, weights: Doubles, which: Array) -> tuple[Doubles, Doubles]:
        """(m, h, W) design and (m, h) values of the linear regressions that the tangents at (m, W) weights make."""
        there, design = self.tangents(weights, which)
        return design, self.observed[which] - there + np.vecdot(design, weights[:, None, :])

    def sums(self, weights: Doubles, which: Array) -> Doubles:
        """(m,) what the most likely weights make least."""
        off, away = self.observed[which] - self.curve(weights, which), weights - self.mean
        total: Doubles = np.vecdot(off, off) / self.noise + np.vecdot(away @ self.precision, away)
        return total

    def _walk(self, weights: Doubles, sums: Doubles, which: Array, step: Doubles) -> None:
        """Moves the weights of the regressions `which` by the largest share of (m, W) steps that lowers their sums."""
        for share in SHARES:
            there = weights[which] + share * step
            total = self.sums(there, which)
            lower = total < sums[which]
            weights[which[lower]], sums[which[lower]] = there[lower], total[lower]
            which, step = which[~lower], step[~lower]
            if len(which) == 0:
                return
