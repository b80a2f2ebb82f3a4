"""Metrics of predicted ratings: e = r̂ - r over all test ratings. docs/metrics.md says the same in words.

Each formula gives (n,) values, one per test rating. The metric is their mean over all test ratings, or the root of it,
and never a mean of the metrics of parts of the test set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Doubles, Floats
from cofactor.evaluation.metrics.metric import DESCRIPTIVE, HIGHER, LOWER, Metric, by_name


@dataclass(frozen=True, eq=False)
class PredictedRatings:
    """Predicted and true ratings."""

    predicted: Floats  # (n,) clipped to the scale
    true: Floats  # (n,)
    step: float | None = None  # of the scale, as 1 for whole stars; None: the scale is continuous

    @cached_property
    def error(self) -> Doubles:
        """(n,) predicted minus true rating."""
        return self.predicted.astype(np.float64) - self.true


RatingFormula = Callable[[PredictedRatings], Doubles | None]


def squared_error(ratings: PredictedRatings) -> Doubles:
    """e²."""
    squares: Doubles = ratings.error**2
    return squares


def absolute_error(ratings: PredictedRatings) -> Doubles:
    """|e|."""
    return np.abs(ratings.error)


def exact_prediction(ratings: PredictedRatings) -> Doubles | None:
    """1 where the prediction rounds to the true rating, else 0; halves of a step round up. None without a step."""
    if ratings.step is None:
        return None
    rounded = np.floor(ratings.predicted.astype(np.float64) / ratings.step + 0.5)
    steps = ratings.true.astype(np.float64) / ratings.step
    return np.isclose(rounded, steps, rtol=0, atol=1e-4).astype(np.float64)


def signed_error(ratings: PredictedRatings) -> Doubles:
    """e."""
    return ratings.error


def metric_value(metric: Metric[RatingFormula], values: Doubles) -> float:
    """The metric of (n,) values of its formula: their mean, or the root of their mean."""
    mean = np.mean(values)
    return float(np.sqrt(mean) if metric.root else mean)


RATING_METRICS: dict[str, Metric[RatingFormula]] = by_name(
    (
        Metric("rmse", squared_error, "RMSE", "Root mean squared error of predicted ratings.", LOWER, 1, root=True,
               in_summary=True),
        Metric("mse", squared_error, "MSE", "Mean squared error of predicted ratings.", LOWER),
        Metric("mae", absolute_error, "MAE", "Mean absolute error of predicted ratings.", LOWER, 2, in_summary=True),
        Metric("accuracy", exact_prediction, "accuracy", "Share of predictions that round to the true rating.", HIGHER,
               in_summary=True),
    )
)  # fmt: skip
BIAS = Metric("bias", signed_error, "bias", "Mean of predicted minus true rating.", DESCRIPTIVE)  # in breakdowns only
