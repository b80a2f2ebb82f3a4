"""Forest plot: every model's difference from the reference with its interval."""

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.metrics.registry import direction
from cofactor.evaluation.significance.difference import NO_DIFFERENCE, Difference
from cofactor.report.formatting import metric_name, shorten_all
from cofactor.report.plots.style import (
    BLUE,
    FAINT,
    GREY,
    INK,
    PAPER,
    SMALL,
    SOFT,
    VERMILLION,
    add_panel_title,
    add_title,
    escape_text,
    fix_layout,
    new_figure,
    style_axes,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.2  # inches
FAR = 4.0  # multiples of the median difference; larger ones are shown by an arrow and their value
LOOKS = {"better": (BLUE, "^"), "worse": (VERMILLION, "v"), NO_DIFFERENCE: (GREY, "o")}


def draw(comparison: Comparison) -> "Figure":
    """A panel for each compared metric, two per row; models are ordered from the best."""
    found = comparison.differences
    pairs = [list(found)[at : at + 2] for at in range(0, len(found), 2)]
    heights = [max(1.0, ROW * max(len(found[metric]) for metric in pair)) for pair in pairs]
    columns = max(map(len, pairs), default=1)
    figure = new_figure(0.8 + sum(heights) + 0.75 * len(pairs), 9.0 if columns > 1 else 6.5)
    axes = figure.subplots(len(pairs), columns, squeeze=False, height_ratios=heights)
    for line, pair in zip(axes, pairs, strict=True):
        for axis, metric in zip(line, pair, strict=False):
            _panel(axis, metric, found[metric])
        for axis in line[len(pair) :]:
            axis.remove()
    add_title(
        figure, "Significant differences",
        "difference with its 95 % interval; grey circles: no significant difference; ▲ better, ▼ worse",
    )  # fmt: skip
    fix_layout(figure)
    return figure


def describe(comparison: Comparison) -> str:
    """The plot as a sentence."""
    parts = []
    for metric, found in comparison.differences.items():
        some = "; ".join(
            f"{one.model} {one.value:+.4f}, {one.verdict}" for one in found.values() if one.model != one.against
        )
        parts.append(f"{metric_name(metric)} compared with {next(iter(found.values())).against}: {some}.")
    return " ".join(parts)


def _panel(axis: "Axes", metric: str, found: Mapping[str, Difference]) -> None:
    order = sorted(found.values(), key=lambda one: (direction(metric) * one.value, one.model != one.against))
    names = shorten_all([one.model for one in order], 22)
    low, high = _limits(found)
    style_axes(axis, "x")
    axis.axvline(0, color=INK, lw=0.9, zorder=1)
    for at, one in enumerate(order):
        _row(axis, at, one, low, high)
    axis.set_yticks(range(len(order)), [escape_text(names[one.model]) for one in order])
    axis.set(ylim=(len(order) - 0.4, -0.6), xlim=(low, high))
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.locator_params(axis="x", nbins=5)
    better = "left is better" if direction(metric) > 0 else "right is better"
    add_panel_title(axis, f"{metric_name(metric)} minus {names[order[0].against]}", better)


def _row(axis: "Axes", at: int, one: Difference, low: float, high: float) -> None:
    colour, marker = LOOKS.get(one.verdict, (INK, "D"))
    inside = low <= one.value <= high
    if inside and one.model != one.against and isfinite(one.low):
        axis.plot([one.low, one.high], [at, at], color=colour, lw=1.4, solid_capstyle="butt")
    fill = PAPER if one.verdict == NO_DIFFERENCE else colour
    if inside:
        axis.plot(one.value, at, marker, color=colour, mfc=fill, ms=5.5, mew=1.3, zorder=3)
    else:
        edge, arrow = (high, ">") if one.value > high else (low, "<")
        axis.plot(edge, at, arrow, color=colour, ms=5.5, zorder=3, clip_on=False)
        axis.annotate(
            f"{one.value:+.4f}", (edge, at), xytext=(-7 if arrow == ">" else 7, 0), textcoords="offset points",
            va="center", ha="right" if arrow == ">" else "left", fontsize=SMALL, color=SOFT,
        )  # fmt: skip
    axis.axhline(at, color=FAINT, lw=0.4, zorder=0)


def _limits(found: Mapping[str, Difference]) -> tuple[float, float]:
    """From the lowest to the highest end of the intervals, without models far behind the others."""
    values = sorted(abs(one.value) for one in found.values() if one.model != one.against and isfinite(one.value))
    if not values:
        return -1.0, 1.0
    most = FAR * values[(len(values) - 1) // 2] or values[-1] or 1.0
    near = [one for one in found.values() if abs(one.value) <= most]
    ends = [end for one in near for end in (one.low, one.high, one.value, 0.0) if isfinite(end)]
    room = 0.05 * (max(ends) - min(ends)) or 0.5
    return min(ends) - room, max(ends) + room
