"""The tables of a comparison, independent of the output format."""

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
    format_duration,
    format_error,
    format_megabytes,
    format_metric,
    format_p_value,
    format_seconds,
    is_number,
    metric_name,
)  # fmt: skip

BY_GROUP = ("rmse", "bias", "ndcg", "recall")


@dataclass(frozen=True)
class Cell:
    """The text of a cell, with smaller text after it."""

    text: str
    error: str = ""
    best: bool = False
    same: bool = False  # no significant difference from the best
    kind: str = ""  # "better", "worse", "same": of a difference

    @classmethod
    def of(cls, value: Any) -> "Cell":
        return cls(str(value))


@dataclass(frozen=True)
class ReportTable:
    """Rows under headings; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    note: str = ""
    words: bool = field(default=False)  # cells are text, not numbers


def accuracy(outcome: ComparisonSummary) -> ReportTable:
    """The accuracy of every model."""
    comparison = outcome.comparison
    what, errors = comparison.uncertainty
    metrics = _at_first_k(comparison, accuracy_columns())
    columns = [_metric_cells(comparison, metric, errors) for metric in metrics]
    rows = [(name, [column[name] for column in columns]) for name in comparison.metrics]
    note = f"± {what}. Bold: the best. ≈: no real difference from the best."
    return ReportTable("Accuracy", ["model", *map(metric_name, metrics)], rows, note)


def list_properties(outcome: ComparisonSummary) -> ReportTable | None:
    """Properties of the lists, whether their items are relevant or not."""
    comparison = outcome.comparison
    metrics = _at_first_k(comparison, list_columns())
    best = {one: _format_best([some.get(one) for some in comparison.metrics.values()], one) for one in metrics}
    rows = [
        (name, [Cell(text := format_metric(some.get(one)), best=text == best[one]) for one in metrics])
        for name, some in comparison.metrics.items()
    ]
    note = "Bold: the best, of the properties of which more or less is better."
    return ReportTable("Lists", ["model", *map(metric_name, metrics)], rows, note) if metrics else None


def costs(outcome: ComparisonSummary) -> ReportTable | None:
    """The cost of every model."""
    comparison, rows = outcome.comparison, []
    for name in comparison.metrics:
        cost = comparison.costs.get(name)
        known = Cost() if cost is None else cost
        times = format_seconds(known.fit_seconds), format_seconds(known.cpu_seconds)
        sizes = format_megabytes(known.peak_bytes), format_megabytes(known.model_bytes)
        rows.append((name, [Cell(one) for one in (*times, *sizes, format_duration(known.list_seconds))]))
    columns = ["model", "fit s", "CPU s", "peak MB", "size MB", "a list of ten"]
    note = "Seconds and memory are those of training alone; a list of ten is computed for one user at a time."
    return ReportTable("Cost", columns, rows, note) if comparison.costs else None


def differences(comparison: Comparison) -> ReportTable | None:
    """Every model's difference from the reference in each metric, and whether it is significant."""
    found = comparison.differences
    if not found:
        return None
    rows = [(name, [_difference(some.get(name)) for some in found.values()]) for name in comparison.metrics]
    measures = [
        f"{metric_name(metric)} compared with {next(iter(some.values())).against}" for metric, some in found.items()
    ]
    note = "Model minus reference, the 95 % interval, and p corrected for the number of models (Holm)."
    return ReportTable("Significant differences", ["model", *measures], rows, note)


def breakdowns(outcome: ComparisonSummary) -> Iterator[ReportTable]:
    """A table for each metric of each breakdown: a row per model, a column per group."""
    for one in outcome.breakdowns:
        for metric in _group_metrics(one):
            yield _group_table(one, metric, list(outcome.comparison.metrics))


def by_split(outcome: ComparisonSummary) -> ReportTable | None:
    """The headline metrics of each split, if there are several."""
    if len(outcome.splits) < 2:
        return None
    metrics = _at_first_k(outcome.comparison, headline_metrics())
    rows = []
    for name, some in outcome.comparison.by_split.items():
        for metric in metrics:
            if metric in some[0]:
                rows.append((f"{name}, {metric_name(metric)}", [Cell(format_metric(one.get(metric))) for one in some]))
    return ReportTable("Each split", ["model", *(one.name for one in outcome.splits)], rows)


def splits(outcome: ComparisonSummary) -> ReportTable:
    """The splits of the data."""
    rows = [
        (one.name, [Cell.of(cell) for cell in (
            one.kind, one.seed, f"{one.train:,}", f"{one.validation:,}", f"{one.test:,}", one.fingerprint,
        )])
        for one in outcome.splits
    ]  # fmt: skip
    return ReportTable("Splits", ["split", "kind", "seed", "train", "validation", "test", "fingerprint"], rows)


