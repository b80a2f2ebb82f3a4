"""What stands on the page of a comparison, and in which order."""

from collections.abc import Mapping, Sequence

from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.report import html, tables
from cofactor.report.findings import sentences
from cofactor.report.html import Section
from cofactor.report.tables import Table

KIND = "Comparison of models"


def page(outcome: ComparisonSummary, drawn: Mapping[str, Sequence[str]]) -> str:
    """The page. `drawn`: the pictures as HTML, by their kind."""
    comparison = outcome.comparison
    sections = [
        Section("accuracy", "Accuracy and cost", _parts(
            *map(_table, (tables.accuracy(outcome), tables.by_split(outcome), tables.of_lists(outcome))),
            _table(tables.costs(outcome)), *drawn.get("cost", ()),
        )),
        Section("differences", "Differences and chance", _parts(
            *drawn.get("differences", ()), _table(tables.differences(comparison), "differences"),
        )),
        Section("lists", "Lists of any length", _parts(*drawn.get("lists", ()))),
        Section("groups", "Where each model is good", _groups(outcome, drawn.get("groups", ()))),
        Section("predicted", "Calibration", _parts(*drawn.get("predicted", ()))),
        Section("deviations", "Stated uncertainty", _parts(*drawn.get("deviations", ()))),
        Section("learning", "Learning curves", _parts(*drawn.get("learning", ()))),
        Section("models", "Models", _parts(
            html.table(tables.hyperparameters(outcome)),
            html.folded("All figures", html.table(tables.everything(outcome))),
        )),
        Section("again", "Splits, and how to do it again", _again(outcome)),
    ]  # fmt: skip
    return html.page(outcome.name, KIND, outcome.about, sentences(comparison), sections, _footer(outcome))


def _parts(*some: str) -> tuple[str, ...]:
    return tuple(one for one in some if one)


def _table(one: Table | None, kind: str = "") -> str:
    return "" if one is None else html.table(one, kind)


def _groups(outcome: ComparisonSummary, drawn: Sequence[str]) -> tuple[str, ...]:
    found = "\n".join(map(html.table, tables.breakdowns(outcome)))
    return _parts(*drawn, html.folded("The same as tables", found) if found else "")


def _again(outcome: ComparisonSummary) -> tuple[str, ...]:
    versions = ", ".join(f"{name} {version}" for name, version in outcome.versions.items())
    told = "; ".join(part for part in (versions, outcome.machine) if part)
    return _parts(
        html.table(tables.splits(outcome)), html.paragraph("The same again:"), html.command(outcome.command),
        html.paragraph(told) if told else "",
    )  # fmt: skip


def _footer(outcome: ComparisonSummary) -> str:
    made = f"Made by cofactor {outcome.versions.get('cofactor', '')}".rstrip()
    beside = "Beside this page: the pictures as PNG and SVG, the tables in Markdown, the figures as CSV and JSON."
    return f"{made}. {beside}"
