"""Trials of hyperparameters as a picture: a line of one that was varied, a grid of two, slices of many."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.experiments.trial import Search, Trial
from cofactor.report.style import (
    BLUE, FAINT, INK, PAPER, SMALL, SOFT, VERMILLION, WIDE, dressed, figure, headed, plain, settled, subtitled,
)  # fmt: skip
from cofactor.report.wording import duration, is_figure, metric_name, short
from cofactor.report.wording import figure as number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CELLS, MOST_SLICES = 12, 12  # along a side of a grid; panels
MOST_TICKS = 7
LOG = 8.0  # times the least value, from which on an axis is logarithmic
MANY = 10  # trials from which on the worst are not allowed to press the others together


def drawn(search: Search) -> "Figure":
    """Figure, standard error and seconds of every trial, by what was varied."""
    varied, done = hyperparameters(search), finished(search)
    if not done or not varied:
        made = _nothing(search)
    elif len(varied) == 1:
        made = _line(search, varied[0], done)
    elif len(varied) == 2 and is_grid(done, *varied):
        made = _grid(search, varied, done)
    else:
        made = _slices(search, varied[:MOST_SLICES], done)
    settled(made)
    return made


def told(search: Search) -> str:
    """The picture in words."""
    best = best_of(search)
    if best is None:
        return f"{len(search.trials)} trials of {search.trainer}, none of which gave a figure."
    of = f"{metric_name(search.metric)} {number(best.value)}"
    return f"{len(search.trials)} trials of {search.trainer}; the best is number {best.number}, {of}, with {setting(best)}."


def hyperparameters(search: Search) -> list[str]:
    """The names of those that were varied, the most important first."""
    names = list(dict.fromkeys(name for trial in search.trials for name in trial.hyperparameters))
    different = [name for name in names if len({repr(one.hyperparameters.get(name)) for one in search.trials}) > 1]
    return sorted(different or names, key=lambda name: -search.importances.get(name, 0.0))


def finished(search: Search) -> list[Trial]:
    """The trials that ended with a figure."""
    return [one for one in search.trials if one.state == "done" and one.value is not None and isfinite(one.value)]


def best_of(search: Search) -> Trial | None:
    sign = 1 if search.lower_is_better else -1
    return min(finished(search), key=lambda one: (sign * (one.value or 0.0), one.number), default=None)


def setting(trial: Trial) -> str:
    """ "rank 64, l2 0.04"."""
    return ", ".join(f"{name} {value_shown(value)}" for name, value in trial.hyperparameters.items()) or "the defaults"


def value_shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_grid(done: Sequence[Trial], across: str, up: str) -> bool:
    """Whether every value of one was tried with every value of the other, once."""
    pairs = [(repr(one.hyperparameters.get(across)), repr(one.hyperparameters.get(up))) for one in done]
    a, b = ({pair[side] for pair in pairs} for side in (0, 1))
    return len(pairs) == len(set(pairs)) == len(a) * len(b) and max(len(a), len(b)) <= MOST_CELLS


def _title(search: Search) -> str:
    return f"{search.trainer} on {short(search.data)}: validation {metric_name(search.metric)}"


def _nothing(search: Search) -> "Figure":
    made = figure(2.0)
    axis = made.subplots()
    axis.axis("off")
    axis.text(0.5, 0.5, plain(told(search)), ha="center", va="center", color=SOFT, fontsize=SMALL, wrap=True)
    headed(made, _title(search))
    return made


def _line(search: Search, name: str, done: Sequence[Trial]) -> "Figure":
    made = figure(4.6)
    upper, lower = made.subplots(2, 1, sharex=True, height_ratios=[3.2, 1.2])
    at = _placed(lower, [one.hyperparameters.get(name) for one in search.trials])
    where = {one.number: x for one, x in zip(search.trials, at, strict=True)}
    order = sorted(done, key=lambda one: where[one.number])
    xs = [where[one.number] for one in order]
    dressed(upper)
    _errors(upper, xs, order)
    upper.plot(xs, [one.value for one in order], color=BLUE, lw=1.5, marker="o", ms=4.5)
    _limit(upper, search, done)
    upper.set_ylabel(metric_name(search.metric))
    _mark_best(upper, search, where)
    dressed(lower)
    lower.plot(xs, [one.seconds for one in order], color=SOFT, lw=1.2, marker="s", ms=3.5)
    lower.set_ylim(bottom=0)
    lower.set_ylabel("seconds")
    lower.set_xlabel(plain(name))
    made.align_ylabels([upper, lower])
    headed(made, _title(search), "Bars are standard errors; the ring is the best." + _lost(search))
    return made


def _grid(search: Search, varied: Sequence[str], done: Sequence[Trial]) -> "Figure":
    across, up = varied
    columns, rows = (_ordered([one.hyperparameters.get(name) for one in done]) for name in (across, up))
    made = figure(1.6 + 0.5 * len(rows), max(4.6, min(10.0, 2.0 + 0.85 * len(columns))))
    axis = made.subplots()
    values = np.array([one.value for one in done], dtype=np.float64)
    best, span = best_of(search), float(np.ptp(values)) or 1.0
    good = (values.max() - values if search.lower_is_better else values - values.min()) / span
    for one, share in zip(done, good.tolist(), strict=True):
        x, y = (side.index(one.hyperparameters.get(name)) for side, name in ((columns, across), (rows, up)))
        edge = {"edgecolor": VERMILLION, "lw": 2, "zorder": 3} if one is best else {"edgecolor": PAPER, "lw": 1.5}
        axis.add_patch(_cell(x, y, 0.06 + 0.4 * share, edge))
        axis.text(x, y + 0.13, number(one.value), ha="center", va="center", fontsize=SMALL, color=INK, zorder=4)
        axis.text(x, y - 0.24, duration(one.seconds), ha="center", va="center", fontsize=7, color=INK, zorder=4)
    dressed(axis, "")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xticks(range(len(columns)), [plain(value_shown(one)) for one in columns])
    axis.set_yticks(range(len(rows)), [plain(value_shown(one)) for one in rows])
    axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-0.5, len(rows) - 0.5), xlabel=plain(across), ylabel=plain(up))
    headed(made, _title(search), "Darker is better; the frame is the best." + _lost(search))
    return made


def _cell(x: int, y: int, share: float, edge: dict[str, Any]) -> Any:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=to_rgba(BLUE, share), **edge)


def _slices(search: Search, varied: Sequence[str], done: Sequence[Trial]) -> "Figure":
    columns = min(3, len(varied))
    n_rows = -(-len(varied) // columns)
    made = figure(2.9 + 2.0 * n_rows, WIDE if columns > 1 else 5.0)
    grid = made.add_gridspec(n_rows + 2, columns, height_ratios=[1.5, 0.6, *[1.7] * n_rows])
    history = made.add_subplot(grid[0, :])
    seconds = made.add_subplot(grid[1, :], sharex=history)
    _history(history, seconds, search, done)
    first: Axes | None = None
    for place, name in enumerate(varied):
        axis = made.add_subplot(grid[2 + place // columns, place % columns], sharey=first)
        first = first or axis
        _slice(axis, search, name, done)
        if place % columns == 0:
            axis.set_ylabel(metric_name(search.metric))
    _limit(history, search, done)
    _limit(history if first is None else first, search, done)
    later = "; triangles at the edge are worse than can be shown" if len(done) >= MANY else ""
    headed(made, _title(search), f"The ring is the best; later trials are darker{later}.{_lost(search)}")
    return made


def _history(axis: "Axes", seconds: "Axes", search: Search, done: Sequence[Trial]) -> None:
    """The figure of each trial in the order they began, and the best so far as stairs."""
    numbers, values = [one.number for one in done], np.array([one.value for one in done], dtype=np.float64)
    so_far = (np.minimum if search.lower_is_better else np.maximum).accumulate(values[np.argsort(numbers)])
    last = max(one.number for one in search.trials)
    dressed(axis)
    axis.step([*sorted(numbers), last], [*so_far, so_far[-1]], where="post", color=VERMILLION, lw=1.5)
    _errors(axis, numbers, done)
    axis.plot(numbers, values, "o", color=BLUE, ms=3.5)
    _mark_best(axis, search, {one.number: float(one.number) for one in done})
    _edge(axis, search, {one.number: float(one.number) for one in done}, done)
    for one in search.trials:
        if one.state == "pruned":
            axis.plot(one.number, 0.03, "|", color=SOFT, ms=6, transform=axis.get_xaxis_transform())
    axis.set_ylabel(metric_name(search.metric))
    subtitled(axis, "Best so far", "strokes below: trials that were pruned" if _count(search, "pruned") else "")
    axis.tick_params(labelbottom=False)
    dressed(seconds)
    seconds.bar([one.number for one in search.trials], [one.seconds for one in search.trials], color=SOFT, width=0.6)
    seconds.set_ylabel("seconds")
    seconds.set_xlabel("trial")
    seconds.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)  # type: ignore[attr-defined]
    seconds.locator_params(axis="y", nbins=3)


def _slice(axis: "Axes", search: Search, name: str, done: Sequence[Trial]) -> None:
    dressed(axis)
    at = _placed(axis, [one.hyperparameters.get(name) for one in search.trials])
    where = {one.number: x for one, x in zip(search.trials, at, strict=True)}
    n = max(one.number for one in search.trials) or 1
    xs = [where[one.number] for one in done]
    _errors(axis, xs, done)
    for x, one in zip(xs, done, strict=True):
        axis.plot(x, one.value, "o", color=BLUE, ms=4, alpha=0.35 + 0.65 * one.number / n, mew=0)
    _mark_best(axis, search, where)
    _edge(axis, search, where, done)
    share = search.importances.get(name)
    subtitled(axis, short(name), "" if share is None else f"importance {share:.0%}")


def _placed(axis: "Axes", values: Sequence[Any]) -> list[float]:
    """Where each value stands across: itself on a linear or logarithmic axis, or a place of its own for each word."""
    if all(is_figure(value) for value in values):
        low, high = min(values), max(values)
        if low > 0 and high / low >= LOG:
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.xaxis.set_minor_formatter(lambda value, _: "")
        else:
            axis.locator_params(axis="x", nbins=5)
        if len(kinds := sorted(set(values))) <= MOST_TICKS:
            axis.set_xticks(kinds, [value_shown(value) for value in kinds])
            axis.set_xticks([], minor=True)
        axis.margins(x=0.08)
        return [float(value) for value in values]
    words = [short(value_shown(value), 14) for value in values]
    kinds = sorted(dict.fromkeys(words))
    axis.set_xticks(range(len(kinds)), [plain(kind) for kind in kinds])
    axis.set_xlim(-0.5, len(kinds) - 0.5)
    return [float(kinds.index(word)) for word in words]


def _ordered(values: Sequence[Any]) -> list[Any]:
    kinds = list({repr(value): value for value in values}.values())
    return sorted(kinds, key=lambda one: (0, one, "") if is_figure(one) else (1, 0, str(one)))


def _errors(axis: "Axes", xs: Sequence[float], trials: Sequence[Trial]) -> None:
    for x, one in zip(xs, trials, strict=True):
        if one.value is not None and one.error is not None and isfinite(one.error):
            axis.plot([x, x], [one.value - one.error, one.value + one.error], color=BLUE, lw=1, alpha=0.4, zorder=1)


def _mark_best(axis: "Axes", search: Search, where: dict[int, float]) -> None:
    best = best_of(search)
    if best is not None:
        axis.plot(where[best.number], best.value, "o", mfc="none", mec=VERMILLION, ms=8, mew=1.6, zorder=4)


def _limit(axis: "Axes", search: Search, done: Sequence[Trial]) -> None:
    """From the best to the worst, or where there are many trials, to well beyond the better three quarters."""
    low, high = _range(search, done)
    room = 0.08 * (high - low) or 0.01 * abs(high) or 0.01
    axis.set_ylim(low - room, high + room)


def _range(search: Search, done: Sequence[Trial]) -> tuple[float, float]:
    values = np.array([one.value for one in done], dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if len(done) < MANY:
        errors = [one.error if one.error is not None and isfinite(one.error) else 0.0 for one in done]
        return float((values - errors).min()), float((values + errors).max())
    if search.lower_is_better:
        return low, min(high, low + 2 * float(np.quantile(values, 0.75) - low) or high)
    return max(low, high - 2 * float(high - np.quantile(values, 0.25)) or low), high


def _edge(axis: "Axes", search: Search, where: dict[int, float], done: Sequence[Trial]) -> None:
    """A triangle at the edge for each trial beyond it."""
    low, high = _range(search, done)
    for one in done:
        if one.value is not None and not low <= one.value <= high:
            up = one.value > high
            axis.plot(
                where[one.number], 0.97 if up else 0.03, "^" if up else "v", color=FAINT, mec=SOFT, ms=4.5,
                transform=axis.get_xaxis_transform(),
            )  # fmt: skip


def _count(search: Search, state: str) -> int:
    return sum(one.state == state for one in search.trials)


def _lost(search: Search) -> str:
    """What is not drawn, in words."""
    lost = [f"{n} {state}" for state in ("pruned", "failed") if (n := _count(search, state))]
    return f" Not shown: {' and '.join(lost)}." if lost else ""


