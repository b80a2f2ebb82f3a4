"""A report as tables on the terminal."""

import click

from cofactor.cli.display.terminal import figure, print_table
from cofactor.evaluation.metrics.registry import summary_columns
from cofactor.evaluation.report import Report

HELD_OUT = "ratings", "users", "items"
COLD = ("cold_users", "users without training ratings"), ("cold_items", "items without training ratings")


def print_summary(report: Report) -> None:
    """Print the most important metrics."""
    names = set(summary_columns(report.k))
    _print(report, [name for name in report.metrics if name in names])


def print_report(report: Report) -> None:
    """Print every metric with its standard error, and the numbers of test ratings, users and items."""
    _print(report, list(report.metrics))


def _print(report: Report, names: list[str]) -> None:
    rows = [[name, figure(report.metrics[name]), _error(report.standard_errors.get(name))] for name in names]
    print_table(rows, ["metric", "value", "± standard error"])
    click.echo(f"\nevaluated on {describe_counts(report)}")


def describe_counts(report: Report) -> str:
    """The numbers of test ratings, users and items, and how many of them are cold."""
    counts = ", ".join(f"{report.counts[name]:,} {name}" for name in HELD_OUT)
    cold = [f"{report.counts[name]:,} {words}" for name, words in COLD if report.counts[name]]
    return counts + (f"; of these, {' and '.join(cold)} (cold start)" if cold else "")


def _error(value: float | None) -> str:
    return "" if value is None else figure(value)
