"""The tables in Markdown, for a README or a paper."""

from collections.abc import Iterator

from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.report import tables as report_tables
from cofactor.report.findings import sentences
from cofactor.report.formatting import one_line
from cofactor.report.tables import Cell, ReportTable


def tables(outcome: ComparisonSummary) -> str:
    """All tables, each under its heading; the best values are bold."""
    parts = [f"# {escaped(outcome.name)}"]
    parts += [escaped(outcome.about)] if outcome.about else []
    parts += ["\n".join(f"- {escaped(one)}" for one in sentences(outcome.comparison))]
    parts += [_format_section(one) for one in _all(outcome)]
    parts += ["## Reproducing this comparison", fenced(outcome.command), _facts(outcome)]
    return "\n\n".join(parts) + "\n"


def table(one: ReportTable) -> str:
    """One table without its heading."""
    lines = [
        [escaped(column) for column in one.columns],
        ["---", *["---" if one.words else "---:"] * (len(one.columns) - 1)],
    ]
    lines += [[escaped(name), *(_cell(cell) for cell in cells)] for name, cells in one.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Text on one line in which every character with a meaning in Markdown or HTML is escaped."""
    plain = one_line(text)
    for sign in ("\\", "`", "*", "_", "[", "]", "|", "#", "~"):
        plain = plain.replace(sign, f"\\{sign}") if _has_meaning(sign, plain) else plain
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _has_meaning(sign: str, text: str) -> bool:
    """A hash makes a heading only at the beginning, and underscores within words are letters."""
    if sign == "#":
        return text.startswith("#")
    return sign != "_" or text.startswith("_") or text.endswith("_") or " _" in text or "_ " in text


def _all(outcome: ComparisonSummary) -> Iterator[ReportTable]:
    yield report_tables.accuracy(outcome)
    for one in (
        report_tables.list_properties(outcome),
        report_tables.costs(outcome),
        report_tables.differences(outcome.comparison),
        report_tables.by_split(outcome),
    ):
        if one is not None:
            yield one
    yield from report_tables.breakdowns(outcome)
    yield report_tables.hyperparameters(outcome)
    yield report_tables.splits(outcome)


def _format_section(one: ReportTable) -> str:
    parts = [f"## {escaped(one.title)}", table(one)]
    return "\n\n".join(parts + ([escaped(one.note)] if one.note else []))


def _cell(cell: Cell) -> str:
    text = f"**{escaped(cell.text)}**" if cell.best else escaped(cell.text)
    return " ".join(part for part in ("≈" if cell.same else "", text, escaped(cell.error)) if part)


def fenced(command: str) -> str:
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in command)
    fence = "```"
    while fence in plain:
        fence += "`"
    return f"{fence}console\n$ {plain}\n{fence}"


def _facts(outcome: ComparisonSummary) -> str:
    known = [f"{name} {version}" for name, version in outcome.versions.items()]
    return escaped(", ".join([*known, *([outcome.machine] if outcome.machine else [])]))
