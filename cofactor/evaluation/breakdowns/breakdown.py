"""Where a model is good: the figures of models by groups of users, items and ratings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.data.ratings import Ratings, TrainingData
from cofactor.errors import SplitMismatch
from cofactor.evaluation.breakdowns.groups import Grouping, groupings
from cofactor.evaluation.breakdowns.subset_metrics import PerRatingResults, Subset
from cofactor.evaluation.held_out import HeldOut, hold_out
from cofactor.evaluation.report import Report


@dataclass(frozen=True)
class Group:
    """Some of the test ratings, and what every model is worth on them."""

    label: str  # "21–50", "4", "Drama", "7–30 days"
    ratings: int
    users: int
    metrics: Mapping[str, Mapping[str, float]]  # by model: rmse, mae, bias (mean r̂ - r), ndcg@k, recall@k
    errors: Mapping[str, Mapping[str, float]]  # their standard errors, by user; NaN where there is one user only


@dataclass(frozen=True)
class Breakdown:
    """All test ratings in groups; a rating is in one of them, but may be in several genres."""

    by: str  # "user activity", "item popularity", "rating", "genre", "time since training" or "age of the rating"
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


def break_down(
    reports: Mapping[str, Report], test: Ratings, training_data: TrainingData, train: Ratings | None = None
) -> tuple[Breakdown, ...]:
    """What models are worth by group of the test ratings; docs/breakdowns.md says what the groups are.

    reports: of models of this catalogue, on this test; those without evidence by rating have no subset.
    train: the ratings of the catalogue, whose times tell how long after training the test ratings are.

    Of predicted ratings rmse, mae and bias over the ratings of a group. Of lists, for each k of a report: where a
    group is one of users, the mean over its users of ndcg@k and recall@k; otherwise recall@k is the share of the
    group's relevant ratings that stand among the first k of their users, each rating counted once.

    Memory: a few numbers for each test rating, however many models. Raises SplitMismatch where a report is of other
    test ratings, and what `hold_out` raises.
    """
    held = hold_out(test, training_data)
    taken = {name: report for name, report in reports.items() if len(report.scored_test_set.held_out.value)}
    for name, report in taken.items():
        _check_same(name, report, held)
    if not taken:
        return ()
    answers = {name: PerRatingResults.from_report(report) for name, report in taken.items()}
    return tuple(_breakdown(grouping, held, answers) for grouping in groupings(held, train))


def _breakdown(grouping: Grouping, held: HeldOut, answers: Mapping[str, PerRatingResults]) -> Breakdown:
    groups = []
    for label, rows in zip(grouping.labels, grouping.members, strict=True):
        subset = Subset.from_rows(held, rows)
        figures = {
            name: one.rating_metrics(subset)
            | (one.user_metrics(subset) if grouping.by_user else one.list_metrics(subset))
            for name, one in answers.items()
        }
        metrics, errors = (
            {name: {metric: pair[at] for metric, pair in some.items()} for name, some in figures.items()}
            for at in (0, 1)
        )
        groups.append(Group(label, len(rows), len(subset.users), metrics, errors))
    return Breakdown(grouping.by, grouping.what, tuple(groups))


def _check_same(name: str, report: Report, held: HeldOut) -> None:
    one = report.scored_test_set.held_out
    if not all(np.array_equal(getattr(one, column), getattr(held, column)) for column in ("user", "item", "value")):
        raise SplitMismatch(f"the report of {name} is of other test ratings", "evaluate it on these")
