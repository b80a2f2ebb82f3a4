"""What a person sees of results: printed, and in a notebook."""

import io
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn.base import clone

import cofactor
from cofactor.data.ratings import Ratings
from cofactor.data.tables.tabular import ColumnTable
from cofactor.errors import BadData, BadHyperparameter
from cofactor.evaluation.comparison_text import cost_table
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.report_text import describe_report
from cofactor.trainers import TRAINERS
from cofactor.training.tracking.progress import NoProgress, ProgressBar, ProgressDisplay, choose_display, has_onlooker
from tests.sample_comparisons import outcome
from tests.toys import noise

RATINGS = noise()
PARTS = cofactor.split(RATINGS, seed=0)


@pytest.fixture(scope="module")
def fitted() -> cofactor.Fit:
    return cofactor.fit(cofactor.SVD(rank=2, n_epochs=3), PARTS)


def test_a_printed_report_is_the_table_of_the_command_line(fitted: cofactor.Fit) -> None:
    report = cofactor.evaluate(fitted.model, PARTS.test, k=5)
    table, counts = describe_report(report)
    assert str(report) == f"{table}\n{counts}"
    lines = str(report).splitlines()
    assert lines[0].split() == ["metric", "value", "±", "standard", "error"]
    assert lines[1].split()[:2] == ["rmse", f"{report.metrics['rmse']:.4f}"]
    assert lines[-1].startswith("evaluated on 25 ratings")
    shown = report._repr_html_()
    assert shown.count("<tr>") == len(report.metrics) + 1
    assert ">ndcg@5<" in shown


def test_a_printed_comparison_has_its_tables_and_sentences(fitted: cofactor.Fit) -> None:
    models = {"<b>": cofactor.Baseline().fit(PARTS.train), "svd": fitted.model}
    compared = cofactor.compare(models, PARTS.test)
    assert all(sentence in str(compared) for sentence in compared.sentences())
    assert str(compared).splitlines()[0].split()[:2] == ["model", "RMSE"]
    assert "CPU s" not in str(compared), "nothing is known of the cost of models that were trained elsewhere"
    assert "–" not in str(cost_table(compared))
    shown = compared._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert shown.count("<table>") == 2


def test_a_cost_that_was_measured_for_no_model_has_no_column(fitted: cofactor.Fit) -> None:
    costs = {"a": Cost(list_seconds=0.002), "b": Cost()}
    reports = {name: [cofactor.evaluate(fitted.model, PARTS.test, k=5)] for name in costs}
    compared = cofactor.compare_reports(reports, costs=costs)
    headings = cost_table(compared).columns
    assert "list ms" in headings
    assert not {"fit s", "CPU s", "peak MB", "size MB"} & set(headings)


def test_a_misspelt_metric_is_an_error_that_names_the_near_ones(fitted: cofactor.Fit) -> None:
    report = cofactor.evaluate(fitted.model, PARTS.test, k=(5, 10))
    for name, near in (
        ("ndcg", "ndcg@5 or ndcg@10"),
        ("NDCG@20", "ndcg@5 or ndcg@10"),
        ("RMSE", "rmse"),
        ("rsme", "rmse"),
    ):
        with pytest.raises(KeyError) as raised:
            report.metrics[name]
        assert isinstance(raised.value, cofactor.CofactorError)
        assert f"no metric {name!r}" in str(raised.value)
        assert f"did you mean {near}" in str(raised.value)
    with pytest.raises(KeyError, match="there are rmse, "):
        report.metrics["zzz"]
    assert report.metrics.get("ndcg") is None
    with pytest.raises(cofactor.CofactorError, match="did you mean ndcg@5"):
        cofactor.compare({"a": fitted.model, "b": fitted.model}, PARTS.test, k=5).metrics["a"]["ndcg"]


