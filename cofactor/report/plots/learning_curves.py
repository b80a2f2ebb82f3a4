"""Learning curves: a panel for each model on a common scale, with the best epoch marked."""

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

from cofactor.evaluation.metrics.metric import LOWER
from cofactor.evaluation.metrics.registry import direction_of_label
from cofactor.experiments.comparison.summary import LearningCurve
from cofactor.report.formatting import shorten_all
from cofactor.report.plots.style import (
    PAPER,
    SOFT,
    VERMILLION,
    add_panel_title,
    add_title,
    fix_layout,
    new_figure,
    remove_axes,
    style_axes,
    text_background,
    use_integer_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 30  # epochs, up to which each has its dot


def draw(curves: Mapping[str, LearningCurve], metric: str) -> "Figure":
    """Curves of models with the same validation metric, the best model first."""
    lower, names = direction_of_label(metric) is LOWER, shorten_all(curves)
    best = {name: _best(curve)[1] for name, curve in curves.items()}
    order = sorted(curves, key=lambda name: best[name] if lower else -best[name])
    columns = 2 if len(order) in (2, 4) else min(4, len(order))
    n_rows = -(-len(order) // columns)
    figure = new_figure(1.0 + n_rows * (3.2 if columns == 1 else 2.3 if columns == 2 else 1.75))
    axes = figure.subplots(n_rows, columns, squeeze=False, sharey=True).ravel()
    remove_axes(axes[len(order) :])
    low, high = _limits([curves[name] for name in order], lower)
    for number, (axis, name) in enumerate(zip(axes, order, strict=False)):
        style_axes(axis)
        axis.set_ylim(low, high)
        _panel(axis, names[name], curves[name], lower)
        if number % columns == 0:
            axis.set_ylabel(metric)
        if len(order) > 1:
            axis.axhline(best[order[0]], color=SOFT, lw=0.8, ls=(0, (2, 2)), zorder=1)
    across = f"; the dashed line is the best of {names[order[0]]}" if len(order) > 1 else ""
    parts = "red: validation, grey: training; " if lower else "validation; "
    add_title(figure, f"Learning curves: {metric} by epoch", f"{parts}the ring marks the selected epoch{across}")
    fix_layout(figure)
    return figure


def describe(curves: Mapping[str, LearningCurve], metric: str) -> str:
    """The plot as a sentence."""
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
    add_panel_title(axis, name)
    x, align = (0.03, "left") if lower else (0.97, "right")  # the corner that falling, or rising, curves leave free
    axis.text(
        x, 0.04, f"{value:.4f}\nin epoch {at}", transform=axis.transAxes, ha=align, va="bottom", linespacing=1.15,
        fontsize=7.5, color=SOFT, bbox=text_background(),
    )  # fmt: skip
    use_integer_ticks(axis, 5)
    axis.tick_params(length=2)


def _best(curve: LearningCurve) -> tuple[int, float]:
    """The selected epoch and its validation metric; the last epoch if it is not on the curve."""
    known = {
        epoch: value
        for epoch, value in zip(curve.epochs, curve.validation, strict=True)
        if value is not None and isfinite(value)
    }
    at = curve.best_epoch if curve.best_epoch in known else max(known)
    return at, known[at]


def _limits(curves: list[LearningCurve], lower: bool) -> tuple[float, float]:
    """From the lowest to the highest value, without the first epochs and diverged ones."""
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
    """Whether there is a curve: at least two epochs, and one with a validation metric."""
    return len(curve.epochs) > 1 and any(value is not None and isfinite(value) for value in curve.validation)
