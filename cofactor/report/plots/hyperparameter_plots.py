"""Plots of trials: a line for one varied hyperparameter, a grid for two, slices for more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report.formatting import format_duration, format_metric, metric_name
from cofactor.report.plots import hyperparameter_slices
from cofactor.report.plots.style import (
    BLUE,
    INK,
    PAPER,
    SMALL,
    SOFT,
    VERMILLION,
    WIDE,
    add_title,
    escape_text,
    fix_layout,
    new_figure,
    style_axes,
)
from cofactor.report.plots.trial_points import draw_errors, mark_best, set_limits, set_positions
from cofactor.report.trials import (
    best_trial,
    describe,
    describe_omitted,
    error_kind,
    finished_trials,
    format_value,
    hyperparameters,
    sort_values,
    title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CELLS = 12  # along a side of a grid


def draw(search: TrialHistory) -> "Figure":
    """Metric, standard error and seconds of every trial, by the varied hyperparameters."""
    varied, done = hyperparameters(search), finished_trials(search)
    if not done or not varied:
        figure = _nothing(search)
    elif len(varied) == 1:
        figure = _line(search, varied[0], done)
    elif len(varied) == 2 and is_grid(done, *varied):
        figure = _grid(search, varied, done)
    else:
        figure = hyperparameter_slices.draw(search, varied[: hyperparameter_slices.MOST], done)
    fix_layout(figure)
    return figure


def is_grid(done: Sequence[TrialResult], across: str, up: str) -> bool:
    """Whether every pair of values was tried exactly once."""
    pairs = [(repr(one.hyperparameters.get(across)), repr(one.hyperparameters.get(up))) for one in done]
    a, b = ({pair[side] for pair in pairs} for side in (0, 1))
    return len(pairs) == len(set(pairs)) == len(a) * len(b) and max(len(a), len(b)) <= MOST_CELLS


def _nothing(search: TrialHistory) -> "Figure":
    figure = new_figure(2.0)
    axis = figure.subplots()
    axis.axis("off")
    axis.text(0.5, 0.5, escape_text(describe(search)), ha="center", va="center", color=SOFT, fontsize=SMALL, wrap=True)
    add_title(figure, title(search))
    return figure


def _line(search: TrialHistory, name: str, done: Sequence[TrialResult]) -> "Figure":
    figure = new_figure(4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1.2])
    at = set_positions(lower, [one.hyperparameters.get(name) for one in done])
    where = {one.number: x for one, x in zip(done, at, strict=True)}
    order = sorted(done, key=lambda one: where[one.number])
    xs = [where[one.number] for one in order]
    style_axes(upper)
    draw_errors(upper, xs, order)
    upper.plot(xs, [one.value for one in order], color=BLUE, lw=1.5, marker="o", ms=4.5)
    set_limits(upper, search, done)
    upper.set_ylabel(metric_name(search.metric))
    mark_best(upper, search, where)
    style_axes(lower)
    lower.plot(xs, [one.seconds for one in order], color=SOFT, lw=1.2, marker="s", ms=3.5)
    lower.set_ylim(bottom=0)
    lower.set_ylabel("seconds")
    lower.set_xlabel(escape_text(name))
    figure.align_ylabels([upper, lower])
    add_title(
        figure, title(search), f"Bars are {error_kind(search)}; the ring marks the best." + describe_omitted(search)
    )
    return figure


def _grid(search: TrialHistory, varied: Sequence[str], done: Sequence[TrialResult]) -> "Figure":
    across, up = varied
    columns, rows = (sort_values([one.hyperparameters.get(name) for one in done]) for name in (across, up))
    figure = new_figure(1.6 + 0.5 * len(rows), max(WIDE, min(10.0, 2.0 + 0.85 * len(columns))))
    axis = figure.subplots()
    values = np.array([one.value for one in done], dtype=np.float64)
    best, span = best_trial(search), float(np.ptp(values)) or 1.0
    good = (values.max() - values if search.lower_is_better else values - values.min()) / span
    for one, share in zip(done, good.tolist(), strict=True):
        x, y = (side.index(one.hyperparameters.get(name)) for side, name in ((columns, across), (rows, up)))
        frame = (
            {"edgecolor": VERMILLION, "lw": 2, "zorder": 3, "clip_on": False}
            if one is best
            else {"edgecolor": PAPER, "lw": 1.5}
        )
        axis.add_patch(_cell(x, y, 0.06 + 0.4 * share, frame))
        axis.text(x, y + 0.13, format_metric(one.value), ha="center", va="center", fontsize=SMALL, color=INK, zorder=4)
        axis.text(x, y - 0.24, format_duration(one.seconds), ha="center", va="center", fontsize=7, color=INK, zorder=4)
    style_axes(axis, "")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xticks(range(len(columns)), [escape_text(format_value(one)) for one in columns])
    axis.set_yticks(range(len(rows)), [escape_text(format_value(one)) for one in rows])
    axis.set(
        xlim=(-0.5, len(columns) - 0.5),
        ylim=(-0.5, len(rows) - 0.5),
        xlabel=escape_text(across),
        ylabel=escape_text(up),
    )
    add_title(
        figure, title(search), "Stronger colours are better; the frame marks the best." + describe_omitted(search)
    )
    return figure


def _cell(x: int, y: int, share: float, frame: dict[str, Any]) -> Any:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=to_rgba(BLUE, share), **frame)
