"""Predicted beside true ratings, and stated deviations beside the errors that were made."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Doubles
from cofactor.evaluation.breakdowns.breakdown import Calibration, SpreadCalibration
from cofactor.evaluation.report import Report
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.report.formatting import shortened
from cofactor.report.plots.line_labels import End, name_ends
from cofactor.report.plots.style import (
    FAINT,
    SOFT,
    Look,
    blank,
    dressed,
    figure,
    headed,
    settled,
    sheet,
    subtitled,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 48  # of a distribution


def drawn(
    calibrations: Mapping[str, Calibration], reports: Mapping[str, Sequence[ReportLike]], looks: Mapping[str, Look]
) -> "Figure":
    """For each model the mean true rating of predictions of about the same size, on a diagonal where all is well; and
    under it how often each size is predicted, over how often each rating is given."""
    order, names = list(calibrations), shortened(calibrations)
    columns = 2 if len(order) in (2, 4) else min(4, len(order))
    n_rows = -(-len(order) // columns)
    one = 7.2 / columns
    made = figure(0.8 + n_rows * min(3.4, 1.28 * one), 7.5 if columns > 1 else 4.2)
    axes = made.subplots(2 * n_rows, columns, squeeze=False, sharex=True, height_ratios=[3.2, 1] * n_rows)
    ends = _ends(calibrations, reports)
    for number in range(n_rows * columns):
        row, column = divmod(number, columns)
        pair = axes[2 * row, column], axes[2 * row + 1, column]
        if number >= len(order):
            blank(pair)
            continue
        name = order[number]
        _calibration(pair[0], names[name], calibrations[name], looks[name], ends)
        _distribution(pair[1], calibrations[name], reports.get(name, ()), looks[name], ends)
        if column == 0:
            pair[0].set_ylabel("true")
    headed(
        made, "Predicted against true ratings",
        "across: predicted; dashed: where both are equal; below: how often each is predicted (line) and given (grey)",
    )  # fmt: skip
    settled(made)
    return made


def told(calibrations: Mapping[str, Calibration]) -> str:
    """The picture in words."""
    some = "; ".join(f"{name} {one.slope:.2f}" for name, one in calibrations.items())
    return f"Slope of the true on the predicted rating, 1 where predictions are neither too bold nor too timid: {some}."


def deviations(spreads: Mapping[str, SpreadCalibration], looks: Mapping[str, Look]) -> "Figure":
    """Left: the errors made where a deviation was stated. Right: how often the truth is inside stated intervals."""
    names = shortened(spreads)
    made = figure(3.6, 8.2)
    left, right = made.subplots(1, 2)
    for axis in (left, right):
        dressed(axis, "both")
    _diagonal(left, *_range([one.deviation for one in spreads.values()], [one.error for one in spreads.values()]))
    _diagonal(right, 0, 1)
    later: tuple[list[End], list[End]] = ([], [])
    for name, one in spreads.items():
        look = looks[name]
        style = {"color": look.colour, "ls": look.dash, "marker": look.marker, "lw": 1.4, "ms": 4.5}
        left.plot(one.deviation, one.error, **style)
        right.plot(one.nominal, one.covered, **style)
        later[0].append((names[name], look, float(one.deviation[-1]), float(one.error[-1])))
        later[1].append((names[name], look, one.nominal[-1], one.covered[-1]))
    left.set(xlabel="standard deviation stated", ylabel="RMSE of these predictions")
    right.set(
        xlabel="share of an interval, as stated", ylabel="share of true ratings in it", xlim=(0.4, 1), ylim=(0.4, 1)
    )
    right.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    subtitled(left, "Deviations and errors")
    subtitled(right, "Intervals and truth")
    headed(
        made,
        "How far stated uncertainty can be trusted",
        "dashed: as stated, so it happens; a model above it on the left, or below it on the right, is too sure",
    )
    apart = [name_ends(axis, ends) for axis, ends in zip((left, right), later, strict=True)]
    settled(made)
    for move in apart:
        move()
    return made


def told_of_deviations(spreads: Mapping[str, SpreadCalibration]) -> str:
    """The same in words."""
    some = "; ".join(
        f"{name}: " + ", ".join(f"{a:.0%} holds {b:.1%}" for a, b in zip(one.nominal, one.covered, strict=True))
        for name, one in spreads.items()
    )
    return f"Share of true ratings inside the intervals that models state. {some}."


def _calibration(axis: "Axes", name: str, one: Calibration, look: Look, ends: tuple[float, float]) -> None:
    dressed(axis)
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
    subtitled(axis, name)
    if isfinite(one.slope):
        axis.text(
            0.04, 0.95, f"slope {one.slope:.2f}", transform=axis.transAxes, va="top", fontsize=7.5, color=SOFT,
            bbox=sheet(),
        )  # fmt: skip
    axis.tick_params(labelbottom=False, length=2)


def _distribution(
    axis: "Axes", one: Calibration, reports: Sequence[ReportLike], look: Look, ends: tuple[float, float]
) -> None:
    dressed(axis, "")
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
    """The ratings from the lowest to the highest, with a little room."""
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
