"""The history of a search over many hyperparameters, and a slice along each of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report.formatting import metric_name, shorten
from cofactor.report.plots.style import (
    BLUE,
    SOFT,
    VERMILLION,
    WIDE,
    add_panel_title,
    add_title,
    new_figure,
    style_axes,
    use_integer_ticks,
)
from cofactor.report.plots.trial_points import MANY, draw_errors, mark_best, mark_outliers, set_limits, set_positions
from cofactor.report.trials import count, describe_omitted, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 12  # slices


def draw(search: TrialHistory, varied: Sequence[str], done: Sequence[TrialResult]) -> "Figure":
    columns = min(3, len(varied))
    n_rows = -(-len(varied) // columns)
    figure = new_figure(2.9 + 2.0 * n_rows, WIDE if columns > 1 else 5.0)
    grid = figure.add_gridspec(n_rows + 2, columns, height_ratios=[1.5, 0.6, *[1.7] * n_rows])
    history = figure.add_subplot(grid[0, :])
    seconds = figure.add_subplot(grid[1, :], sharex=history)
    _history(history, seconds, search, done)
    first: Axes | None = None
    for place, name in enumerate(varied):
        axis = figure.add_subplot(grid[2 + place // columns, place % columns], sharey=first)
        first = first or axis
        _slice(axis, search, name, done)
        if place % columns == 0:
            axis.set_ylabel(metric_name(search.metric))
    set_limits(history, search, done)
    set_limits(history if first is None else first, search, done)
    later = "; triangles are beyond the axis" if len(done) >= MANY else ""
    shares = "; % is importance" if search.importances else ""
    add_title(
        figure,
        title(search),
        f"The ring marks the best; later trials are darker{shares}{later}.{describe_omitted(search)}",
    )
    return figure


def _history(axis: "Axes", seconds: "Axes", search: TrialHistory, done: Sequence[TrialResult]) -> None:
    """The metric of each trial in the order they started, and the best so far as a step line."""
    numbers, values = [one.number for one in done], np.array([one.value for one in done], dtype=np.float64)
    so_far = (np.minimum if search.lower_is_better else np.maximum).accumulate(values[np.argsort(numbers)])
    last = max(one.number for one in search.trials)
    style_axes(axis)
    axis.step([*sorted(numbers), last], [*so_far, so_far[-1]], where="post", color=VERMILLION, lw=1.5)
    draw_errors(axis, numbers, done)
    axis.plot(numbers, values, "o", color=BLUE, ms=3.5)
    mark_best(axis, search, {one.number: float(one.number) for one in done})
    mark_outliers(axis, search, {one.number: float(one.number) for one in done}, done)
    for one in search.trials:
        if one.state == "pruned":
            axis.plot(one.number, 0.03, "|", color=SOFT, ms=6, transform=axis.get_xaxis_transform())
    axis.set_ylabel(metric_name(search.metric))
    add_panel_title(axis, "Best so far", "strokes below: pruned trials" if count(search, "pruned") else "")
    axis.tick_params(labelbottom=False)
    style_axes(seconds)
    seconds.bar([one.number for one in search.trials], [one.seconds for one in search.trials], color=SOFT, width=0.6)
    seconds.set_ylabel("seconds")
    seconds.set_xlabel("trial")
    use_integer_ticks(seconds)
    seconds.locator_params(axis="y", nbins=3)


def _slice(axis: "Axes", search: TrialHistory, name: str, done: Sequence[TrialResult]) -> None:
    style_axes(axis)
    at = set_positions(axis, [one.hyperparameters.get(name) for one in done])
    where = {one.number: x for one, x in zip(done, at, strict=True)}
    n = max(one.number for one in search.trials) or 1
    xs = [where[one.number] for one in done]
    draw_errors(axis, xs, done)
    for x, one in zip(xs, done, strict=True):
        axis.plot(x, one.value or 0.0, "o", color=BLUE, ms=4, alpha=0.35 + 0.65 * one.number / n, mew=0)
    mark_best(axis, search, where)
    mark_outliers(axis, search, where, done)
    share = search.importances.get(name)
    add_panel_title(axis, shorten(name), "" if share is None else f"{share:.0%}")
