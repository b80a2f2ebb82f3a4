"""Calibration of predicted ratings and of predicted standard deviations."""

from statistics import NormalDist

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, SplitMismatch, check_type
from cofactor.evaluation.breakdowns.breakdown import Calibration, SpreadCalibration
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics.standard_error import standard_error
from cofactor.evaluation.report import Report
from cofactor.models.base import Model
from cofactor.models.posterior import PosteriorModel

BINS = 10
NOMINAL = (0.5, 0.8, 0.9, 0.95)


def calibration(report: Report, bins: int = BINS) -> Calibration:
    """Mean predicted and true ratings in bins of equal size, except that equal predictions share a bin.

    slope: cov(r̂, r) / var(r̂), of the line through the true ratings that is nearest to them; 1 if a prediction that
    is higher by one star goes with a true rating that is higher by one star on average. NaN if all predictions are
    equal.

    Raises BadData for a model that only ranks.
    """
    check_type("report", report, Report, "cofactor.evaluate makes one of a model and test ratings")
    if report.predictions is None:
        raise BadData("a model that only ranks has no predicted ratings", "use a model that predicts ratings")
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
    """Predicted standard deviations and errors in bins of similar deviations; None for a model without deviations.

    `PosteriorModel.deviation` is that of a rating around its prediction, including noise, so that a share p of all true
    ratings r should have |r - r̂| ≤ z σ with Φ(z) = (1 + p) / 2. For calibrated
    deviations the RMSE of each bin is the root of their mean square.

    report: of this model on this test. Raises SplitMismatch if it is of another test.
    """
    if not isinstance(model, PosteriorModel) or report.prediction_errors is None:
        return None
    held_out = report.scored_test_set.held_out
    if len(held_out.value) != len(test):
        raise SplitMismatch("the report is of other test ratings", "evaluate the model on these")
    deviation = model.deviation_rows(*_known_rows(held_out), held_out.time).astype(np.float64)
    error = report.prediction_errors
    members = _bins(deviation, bins)
    deviations, errors = (
        np.array([np.sqrt(np.mean(column[rows] ** 2)) for rows in members]) for column in (deviation, error)
    )
    covered = [float(np.mean(np.abs(error) <= NormalDist().inv_cdf((1 + p) / 2) * deviation)) for p in NOMINAL]
    return SpreadCalibration(deviations, errors, _counts(members), NOMINAL, tuple(covered))


def _known_rows(held_out: HeldOut) -> tuple[Array, Array]:
    """(n,) the model's rows of users and items, -1 for unknown ones."""
    users, items = held_out.training_data.users, held_out.training_data.items
    return (
        np.where(held_out.model_user < len(users), held_out.model_user, -1),
        np.where(held_out.model_item < len(items), held_out.model_item, -1),
    )


def _bins(values: Floats | Doubles, bins: int) -> list[Array]:
    """Positions of (n,) values in up to `bins` ascending bins, none empty, equal values in the same bin."""
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf"))
    number = np.searchsorted(edges, values)
    order = np.argsort(number, kind="stable")
    return [rows for rows in np.split(order, np.cumsum(np.bincount(number))[:-1]) if len(rows)]


def _counts(members: list[Array]) -> Array:
    return np.array([len(rows) for rows in members])
