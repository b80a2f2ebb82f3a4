"""A report as a person reads it."""

import click

from cofactor.cli.display.terminal import figure, print_table
from cofactor.evaluation.metrics.registry import summary_columns
from cofactor.evaluation.report import Report

HELD_OUT = "ratings", "users", "items"
COLD = ("cold_users", "users without training ratings"), ("cold_items", "items without training ratings")


def print_summary(report: Report) -> None:
    """The few figures to look at first."""
    names = set(summary_columns(report.k))
    _print(report, [name for name in report.metrics if name in names])


def print_report(report: Report) -> None:
    """Every metric with its standard error; then what was measured on, and what had to be scored by fallback."""
    _print(report, list(report.metrics))


def _print(report: Report, names: list[str]) -> None:
    rows = [[name, figure(report.metrics[name]), _error(report.standard_errors.get(name))] for name in names]
    print_table(rows, ["metric", "value", "± standard error"])
    click.echo(f"\nmeasured on {counted(report)}")


def counted(report: Report) -> str:
    """What was measured on, and how much of it was cold."""
    said = ", ".join(f"{report.counts[name]:,} {name}" for name in HELD_OUT)
    cold = [f"{report.counts[name]:,} {words}" for name, words in COLD if report.counts[name]]
    return said + (f"; {' and '.join(cold)} scored by fallback" if cold else "")


def _error(value: float | None) -> str:
    return "" if value is None else figure(value)
