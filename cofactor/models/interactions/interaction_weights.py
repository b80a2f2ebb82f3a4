"""The weight that a value has where items are only ranked: which values are positives, and how much a count counts."""

from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Doubles, Floats
from cofactor.data.kind import values_noun
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData


@dataclass(frozen=True)
class InteractionWeights:
    """The weight w of a value r; an interaction is a positive where w > 0.

    w(r) = 0                              where r < positive_from, and where a count is 0
    w(r) = ½ + ½ log₂(1 + r / log_unit)   with log_unit: 1 at a count of log_unit, and at least ½
    w(r) = ½ + ½ r / linear_unit          with linear_unit
    w(r) = 1                              otherwise
    """

    positive_from: float | None = None
    log_unit: float | None = None
    linear_unit: float | None = None

    @property
    def all_ones(self) -> bool:
        """Whether every value has the weight 1."""
        return self.positive_from is None and self.log_unit is None and self.linear_unit is None

    def compute(self, values: Floats) -> Floats:
        """(n,) weights of (n,) values."""
        if self.all_ones:
            return np.ones(len(values), np.float32)
        weights: Doubles = np.ones(len(values))
        counts = np.maximum(values.astype(np.float64), 0)
        if self.log_unit is not None:
            weights = (0.5 + 0.5 * np.log2(1 + counts / self.log_unit)) * (counts > 0)
        elif self.linear_unit is not None:
            weights = (0.5 + 0.5 * counts / self.linear_unit) * (counts > 0)
        if self.positive_from is not None:
            weights[values < np.float32(self.positive_from)] = 0
        return weights.astype(np.float32)

    def compute_roots(self, values: Floats) -> Floats:
        """(n,) √w of (n,) values: entries of a matrix X of which XᵀX counts every interaction by its weight."""
        weights = self.compute(values)
        return weights if self.all_ones else np.sqrt(weights)


def least_positive(ratings: Ratings, positive_from: float | None) -> float | None:
    """The value from which on a rating is a positive; None where every one is.

    Without `positive_from`, ratings of 0 or less are no positives: it is then the lowest rating above 0. Raises BadData
    where no rating is a positive.
    """
    noun = values_noun(ratings.kind)
    hint = "say which are positives with positive_from, on the command line --positive-from"
    if positive_from is None:
        positive = ratings.value > 0
        if positive.all():
            return None
        if not positive.any():
            raise BadData(f"none of the {noun} is above 0, so there is no positive to learn from", hint)
        return float(ratings.value[positive].min())
    if not (ratings.value >= np.float32(positive_from)).any():
        highest = float(ratings.value.max())
        raise BadData(f"none of the {noun} is {positive_from:g} or more: the highest is {highest:g}", hint)
    return float(positive_from)


def median_count(ratings: Ratings, positive_from: float | None) -> float:
    """The median value of the positives; 1 where there are none."""
    positive = ratings.value[ratings.value > 0 if positive_from is None else ratings.value >= np.float32(positive_from)]
    positive = positive[positive > 0]
    return float(np.median(positive)) if len(positive) else 1.0
