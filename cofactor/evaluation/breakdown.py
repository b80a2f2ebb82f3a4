"""Where a model is good: the figures of models by groups of users, items and ratings."""

from collections.abc import Mapping
from dataclasses import dataclass

from cofactor.arrays import Array, Doubles


@dataclass(frozen=True)
class Group:
    """Some of the test ratings, and what every model is worth on them."""

    label: str  # "21–50 ratings", "★ 4", "Drama", "1–2 weeks"
    ratings: int
    users: int
    metrics: Mapping[str, Mapping[str, float]]  # by model: rmse, mae, bias (mean r̂ - r), ndcg@k, recall@k
    errors: Mapping[str, Mapping[str, float]]  # their standard errors


@dataclass(frozen=True)
class Breakdown:
    """All test ratings in groups; a rating is in one of them, but may be in several genres."""

    by: str  # "user activity", "item popularity", "rating", "genre", "time since training"
    what: str  # what a group is, in words: "ratings of the user in training"
    groups: tuple[Group, ...]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predicted stars beside true ones, in bins of equally many predictions."""

    predicted: Doubles  # (b,) mean prediction of each bin, ascending
    true: Doubles  # (b,) mean true rating of it
    error: Doubles  # (b,) standard error of the latter
    count: Array  # (b,)
    slope: float  # of the regression of the true on the predicted rating: below 1 the predictions are too bold


@dataclass(frozen=True, eq=False)
class SpreadCalibration:
    """Standard deviations that a model gives with its predictions, beside the errors it makes."""

    deviation: Doubles  # (b,) root mean square of the deviations of each bin, ascending
    error: Doubles  # (b,) RMSE of it
    count: Array  # (b,)
    nominal: tuple[float, ...]  # shares of intervals, as .5, .8, .9, .95
    covered: tuple[float, ...]  # share of true ratings inside the interval r̂ ± z σ of that share
