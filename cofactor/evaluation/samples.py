"""What a figure is the mean of, user by user: all that resampling users needs to know of it."""

from typing import NamedTuple

import numpy as np

from cofactor.arrays import Doubles, Rows


class Samples(NamedTuple):
    """A figure that is Σ total / Σ weight over users, or the root of that."""

    user: Rows  # (m,) the test's own rows of the users measured, ascending
    total: Doubles  # (m,) e² or |e| summed over a user's ratings, or a user's value of a ranking metric
    weight: Doubles  # (m,) of so many ratings, or 1
    root: bool = False  # RMSE is the root of a mean, all others are the mean

    @property
    def figure(self) -> float:
        """The figure over all of them."""
        mean = float(self.total.sum() / self.weight.sum())
        return float(np.sqrt(mean)) if self.root else mean
