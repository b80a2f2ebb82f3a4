"""Metrics of models by groups of users, items and ratings."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.evaluation.breakdowns.breakdown import Breakdown
from cofactor.evaluation.metrics.registry import direction
from cofactor.report.formatting import metric_name, shorten, shorten_all
from cofactor.report.plots.line_labels import label_line_ends
from cofactor.report.plots.style import (
    FAINT,
    GREY,
    INK,
    SMALL,
    SOFT,
    WIDE,
    ModelStyle,
    add_panel_title,
    add_title,
    escape_text,
    fix_layout,
    new_figure,
    style_axes,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WANTED = ("rmse", "ndcg", "recall")  # recall only where there is no NDCG
NAMED = 6  # models in colour; the others are grey
MOST_ACROSS = 8  # groups along the x axis; more are listed along the y axis
GROUP_LETTERS = 22
LARGE = 0.003  # share of the ratings from which a group determines the scale


def measured(breakdown: Breakdown) -> list[str]:
    """The metrics to draw: RMSE, the first ranking metric, and the bias for groups by rating."""
    there = dict.fromkeys(metric for group in breakdown.groups for some in group.metrics.values() for metric in some)
    found: list[str] = []
    for name in WANTED:
        of_name = [metric for metric in there if metric.partition("@")[0] == name]
        if of_name and not (name == "recall" and any(one.startswith("ndcg") for one in found)):
            found.append(of_name[0])
    if breakdown.by == "rating" and "bias" in there:
        found.insert(1, "bias")
    return found


def draw(breakdown: Breakdown, looks: Mapping[str, ModelStyle], best_first: Mapping[str, Sequence[str]]) -> "Figure":
    """A panel for each metric over the groups. best_first: by metric without k, the models from the best."""
    metrics = measured(breakdown)
    across = len(breakdown.groups) <= MOST_ACROSS
    return (_across if across else _down)(breakdown, metrics, looks, best_first)


def describe(breakdown: Breakdown) -> str:
    """The best model for each metric and group, as sentences."""
    parts = []
    for metric in measured(breakdown):
        best = []
        for group in breakdown.groups:
            some = {name: value for name in group.metrics if isfinite(value := value_of(group.metrics[name], metric))}
            if some:
                name = min(some, key=lambda one: abs(some[one]) if metric == "bias" else direction(metric) * some[one])
                best.append(f"{group.label}: {name} {some[name]:.4f}")
        parts.append(f"Best {metric_name(metric)} by {breakdown.by}: {'; '.join(best)}.")
    return " ".join(parts)


def value_of(figures: Mapping[str, float], metric: str) -> float:
    return figures.get(metric, nan)


def coloured(
    metric: str,
    names: Sequence[str],
    looks: Mapping[str, ModelStyle],
    best_first: Mapping[str, Sequence[str]],
    most: int = NAMED,
) -> list[str]:
    """The models to name in a panel: all if they are few, else the best of each family and then the best overall."""
    if len(names) <= most + 1:
        return list(names)
    order = [name for name in best_first.get(metric.partition("@")[0], names) if name in names]
    order += [name for name in names if name not in order]
    first = list({looks[name].family: name for name in reversed(order)}.values())
    wanted = [*sorted(first, key=order.index), *(name for name in order if name not in first)][:most]
    return [name for name in names if name in wanted]


def _figures(breakdown: Breakdown, metric: str, names: Iterable[str]) -> dict[str, Doubles]:
    """By model that has the metric in some group: its value in each group, NaN if undefined."""
    lines = {
        name: np.array([value_of(group.metrics.get(name, {}), metric) for group in breakdown.groups]) for name in names
    }
    return {name: line for name, line in lines.items() if np.isfinite(line).any()}


def _across(
    breakdown: Breakdown,
    metrics: Sequence[str],
    looks: Mapping[str, ModelStyle],
    best_first: Mapping[str, Sequence[str]],
) -> "Figure":
    figure = new_figure(1.25 + 2.45 * len(metrics), 7.8)
    axes = figure.subplots(len(metrics) + 1, 1, squeeze=False, sharex=True, height_ratios=[5.0] * len(metrics) + [1.1])[
        :, 0
    ]
    names, later, grey = shorten_all(looks), [], False
    at = np.arange(len(breakdown.groups))
    for axis, metric in zip(axes, metrics, strict=False):
        lines = _figures(breakdown, metric, looks)
        chosen = coloured(metric, list(lines), looks, best_first)
        grey |= len(chosen) < len(lines)
        _lines(axis, metric, at, lines, chosen, looks)
        ends = []
        for name in chosen:
            last = int(np.flatnonzero(np.isfinite(lines[name]))[-1])
            ends.append((names[name], looks[name], float(last), float(lines[name][last])))
        later.append(label_line_ends(axis, ends))
    _counts(axes[-1], at, [group.ratings for group in breakdown.groups])
    labels = [fill(shorten(group.label, GROUP_LETTERS), 12) for group in breakdown.groups]
    axes[-1].set_xticks(at, [escape_text(label) for label in labels])
    axes[-1].set_xlim(-0.4, len(at) - 0.6)
    axes[-1].set_xlabel(escape_text(breakdown.what))
    add_title(figure, f"Metrics by {breakdown.by}", _note(breakdown.values, grey))
    fix_layout(figure)
    for separate in later:
        separate()
    return figure


def _note(values: str, grey: bool) -> str:
    return f"Bars: test {values}." + (" Grey lines: the other models, whose values are in the table." if grey else "")


def _lines(
    axis: "Axes", metric: str, at: Array, lines: Mapping[str, Doubles],
    chosen: Sequence[str], looks: Mapping[str, ModelStyle],
) -> None:  # fmt: skip
    style_axes(axis)
    if metric == "bias":
        axis.axhline(0, color=GREY, lw=0.9)
    for name, line in lines.items():
        if name not in chosen:
            axis.plot(at, line, color=FAINT, lw=0.9, zorder=1)
    for name in chosen:
        look = looks[name]
        axis.plot(at, lines[name], color=look.colour, ls=look.dash, lw=1.4, marker=look.marker, ms=4.5)
    better = {1: "lower is better", -1: "higher is better", 0: "mean of predicted minus true rating"}[direction(metric)]
    add_panel_title(axis, metric_name(metric), better)
    axis.locator_params(axis="y", nbins=6)


def _counts(axis: "Axes", at: Array, counts: Sequence[int]) -> None:
    """Bars of the number of ratings in each group, so that small groups are recognised."""
    style_axes(axis, "")
    axis.bar(at, counts, width=0.5, color=FAINT)
    axis.set_ylim(0, 1.5 * max(counts, default=1))
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    for x, count in zip(at, counts, strict=True):
        axis.text(x, count, f"{count:,}", ha="center", va="bottom", fontsize=7.5, color=SOFT)


def _down(
    breakdown: Breakdown,
    metrics: Sequence[str],
    looks: Mapping[str, ModelStyle],
    best_first: Mapping[str, Sequence[str]],
) -> "Figure":
    """Groups along the y axis, as genres, with a point for each model."""
    n = len(breakdown.groups)
    figure = new_figure(1.35 + 0.235 * n, 0.5 + WIDE)
    axes = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
    names, grey = shorten_all(looks), False
    at = np.arange(n)
    for axis, metric in zip(axes, metrics, strict=True):
        lines = _figures(breakdown, metric, looks)
        chosen = coloured(metric, list(lines), looks, best_first, 5)
        grey |= len(chosen) < len(lines)
        _points(axis, at, lines, chosen, looks)
        add_panel_title(axis, metric_name(metric), "lower is better" if direction(metric) > 0 else "higher is better")
        axis.set_xlim(*_limits(lines, [group.ratings for group in breakdown.groups]))
        axis.legend(
            [escape_text(names[name]) for name in chosen], loc="upper center", bbox_to_anchor=(0.5, -0.055), ncols=3,
            frameon=False, fontsize=SMALL, labelcolor=INK, handletextpad=0.1, columnspacing=1.2, borderpad=0,
        )  # fmt: skip
    labels = [f"{shorten(group.label, GROUP_LETTERS)}  {group.ratings:,}" for group in breakdown.groups]
    axes[0].set_yticks(at, [escape_text(label) for label in labels])
    axes[0].set_ylim(n - 0.4, -0.6)
    strokes = " Strokes: the other models." if grey else ""
    counts = f"The number after each name is its number of test {breakdown.values}.{strokes}"
    add_title(figure, f"Metrics by {breakdown.by}", counts)
    fix_layout(figure)
    return figure


def _points(
    axis: "Axes", at: Array, lines: Mapping[str, Doubles], chosen: Sequence[str], looks: Mapping[str, ModelStyle]
) -> None:
    style_axes(axis, "both")
    for name in chosen:
        look = looks[name]
        axis.plot(lines[name], at, look.marker, color=look.colour, ms=4.8)
    for name, line in lines.items():
        if name not in chosen:
            axis.plot(line, at, "|", color=SOFT, alpha=0.55, ms=6, mew=0.9, zorder=1)
    axis.locator_params(axis="x", nbins=6)


def _limits(lines: Mapping[str, Doubles], counts: Sequence[int]) -> tuple[float, float]:
    """From the lowest to the highest value of the groups that are not too small."""
    large = np.array(counts) >= LARGE * sum(counts)
    values = np.concatenate([line[large] if large.any() else line for line in lines.values()])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room
