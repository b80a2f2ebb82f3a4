"""The values by user whose mean is a metric: all that resampling users needs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles


class Samples(NamedTuple):
    """The values of a metric that is Σ total / Σ weight over users, or the root of it."""

    user: Array  # (m,) the test's rows of the measured users, ascending; or a number for each rating
    total: Doubles  # (m,) e² or |e| summed over a user's ratings, or a user's value of a ranking metric
    weight: Doubles  # (m,) number of the user's ratings, or 1
    root: bool = False  # whether the metric is the root of the mean

    @property
    def value(self) -> float:
        """The metric over all users."""
        mean = float(self.total.sum() / self.weight.sum())
        return float(np.sqrt(mean)) if self.root else mean

    @property
    def influence(self) -> Doubles:
        """(m,) influence of each user on the metric: (total - weight · mean) / Σ weight, / (2 · value) for a root.

        They add up to 0. For a root this is the delta method, d√x = dx / 2√x.
        """
        value, weight = self.value, self.weight.sum()
        if self.root and value == 0:
            return np.zeros(len(self.total))
        mean = value**2 if self.root else value
        influence: Doubles = (self.total - self.weight * mean) / (weight * 2 * value if self.root else weight)
        return influence


def standard_error_of_mean(splits: Sequence[Samples]) -> float:
    """Standard error of the mean of a metric over splits: √(m/(m-1) Σ_u (Σ_f influence_uf)²) / F over the m users.

    The ratings of a user in all F splits are one sample, because folds share users and the test sets of repetitions
    overlap. NaN for a single user.
    """
    user = np.unique(np.concatenate([one.user for one in splits]), return_inverse=True)[1]
    influence = np.bincount(user, np.concatenate([one.influence for one in splits]))
    if len(influence) < 2:
        return float("nan")
    return float(np.sqrt(len(influence) / (len(influence) - 1) * np.sum(influence**2)) / len(splits))
