"""Metrics of models by groups of users, items and ratings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.data.kind import values_noun
from cofactor.data.ratings import Ratings, TrainingData
from cofactor.errors import SplitMismatch, check_type
from cofactor.evaluation.breakdowns.groups import Grouping, groupings
from cofactor.evaluation.breakdowns.subset_metrics import PerRatingResults, Subset
from cofactor.evaluation.held_out import HeldOut, hold_out
from cofactor.evaluation.report import Report


@dataclass(frozen=True)
class Group:
    """A group of test ratings, and the metrics of every model on it."""

    label: str  # "21–50", "4", "Drama", "7–30 days"
    ratings: int
    users: int
    metrics: Mapping[str, Mapping[str, float]]  # by model: rmse, mae, bias (mean r̂ - r), ndcg@k, recall@k
    errors: Mapping[str, Mapping[str, float]]  # their standard errors, by user; NaN if there is only one user


@dataclass(frozen=True)
class Breakdown:
    """All test ratings in groups. Each rating is in one group, except that it may be in several genres."""

    by: str  # "user activity", "item popularity", "rating", "genre", "time since training" or "age of the rating"
    what: str  # description of the groups: "ratings of the user in training"
    groups: tuple[Group, ...]
    values: str = "ratings"  # the word for the test values: "ratings" or "interactions"


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predicted and true ratings in bins of equally many predictions."""

    predicted: Doubles  # (b,) mean prediction of each bin, ascending
    true: Doubles  # (b,) mean true rating of it
    error: Doubles  # (b,) standard error of the mean true rating
    count: Array  # (b,)
    slope: float  # of the regression of the true on the predicted rating: below 1 the predictions are too extreme


@dataclass(frozen=True, eq=False)
class SpreadCalibration:
    """Predicted standard deviations and actual errors."""

    deviation: Doubles  # (b,) root mean square of the predicted deviations in each bin, ascending
    error: Doubles  # (b,) RMSE in each bin
    count: Array  # (b,)
    nominal: tuple[float, ...]  # nominal coverage of intervals, as .5, .8, .9, .95
    covered: tuple[float, ...]  # share of true ratings inside each interval r̂ ± z σ


def break_down(
    reports: Mapping[str, Report], test: Ratings, training_data: TrainingData, train: Ratings | None = None
) -> tuple[Breakdown, ...]:
    """Metrics of models by group of the test ratings; docs/breakdowns.md defines the groups.

    reports: of models with this training data, on this test; reports without scores by rating are left out.
    train: the training ratings, whose times are needed to group by time since training.

    For predicted ratings: rmse, mae and bias over the ratings of a group. For lists, for each k of a report: if users
    are grouped, the mean over the users of ndcg@k and recall@k; otherwise recall@k is the share of the group's relevant
    ratings that are among the first k of their users, each rating counted once.

    Memory: a few numbers for each test rating, however many models. Raises SplitMismatch if a report is of other
    test ratings, and what `hold_out` raises.
    """
    check_type("reports", reports, Mapping, "give a mapping from names to reports")
    held_out = hold_out(test, training_data)
    selected = {name: report for name, report in reports.items() if len(report.scored_test_set.held_out.value)}
    for name, report in selected.items():
        _check_same(name, report, held_out)
    if not selected:
        return ()
    results = {name: PerRatingResults.from_report(report) for name, report in selected.items()}
    return tuple(_breakdown(grouping, held_out, results) for grouping in groupings(held_out, train))


def _breakdown(grouping: Grouping, held_out: HeldOut, results: Mapping[str, PerRatingResults]) -> Breakdown:
    groups = []
    for label, rows in zip(grouping.labels, grouping.members, strict=True):
        subset = Subset.from_rows(held_out, rows)
        by_model = {
            name: one.rating_metrics(subset)
            | (one.user_metrics(subset) if grouping.by_user else one.list_metrics(subset))
            for name, one in results.items()
        }
        metrics, errors = (
            {name: {metric: pair[at] for metric, pair in some.items()} for name, some in by_model.items()}
            for at in (0, 1)
        )
        groups.append(Group(label, len(rows), len(subset.users), metrics, errors))
    return Breakdown(grouping.by, grouping.what, tuple(groups), values_noun(held_out.kind))


def _check_same(name: str, report: Report, held_out: HeldOut) -> None:
    one = report.scored_test_set.held_out
    if not all(np.array_equal(getattr(one, column), getattr(held_out, column)) for column in ("user", "item", "value")):
        raise SplitMismatch(f"the report of {name} is of other test ratings", "evaluate the model on these ratings")
