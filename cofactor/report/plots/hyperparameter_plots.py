"""Trials of hyperparameters as a picture: a line of one that was varied, a grid of two, slices of many."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report.formatting import duration, metric_name
from cofactor.report.formatting import figure as number
from cofactor.report.plots import hyperparameter_slices
from cofactor.report.plots.style import (
    BLUE,
    INK,
    PAPER,
    SMALL,
    SOFT,
    VERMILLION,
    WIDE,
    dressed,
    figure,
    headed,
    plain,
    settled,
)
from cofactor.report.plots.trial_points import errors, limit, mark_best, placed
from cofactor.report.trials import best_of, finished, hyperparameters, lost, ordered, spread, title, told, value_shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CELLS = 12  # along a side of a grid


def drawn(search: TrialHistory) -> "Figure":
    """Figure, standard error and seconds of every trial, by what was varied."""
    varied, done = hyperparameters(search), finished(search)
    if not done or not varied:
        made = _nothing(search)
    elif len(varied) == 1:
        made = _line(search, varied[0], done)
    elif len(varied) == 2 and is_grid(done, *varied):
        made = _grid(search, varied, done)
    else:
        made = hyperparameter_slices.drawn(search, varied[: hyperparameter_slices.MOST], done)
    settled(made)
    return made


def is_grid(done: Sequence[TrialResult], across: str, up: str) -> bool:
    """Whether every value of one was tried with every value of the other, once."""
    pairs = [(repr(one.hyperparameters.get(across)), repr(one.hyperparameters.get(up))) for one in done]
    a, b = ({pair[side] for pair in pairs} for side in (0, 1))
    return len(pairs) == len(set(pairs)) == len(a) * len(b) and max(len(a), len(b)) <= MOST_CELLS


def _nothing(search: TrialHistory) -> "Figure":
    made = figure(2.0)
    axis = made.subplots()
    axis.axis("off")
    axis.text(0.5, 0.5, plain(told(search)), ha="center", va="center", color=SOFT, fontsize=SMALL, wrap=True)
    headed(made, title(search))
    return made


def _line(search: TrialHistory, name: str, done: Sequence[TrialResult]) -> "Figure":
    made = figure(4.6)
    upper, lower = made.subplots(2, 1, sharex=True, height_ratios=[3.2, 1.2])
    at = placed(lower, [one.hyperparameters.get(name) for one in done])
    where = {one.number: x for one, x in zip(done, at, strict=True)}
    order = sorted(done, key=lambda one: where[one.number])
    xs = [where[one.number] for one in order]
    dressed(upper)
    errors(upper, xs, order)
    upper.plot(xs, [one.value for one in order], color=BLUE, lw=1.5, marker="o", ms=4.5)
    limit(upper, search, done)
    upper.set_ylabel(metric_name(search.metric))
    mark_best(upper, search, where)
    dressed(lower)
    lower.plot(xs, [one.seconds for one in order], color=SOFT, lw=1.2, marker="s", ms=3.5)
    lower.set_ylim(bottom=0)
    lower.set_ylabel("seconds")
    lower.set_xlabel(plain(name))
    made.align_ylabels([upper, lower])
    headed(made, title(search), f"Bars are {spread(search)}; the ring is the best." + lost(search))
    return made


def _grid(search: TrialHistory, varied: Sequence[str], done: Sequence[TrialResult]) -> "Figure":
    across, up = varied
    columns, rows = (ordered([one.hyperparameters.get(name) for one in done]) for name in (across, up))
    made = figure(1.6 + 0.5 * len(rows), max(WIDE, min(10.0, 2.0 + 0.85 * len(columns))))
    axis = made.subplots()
    values = np.array([one.value for one in done], dtype=np.float64)
    best, span = best_of(search), float(np.ptp(values)) or 1.0
    good = (values.max() - values if search.lower_is_better else values - values.min()) / span
    for one, share in zip(done, good.tolist(), strict=True):
        x, y = (side.index(one.hyperparameters.get(name)) for side, name in ((columns, across), (rows, up)))
        frame = (
            {"edgecolor": VERMILLION, "lw": 2, "zorder": 3, "clip_on": False}
            if one is best
            else {"edgecolor": PAPER, "lw": 1.5}
        )
        axis.add_patch(_cell(x, y, 0.06 + 0.4 * share, frame))
        axis.text(x, y + 0.13, number(one.value), ha="center", va="center", fontsize=SMALL, color=INK, zorder=4)
        axis.text(x, y - 0.24, duration(one.seconds), ha="center", va="center", fontsize=7, color=INK, zorder=4)
    dressed(axis, "")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xticks(range(len(columns)), [plain(value_shown(one)) for one in columns])
    axis.set_yticks(range(len(rows)), [plain(value_shown(one)) for one in rows])
    axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-0.5, len(rows) - 0.5), xlabel=plain(across), ylabel=plain(up))
    headed(made, title(search), "The stronger the better; the frame is the best." + lost(search))
    return made


def _cell(x: int, y: int, share: float, frame: dict[str, Any]) -> Any:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=to_rgba(BLUE, share), **frame)
