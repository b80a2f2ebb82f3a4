"""Accuracy against training time."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.metrics.registry import direction, headline_columns
from cofactor.report.formatting import format_duration, format_metric, is_number, join_names, metric_name, shorten_all
from cofactor.report.plots.line_labels import LabelledPoint, label_points
from cofactor.report.plots.style import (
    FAINT,
    SOFT,
    ModelStyle,
    add_panel_title,
    add_title,
    fix_layout,
    new_figure,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAR, MANY = (
    3.0,
    5,
)  # multiples of the median distance from the best, beyond which models are not drawn; fewer models are all drawn


def panels(comparison: Comparison) -> dict[str, dict[str, tuple[float, float]]]:
    """By metric and model: training seconds and the value, for models whose training was timed."""
    figures, costs = comparison.metrics, comparison.costs
    fit = {name: cost.fit_seconds for name, cost in costs.items() if cost.fit_seconds}
    found = {}
    for metric in headline_columns(comparison.k):
        some = {
            name: (fit[name], all_of[metric]) for name, all_of in figures.items() if name in fit and metric in all_of
        }
        some = {name: point for name, point in some.items() if is_number(point[1])}
        if len(some) > 1:
            found[metric] = some
    return found


def draw(comparison: Comparison, looks: Mapping[str, ModelStyle]) -> "Figure":
    """A panel for each metric; better models are higher, faster models further left."""
    names, found = shorten_all(looks), panels(comparison)
    errors = comparison.standard_errors
    figure = new_figure(0.8 + 3.3 * len(found), 7.8)
    axes = figure.subplots(len(found), 1, squeeze=False)[:, 0]
    spots: list[list[LabelledPoint]] = []
    for axis, (metric, points) in zip(axes, found.items(), strict=True):
        near = _near(metric, points)
        one = {name: (*near[name], errors[name].get(metric, float("nan"))) for name in near}
        _panel(axis, metric, one, looks)
        far = [
            f"{names[name]} {format_metric(points[name][1])} in {format_duration(points[name][0])}"
            for name in points
            if name not in near
        ]
        below = f"\nbelow the frame: {join_names(far)}" if far else ""
        axis.set_xlabel("training seconds, log scale" + below)
        spots.append([(names[name], looks[name], x, y) for name, (x, y) in near.items()])
    add_title(
        figure,
        "Accuracy against training time",
        "Bars are standard errors. The line joins the models for which no other is both better and faster.",
    )
    fix_layout(figure)
    for axis, some in zip(axes, spots, strict=True):
        label_points(axis, some)
    return figure


def describe(comparison: Comparison) -> str:
    """The plot as a sentence."""
    parts = []
    for metric, points in panels(comparison).items():
        some = "; ".join(f"{name} {format_metric(y)} in {format_duration(x)}" for name, (x, y) in points.items())
        parts.append(f"{metric_name(metric)}: {some}.")
    return " ".join(parts)


def front(metric: str, points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The Pareto front: models for which no other is both faster and better, the fastest first."""
    best, kept = float("inf"), []
    for name, (_, y) in sorted(points.items(), key=lambda one: (one[1][0], direction(metric) * one[1][1])):
        if direction(metric) * y < best:
            best = direction(metric) * y
            kept.append(name)
    return kept


def _near(metric: str, points: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The models to draw: without those far behind, which would compress the others and are listed as text."""
    best = min(direction(metric) * y for _, y in points.values())
    behind = {name: direction(metric) * y - best for name, (_, y) in points.items()}
    most = FAR * median(behind.values())
    return {name: point for name, point in points.items() if behind[name] <= most or len(points) < MANY}


def _panel(
    axis: "Axes", metric: str, points: Mapping[str, tuple[float, float, float]], looks: Mapping[str, ModelStyle]
) -> None:
    style_axes(axis, "both")
    stairs = [points[name][:2] for name in front(metric, {name: (x, y) for name, (x, y, _) in points.items()})]
    _stairs(axis, stairs)
    for name, (x, y, error) in points.items():
        look = looks[name]
        if is_number(error):
            axis.plot([x, x], [y - error, y + error], color=look.colour, lw=1, alpha=0.55, zorder=2)
        axis.plot(x, y, look.marker, color=look.colour, ms=6.5, zorder=3)
    axis.set_xscale("log")
    axis.margins(x=0.1, y=0.12)
    if direction(metric) > 0:
        axis.invert_yaxis()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.xaxis.set_minor_formatter(lambda value, _: "")
    axis.locator_params(axis="y", nbins=6)
    lower = "lower is better, axis inverted" if direction(metric) > 0 else "higher is better"
    add_panel_title(axis, metric_name(metric), lower)


def _stairs(axis: "Axes", points: Sequence[tuple[float, float]]) -> None:
    for (x, y), (next_x, next_y) in pairwise(points):
        axis.plot([x, next_x, next_x], [y, y, next_y], color=SOFT if len(points) < 2 else FAINT, lw=1.2, zorder=1)
