"""What a figure is the mean of, user by user: all that resampling users needs to know of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles


class Samples(NamedTuple):
    """A figure that is Σ total / Σ weight over users, or the root of that."""

    user: Array  # (m,) the test's own rows of the users measured, ascending; or a number for each rating
    total: Doubles  # (m,) e² or |e| summed over a user's ratings, or a user's value of a ranking metric
    weight: Doubles  # (m,) of so many ratings, or 1
    root: bool = False  # RMSE is the root of a mean, all others are the mean

    @property
    def figure(self) -> float:
        """The figure over all of them."""
        mean = float(self.total.sum() / self.weight.sum())
        return float(np.sqrt(mean)) if self.root else mean

    @property
    def influence(self) -> Doubles:
        """(m,) how far each user moves the figure: (total - weight · mean) / Σ weight, for a root over 2 · figure.

        They add up to 0. For a root this is the delta method, d√x = dx / 2√x.
        """
        figure, weight = self.figure, self.weight.sum()
        if self.root and figure == 0:
            return np.zeros(len(self.total))
        mean = figure**2 if self.root else figure
        influence: Doubles = (self.total - self.weight * mean) / (weight * 2 * figure if self.root else weight)
        return influence


def standard_error_of_mean(splits: Sequence[Samples]) -> float:
    """Standard error of the mean over splits of a figure: √(m/(m-1) Σ_u (Σ_f influence_uf)²) / F over the m users.

    A user's ratings in all splits F go together, so that folds, which share users, and repeats, whose tests overlap,
    do not pass for so many independent samples. NaN for a single user.
    """
    user = np.unique(np.concatenate([one.user for one in splits]), return_inverse=True)[1]
    influence = np.bincount(user, np.concatenate([one.influence for one in splits]))
    if len(influence) < 2:
        return float("nan")
    return float(np.sqrt(len(influence) / (len(influence) - 1) * np.sum(influence**2)) / len(splits))
