"""The tables of a comparison, before it is decided how they are written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cofactor.evaluation.breakdowns.breakdown import Breakdown
from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.metrics.registry import accuracy_columns, direction, headline_metrics, list_columns
from cofactor.evaluation.significance.difference import NO_DIFFERENCE, Difference
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.report.formatting import (
    NONE,
    duration,
    error,
    figure,
    is_figure,
    metric_name,
    probability,
    seconds,
    size,
)  # fmt: skip

BY_GROUP = ("rmse", "bias", "ndcg", "recall")


@dataclass(frozen=True)
class Cell:
    """A figure, with what is written smaller behind it."""

    text: str
    error: str = ""
    best: bool = False
    same: bool = False  # no real difference from the best
    kind: str = ""  # "better", "worse", "same": of a difference

    @classmethod
    def of(cls, value: Any) -> "Cell":
        return cls(str(value))


@dataclass(frozen=True)
class Table:
    """Rows under headings; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    note: str = ""
    words: bool = field(default=False)  # cells are text, not numbers


def accuracy(outcome: ComparisonSummary) -> Table:
    """What the models are worth."""
    comparison = outcome.comparison
    what, errors = comparison.uncertainty
    metrics = _at_first_k(comparison, accuracy_columns())
    columns = [_figures(comparison, metric, errors) for metric in metrics]
    rows = [(name, [column[name] for column in columns]) for name in comparison.metrics]
    note = f"± {what}. Bold: the best. ≈: no real difference from the best."
    return Table("Accuracy", ["model", *map(metric_name, metrics)], rows, note)


def of_lists(outcome: ComparisonSummary) -> Table | None:
    """What the lists are like, whether they are right or not."""
    comparison = outcome.comparison
    metrics = _at_first_k(comparison, list_columns())
    best = {one: _best_of([some.get(one) for some in comparison.metrics.values()], one) for one in metrics}
    rows = [
        (name, [Cell(text := figure(some.get(one)), best=text == best[one]) for one in metrics])
        for name, some in comparison.metrics.items()
    ]
    note = "Bold: the best, of the properties of which more or less is better."
    return Table("Lists", ["model", *map(metric_name, metrics)], rows, note) if metrics else None


def costs(outcome: ComparisonSummary) -> Table | None:
    """What a model costs."""
    comparison, rows = outcome.comparison, []
    for name in comparison.metrics:
        cost = comparison.costs.get(name)
        known = Cost() if cost is None else cost
        times = seconds(known.fit_seconds), seconds(known.cpu_seconds)
        sizes = size(known.peak_bytes), size(known.model_bytes)
        rows.append((name, [Cell(one) for one in (*times, *sizes, duration(known.list_seconds))]))
    columns = ["model", "fit s", "CPU s", "peak MB", "size MB", "a list of ten"]
    note = "Seconds and memory are of the training alone; a list of ten is for one user at a time."
    return Table("Cost", columns, rows, note) if comparison.costs else None


def differences(comparison: Comparison) -> Table | None:
    """Every model's difference from the measure of each metric, and whether it is real."""
    found = comparison.differences
    if not found:
        return None
    rows = [(name, [_difference(some.get(name)) for some in found.values()]) for name in comparison.metrics]
    measures = [f"{metric_name(metric)} from {next(iter(some.values())).against}" for metric, some in found.items()]
    note = "Difference, its 95 % interval, and p corrected for the number of models (Holm)."
    return Table("Which differences are real", ["model", *measures], rows, note)


def breakdowns(outcome: ComparisonSummary) -> Iterator[Table]:
    """A table for each metric of each breakdown: models under one another, groups side by side."""
    for one in outcome.breakdowns:
        for metric in _of_groups(one):
            yield _by_group(one, metric, list(outcome.comparison.metrics))


def by_split(outcome: ComparisonSummary) -> Table | None:
    """The first metric of each split, where there are several."""
    if len(outcome.splits) < 2:
        return None
    metrics = _at_first_k(outcome.comparison, headline_metrics())
    rows = []
    for name, some in outcome.comparison.by_split.items():
        for metric in metrics:
            if metric in some[0]:
                rows.append((f"{name}, {metric_name(metric)}", [Cell(figure(one.get(metric))) for one in some]))
    return Table("Each split", ["model", *(one.name for one in outcome.splits)], rows)


def splits(outcome: ComparisonSummary) -> Table:
    """What was trained and tested on."""
    rows = [
        (one.name, [Cell.of(cell) for cell in (
            one.kind, one.seed, f"{one.train:,}", f"{one.validation:,}", f"{one.test:,}", one.fingerprint,
        )])
        for one in outcome.splits
    ]  # fmt: skip
    return Table("Splits", ["split", "kind", "seed", "train", "validation", "test", "fingerprint"], rows)


