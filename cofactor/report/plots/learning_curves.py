"""Learning curves: a small panel for each model, all on one scale, with the best epoch marked."""

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

from cofactor.evaluation.metrics.metric import LOWER
from cofactor.evaluation.metrics.registry import direction_of_label
from cofactor.experiments.comparison.summary import LearningCurve
from cofactor.report.formatting import shortened
from cofactor.report.plots.style import (
    PAPER,
    SOFT,
    VERMILLION,
    blank,
    dressed,
    figure,
    headed,
    settled,
    sheet,
    subtitled,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 30  # epochs, up to which each has its dot


def drawn(curves: Mapping[str, LearningCurve], metric: str) -> "Figure":
    """Curves of models judged by the same metric, the best model first."""
    lower, names = direction_of_label(metric) is LOWER, shortened(curves)
    best = {name: _best(curve)[1] for name, curve in curves.items()}
    order = sorted(curves, key=lambda name: best[name] if lower else -best[name])
    columns = 2 if len(order) in (2, 4) else min(4, len(order))
    n_rows = -(-len(order) // columns)
    made = figure(1.0 + n_rows * (3.2 if columns == 1 else 2.3 if columns == 2 else 1.75))
    axes = made.subplots(n_rows, columns, squeeze=False, sharey=True).ravel()
    blank(axes[len(order) :])
    low, high = _limits([curves[name] for name in order], lower)
    for number, (axis, name) in enumerate(zip(axes, order, strict=False)):
        dressed(axis)
        axis.set_ylim(low, high)
        _panel(axis, names[name], curves[name], lower)
        if number % columns == 0:
            axis.set_ylabel(metric)
        if len(order) > 1:
            axis.axhline(best[order[0]], color=SOFT, lw=0.8, ls=(0, (2, 2)), zorder=1)
    across = f"; the dashed line is the best of {names[order[0]]}" if len(order) > 1 else ""
    parts = "red: validation, grey: training; " if lower else "validation; "
    headed(made, f"Learning curves: {metric} by epoch", f"{parts}the ring marks the epoch that was kept{across}")
    settled(made)
    return made


def told(curves: Mapping[str, LearningCurve], metric: str) -> str:
    """The picture in words."""
    some = "; ".join(f"{name} {_best(one)[1]:.4f} in epoch {one.best_epoch}" for name, one in curves.items())
    return f"Best validation {metric} of each model: {some}."


def _panel(axis: "Axes", name: str, curve: LearningCurve, lower: bool) -> None:
    dots = len(curve.epochs) <= FEW
    trained = curve.train_rmse if lower else ()
    for values, colour, marker in ((trained, SOFT, "s"), (curve.validation, VERMILLION, "o")):
        line = [(x, y) for x, y in zip(curve.epochs, values, strict=False) if y is not None and isfinite(y)]
        if line:
            axis.plot(*zip(*line, strict=True), color=colour, lw=1.4, marker=marker if dots else "", ms=2.2)
    at, value = _best(curve)
    axis.plot(at, value, "o", mfc=PAPER, mec=VERMILLION, ms=6, mew=1.6, zorder=4)
    subtitled(axis, name)
    x, align = (0.03, "left") if lower else (0.97, "right")  # the corner that falling, or rising, curves leave free
    axis.text(
        x, 0.04, f"{value:.4f}\nin epoch {at}", transform=axis.transAxes, ha=align, va="bottom", linespacing=1.15,
        fontsize=7.5, color=SOFT, bbox=sheet(),
    )  # fmt: skip
    whole_numbers(axis, 5)
    axis.tick_params(length=2)


def _best(curve: LearningCurve) -> tuple[int, float]:
    """The epoch that was kept and its validation figure; the last where it is not among them."""
    known = {
        epoch: value
        for epoch, value in zip(curve.epochs, curve.validation, strict=True)
        if value is not None and isfinite(value)
    }
    at = curve.best_epoch if curve.best_epoch in known else max(known)
    return at, known[at]


def _limits(curves: list[LearningCurve], lower: bool) -> tuple[float, float]:
    """From the least to the largest, but for first epochs and diverged ones far above where the others end."""
    parts = [
        one for curve in curves for one in ((curve.train_rmse, curve.validation) if lower else (curve.validation,))
    ]
    values = [[y for y in one if y is not None and isfinite(y)] for one in parts]
    later = [y for one in values for y in one[len(one) // 5 :]]
    low, high = min(later), max(later)
    if lower:
        judged = [_best(curve)[1] for curve in curves]
        high = min(high, max(judged) + 1.0 * (max(judged) - low or max(judged)))
    room = 0.06 * (high - low) or 0.01 * abs(high) or 0.01
    return low - room, high + room


def drawable(curve: LearningCurve) -> bool:
    """Whether there is a curve: two epochs at least, and one that was judged."""
    return len(curve.epochs) > 1 and any(value is not None and isfinite(value) for value in curve.validation)