def test_the_repr_of_a_model_names_its_trainer(fitted: cofactor.Fit, tmp_path: Path) -> None:
    cofactor.save(fitted.model, tmp_path / "model")
    for model in (fitted.model, cofactor.load(tmp_path / "model")):
        assert repr(model).startswith("<svd model that predicts ratings from 0.5 to 5; <training data: ")
    cofactor.save(fitted.model, tmp_path / "foreign", trainer="x\x1b[2J", hyperparameters={})
    assert "\x1b" not in repr(cofactor.load(tmp_path / "foreign"))


def test_numbers_in_tables_keep_the_digits_that_matter() -> None:
    table = ColumnTable({"user": np.array(["a"]), "rating": np.array([4.5]), "time": np.array([1_000_000_007.0])})
    assert repr(table).splitlines()[1].split() == ["a", "4.5", "1000000007"]


def test_printed_ratings_say_how_they_were_read() -> None:
    clicks = {"user": [1, 1, 2], "item": [5, 5, 6], "event<b>": ["view", "buy", "view"]}
    ratings = cofactor.read(clicks)
    first, *notes = str(ratings).splitlines()
    assert first == ratings.summary() == "2 interactions with counts from 1 to 2 by 2 users on 2 items"
    assert notes[0] == "  read from table, 3 rows; columns: user = user, item = item"
    assert "  1 repeated row counted" in notes
    assert any("not read: event<b>" in note for note in notes)
    shown = ratings._repr_html_()
    assert "<li>1 repeated row counted</li>" in shown
    assert "event&lt;b&gt;" in shown
    assert "event<b>" not in shown
    assert repr(ratings) == "<2 interactions, 2 users, 2 items>"
    assert str(RATINGS).splitlines()[0] == RATINGS.summary()


def test_the_times_of_the_first_rows_are_dates() -> None:
    times = [1_000_000_007, 1_500_000_000.25, 1_500_076_800]
    head = Ratings.of(["a", "b", "c"], ["x", "y", "z"], [4, 5, 3], times).head()
    assert [line.split()[3:] for line in repr(head).splitlines()[1:]] == [
        ["2001-09-09", "01:46:47"],
        ["2017-07-14", "02:40:00.250000"],
        ["2017-07-15"],
    ]
    assert head.columns()["time"].dtype == "datetime64[us]"
    assert head.to_pandas()["time"][1].year == 2017
    assert head.to_polars()["time"][2].day == 15
    assert "2001-09-09 01:46:47" in Ratings.of(["a"], ["x"], [4], [times[0]])._repr_html_()
    far = Ratings.of(["a"], ["x"], [4], [10**15])
    assert "31690708" in repr(far.head())


def test_a_model_and_a_training_in_a_notebook(fitted: cofactor.Fit) -> None:
    shown = fitted.model._repr_html_()
    for words in ("FactorModel", ">svd<", "rank=2", "best epoch", "30 users, 20 items"):
        assert words in shown
    shown = fitted._repr_html_()
    assert shown.count("<polyline") == 2
    assert shown.count("<tr>") == len(fitted.history) + 1
    assert "&lt;fit of" in shown
    assert "<svg" not in cofactor.fit(cofactor.Popularity(), PARTS)._repr_html_()


# Progress -------------------------------------------------------------------------------------------------------------


def test_nothing_is_shown_where_nobody_looks_on(capsys: pytest.CaptureFixture[str]) -> None:
    cofactor.SVD(rank=2, n_epochs=2).fit(PARTS.train, PARTS.validation)
    cofactor.fit(cofactor.SVD(rank=2, n_epochs=2), PARTS)
    assert capsys.readouterr() == ("", "")
    assert type(choose_display(None)) is NoProgress
    assert type(choose_display(False)) is NoProgress
    assert type(choose_display(True)) is ProgressDisplay


def test_a_person_at_a_terminal_sees_a_bar_with_the_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    assert has_onlooker(console)
    assert not has_onlooker(Console(file=screen))
    fitted = cofactor.fit(cofactor.SVD(rank=2, n_epochs=3), PARTS, progress=ProgressBar(console))
    assert f"svd RMSE {fitted.history[-1].validation_rmse:.4f}" in screen.getvalue()
    assert "3/3" in screen.getvalue()


