"""Comparing from the command line: what may be compared, what is trained for it, and what is told."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cofactor.cli.contestants import Usual, contestants
from cofactor.data.ratings import Ratings
from cofactor.data.split import Split, save_split, split
from cofactor.errors import BadHyperparameter, CofactorError
from cofactor.experiments.entries import Brought, Contestant
from cofactor.trainers import TRAINERS
from cofactor.trainers.bayes import Bayes
from cofactor.trainers.svd import SVD
from tests.conftest import Run

USUAL = Usual(seed=7, patience=4, refit=False)


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


@pytest.fixture
def folder(parts: Split, tmp_path: Path) -> Path:
    save_split(parts, tmp_path / "parts")
    return tmp_path / "parts"


def asked(*given: str) -> list[Contestant | Brought]:
    return [one for one in contestants(given, USUAL) if isinstance(one, Brought) or one.asked]


def test_a_contestant_has_the_options_of_train() -> None:
    plain, wide, bayes = asked(
        "svd", "wide=svd --rank 128 --epochs=3 --seed 1", "bayes --time day --refit --patience 9"
    )
    assert plain == Contestant("svd", SVD(seed=7), 4, False)
    assert wide == Contestant("wide", SVD(rank=128, n_epochs=3, seed=1), 4, False)
    assert bayes == Contestant("bayes --time day --refit --patience 9", Bayes(time="day", seed=7), 9, True)


@pytest.mark.parametrize(
    ("given", "culprit"),
    [
        ("svd --rnk 4", "'--rank'"),
        ("svd --rank x", "'x' is not a valid integer"),
        ("svd --rank 0", "rank is 0"),
        ("svd --checkpoint x", "--checkpoint"),
        ("svd --help", "--help"),
        ("svd -o x", "-o"),
        ("svd models", "models"),
        ('svd "', "No closing quotation"),
        ("sdv", "no such trainer, and no such folder: sdv"),
        ("a=b=svd", "no such folder: b=svd"),
        ("", "no such trainer"),
    ],
)
def test_what_is_no_contestant_is_named(given: str, culprit: str) -> None:
    with pytest.raises((click.UsageError, CofactorError, BadHyperparameter)) as wrong:
        asked(given)
    said = wrong.value.format_message() if isinstance(wrong.value, click.UsageError) else wrong.value.message
    assert culprit in said


def test_popularity_and_baseline_are_always_there(saved: Path) -> None:
    assert [one.name for one in contestants(("svd",), USUAL)] == ["popularity", "baseline", "svd"]
    assert [one.name for one in contestants((f"bias={saved / 'baseline'}", "popularity"), USUAL)] == [
        "bias",
        "popularity",
    ]
    assert [one.name for one in contestants(("all",), USUAL)] == list(TRAINERS)


def test_a_word_is_a_trainer_and_a_path_is_a_folder(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)
    assert isinstance(asked("baseline")[0], Contestant)
    assert asked("./baseline") == [Brought("baseline", Path("baseline"))]
    assert asked("here=./baseline") == [Brought("here", Path("baseline"))]


def test_models_of_one_name_are_told_apart_by_their_paths(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copytree(saved / "popularity", tmp_path / "other" / "baseline")
    paths = [str(saved / "baseline"), str(tmp_path / "other" / "baseline")]
    assert [one.name for one in asked(*paths)] == paths
    assert [one.name for one in asked("baseline", paths[0])] == ["baseline", paths[0]]


@pytest.mark.parametrize("given", [("svd", "svd"), ("a=svd", "a=ials"), ("baseline=svd",)])
def test_two_of_one_name_are_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(CofactorError, match="two of them are called"):
        contestants(given, USUAL)


def test_a_model_given_twice_is_not_compared_with_itself(saved: Path, run: Run) -> None:
    done = run("compare", saved / "baseline", saved / ".." / saved.name / "baseline", "--on", "x")
    assert done.exit_code == 2
    assert "given twice" in done.stderr


@pytest.fixture(scope="module")
def compared(parts: Split, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    """A folder in which two trainers were compared, and what was said."""
    place = tmp_path_factory.mktemp("compared")
    save_split(parts, place / "parts")
    return place, cofactor(place, "compare", "svd --rank 4 --epochs 3", "few=ease", "--on", "parts", "-o", "report")


def cofactor(place: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from cofactor.cli import main; main()", *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "COLUMNS": "110"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_trainers_are_trained_measured_and_compared(compared: tuple[Path, "subprocess.CompletedProcess[str]"]) -> None:
    place, done = compared
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["model", "RMSE", "MAE", "NDCG@10", "recall@10", "precision@10"]
    assert [line.partition("  ")[0] for line in lines[1:5]] == [
        "popularity",
        "baseline",
        "svd --rank 4 --epochs 3",
        "few",
    ]
    assert max(map(len, lines)) <= 110
    assert re.search(r"few +– +– +\*?0\.\d{4} ±0\.\d{4}", lines[4])
    assert "4/4 few" in done.stderr
    assert "no real difference" in done.stdout
    assert (place / "report" / "comparison.json").is_file()
