"""Progress as a table and as CSV, of real trainings; what a training that goes on does to its records."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, split
from cofactor.errors import BadArtifact, CofactorError
from cofactor.evaluation.evaluate import evaluate
from cofactor.trainers import TRAINERS
from cofactor.training.early_stopping import ValidatedEpoch, early_stopping
from cofactor.training.tracking.csv_log import csv_log
from cofactor.training.tracking.epoch_row import COLUMNS, EpochRow, RowWriter
from cofactor.training.tracking.progress import ProgressDisplay
from cofactor.training.tracking.record import record_epochs
from tests.toys import noise

EPOCHS = 4


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


def training(parts: Split, name: str = "svd", **settings: object) -> Iterator[ValidatedEpoch]:
    trainer = TRAINERS[name].of(**settings) if name == "popularity" else TRAINERS[name].of(n_epochs=EPOCHS, **settings)
    return early_stopping(trainer.epochs(parts.train), parts.validation, patience=EPOCHS)


def quiet() -> ProgressDisplay:
    return ProgressDisplay(Console(file=io.StringIO()))


def shown(
    epochs: Iterator[ValidatedEpoch], *writers: RowWriter, terminal: bool = False, before: Sequence[EpochRow] = ()
) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, color_system=None, width=100)
    for _ in record_epochs(epochs, ProgressDisplay(console), *writers, before=before):
        pass
    return out.getvalue().splitlines()


def rows_of(epochs: Iterator[ValidatedEpoch]) -> list[EpochRow]:
    rows: list[EpochRow] = []
    shown(epochs, nullcontext(rows.append))
    return rows


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_line_for_each_epoch_under_a_heading(parts: Split) -> None:
    measured = list(training(parts))
    heading, *lines = shown(iter(measured))
    assert heading.split() == ["epoch", "train", "RMSE", "validation", "RMSE", "MAE", "best", "seconds"]
    for line, one in zip(lines, measured, strict=True):
        figures = [f"{figure:.4f}" for figure in (one.epoch.train_rmse, one.rmse, one.mae)]
        assert line.split()[:4] == [str(one.epoch.number), *figures]
    assert ["*" in line for line in lines] == [one.best for one in measured]


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("als", "epoch train RMSE validation RMSE MAE best seconds"),
        ("ials", "epoch train loss NDCG@10 best seconds"),
        ("popularity", "epoch seconds"),
    ],
)
def test_the_table_has_the_columns_that_there_are_figures_for(name: str, heading: str, parts: Split) -> None:
    lines = shown(training(parts, name))
    assert lines[0].split() == heading.split()
    assert len(lines) == 2 if name == "popularity" else 1 + EPOCHS
    assert len({line.rfind(".") for line in lines[1:]}) == 1, "in columns"


def test_a_loss_is_shown_where_there_is_no_error_to_read() -> None:
    row = EpochRow(1, 0.25, None, None, None, None, 0.5, 0.01, True, 1.0, 0.0)
    both = EpochRow(1, 0.25, 0.9, 1.0, 0.8, 0.4, None, 0.01, True, 1.0, 0.0)
    assert "train loss  NDCG@10" in shown(iter(()), before=[row])[0]
    assert "loss" not in shown(iter(()), before=[both])[0]


def test_a_terminal_has_the_rows_above_a_bar(parts: Split) -> None:
    text = "\n".join(shown(training(parts), terminal=True))
    assert "validation RMSE" in text
    assert f"{EPOCHS}/{EPOCHS}" in text


@pytest.mark.parametrize("name", ["svd", "als", "ials", "popularity"])
def test_the_log_has_every_figure_of_every_epoch(name: str, parts: Split, tmp_path: Path) -> None:
    rows: list[EpochRow] = []
    shown(training(parts, name), nullcontext(rows.append), csv_log(tmp_path / "not" / "there" / "log.csv"))
    logged = read(tmp_path / "not" / "there" / "log.csv")
    assert tuple(logged[0]) == COLUMNS
    for line, row in zip(logged, rows, strict=True):
        for column, figure in row.by_column().items():
            if figure is None or isinstance(figure, bool):
                assert line[column] == ("*" if figure else "")
            else:
                assert float(line[column]) == pytest.approx(figure, rel=1e-5)
    filled = {column for column in COLUMNS if logged[0][column]}
    ratings = {"train_rmse", "validation_rmse", "validation_mae", "validation_accuracy", "best"}
    assert (
        filled - {"train_loss", "learning_rate", "epoch", "seconds"}
        == {
            "svd": ratings,
            "als": ratings,
            "ials": {"validation_ndcg@10", "best"},
            "popularity": set(),
        }[name]
    )
    assert ("learning_rate" in filled) == (name == "svd")


def test_the_log_is_complete_after_every_epoch(parts: Split, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for done, _ in enumerate(record_epochs(training(parts), quiet(), csv_log(log)), 1):
        assert len(read(log)) == done


def test_epochs_pass_through_unchanged_and_as_they_come(parts: Split) -> None:
    asked = []

    def epochs() -> Iterator[ValidatedEpoch]:
        for one in training(parts):
            asked.append(one)
            yield one

    tracked = record_epochs(epochs(), quiet())
    first = next(tracked)
    assert asked == [first]
    assert [first, *tracked] == asked
    assert len(asked) == EPOCHS


def test_a_row_goes_through_json(parts: Split) -> None:
    rows = rows_of(training(parts))
    assert [EpochRow(**json.loads(json.dumps(asdict(row)))) for row in rows] == rows


def test_a_training_that_goes_on_has_the_records_of_the_whole(parts: Split, tmp_path: Path) -> None:
    """Rows that an earlier process wrote but did not live to keep are written anew; seconds go on."""
    log = tmp_path / "log.csv"
    done: list[EpochRow] = []
    shown(islice(training(parts), 3), nullcontext(done.append), csv_log(log))
    kept = done[:2]
    assert len(read(log)) == 3
    rows: list[EpochRow] = []
    lines = shown(islice(training(parts), 2, None), nullcontext(rows.append), csv_log(log), before=kept)
    assert [row.epoch for row in rows] == [1, 2, 3, 4]
    assert rows[:2] == kept
    assert [line["epoch"] for line in read(log)] == ["1", "2", "3", "4"]
    assert len(lines) == 1 + EPOCHS
    assert all(one.seconds <= other.seconds for one, other in pairwise(rows))


def test_leaving_early_closes_the_training_and_the_log(parts: Split, tmp_path: Path) -> None:
    closed = []

    def epochs() -> Iterator[ValidatedEpoch]:
        try:
            yield from training(parts)
        finally:
            closed.append(True)

    tracked = record_epochs(epochs(), quiet(), csv_log(tmp_path / "log.csv"))
    next(tracked)
    tracked.close()
    assert closed
    assert len(read(tmp_path / "log.csv")) == 1


def test_an_error_in_training_reaches_the_caller(parts: Split, tmp_path: Path) -> None:
    with pytest.raises(CofactorError, match="grew without bound"), np.errstate(all="ignore"):
        shown(training(parts, learning_rate=1e6), csv_log(tmp_path / "log.csv"), terminal=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_full_disk_costs_the_record_and_not_the_training(parts: Split, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    lines = shown(training(parts), csv_log(Path("/dev/full")), csv_log(log))
    assert len(read(log)) == EPOCHS
    assert [line for line in lines if "given up: No space left on device" in line] == lines[2:3]


def test_an_error_of_the_training_is_not_taken_for_one_of_a_record(parts: Split, tmp_path: Path) -> None:
    def epochs() -> Iterator[ValidatedEpoch]:
        yield from training(parts)
        raise OSError("the ratings are gone")

    with pytest.raises(OSError, match="the ratings are gone"):
        shown(epochs(), csv_log(tmp_path / "log.csv"))
    with pytest.raises(BadArtifact, match="cannot write"):
        shown(epochs(), csv_log(tmp_path / "log.csv" / "log.csv"))


@pytest.mark.parametrize("half", [True, False])
def test_accuracy_is_that_of_the_report(half: bool) -> None:
    """Whole and half stars: the share of predictions whose nearest step is the true rating."""
    step = 0.5 if half else 1.0
    parts = split(replace(noise(half=half, n=500), step=step), seed=1)
    (*_, last) = training(parts)
    rows = parts.validation
    nearest = np.floor(last.model.predict_rows(rows.user, rows.item) / step + 0.5) * step
    assert 0 < last.accuracy < 1
    assert last.accuracy == np.mean(nearest == rows.value)
    assert last.accuracy == pytest.approx(evaluate(last.model, rows, ()).metrics["accuracy"])


def test_a_scale_without_steps_has_no_accuracy() -> None:
    rng = np.random.default_rng(0)
    cells = rng.choice(30 * 20, 400, replace=False)
    parts = split(Ratings.of(cells // 20, cells % 20, rng.uniform(1, 5, 400)), seed=1)
    assert parts.train.step is None
    assert {row.validation_accuracy for row in rows_of(training(parts))} == {None}
