"""Precision, recall and F1 over the length of the list."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Doubles
from cofactor.evaluation.report import Report
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.report.formatting import shortened
from cofactor.report.plots.line_labels import name_ends
from cofactor.report.plots.style import FAINT, Look, dressed, figure, headed, settled, subtitled, together

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KS = (*range(1, 21), *range(22, 51, 2), *range(55, 101, 5))  # of 1 … 100, as close as the eye can tell apart
MARKED = (1, 2, 5, 10, 20, 50, 100)  # lengths at which a line has its marker
MEASURES = ("precision", "recall", "f1")
TITLES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}

Over = Mapping[str, Mapping[str, Doubles]]  # by measure and model: (len(KS),) values


def over_k(reports: Mapping[str, Sequence[ReportLike]], prefix: str = "") -> Over:
    """Each measure over k, the mean over the splits, of the models of which it can be had. `prefix`: "rated_" for the
    measures among the rated test items alone."""
    found: dict[str, dict[str, Doubles]] = {measure: {} for measure in MEASURES}
    for name, some in reports.items():
        whole = [one for one in some if isinstance(one, Report)]
        for measure in MEASURES:
            means = [values for one in whole if np.isfinite(values := one.over_k(prefix + measure, KS)).all()]
            if means:
                found[measure][name] = np.mean(means, axis=0)
    return found


def drawn(over: Over, looks: Mapping[str, Look], title: str, note: str) -> "Figure":
    """A row of panels for each group of models that are coloured together; all others are grey behind them."""
    names = shortened(looks)
    present = {name: look for name, look in looks.items() if name in over["precision"]}
    rows = [row for row in together(present) if row]
    made = figure(0.95 + (2.35 if len(rows) == 1 else 1.62) * len(rows), 9.0)
    axes = made.subplots(len(rows), len(MEASURES), squeeze=False, sharex=True, sharey="col")
    later = []
    for line, row in zip(axes, rows, strict=True):
        for axis, measure in zip(line, MEASURES, strict=True):
            _panel(axis, over[measure], row, looks)
            later.append(name_ends(axis, [(names[name], looks[name], KS[-1], over[measure][name][-1]) for name in row]))
    for axis, measure in zip(axes[0], MEASURES, strict=True):
        subtitled(axis, TITLES[measure])
    for axis in axes[-1]:
        axis.set_xlabel("length of the list, k")
    headed(made, title, note)
    settled(made)
    for apart in later:
        apart()
    return made


def told(over: Over, k: int = 10) -> str:
    """The picture in words: the three measures of every model at one k."""
    some = "; ".join(
        f"{name} " + ", ".join(f"{values[name][KS.index(k)]:.4f}" for values in over.values())
        for name in over["precision"]
    )
    return f"Precision, recall and F1 at {k}: {some}."


def _panel(axis: "Axes", over: Mapping[str, Doubles], row: Sequence[str], looks: Mapping[str, Look]) -> None:
    dressed(axis)
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
