"""All pictures of a comparison, one after another."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.report.formatting import is_figure
from cofactor.report.plots import cost, differences, groups, learning_curves, list_length, predictions
from cofactor.report.plots.style import Look, looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("differences", "cost", "learning", "lists", "groups", "predicted", "deviations")  # how names of files begin
OF_LISTS = "Candidates are all items that the user did not rate in training."
OF_RATED = (
    "Candidates are a user's rated test items, relevant those not below the user's own mean; of users with 20 of them."
)


@dataclass(frozen=True, eq=False)
class Picture:
    """One of them, to be drawn when it is wanted."""

    name: str  # of its file, and in the page
    kind: str  # one of KINDS
    title: str
    said: str  # to who does not see it
    draw: Callable[[], "Figure"]


def pictures(outcome: ComparisonSummary) -> Iterator[Picture]:
    """As many as what was found allows."""
    comparison, look = outcome.comparison, looks(outcome.trainers)
    if comparison.differences:
        yield Picture(
            "differences", "differences", "Which differences are real", differences.told(comparison),
            partial(differences.drawn, comparison),
        )  # fmt: skip
    if cost.panels(comparison):
        yield Picture(
            "cost", "cost", "Accuracy against the time of fitting", cost.told(comparison),
            partial(cost.drawn, comparison, look),
        )  # fmt: skip
    yield from _learning(outcome)
    yield from _lists(comparison, look)
    yield from _groups(outcome, look)
    if outcome.calibrations:
        yield Picture(
            "predicted", "predicted", "Predicted against true ratings", predictions.told(outcome.calibrations),
            partial(predictions.drawn, outcome.calibrations, comparison.reports, look),
        )  # fmt: skip
    if outcome.spreads:
        yield Picture(
            "deviations", "deviations", "Stated uncertainty", predictions.told_of_deviations(outcome.spreads),
            partial(predictions.deviations, outcome.spreads, look),
        )  # fmt: skip


def best_first(comparison: Comparison) -> dict[str, list[str]]:
    """By metric, without its k: the models that have it, from the best on."""
    figures, found = comparison.metrics, {}
    for metric in dict.fromkeys(metric for some in figures.values() for metric in some):
        name = metric.partition("@")[0]
        if name not in found:
            some = [one for one in figures if is_figure(figures[one].get(metric))]
            found[name] = sorted(some, key=lambda one, m=metric: direction(m) * figures[one][m])  # type: ignore[misc]
    return found


def _learning(outcome: ComparisonSummary) -> Iterator[Picture]:
    metrics = dict.fromkeys(one.metric for one in outcome.curves.values())
    for metric in metrics:
        some = {
            name: one for name, one in outcome.curves.items() if one.metric == metric and learning_curves.drawable(one)
        }
        if some:
            title = f"Learning curves: {metric} by epoch"
            yield Picture(
                f"learning-{slug(metric)}", "learning", title, learning_curves.told(some, metric),
                partial(learning_curves.drawn, some, metric),
            )  # fmt: skip


def _lists(comparison: Comparison, look: Mapping[str, Look]) -> Iterator[Picture]:
    every = {name: [one for seeds in some for one in seeds] for name, some in comparison.seed_reports.items()}
    for prefix, name, title, note in (
        ("", "lists-catalogue", "Precision, recall and F1 of lists from the whole catalogue", OF_LISTS),
        ("rated_", "lists-rated", "Precision, recall and F1 among the rated test items", OF_RATED),
    ):
        over = list_length.over_k(every, prefix)
        if over["precision"]:
            yield Picture(
                name, "lists", title, list_length.told(over),
                partial(list_length.drawn, over, look, title, note),
            )  # fmt: skip


def _groups(outcome: ComparisonSummary, look: Mapping[str, Look]) -> Iterator[Picture]:
    order: dict[str, Sequence[str]] = dict(best_first(outcome.comparison))
    for number, one in enumerate(outcome.breakdowns, start=1):
        if groups.measured(one):
            yield Picture(
                f"groups-{slug(one.by) or number}", "groups", f"Where models are good: by {one.by}", groups.told(one),
                partial(groups.drawn, one, look, order),
            )  # fmt: skip


def slug(text: str) -> str:
    """Letters and digits, for the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40]
