"""A report as a person reads it."""

import click

from cofactor.cli.screen import figure, print_table
from cofactor.evaluation.evaluate import Report

HELD_OUT = "ratings", "users", "items"
COLD = ("cold_users", "users without training ratings"), ("cold_items", "items without training ratings")


def print_report(report: Report) -> None:
    """Every metric with its standard error; then what was measured on, and what had to be scored by fallback."""
    rows = [[name, figure(value), _error(report.errors.get(name))] for name, value in report.metrics.items()]
    print_table(rows, ["metric", "value", "± standard error"])
    click.echo(f"\nmeasured on {counted(report)}")


def counted(report: Report) -> str:
    """What was measured on, and how much of it was cold."""
    said = ", ".join(f"{report.counts[name]:,} {name}" for name in HELD_OUT)
    cold = [f"{report.counts[name]:,} {words}" for name, words in COLD if report.counts[name]]
    return said + (f"; {' and '.join(cold)} scored by fallback" if cold else "")


def _error(value: float | None) -> str:
    return "" if value is None else figure(value)
