"""Reports as files: whole, the same each time, and safe with whatever names the data bring."""

import csv
import json
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from math import nan
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.image import imread

from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.report import Report
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.report import markdown, tables
from cofactor.report.findings import sentences
from cofactor.report.plots import render
from cofactor.report.plots.comparison_plots import make_plots
from cofactor.report.write import comparison_json, metrics_csv, write_report
from tests.sample_comparisons import HOSTILE, outcome, reports

NAMES = {"differences", "cost", "learning-rmse", "learning-ndcg-10", "lists-catalogue", "groups-user-activity"}
NAMES |= {"groups-genre", "predicted", "deviations"}


@pytest.fixture(scope="module")
def measured(movies: Ratings) -> dict[str, Report]:
    return reports(movies, ("baseline", "ials", "svd"))


@pytest.fixture(scope="module")
def found(measured: dict[str, Report]) -> ComparisonSummary:
    return outcome(measured, {name: name for name in measured})


class Elements(HTMLParser):
    """Every element of a page with its attributes, and all text outside of the style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def written(found: ComparisonSummary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report where an earlier one stood, beside somebody's own picture."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "groups-before.png").write_text("of an earlier report")
    for name in ("mine", "cost-of-the-house"):
        (folder / "pictures" / f"{name}.png").write_text("somebody's own")
    earlier = {"pictures": ["groups-before", "groups-../../report", "mine", 3]}
    (folder / "comparison.json").write_text(json.dumps(earlier))
    told: list[str] = []
    write_report(found, folder, told.append)
    assert len(told) == len(NAMES)
    return folder


def test_a_report_is_there_whole(written: Path) -> None:
    there = {path.name for path in written.iterdir()}
    assert there == {"report.html", "report.md", "comparison.csv", "comparison.json", "pictures"}
    kept = {path.name for path in (written / "pictures").iterdir()}
    own = {"mine.png", "cost-of-the-house.png"}
    assert kept == own | {f"{name}.{suffix}" for name in NAMES for suffix in ("png", "svg")}
    assert (written / "report.html").stat().st_size < 1_000_000
    for name in NAMES:
        assert imread(written / "pictures" / f"{name}.png").shape[1] >= 1200
        drawing = written / "pictures" / f"{name}.svg"
        assert ElementTree.parse(drawing).getroot().tag.endswith("svg")
        assert "<text" not in drawing.read_text(), "letters of a file are outlines"


def test_the_same_outcome_gives_the_same_bytes(found: ComparisonSummary, written: Path) -> None:
    page = (written / "report.html").read_text()
    for one in make_plots(found):
        if one.name in ("differences", "predicted"):
            figure = one.draw()
            path = written / "pictures" / one.name
            assert render.png(figure) == path.with_suffix(".png").read_bytes()
            assert render.svg(figure, one.name, one.title) == path.with_suffix(".svg").read_bytes()
            assert render.inline(figure, one.name, one.description) in page
    assert metrics_csv(found) == (written / "comparison.csv").read_text()
    assert comparison_json(found) == (written / "comparison.json").read_bytes()
    assert markdown.tables(found) == (written / "report.md").read_text()


def test_the_page_says_what_was_found(found: ComparisonSummary, written: Path) -> None:
    page = Elements((written / "report.html").read_text())
    comparison = found.comparison
    for sentence in sentences(comparison):
        assert sentence in page.text
    for said in (found.command, found.splits[0].fingerprint, "cofactor 1.2.3", "rank 4, l2 0.02", "2 cores"):
        assert said in page.text
    for name, some in comparison.metrics.items():
        assert name in page.text
        assert f"{some['ndcg@5']:.4f}" in page.text
    pictured = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictured) == len(NAMES)
    assert all(one["role"] == "img" and len(one["aria-label"] or "") > 30 for one in pictured)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in page.tags if tag in ("script", "img", "link", "iframe", "object")] == []
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in page.tags)
    referred = [(attributes["xlink:href"] or "").removeprefix("#") for tag, attributes in page.tags if tag == "use"]
    assert referred
    assert set(referred) <= set(ids), "every mark of a plot is there"


def test_hostile_names_stay_text(measured: dict[str, Report], tmp_path: Path) -> None:
    like = [measured["svd"], measured["ials"]]
    named = {name: like[number % 2] for number, name in enumerate(HOSTILE)}
    harm = outcome(named, dict.fromkeys(named, HOSTILE[0]), name=HOSTILE[5])
    harm = replace(harm, calibrations={}, curves={}, comparison=replace(harm.comparison, costs={}))
    group = replace(harm.breakdowns[0].groups[0], label=HOSTILE[0])
    by = replace(harm.breakdowns[0], by=HOSTILE[8], what=HOSTILE[6], groups=(group,))
    settings = {name: {HOSTILE[0]: HOSTILE[5]} for name in named}
    harm = replace(
        harm, about=HOSTILE[0], command=HOSTILE[5], breakdowns=(by,), hyperparameters=settings, machine=HOSTILE[2]
    )
    write_report(harm, tmp_path / "report")
    assert [one.name for one in tmp_path.iterdir()] == ["report"]
    assert all(path.stem.replace("-", "").isalnum() for path in (tmp_path / "report" / "pictures").iterdir())
    text = (tmp_path / "report" / "report.html").read_text()
    page = Elements(text)
    assert {tag for tag, _ in page.tags} & {"script", "img", "a"} == {"a"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert HOSTILE[0] in page.text
    assert HOSTILE[5] in page.text
    assert not {"\x1b", "\u202e"} & set(text)
    told = (tmp_path / "report" / "report.md").read_text()
    assert not {"\x1b", "\u202e"} & set(told)
    assert "<script" not in told
    assert "![picture](" not in told
    (table,) = (part for part in told.split("\n\n") if part.startswith("| model | RMSE |"))
    lines = table.splitlines()
    assert len(lines) == 2 + len(HOSTILE)
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    rows = list(csv.DictReader(StringIO((tmp_path / "report" / "comparison.csv").read_text(), newline="")))
    assert [row["model"] for row in rows] == list(HOSTILE)


def test_figures_are_written_as_they_are(found: ComparisonSummary) -> None:
    rows = list(csv.DictReader(StringIO(metrics_csv(found))))
    kept = json.loads(comparison_json(found))
    for row in rows:
        exact = found.comparison.metrics[row["model"]]
        assert {name: float(row[name]) for name in exact} == exact
        assert kept["models"][row["model"]]["metrics"] == exact
        assert float(row["fit_seconds"]) == found.comparison.costs[row["model"]].fit_seconds
    assert kept["command"] == found.command
    assert kept["splits"][0]["fingerprint"] == found.splits[0].fingerprint


def test_a_folder_that_cannot_be_written_to_is_told_of(found: ComparisonSummary, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadArtifact, match="cannot write"):
        write_report(found, tmp_path / "file")


def test_the_best_is_bold_and_what_cannot_be_told_from_it_is_marked(found: ComparisonSummary) -> None:
    table = tables.accuracy(found)
    assert table.columns[1:3] == ["RMSE", "MAE"]
    exact = {name: some["rmse"] for name, some in found.comparison.metrics.items() if "rmse" in some}
    cells = {name: cells[0] for name, cells in table.rows}
    assert [name for name, cell in cells.items() if cell.best] == [min(exact, key=exact.__getitem__)]
    assert cells["ials"].text == "–"
    assert f"**{min(exact.values()):.4f}** ±" in markdown.tables(found)
    verdicts = found.comparison.differences["ndcg@5"]
    ndcg = {name: cells[list(table.columns).index("NDCG@5") - 1] for name, cells in table.rows}
    assert {name for name, cell in ndcg.items() if cell.same} == {
        name for name, one in verdicts.items() if one.verdict == "no real difference"
    }


def test_the_answer_is_given_by_errors_and_ndcg(found: ComparisonSummary) -> None:
    said = sentences(found.comparison)
    assert [one.partition(":")[0] for one in said] == ["RMSE", "NDCG@5"]
    assert set(said) < set(found.comparison.sentences())
    other = {metric: some for metric, some in found.comparison.differences.items() if metric == "recall@5"}
    assert sentences(replace(found.comparison, differences=other))[0].startswith("recall@5: ")


@pytest.mark.parametrize("alone", ["svd", "ials"])
def test_one_model_has_a_report(alone: str, measured: dict[str, Report], tmp_path: Path) -> None:
    single = outcome({alone: measured[alone]}, {alone: alone})
    write_report(replace(single, curves={}, spreads={}, breakdowns=()), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert f"One model</b>: {alone}" in text
    assert not (tmp_path / "pictures" / "differences.png").exists()
    assert (tmp_path / "pictures" / "predicted.png").exists() is (alone == "svd")


def test_one_user_and_no_figure_at_all(measured: dict[str, Report], tmp_path: Path) -> None:
    """Nothing can be said of chance, and NaN is nowhere printed."""
    nothing = {
        name: replace(
            one, metrics=dict.fromkeys(one.metrics, nan), standard_errors=dict.fromkeys(one.standard_errors, nan)
        )
        for name, one in measured.items()
    }
    blank = replace(outcome(nothing, {name: name for name in nothing}), calibrations={}, curves={}, spreads={})
    real = compare_reports({name: [one] for name, one in measured.items()})
    unsure = {
        metric: {name: replace(one, low=nan, high=nan, p=nan, p_holm=nan) for name, one in some.items()}
        for metric, some in real.differences.items()
    }
    sad = replace(blank.comparison, differences=unsure)
    group = replace(blank.breakdowns[0].groups[0], metrics={"svd": {"rmse": nan}})
    by = replace(blank.breakdowns[0], groups=(group,))
    write_report(replace(blank, comparison=sad, breakdowns=(by,)), tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "nan" not in text.lower().replace("finance", "")
    assert b"NaN" not in comparison_json(blank)
