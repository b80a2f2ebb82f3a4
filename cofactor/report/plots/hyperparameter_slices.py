"""A search over many hyperparameters: its history, and a slice along each of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report.formatting import metric_name, short
from cofactor.report.plots.style import BLUE, SOFT, VERMILLION, WIDE, dressed, figure, headed, subtitled, whole_numbers
from cofactor.report.plots.trial_points import MANY, edge, errors, limit, mark_best, placed
from cofactor.report.trials import count, lost, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 12  # slices


def drawn(search: TrialHistory, varied: Sequence[str], done: Sequence[TrialResult]) -> "Figure":
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
    limit(history, search, done)
    limit(history if first is None else first, search, done)
    later = "; triangles are worse than can be shown" if len(done) >= MANY else ""
    shares = "; % is importance" if search.importances else ""
    headed(made, title(search), f"The ring is the best; later trials are stronger{shares}{later}.{lost(search)}")
    return made


def _history(axis: "Axes", seconds: "Axes", search: TrialHistory, done: Sequence[TrialResult]) -> None:
    """The figure of each trial in the order they began, and the best so far as stairs."""
    numbers, values = [one.number for one in done], np.array([one.value for one in done], dtype=np.float64)
    so_far = (np.minimum if search.lower_is_better else np.maximum).accumulate(values[np.argsort(numbers)])
    last = max(one.number for one in search.trials)
    dressed(axis)
    axis.step([*sorted(numbers), last], [*so_far, so_far[-1]], where="post", color=VERMILLION, lw=1.5)
    errors(axis, numbers, done)
    axis.plot(numbers, values, "o", color=BLUE, ms=3.5)
    mark_best(axis, search, {one.number: float(one.number) for one in done})
    edge(axis, search, {one.number: float(one.number) for one in done}, done)
    for one in search.trials:
        if one.state == "pruned":
            axis.plot(one.number, 0.03, "|", color=SOFT, ms=6, transform=axis.get_xaxis_transform())
    axis.set_ylabel(metric_name(search.metric))
    subtitled(axis, "Best so far", "strokes below: trials that were pruned" if count(search, "pruned") else "")
    axis.tick_params(labelbottom=False)
    dressed(seconds)
    seconds.bar([one.number for one in search.trials], [one.seconds for one in search.trials], color=SOFT, width=0.6)
    seconds.set_ylabel("seconds")
    seconds.set_xlabel("trial")
    whole_numbers(seconds)
    seconds.locator_params(axis="y", nbins=3)


def _slice(axis: "Axes", search: TrialHistory, name: str, done: Sequence[TrialResult]) -> None:
    dressed(axis)
    at = placed(axis, [one.hyperparameters.get(name) for one in done])
    where = {one.number: x for one, x in zip(done, at, strict=True)}
    n = max(one.number for one in search.trials) or 1
    xs = [where[one.number] for one in done]
    errors(axis, xs, done)
    for x, one in zip(xs, done, strict=True):
        axis.plot(x, one.value or 0.0, "o", color=BLUE, ms=4, alpha=0.35 + 0.65 * one.number / n, mew=0)
    mark_best(axis, search, where)
    edge(axis, search, where, done)
    share = search.importances.get(name)
    subtitled(axis, short(name), "" if share is None else f"{share:.0%}")