def test_a_notebook_shows_a_bar_where_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(force_jupyter=True)
    assert has_onlooker(console) == (find_spec("ipywidgets") is not None)
    (tmp_path / "ipywidgets.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert has_onlooker(console)


# Trainers as scikit-learn has them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAINERS)
def test_a_trainer_is_cloned_and_its_parameters_are_read_and_set(name: str) -> None:
    trainer = TRAINERS[name]()
    assert clone(trainer) == trainer
    assert type(trainer)(**trainer.get_params(deep=False)) == trainer
    assert trainer.set_params() == trainer


def test_set_params_gives_another_trainer() -> None:
    trainer = cofactor.SVD(rank=4)
    assert trainer.set_params(rank=8, l2=0.5) == cofactor.SVD(rank=8, l2=0.5)
    assert trainer == cofactor.SVD(rank=4)
    with pytest.raises(cofactor.CofactorError, match="no hyperparameter 'rnk'"):
        trainer.set_params(rnk=8)


def test_numbers_of_numpy_are_hyperparameters() -> None:
    trainer = cofactor.SVD(rank=np.int64(4), l2=np.float64(0.25), n_epochs=np.int32(2))
    assert trainer == cofactor.SVD(rank=4, l2=0.25, n_epochs=2)
    assert [type(value) for value in trainer.settings().values()] == [
        type(value) for value in cofactor.SVD(rank=4, l2=0.25, n_epochs=2).settings().values()
    ]
    with pytest.raises(cofactor.CofactorError, match=r"rank is 4\.0, not int"):
        cofactor.SVD(rank=np.float64(4.0))
    with pytest.raises(cofactor.CofactorError, match="rank is 0"):
        cofactor.SVD(rank=np.int64(0))


# Models that say how they were trained --------------------------------------------------------------------------------


def test_a_saved_model_says_how_it_was_trained(fitted: cofactor.Fit, tmp_path: Path) -> None:
    trainer = cofactor.SVD(rank=2, n_epochs=3)
    for number, model in enumerate((trainer.fit(PARTS.train, PARTS.validation), fitted.model)):
        cofactor.save(model, tmp_path / str(number))
        manifest = cofactor.load_manifest(tmp_path / str(number))
        assert (manifest["trainer"], manifest["hyperparameters"]) == ("svd", trainer.settings())
        assert manifest["notes"]["best_epoch"] == fitted.best_epoch
    again = cofactor.load(tmp_path / "0")
    assert again.provenance == fitted.model.provenance
    cofactor.save(again, tmp_path / "copy")
    assert cofactor.load_manifest(tmp_path / "copy")["trainer"] == "svd"


def test_what_is_said_when_a_model_is_saved_comes_first(fitted: cofactor.Fit, tmp_path: Path) -> None:
    cofactor.save(fitted.model, tmp_path / "mine", trainer="mine", best_epoch=7)
    manifest = cofactor.load_manifest(tmp_path / "mine")
    assert (manifest["trainer"], manifest["hyperparameters"], manifest["notes"]) == ("mine", {}, {"best_epoch": 7})


def test_a_printed_summary_ends_with_what_was_left_out(fitted: cofactor.Fit) -> None:
    reports = {name: cofactor.evaluate(fitted.model, PARTS.test, k=5) for name in ("svd", "again")}
    found = outcome(reports, dict.fromkeys(reports, "svd"))
    assert str(found) == str(found.comparison)
    failures = {"ease": BadHyperparameter("l2 is -1", "it must be above 0"), "knn": BadData("no ratings", "")}
    *table, ease, hint, knn = str(replace(found, failures=failures)).splitlines()
    assert "\n".join(table) == str(found.comparison)
    assert (ease, hint, knn) == (
        "ease was left out: l2 is -1",
        "  hint: it must be above 0",
        "knn was left out: no ratings",
    )
