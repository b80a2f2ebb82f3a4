"""A comparison as a table on the terminal, and as CSV, JSON and Markdown."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from cofactor.cli.screen import figure, print_table
from cofactor.evaluation.compare import Comparison, Difference

SHOWN = ("rmse", "mae", "ndcg", "recall", "hit_rate", "coverage", "novelty")


def print_comparison(comparison: Comparison) -> None:
    """The main figures of every model, and below them each paired difference from the best."""
    print_table(*table(comparison))
    for metric, found in comparison.differences.items():
        click.echo()
        headings = [f"{metric} from the best", "difference", "95 % interval", ""]
        print_table([_difference(name, one) for name, one in found.items()], headings)


def table(comparison: Comparison) -> tuple[list[list[str]], list[str]]:
    """Rows and column headings: the model, fit seconds, and the figures of SHOWN at the first k."""
    columns = _columns(comparison)
    rows = [
        [
            name,
            figure(comparison.costs[name].fit_seconds if name in comparison.costs else None, 2),
            *(figure(figures.get(column)) for column in columns),
        ]
        for name, figures in comparison.metrics.items()
    ]
    return rows, ["model", "fit s", *columns]


def _columns(comparison: Comparison) -> list[str]:
    """The figures of SHOWN that some model has, those of lists at the first k."""
    k = comparison.k[:1]
    wanted = [name for one in SHOWN for name in (one, *(f"{one}@{at}" for at in k))]
    return [name for name in wanted if any(name in figures for figures in comparison.metrics.values())]


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """comparison.csv: a row for each model and all its main figures; .json: everything; .md: the tables."""
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
    parts = ["# Comparison", _markdown_table(*table(comparison))]
    for metric, found in comparison.differences.items():
        rows = [_difference(name, one) for name, one in found.items()]
        parts += [
            f"## {metric}: paired differences from the best",
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
