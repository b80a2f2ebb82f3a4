"""All plots of a comparison."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.report.formatting import is_number
from cofactor.report.plots import cost, differences, groups, learning_curves, list_length, predictions
from cofactor.report.plots.style import ModelStyle, model_styles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("differences", "cost", "learning", "lists", "groups", "predicted", "deviations")  # prefixes of file names
OF_LISTS = "Candidates are all items without a training rating by the user."
OF_RATED = (
    "Candidates are the user's rated test items; relevant are those not below the user's mean. Users with at least 20."
)


@dataclass(frozen=True, eq=False)
class Plot:
    """A plot that is drawn on demand."""

    name: str  # of its files and of its anchor in the page
    kind: str  # one of KINDS
    title: str
    description: str  # text alternative for screen readers
    draw: Callable[[], "Figure"]


def make_plots(outcome: ComparisonSummary) -> Iterator[Plot]:
    """The plots for which the comparison has data."""
    comparison, look = outcome.comparison, model_styles(outcome.trainers)
    if comparison.differences:
        yield Plot(
            "differences", "differences", "Significant differences", differences.describe(comparison),
            partial(differences.draw, comparison),
        )  # fmt: skip
    if cost.panels(comparison):
        yield Plot(
            "cost", "cost", "Accuracy against training time", cost.describe(comparison),
            partial(cost.draw, comparison, look),
        )  # fmt: skip
    yield from _learning(outcome)
    yield from _lists(comparison, look)
    yield from _groups(outcome, look)
    if outcome.calibrations:
        yield Plot(
            "predicted", "predicted", "Predicted against true ratings", predictions.describe(outcome.calibrations),
            partial(predictions.draw, outcome.calibrations, comparison.reports, look),
        )  # fmt: skip
    if outcome.spreads:
        yield Plot(
            "deviations", "deviations", "Stated uncertainty", predictions.describe_deviations(outcome.spreads),
            partial(predictions.draw_deviations, outcome.spreads, look),
        )  # fmt: skip


def best_first(comparison: Comparison) -> dict[str, list[str]]:
    """By metric without its k: the models that have it, best first."""
    figures, found = comparison.metrics, {}
    for metric in dict.fromkeys(metric for some in figures.values() for metric in some):
        name = metric.partition("@")[0]
        if name not in found:
            some = [one for one in figures if is_number(figures[one].get(metric))]
            found[name] = sorted(some, key=lambda one, m=metric: direction(m) * figures[one][m])  # type: ignore[misc]
    return found


def _learning(outcome: ComparisonSummary) -> Iterator[Plot]:
    metrics = dict.fromkeys(one.metric for one in outcome.curves.values())
    for metric in metrics:
        some = {
            name: one for name, one in outcome.curves.items() if one.metric == metric and learning_curves.drawable(one)
        }
        if some:
            title = f"Learning curves: {metric} by epoch"
            yield Plot(
                f"learning-{slug(metric)}", "learning", title, learning_curves.describe(some, metric),
                partial(learning_curves.draw, some, metric),
            )  # fmt: skip


def _lists(comparison: Comparison, look: Mapping[str, ModelStyle]) -> Iterator[Plot]:
    every = {name: [one for seeds in some for one in seeds] for name, some in comparison.seed_reports.items()}
    for prefix, name, title, note in (
        ("", "lists-catalogue", "Precision, recall and F1 over the whole catalogue", OF_LISTS),
        ("rated_", "lists-rated", "Precision, recall and F1 among the rated test items", OF_RATED),
    ):
        over = list_length.over_k(every, prefix)
        if over["precision"]:
            yield Plot(
                name, "lists", title, list_length.describe(over),
                partial(list_length.draw, over, look, title, note),
            )  # fmt: skip


def _groups(outcome: ComparisonSummary, look: Mapping[str, ModelStyle]) -> Iterator[Plot]:
    order: dict[str, Sequence[str]] = dict(best_first(outcome.comparison))
    for number, one in enumerate(outcome.breakdowns, start=1):
        if groups.measured(one):
            yield Plot(
                f"groups-{slug(one.by) or number}", "groups", f"Metrics by {one.by}", groups.describe(one),
                partial(groups.draw, one, look, order),
            )  # fmt: skip


def slug(text: str) -> str:
    """Lower-case letters, digits and hyphens, for file names."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40]
