"""Whether predictions mean what they say: predicted stars beside true ones, and deviations beside errors."""

from statistics import NormalDist

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, SplitMismatch
from cofactor.evaluation.breakdowns.breakdown import Calibration, SpreadCalibration
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics.standard_error import standard_error
from cofactor.evaluation.report import Report
from cofactor.models.base import Model
from cofactor.models.posterior import PosteriorModel

BINS = 10
NOMINAL = (0.5, 0.8, 0.9, 0.95)


def calibration(report: Report, bins: int = BINS) -> Calibration:
    """Predictions in bins filled equally, as far as equal predictions, which share a bin, allow.

    slope: cov(r̂, r) / var(r̂), of the line through the true ratings that is nearest to them; 1 where a prediction of
    one star more goes with a true rating of one star more on average. NaN where all predictions are equal.

    Raises BadData of a model that only ranks.
    """
    if report.predictions is None:
        raise BadData("a model that only ranks predicts no stars", "calibrate one that predicts ratings")
    predicted, true = report.predictions.astype(np.float64), report.scored_test_set.held_out.value.astype(np.float64)
    members = _bins(report.predictions, bins)
    means, truths = (np.array([column[rows].mean() for rows in members]) for column in (predicted, true))
    errors = np.array(
        [standard_error(true[rows], report.scored_test_set.held_out.user_number[rows]) for rows in members]
    )
    spread = predicted - predicted.mean()
    square = float(spread @ spread)
    slope = float(spread @ true) / square if square > 0 else float("nan")
    return Calibration(means, truths, errors, _counts(members), slope)


def spread_calibration(model: Model, report: Report, test: Ratings, bins: int = BINS) -> SpreadCalibration | None:
    """The deviations of a model beside its errors, in bins of like deviations; None of a model that gives none.

    What is checked is `PosteriorModel.deviation`: of a rating around its prediction, its noise included, so that of
    all true ratings r the share p should have |r - r̂| ≤ z σ with Φ(z) = (1 + p) / 2. Where the deviations are right,
    each bin's RMSE is the root of their mean square.

    report: of this model on this test; raises SplitMismatch where it is of another.
    """
    if not isinstance(model, PosteriorModel) or report.prediction_errors is None:
        return None
    held = report.scored_test_set.held_out
    if len(held.value) != len(test):
        raise SplitMismatch("the report is of other test ratings", "evaluate the model on these")
    deviation = model.deviation(*_known(held), held.time).astype(np.float64)
    error = report.prediction_errors
    members = _bins(deviation, bins)
    deviations, errors = (
        np.array([np.sqrt(np.mean(column[rows] ** 2)) for rows in members]) for column in (deviation, error)
    )
    covered = [float(np.mean(np.abs(error) <= NormalDist().inv_cdf((1 + p) / 2) * deviation)) for p in NOMINAL]
    return SpreadCalibration(deviations, errors, _counts(members), NOMINAL, tuple(covered))


def _known(held: HeldOut) -> tuple[Array, Array]:
    """(n,) the model's rows of users and items, -1 of those it does not know."""
    users, items = held.training_data.users, held.training_data.items
    return (
        np.where(held.model_user < len(users), held.model_user, -1),
        np.where(held.model_item < len(items), held.model_item, -1),
    )


def _bins(values: Floats | Doubles, bins: int) -> list[Array]:
    """Places of (n,) values in up to so many bins, ascending, no bin empty, equal values in the same."""
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf"))
    number = np.searchsorted(edges, values)
    order = np.argsort(number, kind="stable")
    return [rows for rows in np.split(order, np.cumsum(np.bincount(number))[:-1]) if len(rows)]


def _counts(members: list[Array]) -> Array:
    return np.array([len(rows) for rows in members])
