"""Comparing from the command line: what may be compared, what is trained for it, and what is told."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from cofactor.cli.options.candidates import TrainingDefaults, parse_candidates
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, save_split, split
from cofactor.errors import BadHyperparameter, CofactorError
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.experiments.comparison.candidates import Candidate, SavedModel
from cofactor.saved.model_folder import load, load_manifest
from cofactor.trainers import TRAINERS
from cofactor.trainers.bayes import Bayes
from cofactor.trainers.svd import SVD
from tests.conftest import Run

DEFAULTS = TrainingDefaults(seed=7, patience=4, refit=False)


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


@pytest.fixture
def folder(parts: Split, tmp_path: Path) -> Path:
    save_split(parts, tmp_path / "parts")
    return tmp_path / "parts"


def asked(*given: str) -> list[Candidate | SavedModel]:
    return [one for one in parse_candidates(given, DEFAULTS) if isinstance(one, SavedModel) or one.requested]


def test_a_candidate_has_the_options_of_train() -> None:
    plain, wide, bayes = asked(
        "svd", "wide=svd --rank 128 --epochs=3 --seed 1", "bayes --time day --refit --patience 9"
    )
    assert plain == Candidate("svd", SVD(seed=7), 4, False)
    assert wide == Candidate("wide", SVD(rank=128, n_epochs=3, seed=1), 4, False)
    assert bayes == Candidate("bayes --time day --refit --patience 9", Bayes(time="day", seed=7), 9, True)


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
def test_what_is_no_candidate_is_named(given: str, culprit: str) -> None:
    with pytest.raises((click.UsageError, CofactorError, BadHyperparameter)) as wrong:
        asked(given)
    said = wrong.value.format_message() if isinstance(wrong.value, click.UsageError) else wrong.value.message
    assert culprit in said


def test_popularity_and_baseline_are_always_there(saved: Path) -> None:
    assert [one.name for one in parse_candidates(("svd",), DEFAULTS)] == ["popularity", "baseline", "svd"]
    assert [one.name for one in parse_candidates((f"bias={saved / 'baseline'}", "popularity"), DEFAULTS)] == [
        "bias",
        "popularity",
    ]
    assert [one.name for one in parse_candidates(("all",), DEFAULTS)] == list(TRAINERS)


def test_a_word_is_a_trainer_and_a_path_is_a_folder(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)
    assert isinstance(asked("baseline")[0], Candidate)
    assert asked("./baseline") == [SavedModel("baseline", Path("baseline"))]
    assert asked("here=./baseline") == [SavedModel("here", Path("baseline"))]


def test_models_of_one_name_are_told_apart_by_their_paths(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copytree(saved / "popularity", tmp_path / "other" / "baseline")
    paths = [str(saved / "baseline"), str(tmp_path / "other" / "baseline")]
    assert [one.name for one in asked(*paths)] == paths
    assert [one.name for one in asked("baseline", paths[0])] == ["baseline", paths[0]]


@pytest.mark.parametrize("given", [("svd", "svd"), ("a=svd", "a=ials"), ("baseline=svd",)])
def test_two_of_one_name_are_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(CofactorError, match="two candidates are called"):
        parse_candidates(given, DEFAULTS)


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
    assert max(map(len, lines[:11])) <= 110
    assert re.search(r"few +– +– +\*?0\.\d{4} ±0\.\d{4}", lines[4])
    assert "4/4 few" in done.stderr
    assert "no real difference" in done.stdout
    assert (place / "report" / "comparison.json").is_file()


def test_the_models_lie_in_the_report_and_can_be_measured_again(
    compared: tuple[Path, "subprocess.CompletedProcess[str]"], parts: Split, run: Run
) -> None:
    models = compared[0] / "report" / "models"
    assert {one.name for one in models.iterdir()} == {"popularity", "baseline", "svd-rank-4-epochs-3", "few"}
    manifest = load_manifest(models / "few")
    assert (manifest["trainer"], manifest["notes"]["data"]) == ("ease", "parts")
    assert evaluate(load(models / "few"), parts.test, (10,)).metrics == pytest.approx(manifest["metrics"])
    assert run("evaluate", models / "svd-rank-4-epochs-3", compared[0] / "parts").exit_code == 0


def test_all_that_was_found_is_in_the_json(
    compared: tuple[Path, "subprocess.CompletedProcess[str]"], parts: Split, run: Run, tmp_path: Path
) -> None:
    models = [compared[0] / "report" / "models" / name for name in ("popularity", "baseline", "svd-rank-4-epochs-3")]
    given = ("compare", *models, "--on", compared[0] / "parts", "-k", "5", "--against", "baseline", "--json")
    done = run(*given, "-o", "new/report")
    document = json.loads(done.stdout)
    assert document["command"] == shlex.join(["cofactor", *map(str, given[:-1]), "--out", "new/report"])
    (facts,) = document["splits"]
    assert (facts["fingerprint"], facts["train"]) == (parts.fingerprint, len(parts.train))
    assert document["trainers"]["svd-rank-4-epochs-3"] == "svd"
    assert document["hyperparameters"]["svd-rank-4-epochs-3"]["rank"] == 4
    assert document["curves"]["svd-rank-4-epochs-3"]["epochs"] == [1, 2, 3]
    figures = document["models"]["svd-rank-4-epochs-3"]
    assert figures["metrics"] == pytest.approx(dict(evaluate(load(models[2]), parts.test, (5,)).metrics))
    assert all(figures["cost"][name] is not None for name in Cost().as_dict())
    assert {one["against"] for one in document["differences"]["rmse"].values()} == {"baseline"}
    assert (document["left_out"], document["interrupted"]) == ({}, False)
    with (tmp_path / "new" / "report" / "comparison.csv").open(newline="") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert float(rows["baseline"]["rmse"]) == document["models"]["baseline"]["metrics"]["rmse"]
    assert rows["popularity"]["rmse"] == ""


def test_the_best_of_each_column_is_marked_and_errors_stand_beside(
    compared: tuple[Path, "subprocess.CompletedProcess[str]"],
) -> None:
    lines = compared[1].stdout.splitlines()
    first, second = lines[:5], lines[6:11]
    assert second[0].split()[:1] == ["model"]
    assert "fit s" in second[0]
    assert "list ms" in second[0]
    for table in (first, second):
        rows = [re.split(r"\s{2,}", line) for line in table[1:]]
        for number, heading in enumerate(re.split(r"\s{2,}", table[0])[1:], 1):
            values = [cell.lstrip("*").split(" ")[0].replace(",", "") for cell in (row[number] for row in rows)]
            marked = {value for value, row in zip(values, rows, strict=True) if row[number].startswith("*")}
            there = [float(value) for value in values if value != "–"]
            lower = heading in ("RMSE", "MAE", "fit s", "CPU s", "peak MB", "size MB", "list ms")
            best = min(there) if lower else max(there)
            assert {float(value) for value in marked} == (
                set() if heading in ("novelty", "diversity", "pop. lift") else {best}
            )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("svd", "--on", "nowhere"), "no such data: nowhere"),
        (("svd", "--against", "svdpp"), "unknown candidate 'svdpp'"),
        ((), "Missing argument"),
        (("./parts", "--on", "parts"), "is not a saved model"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_trained(
    given: tuple[str, ...], said: str, folder: Path, run: Run
) -> None:
    done = run("compare", *given)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "1/" not in done.stderr


def test_models_of_different_splits_are_refused(movies: Ratings, run: Run, folder: Path) -> None:
    save_split(split(movies, seed=6), Path("others"))
    for name, of in (("one", "parts"), ("two", "others")):
        assert run("train", "popularity", of, "-o", name, "-q").exit_code == 0
    done = run("compare", "./one", "./two", "baseline", "--on", "parts")
    assert done.exit_code == 2
    assert "different splits" in done.stderr
    done = run("compare", "./one", "--on", "others")
    assert done.exit_code == 2
    assert "trained on split" in done.stderr
    assert "1/" not in done.stderr


def test_ctrl_c_compares_what_is_there(folder: Path, tmp_path: Path) -> None:
    slow = "slow=baseline --sweeps 10000000 --patience 10000000"
    command = [sys.executable, "-c", "from cofactor.cli import main; main()", "compare", slow, "--on", "parts"]
    running = subprocess.Popen(
        [*command, "-o", "report"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stderr is not None
    heard = ""
    while "2/2 slow" not in heard:
        line = running.stderr.readline()
        assert line, heard
        heard += line
    time.sleep(0.3)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the training gets it too
    try:
        said, rest = running.communicate(timeout=60)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0, rest
    assert "interrupted: the results until then are compared" in rest
    assert "Traceback" not in rest
    assert [line.split()[0] for line in said.splitlines()[:2]] == ["model", "popularity"]
    assert "slow" not in said
    assert [one.name for one in (tmp_path / "report" / "models").iterdir()] == ["popularity"]