def hyperparameters(outcome: ComparisonSummary) -> Table:
    """How each model was trained."""
    rows = []
    for name in outcome.comparison.metrics:
        some = outcome.hyperparameters.get(name, {})
        told = ", ".join(f"{key} {_value(value)}" for key, value in some.items()) or "none"
        rows.append((name, [Cell(outcome.trainers.get(name, "")), Cell(told)]))
    return Table("Models", ["model", "trainer", "hyperparameters"], rows, words=True)


def everything(outcome: ComparisonSummary) -> Table:
    """All figures: metrics under one another, models side by side."""
    comparison = outcome.comparison
    _, errors = comparison.uncertainty
    metrics = dict.fromkeys(metric for some in comparison.metrics.values() for metric in some)
    rows = []
    for metric in metrics:
        cells = _figures(comparison, metric, errors)
        rows.append((metric_name(metric), [cells[name] for name in comparison.metrics]))
    return Table("All figures", ["figure", *comparison.metrics], rows)


def _at_first_k(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """The figures of these names that some model has, those of lists at the first k."""
    wanted = [one for name in names for one in (name, *(f"{name}@{k}" for k in comparison.k[:1]))]
    return [one for one in wanted if any(one in figures for figures in comparison.metrics.values())]


def _figures(comparison: Comparison, metric: str, errors: Mapping[str, Mapping[str, float]]) -> dict[str, Cell]:
    """A metric of every model; the best as it is printed, and what cannot be told from it."""
    values = {name: figures.get(metric) for name, figures in comparison.metrics.items()}
    best = _best_of(list(values.values()), metric)
    cells = {}
    for name, value in values.items():
        found = comparison.differences.get(metric, {}).get(name)
        first = best != "" and figure(value) == best
        same = not first and found is not None and found.verdict == NO_DIFFERENCE and _is_best(comparison, found)
        cells[name] = Cell(figure(value), error(errors[name].get(metric)) if is_figure(value) else "", first, same)
    return cells


def _is_best(comparison: Comparison, one: Difference) -> bool:
    """Whether a difference is from the best, not from another model that was named."""
    some = comparison.differences[one.metric].values()
    return all(direction(one.metric) * other.value >= 0 for other in some)


def _difference(one: Difference | None) -> Cell:
    if one is None:
        return Cell(NONE)
    if one.model == one.against:
        return Cell(one.verdict)
    interval = f"{one.low:+.4f} to {one.high:+.4f}" if is_figure(one.low) and is_figure(one.high) else "no interval"
    kind = "same" if one.verdict == NO_DIFFERENCE else one.verdict
    return Cell(f"{one.value:+.4f} {one.verdict}", f"{interval}, p {probability(one.p_holm)}", kind=kind)


def _of_groups(breakdown: Breakdown) -> list[str]:
    there = dict.fromkeys(metric for group in breakdown.groups for some in group.metrics.values() for metric in some)
    return [metric for name in BY_GROUP for metric in _first_of(list(there), name)]


def _first_of(metrics: Sequence[str], name: str) -> list[str]:
    """The metric of a name, at the first k it was measured at."""
    return [metric for metric in metrics if metric.partition("@")[0] == name][:1]


def _by_group(breakdown: Breakdown, metric: str, names: Sequence[str]) -> Table:
    rows = []
    best = {
        id(group): _best_of([some.get(metric) for some in group.metrics.values()], metric) for group in breakdown.groups
    }
    for name in names:
        cells = []
        for group in breakdown.groups:
            value = group.metrics.get(name, {}).get(metric)
            behind = error(group.errors.get(name, {}).get(metric)) if is_figure(value) else ""
            cells.append(Cell(figure(value), behind, is_figure(value) and figure(value) == best[id(group)]))
        if any(cell.text != NONE for cell in cells):
            rows.append((name, cells))
    columns = ["model", *(f"{group.label} ({group.ratings:,})" for group in breakdown.groups)]
    note = f"Groups: {breakdown.what}; in brackets their test ratings."
    return Table(f"{metric_name(metric)} by {breakdown.by}", columns, rows, note)


def _best_of(values: Sequence[float | None], metric: str) -> str:
    """The best as it is printed; nothing where all are the same, or neither more nor less is better."""
    there = [value for value in values if value is not None and is_figure(value)]
    if not direction(metric) or len({figure(value) for value in there}) < 2:
        return ""
    return figure(min(there, key=lambda one: direction(metric) * one))


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