def hyperparameters(outcome: ComparisonSummary) -> ReportTable:
    """The trainer and the hyperparameters of each model."""
    rows = []
    for name in outcome.comparison.metrics:
        some = outcome.hyperparameters.get(name, {})
        written = ", ".join(f"{key} {_value(value)}" for key, value in some.items()) or "none"
        rows.append((name, [Cell(outcome.trainers.get(name, "")), Cell(written)]))
    return ReportTable("Models", ["model", "trainer", "hyperparameters"], rows, words=True)


def all_metrics(outcome: ComparisonSummary) -> ReportTable:
    """All metrics: a row per metric, a column per model."""
    comparison = outcome.comparison
    _, errors = comparison.uncertainty
    metrics = dict.fromkeys(metric for some in comparison.metrics.values() for metric in some)
    rows = []
    for metric in metrics:
        cells = _metric_cells(comparison, metric, errors)
        rows.append((metric_name(metric), [cells[name] for name in comparison.metrics]))
    return ReportTable("All metrics", ["metric", *comparison.metrics], rows)


def _at_first_k(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """The full names of the metrics that some model has, those of lists at the first k."""
    wanted = [one for name in names for one in (name, *(f"{name}@{k}" for k in comparison.k[:1]))]
    return [one for one in wanted if any(one in figures for figures in comparison.metrics.values())]


def _metric_cells(comparison: Comparison, metric: str, errors: Mapping[str, Mapping[str, float]]) -> dict[str, Cell]:
    """A metric of every model, marking the best as printed and the models without a significant difference from it."""
    values = {name: figures.get(metric) for name, figures in comparison.metrics.items()}
    best = _format_best(list(values.values()), metric)
    cells = {}
    for name, value in values.items():
        found = comparison.differences.get(metric, {}).get(name)
        first = best != "" and format_metric(value) == best
        same = not first and found is not None and found.verdict == NO_DIFFERENCE and _is_from_best(comparison, found)
        cells[name] = Cell(
            format_metric(value), format_error(errors[name].get(metric)) if is_number(value) else "", first, same
        )
    return cells


def _is_from_best(comparison: Comparison, one: Difference) -> bool:
    """Whether a difference is from the best, not from another model that was named."""
    some = comparison.differences[one.metric].values()
    return all(direction(one.metric) * other.value >= 0 for other in some)


def _difference(one: Difference | None) -> Cell:
    if one is None:
        return Cell(NONE)
    if one.model == one.against:
        return Cell("reference")
    interval = f"{one.low:+.4f} to {one.high:+.4f}" if is_number(one.low) and is_number(one.high) else "no interval"
    kind = "same" if one.verdict == NO_DIFFERENCE else one.verdict
    return Cell(f"{one.value:+.4f} {one.verdict}", f"{interval}, p {format_p_value(one.p_holm)}", kind=kind)


def _group_metrics(breakdown: Breakdown) -> list[str]:
    there = dict.fromkeys(metric for group in breakdown.groups for some in group.metrics.values() for metric in some)
    return [metric for name in BY_GROUP for metric in _at_first_k_measured(list(there), name)]


def _at_first_k_measured(metrics: Sequence[str], name: str) -> list[str]:
    """The metric of a name at the first k for which it was measured."""
    return [metric for metric in metrics if metric.partition("@")[0] == name][:1]


def _group_table(breakdown: Breakdown, metric: str, names: Sequence[str]) -> ReportTable:
    rows = []
    best = {
        id(group): _format_best([some.get(metric) for some in group.metrics.values()], metric)
        for group in breakdown.groups
    }
    for name in names:
        cells = []
        for group in breakdown.groups:
            value = group.metrics.get(name, {}).get(metric)
            behind = format_error(group.errors.get(name, {}).get(metric)) if is_number(value) else ""
            cells.append(
                Cell(format_metric(value), behind, is_number(value) and format_metric(value) == best[id(group)])
            )
        if any(cell.text != NONE for cell in cells):
            rows.append((name, cells))
    columns = ["model", *(f"{group.label} ({group.ratings:,})" for group in breakdown.groups)]
    note = f"Groups: {breakdown.what}; number of test {breakdown.values} in brackets."
    return ReportTable(f"{metric_name(metric)} by {breakdown.by}", columns, rows, note)


def _format_best(values: Sequence[float | None], metric: str) -> str:
    """The best value as it is printed; empty if all are equal or the metric is descriptive."""
    there = [value for value in values if value is not None and is_number(value)]
    if not direction(metric) or len({format_metric(value) for value in there}) < 2:
        return ""
    return format_metric(min(there, key=lambda one: direction(metric) * one))


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
