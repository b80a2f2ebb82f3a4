"""Where models are good: their figures by groups of users, items and ratings."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.evaluation.breakdowns.breakdown import Breakdown
from cofactor.evaluation.metrics.registry import direction
from cofactor.report.formatting import metric_name, short, shortened
from cofactor.report.plots.line_labels import name_ends
from cofactor.report.plots.style import (
    FAINT,
    GREY,
    INK,
    SMALL,
    SOFT,
    WIDE,
    Look,
    dressed,
    figure,
    headed,
    plain,
    settled,
    subtitled,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WANTED = ("rmse", "ndcg", "recall")  # recall only where there is no NDCG
NAMED = 6  # models in colour; the others are grey
MOST_ACROSS = 8  # groups that stand side by side; more stand below one another
GROUP_LETTERS = 22
LARGE = 0.003  # of the ratings: a group that a scale is made for


def measured(breakdown: Breakdown) -> list[str]:
    """The metrics that are drawn: RMSE, the first metric of lists, and the bias where groups are of ratings."""
    there = dict.fromkeys(metric for group in breakdown.groups for some in group.metrics.values() for metric in some)
    found: list[str] = []
    for name in WANTED:
        of_name = [metric for metric in there if metric.partition("@")[0] == name]
        if of_name and not (name == "recall" and any(one.startswith("ndcg") for one in found)):
            found.append(of_name[0])
    if breakdown.by == "rating" and "bias" in there:
        found.insert(1, "bias")
    return found


def drawn(breakdown: Breakdown, looks: Mapping[str, Look], best_first: Mapping[str, Sequence[str]]) -> "Figure":
    """A panel for each metric, over the groups. best_first: by metric without k, the models from the best on."""
    metrics = measured(breakdown)
    across = len(breakdown.groups) <= MOST_ACROSS
    return (_across if across else _down)(breakdown, metrics, looks, best_first)


def told(breakdown: Breakdown) -> str:
    """The picture in words: of each metric and group the best model."""
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
    looks: Mapping[str, Look],
    best_first: Mapping[str, Sequence[str]],
    most: int = NAMED,
) -> list[str]:
    """The models that are named in a panel: all where they are few, else the best of each family and then the best."""
    if len(names) <= most + 1:
        return list(names)
    order = [name for name in best_first.get(metric.partition("@")[0], names) if name in names]
    order += [name for name in names if name not in order]
    first = list({looks[name].family: name for name in reversed(order)}.values())
    wanted = [*sorted(first, key=order.index), *(name for name in order if name not in first)][:most]
    return [name for name in names if name in wanted]


def _figures(breakdown: Breakdown, metric: str, names: Iterable[str]) -> dict[str, Doubles]:
    """By model: the metric in each group, NaN where there is none; of models that have it in some group."""
    lines = {
        name: np.array([value_of(group.metrics.get(name, {}), metric) for group in breakdown.groups]) for name in names
    }
    return {name: line for name, line in lines.items() if np.isfinite(line).any()}


def _across(
    breakdown: Breakdown, metrics: Sequence[str], looks: Mapping[str, Look], best_first: Mapping[str, Sequence[str]]
) -> "Figure":
    made = figure(1.25 + 2.45 * len(metrics), 7.8)
    axes = made.subplots(len(metrics) + 1, 1, squeeze=False, sharex=True, height_ratios=[5.0] * len(metrics) + [1.1])[
        :, 0
    ]
    names, later, grey = shortened(looks), [], False
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
        later.append(name_ends(axis, ends))
    _counts(axes[-1], at, [group.ratings for group in breakdown.groups])
    labels = [fill(short(group.label, GROUP_LETTERS), 12) for group in breakdown.groups]
    axes[-1].set_xticks(at, [plain(label) for label in labels])
    axes[-1].set_xlim(-0.4, len(at) - 0.6)
    axes[-1].set_xlabel(plain(breakdown.what))
    headed(made, f"Where models are good: by {breakdown.by}", _note(grey))
    settled(made)
    for apart in later:
        apart()
    return made


def _note(grey: bool) -> str:
    return "Bars: test ratings." + (" Grey lines: the other models, whose figures are in the table." if grey else "")


def _lines(
    axis: "Axes", metric: str, at: Array, lines: Mapping[str, Doubles],
    chosen: Sequence[str], looks: Mapping[str, Look],
) -> None:  # fmt: skip
    dressed(axis)
    if metric == "bias":
        axis.axhline(0, color=GREY, lw=0.9)
    for name, line in lines.items():
        if name not in chosen:
            axis.plot(at, line, color=FAINT, lw=0.9, zorder=1)
    for name in chosen:
        look = looks[name]
        axis.plot(at, lines[name], color=look.colour, ls=look.dash, lw=1.4, marker=look.marker, ms=4.5)
    better = {1: "lower is better", -1: "higher is better", 0: "mean of predicted minus true rating"}[direction(metric)]
    subtitled(axis, metric_name(metric), better)
    axis.locator_params(axis="y", nbins=6)


def _counts(axis: "Axes", at: Array, counts: Sequence[int]) -> None:
    """Bars of how many ratings there are in each group, so that nobody makes much of a small one."""
    dressed(axis, "")
    axis.bar(at, counts, width=0.5, color=FAINT)
    axis.set_ylim(0, 1.5 * max(counts, default=1))
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    for x, count in zip(at, counts, strict=True):
        axis.text(x, count, f"{count:,}", ha="center", va="bottom", fontsize=7.5, color=SOFT)


def _down(
    breakdown: Breakdown, metrics: Sequence[str], looks: Mapping[str, Look], best_first: Mapping[str, Sequence[str]]
) -> "Figure":
    """Groups below one another, as genres, with a point for each model."""
    n = len(breakdown.groups)
    made = figure(1.35 + 0.235 * n, 0.5 + WIDE)
    axes = made.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
    names, grey = shortened(looks), False
    at = np.arange(n)
    for axis, metric in zip(axes, metrics, strict=True):
        lines = _figures(breakdown, metric, looks)
        chosen = coloured(metric, list(lines), looks, best_first, 5)
        grey |= len(chosen) < len(lines)
        _points(axis, at, lines, chosen, looks)
        subtitled(axis, metric_name(metric), "lower is better" if direction(metric) > 0 else "higher is better")
        axis.set_xlim(*_limits(lines, [group.ratings for group in breakdown.groups]))
        axis.legend(
            [plain(names[name]) for name in chosen], loc="upper center", bbox_to_anchor=(0.5, -0.055), ncols=3,
            frameon=False, fontsize=SMALL, labelcolor=INK, handletextpad=0.1, columnspacing=1.2, borderpad=0,
        )  # fmt: skip
    labels = [f"{short(group.label, GROUP_LETTERS)}  {group.ratings:,}" for group in breakdown.groups]
    axes[0].set_yticks(at, [plain(label) for label in labels])
    axes[0].set_ylim(n - 0.4, -0.6)
    strokes = " Strokes: the other models." if grey else ""
    headed(made, f"Where models are good: by {breakdown.by}", f"Behind each name: its test ratings.{strokes}")
    settled(made)
    return made


def _points(
    axis: "Axes", at: Array, lines: Mapping[str, Doubles], chosen: Sequence[str], looks: Mapping[str, Look]
) -> None:
    dressed(axis, "both")
    for name in chosen:
        look = looks[name]
        axis.plot(lines[name], at, look.marker, color=look.colour, ms=4.8)
    for name, line in lines.items():
        if name not in chosen:
            axis.plot(line, at, "|", color=SOFT, alpha=0.55, ms=6, mew=0.9, zorder=1)
    axis.locator_params(axis="x", nbins=6)


def _limits(lines: Mapping[str, Doubles], counts: Sequence[int]) -> tuple[float, float]:
    """From the lowest to the highest figure of groups that are large enough to say much."""
    large = np.array(counts) >= LARGE * sum(counts)
    values = np.concatenate([line[large] if large.any() else line for line in lines.values()])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room
