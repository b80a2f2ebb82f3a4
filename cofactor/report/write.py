"""Writing of reports: a page, tables, plots and metrics. Each file is written whole or not at all."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import orjson

from cofactor.atomic_folders import write_file
from cofactor.errors import check_type
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.experiments.tuning.trial import TrialHistory
from cofactor.output_checks import write_errors
from cofactor.report import html, markdown, tuning_page
from cofactor.report.comparison_page import page
from cofactor.report.plots import render
from cofactor.report.plots.comparison_plots import KINDS, Plot, make_plots, slug

__all__ = ["write_report", "write_search"]

PICTURES, SUFFIXES = "pictures", (".png", ".svg")
JSON = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS

Advance = Callable[[str], object]  # called with the title of each plot before it is drawn


def write_report(outcome: ComparisonSummary, folder: Path | str, advance: Advance = lambda title: None) -> None:
    """report.html, report.md, comparison.csv, comparison.json, and pictures/ as PNG and SVG.

    Plots that an earlier report in this folder lists in comparison.json, and that this one does not have, are removed;
    no other file is. Raises BadArtifact if the folder is not writable.
    """
    check_type("outcome", outcome, ComparisonSummary, "cofactor.compare makes one of trainers and a split")
    folder = Path(folder)
    with write_errors(folder):
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        earlier = _pictures_of(folder / "comparison.json")
        some = list(make_plots(outcome))
        write_file(folder / "comparison.csv", metrics_csv(outcome).encode())
        write_file(folder / "comparison.json", comparison_json(outcome))
        write_file(folder / "report.md", markdown.tables(outcome).encode())
        drawn: dict[str, list[str]] = {}
        for one in some:
            advance(one.title)
            drawn.setdefault(one.kind, []).append(_draw(one, folder))
        write_file(folder / "report.html", page(outcome, drawn).encode())
        for name in earlier - {one.name for one in some}:
            for suffix in SUFFIXES:
                (folder / PICTURES / f"{name}{suffix}").unlink(missing_ok=True)


def write_search(search: TrialHistory, folder: Path) -> None:
    """search.html, search.md, and pictures/search-TRAINER as PNG and SVG."""
    name = f"search-{slug(search.trainer) or 'trainer'}"
    one = tuning_page.picture(search, name)
    with write_errors(folder):
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        write_file(folder / "search.md", tuning_page.tables(search).encode())
        write_file(folder / "search.html", tuning_page.page(search, _draw(one, folder)).encode())


def metrics_csv(outcome: ComparisonSummary) -> str:
    """comparison.csv: a row for each model with its metrics, their standard errors and its cost."""
    comparison, file = outcome.comparison, StringIO()
    errors = comparison.standard_errors
    rows = []
    for name, some in comparison.metrics.items():
        row: dict[str, Any] = {"model": name}
        for metric, value in some.items():
            row |= {metric: value, f"{metric} error": errors[name].get(metric)}
        cost = comparison.costs.get(name)
        rows.append(row | (cost.as_dict() if cost is not None else {}))
    writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def comparison_json(outcome: ComparisonSummary) -> bytes:
    """comparison.json: the whole comparison in plain numbers."""
    found = outcome.as_dict() | {
        "breakdowns": [asdict(one) for one in outcome.breakdowns],
        "calibrations": {name: vars(one) for name, one in outcome.calibrations.items()},
        "deviations": {name: vars(one) for name, one in outcome.spreads.items()},
        "pictures": [one.name for one in make_plots(outcome)],
    }
    return orjson.dumps(found, option=JSON, default=str)


def _draw(one: Plot, folder: Path) -> str:
    """Write the files of a plot, and return it as HTML."""
    with render.suppress_font_warnings():
        figure = one.draw()
    write_file(folder / PICTURES / f"{one.name}.png", render.png(figure))
    write_file(folder / PICTURES / f"{one.name}.svg", render.svg(figure, one.name, one.title))
    return html.plot(render.inline(figure, one.name, one.description), one.title)


def _pictures_of(file: Path) -> set[str]:
    """The plots that an earlier report lists, as far as their names are names of plots."""
    try:
        names = [name for name in orjson.loads(file.read_bytes())["pictures"] if isinstance(name, str)]
    except (OSError, ValueError, KeyError, TypeError):
        return set()  # no earlier report, or not a report
    return {name for name in names if name == slug(name) and name.partition("-")[0] in KINDS}
