"""The sections of the HTML page of a comparison, in their order."""

from collections.abc import Mapping, Sequence

from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.report import html, tables
from cofactor.report.findings import sentences
from cofactor.report.html import Section
from cofactor.report.tables import ReportTable

KIND = "Comparison of models"


def page(outcome: ComparisonSummary, plots: Mapping[str, Sequence[str]]) -> str:
    """The page as HTML. `plots`: the plots as HTML, by kind."""
    comparison = outcome.comparison
    sections = [
        Section("accuracy", "Accuracy and cost", _parts(
            *map(_table, (tables.accuracy(outcome), tables.by_split(outcome), tables.list_properties(outcome))),
            _table(tables.costs(outcome)), *plots.get("cost", ()),
        )),
        Section("differences", "Differences and their significance", _parts(
            *plots.get("differences", ()), _table(tables.differences(comparison), "differences"),
        )),
        Section("lists", "Metrics by list length", _parts(*plots.get("lists", ()))),
        Section("groups", "Metrics by group", _groups(outcome, plots.get("groups", ()))),
        Section("predicted", "Calibration", _parts(*plots.get("predicted", ()))),
        Section("deviations", "Stated uncertainty", _parts(*plots.get("deviations", ()))),
        Section("learning", "Learning curves", _parts(*plots.get("learning", ()))),
        Section("models", "Models", _parts(
            html.table(tables.hyperparameters(outcome)),
            html.collapsible("All metrics", html.table(tables.all_metrics(outcome))),
        )),
        Section("again", "Splits, and how to reproduce this", _again(outcome)),
    ]  # fmt: skip
    return html.page(outcome.name, KIND, outcome.about, sentences(comparison), sections, _footer(outcome))


def _parts(*some: str) -> tuple[str, ...]:
    return tuple(one for one in some if one)


def _table(one: ReportTable | None, kind: str = "") -> str:
    return "" if one is None else html.table(one, kind)


def _groups(outcome: ComparisonSummary, plots: Sequence[str]) -> tuple[str, ...]:
    found = "\n".join(map(html.table, tables.breakdowns(outcome)))
    return _parts(*plots, html.collapsible("The same plots as tables", found) if found else "")


def _again(outcome: ComparisonSummary) -> tuple[str, ...]:
    versions = ", ".join(f"{name} {version}" for name, version in outcome.versions.items())
    environment = "; ".join(part for part in (versions, outcome.machine) if part)
    return _parts(
        html.table(tables.splits(outcome)),
        html.paragraph("Command that reproduces this comparison:"),
        html.command(outcome.command),
        html.paragraph(environment) if environment else "",
    )


def _footer(outcome: ComparisonSummary) -> str:
    version = f"Made by cofactor {outcome.versions.get('cofactor', '')}".rstrip()
    files = "The same folder holds the plots as PNG and SVG, the tables in Markdown, and the metrics as CSV and JSON."
    return f"{version}. {files}"
