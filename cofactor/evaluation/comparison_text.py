"""A comparison as text: tables of accuracy and cost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol, Self

from cofactor.data.tables.text_table import TextTable
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.metrics.metric import DESCRIPTIVE, LOWER, Direction
from cofactor.evaluation.metrics.registry import (
    accuracy_columns,
    base_name,
    digits,
    direction,
    list_columns,
    metric_label,
)

LIST_HEADINGS = {"coverage": "coverage", "novelty": "novelty", "diversity": "diversity", "popularity_lift": "pop. lift"}
MAX_COLUMNS = 5  # of metrics with their errors: more do not fit a terminal


class ComparisonLike(Protocol):
    """The numbers of a comparison, by model."""

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float]]: ...

    @property
    def costs(self) -> Mapping[str, Cost]: ...

    @property
    def uncertainty(self) -> tuple[str, Mapping[str, Mapping[str, float]]]: ...

    @property
    def k(self) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class Column:
    """One metric or cost of every model; a ranking metric is shown at the first k."""

    name: str  # the name of a metric without @k, or a field of Cost
    heading: str
    direction: Direction
    digits: int = 4
    scale: float = 1.0  # from the unit of the value to the unit of the column

    @classmethod
    def of_metric(cls, name: str) -> Self:
        """The column of a metric, with or without @k; accuracy headings keep the metric's own writing."""
        return cls(name, metric_label(name), direction(name), digits(name))


COSTS = (
    Column("fit_seconds", "fit s", LOWER, 2),
    Column("cpu_seconds", "CPU s", LOWER, 2),
    Column("peak_bytes", "peak MB", LOWER, 0, 1e-6),
    Column("model_bytes", "size MB", LOWER, 1, 1e-6),
    Column("list_seconds", "list ms", LOWER, 2, 1e3),
)


def accuracy_table(comparison: ComparisonLike, first: Sequence[str] = ()) -> TextTable:
    """At most MAX_COLUMNS metrics of accuracy, each with its error. The metrics `first` come before the others."""
    names = dict.fromkeys([*first, *_measured(accuracy_columns(), comparison)])
    columns = [Column.of_metric(name) for name in names]
    return _table(comparison.metrics, columns[:MAX_COLUMNS], comparison.uncertainty[1])


def cost_table(comparison: ComparisonLike) -> TextTable:
    """Properties of the lists and the cost of each model; a cost that was measured for no model has no column."""
    costs = {name: asdict(one) for name, one in comparison.costs.items()}
    values = {name: {**metrics, **costs.get(name, {})} for name, metrics in comparison.metrics.items()}
    properties = [name for name in _measured(list_columns(), comparison) if base_name(name) in LIST_HEADINGS]
    columns = [replace(Column.of_metric(name), heading=LIST_HEADINGS[base_name(name)]) for name in properties]
    measured = [cost for cost in COSTS if any(one[cost.name] is not None for one in costs.values())]
    return _table(values, [*columns, *measured], {})


def _measured(names: Sequence[str], comparison: ComparisonLike) -> list[str]:
    """The full names of the metrics that some model has, those of lists at the first k."""
    full_names = [full for name in names for full in (name, *(f"{name}@{k}" for k in comparison.k[:1]))]
    return [name for name in full_names if any(name in metrics for metrics in comparison.metrics.values())]


def _table(
    values: Mapping[str, Mapping[str, float | None]],
    columns: Sequence[Column],
    errors: Mapping[str, Mapping[str, float]],
) -> TextTable:
    rows = [[model] for model in values]
    for column in columns:
        cells = [_finite(some.get(column.name)) for some in values.values()]
        known = [value for value in cells if value is not None]
        has_best = column.direction is not DESCRIPTIVE and len(known) > 1
        best = min(known, key=lambda value, sign=column.direction: sign * value) if has_best else None  # type: ignore[misc]
        for row, model, value in zip(rows, values, cells, strict=True):
            row.append(_cell(column, value, best, errors.get(model, {}).get(column.name)))
    return TextTable(rows, ["model", *(column.heading for column in columns)])


def _cell(column: Column, value: float | None, best: float | None, error: float | None) -> str:
    """A value with its error, and a star if it equals the best in the digits shown."""
    if value is None:
        return "–"

    def written(number: float) -> str:
        return f"{number * column.scale:,.{column.digits}f}"

    star = "*" if best is not None and written(value) == written(best) else ""
    uncertainty = "" if error is None else f" ±{written(error)}" if math.isfinite(error) else " ±–"
    return f"{star}{written(value)}{uncertainty}"


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
