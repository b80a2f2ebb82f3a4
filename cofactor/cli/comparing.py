"""A comparison as tables on the terminal, and as CSV, JSON and Markdown."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from cofactor.cli.screen import figure, print_table
from cofactor.evaluation.compare import Comparison, Difference
from cofactor.experiments.outcome import Outcome
from cofactor.experiments.plan import Plan

if TYPE_CHECKING:
    from cofactor.experiments.rounds import Contest

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


def print_outcome(outcome: Outcome, plan: Plan) -> None:
    """What the models are worth, beside what others have published; what their lists are like and what they cost;
    and in words which differences are real."""
    comparison = outcome.comparison
    several = len(outcome.splits) > 1
    print_table(*worth(comparison, plan.shown))
    if plan.published:
        click.echo()
        print_table(*_published(plan), left=2)
    click.echo()
    print_table(*cost(comparison))
    around = "standard deviation over the splits" if several else "standard error"
    click.echo(f"\n* the best; ± {around}; fit, CPU and peak are of the training alone\n")
    for sentence in comparison.words():
        click.echo(sentence)


def worth(comparison: Comparison, first: Sequence[str] = ()) -> tuple[list[list[str]], list[str]]:
    """Rows and headings of the first table: figures of accuracy, each with its error, at most MOST; `first`: those
    that come before others."""
    errors = comparison.spreads if len(next(iter(comparison.reports.values()))) > 1 else comparison.errors
    usual = dict(_shown(WORTH, comparison))
    known = {one.figure: one for one in WORTH}
    named = {name: known.get(name.partition("@")[0], Column(name, name, max)) for name in first} | usual
    return _table(comparison.metrics, list(named.items())[:MOST], errors)


def cost(comparison: Comparison) -> tuple[list[list[str]], list[str]]:
    """Of the second: what the lists are like, and what the model costs."""
    costs = {name: asdict(one) for name, one in comparison.costs.items()}
    known = {name: {**figures, **costs.get(name, {})} for name, figures in comparison.metrics.items()}
    return _table(known, [*_shown(LISTS, comparison), *((one.figure, one) for one in COSTS)], {})


def _published(plan: Plan) -> tuple[list[list[str]], list[str]]:
    rows = [
        [other.system, f"{other.how}: {other.source}", *(figure(other.figures.get(name)) for name in plan.shown)]
        for other in plan.published
    ]
    return rows, ["others", "source", *plan.shown]


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
    return rows, ["model", *(f"{one.heading}@{name.partition('@')[2]}".rstrip("@") for name, one in columns)]


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


def document(outcome: Outcome, found: "Contest") -> dict[str, Any]:
    """A comparison as JSON: all but breakdowns and what only pictures need."""
    return {
        "name": outcome.name,
        "about": outcome.about,
        "command": outcome.command,
        "splits": [asdict(one) for one in outcome.splits],
        "trainers": dict(outcome.trainers),
        "hyperparameters": {name: dict(one) for name, one in outcome.hyperparameters.items()},
        **outcome.comparison.as_dict(),
        "curves": {name: asdict(one) for name, one in outcome.curves.items()},
        "left_out": {name: error.message for name, error in found.failures.items()},
        "interrupted": found.interrupted,
        "versions": dict(outcome.versions),
        "machine": outcome.machine,
    }


def write(outcome: Outcome, folder: Path) -> None:
    """comparison.csv: a row for each model and all its main figures; .json: everything; .md: the tables."""
    comparison = outcome.comparison
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"model": name, **figures} for name, figures in comparison.metrics.items()]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with (folder / "comparison.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    (folder / "comparison.json").write_bytes(orjson.dumps(comparison.as_dict(), option=options))
    (folder / "comparison.md").write_text(_markdown(comparison), encoding="utf-8")


def _markdown(comparison: Comparison) -> str:
    parts = ["# Comparison", _markdown_table(*worth(comparison)), _markdown_table(*cost(comparison))]
    parts += comparison.words()
    for metric, found in comparison.differences.items():
        rows = [_difference(name, one) for name, one in found.items()]
        parts += [
            f"## {metric}: paired differences",
            _markdown_table(rows, ["model", "difference", "95 % interval", "verdict"]),
        ]
    return "\n\n".join(parts) + "\n"


def _markdown_table(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _difference(name: str, one: Difference) -> list[str]:
    if one.model == one.against:
        return [name, "", "", one.verdict]
    return [name, f"{one.value:+.4f}", f"{one.low:+.4f} to {one.high:+.4f}", one.verdict]
