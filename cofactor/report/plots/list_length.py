"""Precision, recall and F1 by list length."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Doubles
from cofactor.evaluation.report import Report
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.report.formatting import shorten_all
from cofactor.report.plots.line_labels import label_line_ends
from cofactor.report.plots.style import (
    FAINT,
    ModelStyle,
    add_panel_title,
    add_title,
    fix_layout,
    group_panels,
    new_figure,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KS = (*range(1, 21), *range(22, 51, 2), *range(55, 101, 5))  # list lengths from 1 to 100
MARKED = (1, 2, 5, 10, 20, 50, 100)  # lengths at which a line has its marker
MEASURES = ("precision", "recall", "f1")
TITLES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}

MetricsOverK = Mapping[str, Mapping[str, Doubles]]  # by metric and model: (len(KS),) values


def over_k(reports: Mapping[str, Sequence[ReportLike]], prefix: str = "") -> MetricsOverK:
    """Each metric by k, the mean over the splits, of the models for which it is defined. `prefix`: "rated_" for the
    metrics among the rated test items alone."""
    found: dict[str, dict[str, Doubles]] = {measure: {} for measure in MEASURES}
    for name, some in reports.items():
        whole = [one for one in some if isinstance(one, Report)]
        for measure in MEASURES:
            means = [values for one in whole if np.isfinite(values := one.over_k(prefix + measure, KS)).all()]
            if means:
                found[measure][name] = np.mean(means, axis=0)
    return found


def draw(over: MetricsOverK, looks: Mapping[str, ModelStyle], title: str, note: str) -> "Figure":
    """A row of panels for each group of models; the other models are grey lines behind them."""
    names = shorten_all(looks)
    present = {name: look for name, look in looks.items() if name in over["precision"]}
    rows = [row for row in group_panels(present) if row]
    figure = new_figure(0.95 + (2.35 if len(rows) == 1 else 1.62) * len(rows), 9.0)
    axes = figure.subplots(len(rows), len(MEASURES), squeeze=False, sharex=True, sharey="col")
    later = []
    for line, row in zip(axes, rows, strict=True):
        for axis, measure in zip(line, MEASURES, strict=True):
            _panel(axis, over[measure], row, looks)
            later.append(
                label_line_ends(axis, [(names[name], looks[name], KS[-1], over[measure][name][-1]) for name in row])
            )
    for axis, measure in zip(axes[0], MEASURES, strict=True):
        add_panel_title(axis, TITLES[measure])
    for axis in axes[-1]:
        axis.set_xlabel("list length k")
    add_title(figure, title, note)
    fix_layout(figure)
    for separate in later:
        separate()
    return figure


def describe(over: MetricsOverK, k: int = 10) -> str:
    """The three metrics of every model at one k, as a sentence."""
    some = "; ".join(
        f"{name} " + ", ".join(f"{values[name][KS.index(k)]:.4f}" for values in over.values())
        for name in over["precision"]
    )
    return f"Precision, recall and F1 at {k}: {some}."


def _panel(axis: "Axes", over: Mapping[str, Doubles], row: Sequence[str], looks: Mapping[str, ModelStyle]) -> None:
    style_axes(axis)
    axis.set_xscale("log")
    for name, values in over.items():
        if name not in row:
            axis.plot(KS, values, color=FAINT, lw=0.9, zorder=1)
    marked = [KS.index(k) for k in MARKED]
    for name in row:
        look = looks[name]
        axis.plot(KS, over[name], color=look.colour, ls=look.dash, lw=1.5, marker=look.marker, ms=3.2, markevery=marked)
    axis.set_xticks(MARKED, [str(k) for k in MARKED])
    axis.set_xticks([], minor=True)
    axis.set_xlim(1, 100)
    axis.set_ylim(bottom=0)
    axis.locator_params(axis="y", nbins=5)
