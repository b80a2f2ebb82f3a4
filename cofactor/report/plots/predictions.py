"""Calibration of predictions, and of predicted standard deviations."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Doubles
from cofactor.evaluation.breakdowns.breakdown import Calibration, SpreadCalibration
from cofactor.evaluation.report import Report
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.report.formatting import shorten_all
from cofactor.report.plots.line_labels import LineEnd, label_line_ends
from cofactor.report.plots.style import (
    FAINT,
    SOFT,
    ModelStyle,
    add_panel_title,
    add_title,
    fix_layout,
    new_figure,
    remove_axes,
    style_axes,
    text_background,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 48  # of a distribution


def draw(
    calibrations: Mapping[str, Calibration],
    reports: Mapping[str, Sequence[ReportLike]],
    looks: Mapping[str, ModelStyle],
) -> "Figure":
    """For each model the mean true rating by predicted rating, which lies on the diagonal for calibrated predictions;
    below it the distributions of predictions and of true ratings."""
    order, names = list(calibrations), shorten_all(calibrations)
    columns = 2 if len(order) in (2, 4) else min(4, len(order))
    n_rows = -(-len(order) // columns)
    one = 7.2 / columns
    figure = new_figure(0.8 + n_rows * min(3.4, 1.28 * one), 7.5 if columns > 1 else 4.2)
    axes = figure.subplots(2 * n_rows, columns, squeeze=False, sharex=True, height_ratios=[3.2, 1] * n_rows)
    ends = _ends(calibrations, reports)
    for number in range(n_rows * columns):
        row, column = divmod(number, columns)
        pair = axes[2 * row, column], axes[2 * row + 1, column]
        if number >= len(order):
            remove_axes(pair)
            continue
        name = order[number]
        _calibration(pair[0], names[name], calibrations[name], looks[name], ends)
        _distribution(pair[1], calibrations[name], reports.get(name, ()), looks[name], ends)
        if column == 0:
            pair[0].set_ylabel("true")
    add_title(
        figure, "Predicted against true ratings",
        "x axis: predicted; dashed: perfect calibration; below: distribution of predictions (line) and ratings (grey)",
    )  # fmt: skip
    fix_layout(figure)
    return figure


def describe(calibrations: Mapping[str, Calibration]) -> str:
    """The plot as a sentence."""
    some = "; ".join(f"{name} {one.slope:.2f}" for name, one in calibrations.items())
    return f"Slope of the true on the predicted rating, 1 for calibrated predictions: {some}."


def draw_deviations(spreads: Mapping[str, SpreadCalibration], looks: Mapping[str, ModelStyle]) -> "Figure":
    """Left: RMSE by predicted standard deviation. Right: coverage of the predicted intervals."""
    names = shorten_all(spreads)
    figure = new_figure(3.6, 8.2)
    left, right = figure.subplots(1, 2)
    for axis in (left, right):
        style_axes(axis, "both")
    _diagonal(left, *_range([one.deviation for one in spreads.values()], [one.error for one in spreads.values()]))
    _diagonal(right, 0, 1)
    later: tuple[list[LineEnd], list[LineEnd]] = ([], [])
    for name, one in spreads.items():
        look = looks[name]
        style = {"color": look.colour, "ls": look.dash, "marker": look.marker, "lw": 1.4, "ms": 4.5}
        left.plot(one.deviation, one.error, **style)
        right.plot(one.nominal, one.covered, **style)
        later[0].append((names[name], look, float(one.deviation[-1]), float(one.error[-1])))
        later[1].append((names[name], look, one.nominal[-1], one.covered[-1]))
    left.set(xlabel="predicted standard deviation", ylabel="RMSE of these predictions")
    right.set(
        xlabel="nominal coverage of an interval", ylabel="share of true ratings in it", xlim=(0.4, 1), ylim=(0.4, 1)
    )
    right.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    add_panel_title(left, "Deviations and errors")
    add_panel_title(right, "Coverage of intervals")
    add_title(
        figure,
        "Calibration of predicted uncertainty",
        "dashed: perfect calibration; above it on the left, or below it on the right, a model is overconfident",
    )
    apart = [label_line_ends(axis, ends) for axis, ends in zip((left, right), later, strict=True)]
    fix_layout(figure)
    for move in apart:
        move()
    return figure


def describe_deviations(spreads: Mapping[str, SpreadCalibration]) -> str:
    """The plot of deviations as a sentence."""
    some = "; ".join(
        f"{name}: " + ", ".join(f"{a:.0%} holds {b:.1%}" for a, b in zip(one.nominal, one.covered, strict=True))
        for name, one in spreads.items()
    )
    return f"Share of true ratings inside the predicted intervals. {some}."


def _calibration(axis: "Axes", name: str, one: Calibration, look: ModelStyle, ends: tuple[float, float]) -> None:
    style_axes(axis)
    _diagonal(axis, *ends)
    good = np.isfinite(one.error)
    axis.vlines(
        one.predicted[good],
        (one.true - 2 * one.error)[good],
        (one.true + 2 * one.error)[good],
        color=look.colour,
        lw=1,
        alpha=0.6,
    )
    axis.plot(one.predicted, one.true, look.marker, color=look.colour, ms=3)
    axis.set(xlim=ends, ylim=ends)
    add_panel_title(axis, name)
    if isfinite(one.slope):
        axis.text(
            0.04, 0.95, f"slope {one.slope:.2f}", transform=axis.transAxes, va="top", fontsize=7.5, color=SOFT,
            bbox=text_background(),
        )  # fmt: skip
    axis.tick_params(labelbottom=False, length=2)


def _distribution(
    axis: "Axes", one: Calibration, reports: Sequence[ReportLike], look: ModelStyle, ends: tuple[float, float]
) -> None:
    style_axes(axis, "")
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.tick_params(labelbottom=True, length=2)
    first = next((one for one in reports if isinstance(one, Report)), None)
    if first is not None and first.predictions is not None:
        value = first.scored_test_set.held_out.value
        ratings, counts = np.unique(value, return_counts=True)
        step = float(np.diff(ratings).min(initial=ends[1] - ends[0]))
        axis.bar(ratings, counts / counts.max(), width=0.55 * step, color=FAINT)
        heights, edges = np.histogram(first.predictions, BINS, ends)
        axis.stairs(heights / max(1, heights.max()), edges, color=look.colour, lw=1.2)
    axis.set(xlim=ends, ylim=(0, 1.15))


def _ends(calibrations: Mapping[str, Calibration], reports: Mapping[str, Sequence[ReportLike]]) -> tuple[float, float]:
    """The lowest and the highest rating, with a margin."""
    of_these = [one for name, some in reports.items() if name in calibrations for one in some[:1]]
    given = [one.scored_test_set.held_out.value for one in of_these if isinstance(one, Report)]
    low, high = _range([one.predicted for one in calibrations.values()], [np.asarray(one, np.float64) for one in given])
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _range(*some: Sequence[Doubles]) -> tuple[float, float]:
    values = np.concatenate([one for part in some for one in part])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _diagonal(axis: "Axes", low: float, high: float) -> None:
    axis.plot([low, high], [low, high], color=SOFT, lw=0.9, ls=(0, (3, 2)), zorder=1)
