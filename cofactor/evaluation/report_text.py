"""The report of an evaluation as text and as HTML."""

import math
from collections.abc import Sequence
from typing import Any

from cofactor.data.tables.html_table import html_table
from cofactor.data.tables.text_table import Paragraph, TextTable, format_number
from cofactor.evaluation.metrics.registry import summary_columns
from cofactor.evaluation.report_protocol import ReportLike

__all__ = ["describe_report", "summarize_report"]

HELD_OUT = "ratings", "users", "items"
COLD = ("cold_users", "user"), ("cold_items", "item")


def summarize_report(report: ReportLike) -> list[Paragraph]:
    """The most important metrics with their standard errors, and the numbers of test ratings, users and items."""
    names = set(summary_columns(report.k))
    return _describe(report, [name for name in report.metrics if name in names])


def describe_report(report: ReportLike) -> list[Paragraph]:
    """Every metric with its standard error, and the numbers of test ratings, users and items."""
    return _describe(report, list(report.metrics))


def _describe(report: ReportLike, names: list[str]) -> list[Paragraph]:
    rows = [[name, format_number(report.metrics[name]), _error(report.standard_errors.get(name))] for name in names]
    return [
        TextTable(rows, ["metric", "value", "± standard error"]),
        f"\nevaluated on {describe_counts(report)}",
    ]


def report_as_html(report: ReportLike) -> str:
    """Every metric with its standard error as a table, under the numbers of test ratings, users and items."""
    errors = [report.standard_errors.get(name, math.nan) for name in report.metrics]
    columns: dict[str, Sequence[Any]] = {"metric": list(report.metrics), "value": list(report.metrics.values())}
    return html_table(columns | {"± standard error": errors}, describe_counts(report), rows=len(errors))


def describe_counts(report: ReportLike) -> str:
    """The numbers of test ratings, users and items, and how many of them are cold."""
    values = report.values_noun
    nouns = {"ratings": values}
    counts = ", ".join(f"{report.counts[name]:,} {nouns.get(name, name)}" for name in HELD_OUT)
    cold = [
        f"{n:,} {noun}{'s' * (n > 1)} without training {values}"
        for name, noun in COLD
        if (n := report.counts.get(name))
    ]
    return counts + (f"; of these, {' and '.join(cold)} (cold start)" if cold else "")


def _error(value: float | None) -> str:
    return "" if value is None else format_number(value)
