"""Progress as a table, as lines and as CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from cofactor.tracking import COLUMNS, track


@dataclass(frozen=True)
class Pass:
    number: int
    of: int
    train_rmse: float | None


@dataclass(frozen=True)
class Seen:
    epoch: Pass
    rmse: float | None
    mae: float | None
    best: bool
    ndcg: float | None = None


def training(*figures: float) -> Iterator[Seen]:
    lowest = float("inf")
    for number, rmse in enumerate(figures, 1):
        yield Seen(Pass(number, len(figures), rmse - 0.1), rmse, rmse * 0.8, rmse < lowest)
        lowest = min(lowest, rmse)


def shown(epochs: Iterator[Seen], log: Path | None = None, *, terminal: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, color_system=None, width=100)
    for _ in track(epochs, console, log=log):
        pass
    return out.getvalue().splitlines()


def test_a_line_for_each_epoch_under_a_heading() -> None:
    lines = shown(training(1.0, 0.9, 0.95))
    assert lines[0].split() == ["epoch", "train", "RMSE", "validation", "RMSE", "MAE", "NDCG@10", "best", "seconds"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["1", "0.9000", "1.0000", "0.8000"],
        ["2", "0.8000", "0.9000", "0.7200"],
        ["3", "0.8500", "0.9500", "0.7600"],
    ]
    assert ["*" in line for line in lines[1:]] == [True, True, False]


def test_the_log_has_the_rows_of_the_table(tmp_path: Path) -> None:
    log = tmp_path / "not" / "there" / "log.csv"
    lines = shown(training(1.0, 0.9, 0.95, 0.85), log)
    with log.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert [[cell for cell in row if cell] for row in rows] == [line.split() for line in lines[1:]]


def test_the_log_is_complete_after_every_epoch(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    tracked = track(training(1.0, 0.9, 0.8), Console(file=io.StringIO()), log=log)
    for done, _ in enumerate(tracked, 1):
        assert len(log.read_text().splitlines()) == 1 + done


def test_epochs_pass_through_unchanged_and_as_they_come() -> None:
    asked = []

    def epochs() -> Iterator[Seen]:
        for one in training(1.0, 0.9):
            asked.append(one)
            yield one

    tracked = track(epochs(), Console(file=io.StringIO()))
    first = next(tracked)
    assert asked == [first]
    assert [first, *tracked] == asked


def test_what_was_not_measured_is_left_empty(tmp_path: Path) -> None:
    lines = shown(iter([Seen(Pass(1, 1, None), None, None, True)]), tmp_path / "log.csv")
    assert len(lines[1].split()) == 2  # epoch and seconds; no star where nothing was compared
    assert (tmp_path / "log.csv").read_text().splitlines()[1].startswith("1,,,,,,")


def test_a_model_that_only_ranks_has_its_ndcg_shown(tmp_path: Path) -> None:
    passes = [Seen(Pass(k, 2, None), None, None, k == 1, ndcg) for k, ndcg in ((1, 0.25), (2, 0.125))]
    lines = shown(iter(passes), tmp_path / "log.csv")
    assert [line.split()[:-1] for line in lines[1:]] == [["1", "0.2500", "*"], ["2", "0.1250"]]
    heading = lines[0].index("NDCG@10")
    assert lines[1].index("0.2500") == heading + 1, "under its heading"
    with (tmp_path / "log.csv").open(newline="") as file:
        assert [row["validation_ndcg@10"] for row in csv.DictReader(file)] == ["0.2500", "0.1250"]


def test_a_terminal_has_the_rows_above_a_bar() -> None:
    text = "\n".join(shown(training(1.0, 0.9), terminal=True))
    assert "0.9000" in text
    assert "2/2" in text


def test_leaving_early_closes_the_training_and_the_log(tmp_path: Path) -> None:
    closed = []

    def epochs() -> Iterator[Seen]:
        try:
            yield from training(1.0, 0.9, 0.8)
        finally:
            closed.append(True)

    tracked = track(epochs(), Console(file=io.StringIO()), log=tmp_path / "log.csv")
    next(tracked)
    tracked.close()
    assert closed
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2


def test_an_error_in_training_reaches_the_caller() -> None:
    def epochs() -> Iterator[Seen]:
        yield from training(1.0)
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        shown(epochs(), terminal=True)
