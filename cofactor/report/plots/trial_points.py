"""Trials as points with error bars, the best one marked."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report.formatting import is_number, shorten
from cofactor.report.plots.style import BLUE, FAINT, SOFT, VERMILLION, escape_text
from cofactor.report.trials import best_trial, format_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 7
MOST_MARKS = 4
NEAREST = 0.12  # of the width, between two numbers
LOG = 8.0  # times the least value, from which on an axis is logarithmic
MANY = 10  # trials from which on the worst do not determine the axis


def set_positions(axis: "Axes", values: Sequence[Any]) -> list[float]:
    """The x position of each value: itself on a linear or logarithmic axis, or a position for each category."""
    if all(is_number(value) for value in values):
        low, high = min(values), max(values)
        if low > 0 and high / low >= LOG:
            axis.set_xscale("log")
            axis.set_xticks(marks := round_marks(low, high), [format_value(mark) for mark in marks])
            axis.set_xticks([], minor=True)
        else:
            axis.locator_params(axis="x", nbins=5)
        if len(kinds := sorted(set(values))) <= MOST_TICKS and far_apart(kinds, log=axis.get_xscale() == "log"):
            axis.set_xticks(kinds, [format_value(value) for value in kinds])
            axis.set_xticks([], minor=True)
        axis.margins(x=0.08)
        return [float(value) for value in values]
    categories = [shorten(format_value(value), 14) for value in values]
    kinds = sorted(dict.fromkeys(categories))
    axis.set_xticks(range(len(kinds)), [escape_text(kind) for kind in kinds])
    axis.set_xlim(-0.5, len(kinds) - 0.5)
    return [float(kinds.index(category)) for category in categories]


def far_apart(values: Sequence[float], *, log: bool) -> bool:
    """Whether there is room for a number under each of these ascending values."""
    places = [log10(value) if log else value for value in values]
    return all(b - a >= NEAREST * (places[-1] - places[0]) for a, b in pairwise(places))


def round_marks(low: float, high: float) -> list[float]:
    """Two to four round values on a logarithmic axis, as far apart as possible; both ends if none are round."""
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 5, 6, 7, 8)):
        marks = [float(f"{digit}e{power}") for power in powers for digit in digits]
        marks = [mark for mark in marks if low <= mark <= high]
        if len(marks) > 1:
            return marks[:: -(-len(marks) // MOST_MARKS)]
    return [low, high]


def draw_errors(axis: "Axes", xs: Sequence[float], trials: Sequence[TrialResult]) -> None:
    for x, one in zip(xs, trials, strict=True):
        if one.value is not None and one.error is not None and isfinite(one.error):
            axis.plot([x, x], [one.value - one.error, one.value + one.error], color=BLUE, lw=1, alpha=0.4, zorder=1)


def mark_best(axis: "Axes", search: TrialHistory, where: Mapping[int, float]) -> None:
    best = best_trial(search)
    if best is not None:
        axis.plot(where[best.number], best.value or 0.0, "o", mfc="none", mec=VERMILLION, ms=8, mew=1.6, zorder=4)


def set_limits(axis: "Axes", search: TrialHistory, done: Sequence[TrialResult]) -> None:
    """From the best to the worst, or for many trials to well beyond the better three quarters."""
    low, high = value_range(search, done)
    room = 0.08 * (high - low) or 0.01 * abs(high) or 0.01
    axis.set_ylim(low - room, high + room)


def value_range(search: TrialHistory, done: Sequence[TrialResult]) -> tuple[float, float]:
    values = np.array([one.value for one in done], dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if len(done) < MANY:
        errors = [one.error if one.error is not None and isfinite(one.error) else 0.0 for one in done]
        return float((values - errors).min()), float((values + errors).max())
    if search.lower_is_better:
        return low, min(high, low + 2 * float(np.quantile(values, 0.75) - low) or high)
    return max(low, high - 2 * float(high - np.quantile(values, 0.25)) or low), high


def mark_outliers(axis: "Axes", search: TrialHistory, where: Mapping[int, float], done: Sequence[TrialResult]) -> None:
    """Draw a triangle at the edge for each trial beyond it."""
    low, high = value_range(search, done)
    for one in done:
        if one.value is not None and not low <= one.value <= high:
            up = one.value > high
            axis.plot(
                where[one.number], 0.97 if up else 0.03, "^" if up else "v", color=FAINT, mec=SOFT, ms=4.5,
                transform=axis.get_xaxis_transform(),
            )  # fmt: skip
