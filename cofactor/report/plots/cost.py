"""Accuracy against the seconds of fitting."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.metrics.registry import direction, headline_columns
from cofactor.report.formatting import duration, is_figure, listed, metric_name, shortened
from cofactor.report.formatting import figure as number
from cofactor.report.plots.line_labels import Spot, name_points
from cofactor.report.plots.style import FAINT, SOFT, Look, dressed, figure, headed, settled, subtitled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAR, MANY = 3.0, 5  # times the median distance from the best; fewer models than these are all drawn


def panels(comparison: Comparison) -> dict[str, dict[str, tuple[float, float]]]:
    """By metric and model: seconds and the figure, of models whose training was timed."""
    figures, costs = comparison.metrics, comparison.costs
    fit = {name: cost.fit_seconds for name, cost in costs.items() if cost.fit_seconds}
    found = {}
    for metric in headline_columns(comparison.k):
        some = {
            name: (fit[name], all_of[metric]) for name, all_of in figures.items() if name in fit and metric in all_of
        }
        some = {name: point for name, point in some.items() if is_figure(point[1])}
        if len(some) > 1:
            found[metric] = some
    return found


def drawn(comparison: Comparison, looks: Mapping[str, Look]) -> "Figure":
    """A panel for each metric; better is higher up, faster further to the left."""
    names, found = shortened(looks), panels(comparison)
    errors = comparison.standard_errors
    made = figure(0.8 + 3.3 * len(found), 7.8)
    axes = made.subplots(len(found), 1, squeeze=False)[:, 0]
    spots: list[list[Spot]] = []
    for axis, (metric, points) in zip(axes, found.items(), strict=True):
        near = _near(metric, points)
        one = {name: (*near[name], errors[name].get(metric, float("nan"))) for name in near}
        _panel(axis, metric, one, looks)
        far = [
            f"{names[name]} {number(points[name][1])} in {duration(points[name][0])}"
            for name in points
            if name not in near
        ]
        below = f"\nout of the frame below: {listed(far)}" if far else ""
        axis.set_xlabel("seconds to fit, log scale" + below)
        spots.append([(names[name], looks[name], x, y) for name, (x, y) in near.items()])
    headed(
        made,
        "Accuracy against the time of fitting",
        "Bars are standard errors. The stairs join the models that none is both better and faster than.",
    )
    settled(made)
    for axis, some in zip(axes, spots, strict=True):
        name_points(axis, some)
    return made


def told(comparison: Comparison) -> str:
    """The picture in words."""
    parts = []
    for metric, points in panels(comparison).items():
        some = "; ".join(f"{name} {number(y)} in {duration(x)}" for name, (x, y) in points.items())
        parts.append(f"{metric_name(metric)}: {some}.")
    return " ".join(parts)


def front(metric: str, points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The models that no other is both faster and better than, the fastest first."""
    best, kept = float("inf"), []
    for name, (_, y) in sorted(points.items(), key=lambda one: (one[1][0], direction(metric) * one[1][1])):
        if direction(metric) * y < best:
            best = direction(metric) * y
            kept.append(name)
    return kept


def _near(metric: str, points: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Without the models so far behind that they would press the others into a corner: they are told in words."""
    best = min(direction(metric) * y for _, y in points.values())
    behind = {name: direction(metric) * y - best for name, (_, y) in points.items()}
    most = FAR * median(behind.values())
    return {name: point for name, point in points.items() if behind[name] <= most or len(points) < MANY}


def _panel(
    axis: "Axes", metric: str, points: Mapping[str, tuple[float, float, float]], looks: Mapping[str, Look]
) -> None:
    dressed(axis, "both")
    stairs = [points[name][:2] for name in front(metric, {name: (x, y) for name, (x, y, _) in points.items()})]
    _stairs(axis, stairs)
    for name, (x, y, error) in points.items():
        look = looks[name]
        if is_figure(error):
            axis.plot([x, x], [y - error, y + error], color=look.colour, lw=1, alpha=0.55, zorder=2)
        axis.plot(x, y, look.marker, color=look.colour, ms=6.5, zorder=3)
    axis.set_xscale("log")
    axis.margins(x=0.1, y=0.12)
    if direction(metric) > 0:
        axis.invert_yaxis()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.xaxis.set_minor_formatter(lambda value, _: "")
    axis.locator_params(axis="y", nbins=6)
    lower = "lower is better, and higher up" if direction(metric) > 0 else "higher is better"
    subtitled(axis, metric_name(metric), lower)


def _stairs(axis: "Axes", points: Sequence[tuple[float, float]]) -> None:
    for (x, y), (next_x, next_y) in pairwise(points):
        axis.plot([x, next_x, next_x], [y, y, next_y], color=SOFT if len(points) < 2 else FAINT, lw=1.2, zorder=1)
