"""A comparison as tables on the terminal, and as JSON."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.display.terminal import figure, print_table
from cofactor.evaluation.compare import Comparison
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.experiments.evaluation_plan import EvaluationPlan

if TYPE_CHECKING:
    from cofactor.experiments.comparison.split_results import ComparisonResult

MOST = 5  # columns of figures with their errors: more would not fit a terminal
Better = Callable[[list[float]], float]  # which of several figures is the best


@dataclass(frozen=True)
class Column:
    """One figure of every model; of lists, that at the first k."""

    figure: str  # by its name in a report without @k, or a field of Cost
    heading: str
    better: Better | None = None  # None: neither more nor less of it is better
    digits: int = 4
    scale: float = 1.0  # from the units of the figure to those of the column


WORTH = (
    Column("rmse", "RMSE", min),
    Column("mae", "MAE", min),
    Column("ndcg", "NDCG", max),
    Column("recall", "recall", max),
    Column("precision", "precision", max),
    Column("sampled_hit_rate", "sampled hit rate", max),
    Column("sampled_ndcg", "sampled NDCG", max),
)
LISTS = (
    Column("coverage", "coverage", max, 3),
    Column("novelty", "novelty", None, 2),
    Column("diversity", "diversity", None, 3),
    Column("popularity_lift", "pop. lift", None, 2),
)
COSTS = (
    Column("fit_seconds", "fit s", min, 2),
    Column("cpu_seconds", "CPU s", min, 2),
    Column("peak_bytes", "peak MB", min, 0, 1e-6),
    Column("model_bytes", "size MB", min, 1, 1e-6),
    Column("list_seconds", "list ms", min, 2, 1e3),
)


def print_outcome(outcome: ComparisonSummary, plan: EvaluationPlan) -> None:
    """What the models are worth, beside what others have published; what their lists are like and what they cost;
    and in words which differences are real."""
    comparison = outcome.comparison
    print_table(*worth(comparison, plan.metrics))
    if plan.published:
        click.echo()
        print_table(*_published(plan), left=2)
    click.echo()
    print_table(*cost(comparison))
    lists = f"lists of {comparison.k[0]}; " if comparison.k else ""
    click.echo(f"\n* the best; ± {comparison.around[0]}; {lists}fit, CPU and peak are of the training alone\n")
    for sentence in comparison.words():
        click.echo(sentence)


def worth(comparison: Comparison, first: Sequence[str] = ()) -> tuple[list[list[str]], list[str]]:
    """Rows and headings of the first table: figures of accuracy, each with its error, at most MOST; `first`: those
    that come before others."""
    usual = dict(_shown(WORTH, comparison))
    known = {one.figure: one for one in WORTH}
    named = {name: known.get(name.partition("@")[0], Column(name, name, max)) for name in first} | usual
    columns = [(name, replace(one, heading=_at(name, one.heading))) for name, one in named.items()]
    return _table(comparison.metrics, columns[:MOST], comparison.around[1])


def cost(comparison: Comparison) -> tuple[list[list[str]], list[str]]:
    """Of the second: what the lists are like, and what the model costs."""
    costs = {name: asdict(one) for name, one in comparison.costs.items()}
    known = {name: {**figures, **costs.get(name, {})} for name, figures in comparison.metrics.items()}
    return _table(known, [*_shown(LISTS, comparison), *((one.figure, one) for one in COSTS)], {})


def _at(name: str, heading: str) -> str:
    """A heading with the length of list that the figure's name ends with."""
    return heading + "".join(name.rpartition("@")[1:]) if "@" in name and "@" not in heading else heading


def _published(plan: EvaluationPlan) -> tuple[list[list[str]], list[str]]:
    rows = [
        [other.system, f"{other.how}: {other.source}", *(figure(other.figures.get(name)) for name in plan.metrics)]
        for other in plan.published
    ]
    return rows, ["others", "source", *plan.metrics]


def _shown(columns: Sequence[Column], comparison: Comparison) -> list[tuple[str, Column]]:
    """The columns for which some model has a figure, by its full name."""
    at = comparison.k[:1]
    named = [(name, one) for one in columns for name in (one.figure, *(f"{one.figure}@{k}" for k in at))]
    return [(name, one) for name, one in named if any(name in figures for figures in comparison.metrics.values())]


def _table(
    figures: Mapping[str, Mapping[str, float | None]],
    columns: Sequence[tuple[str, Column]],
    errors: Mapping[str, Mapping[str, float]],
) -> tuple[list[list[str]], list[str]]:
    rows = [[model] for model in figures]
    for name, column in columns:
        values = [_plain(some.get(name)) for some in figures.values()]
        there = [value for value in values if value is not None]
        best = column.better(there) if column.better and len(there) > 1 else None
        for row, model, value in zip(rows, figures, values, strict=True):
            row.append(_cell(column, value, best, errors.get(model, {}).get(name)))
    return rows, ["model", *(one.heading for _, one in columns)]


def _cell(column: Column, value: float | None, best: float | None, error: float | None) -> str:
    """A figure with its error, and a star where it is the best as far as one can see."""
    if value is None:
        return "–"

    def shown(figure: float) -> str:
        return f"{figure * column.scale:,.{column.digits}f}"

    star = "*" if best is not None and shown(value) == shown(best) else ""
    around = "" if error is None else f" ±{shown(error)}" if math.isfinite(error) else " ±–"
    return f"{star}{shown(value)}{around}"


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def document(outcome: ComparisonSummary, found: "ComparisonResult") -> dict[str, Any]:
    """A comparison as JSON: all but breakdowns and what only pictures need."""
    left_out = {name: error.message for name, error in found.failures.items()}
    return outcome.as_dict() | {"left_out": left_out, "interrupted": found.interrupted}
