"""Training, measuring and comparing from the command line."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, join_parts, load_split, save_split, split
from cofactor.data.synthetic.generate import generate
from cofactor.evaluation.evaluate import evaluate
from cofactor.experiments.reference_check import find_shortfall
from cofactor.models.base import Model
from cofactor.saved.model_folder import load, load_manifest
from cofactor.serving.loaded_model import LoadedModel
from cofactor.trainers import TRAINERS
from cofactor.trainers.als import ALS
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.svd import SVD
from cofactor.training.epoch import Epoch
from cofactor.training.fit import Fit, fit
from cofactor.training.tracking.epoch_row import EpochRow
from cofactor.training.tracking.progress import ProgressDisplay
from tests.conftest import Run


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


@pytest.fixture
def folder(parts: Split, tmp_path: Path) -> Path:
    save_split(parts, tmp_path / "parts")
    return tmp_path / "parts"


def test_a_model_is_trained_measured_saved_and_reported(folder: Path, parts: Split, run: Run, tmp_path: Path) -> None:
    done = run("train", "baseline", folder, "-o", "new/model", "--sweeps", "4", "--json")
    document = json.loads(done.stdout)
    manifest = load_manifest(tmp_path / "new" / "model")
    assert manifest["trainer"] == document["trainer"] == "baseline"
    assert manifest["hyperparameters"] == document["hyperparameters"] == {"user_l2": 5.0, "item_l2": 3.0, "sweeps": 4}
    assert manifest["split"] == document["split"] == parts.fingerprint
    measured = evaluate(load(tmp_path / "new" / "model"), parts.test).metrics
    assert manifest["metrics"] == document["metrics"] == pytest.approx(dict(measured))
    assert manifest["notes"]["best_epoch"] == document["best_epoch"]


def test_the_progress_is_on_stderr_and_the_report_on_stdout(folder: Path, run: Run) -> None:
    done = run("train", "baseline", folder)
    assert "validation RMSE" in done.stderr
    assert "cofactor recommend models/baseline" in done.stderr
    assert done.stdout.splitlines()[0].split()[:2] == ["metric", "value"]
    assert done.stdout.splitlines()[1].startswith("rmse")
    quiet = run("train", "baseline", folder, "--quiet")
    assert quiet.stderr == ""


@pytest.mark.parametrize("name", TRAINERS)
def test_every_trainer_has_its_hyperparameters_as_options(name: str, run: Run) -> None:
    helped = run("train", name, "--help").stdout
    section = helped.partition("Hyperparameters:")[2].partition("\nOptions:")[0]
    for parameter in TRAINERS[name].hyperparameters():
        if parameter.name != "seed":
            assert "--" + parameter.name.replace("_", "-") in section
    assert "--seed" in helped


def test_the_log_is_the_table(folder: Path, run: Run, tmp_path: Path) -> None:
    done = run("train", "baseline", folder, "--log", "logs/train.csv")
    shown = [line.split() for line in done.stderr.splitlines() if line[:8].strip().isdigit()]
    with (tmp_path / "logs" / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for line, row in zip(shown, rows, strict=True):
        figures = [f"{float(row[name]):.4f}" for name in ("train_rmse", "validation_rmse", "validation_mae")]
        assert line[: len(line) - 1] == [row["epoch"], *figures, *row["best"]]
    assert len(rows) > 2


def test_two_runs_with_one_seed_give_the_same_arrays(run: Run, tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        assert run("train", "svd", "-o", name, "--seed", "4", "--epochs", "3", "--quiet").exit_code == 0
        digests.append(load_manifest(tmp_path / name)["arrays"])
    assert digests[0] == digests[1]
    run("train", "svd", "-o", "three", "--seed", "5", "--epochs", "3", "--quiet")
    assert load_manifest(tmp_path / "three")["arrays"] != digests[0]


def test_a_model_of_unsplit_ratings_is_measured_on_the_split_made_again(run: Run, tmp_path: Path) -> None:
    trained = run("train", "baseline", "-o", "model", "--seed", "4", "--test-share", "0.2", "--json")
    again = run("evaluate", "model", "--json")
    assert json.loads(again.stdout)["metrics"] == pytest.approx(json.loads(trained.stdout)["metrics"])


def test_a_model_is_not_measured_on_another_split(folder: Path, movies: Ratings, run: Run, tmp_path: Path) -> None:
    assert run("train", "baseline", folder, "-o", "model", "--quiet").exit_code == 0
    save_split(split(movies, seed=6), tmp_path / "other")
    done = run("evaluate", "model", "other")
    assert done.exit_code == 2
    assert "trained on split" in done.stderr
    assert run("evaluate", "model", "parts").exit_code == 0


def test_a_folder_of_splits_says_which_there_are(folder: Path, run: Run, tmp_path: Path) -> None:
    folder.rename(tmp_path / "fold-1")
    for command in (["train", "baseline", "."], ["split", "."]):
        done = run(*command)
        assert done.exit_code == 2
        assert "holds 1 splits" in done.stderr
        assert "as in fold-1" in done.stderr
    assert "is already split" in run("split", "fold-1").stderr


def test_measuring_needs_to_know_the_data(folder: Path, run: Run) -> None:
    assert run("train", "baseline", folder, "-o", "model", "--quiet").exit_code == 0
    done = run("evaluate", "model")
    assert done.exit_code == 2
    assert "trained on parts" in done.stderr


class Slow(Baseline):
    """A trainer that Ctrl-C interrupts."""

    stop_in: int

    def epochs(self, ratings: Ratings, *, resume: object = None, warm_start: object = None):  # type: ignore[no-untyped-def]
        for epoch in super().epochs(ratings):
            if epoch.number == self.stop_in:
                signal.raise_signal(signal.SIGINT)
            yield epoch


def fitted(trainer: Trainer, parts: Split, **options: bool) -> Fit:
    quiet = ProgressDisplay(Console(quiet=True))
    return fit(trainer, parts, progress=quiet, handle_interrupts=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("stop_in", "epochs"), [(1, 1), (3, 2)])
def test_ctrl_c_keeps_the_best_epoch(stop_in: int, epochs: int, parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slow, "stop_in", stop_in, raising=False)
    left = fitted(Slow(), parts, refit=True)
    assert left.interrupted
    assert not left.refitted
    assert [row.epoch for row in left.history] == list(range(1, epochs + 1))
    same = list(Baseline().epochs(parts.train))[left.best_epoch - 1].model
    assert np.array_equal(left.model.arrays()["item_bias"], same.arrays()["item_bias"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_before_the_first_epoch_quits(parts: Split) -> None:
    class Never(Baseline):
        def epochs(self, ratings: Ratings, *, resume: object = None, warm_start: object = None):  # type: ignore[no-untyped-def]
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            yield from super().epochs(ratings)

    with pytest.raises(KeyboardInterrupt):
        fitted(Never(), parts)


def test_a_refit_learns_the_validation_part_for_as_many_epochs(parts: Split) -> None:
    once, again = fitted(Baseline(), parts), fitted(Baseline(), parts, refit=True)
    both = join_parts(parts.train, parts.validation)
    expected: Epoch = list(Baseline().epochs(both))[once.best_epoch - 1]
    assert again.refitted
    assert again.best_epoch == once.best_epoch
    assert np.array_equal(again.model.arrays()["item_bias"], expected.model.arrays()["item_bias"])
    assert again.model.training_data.split == parts.fingerprint
    assert len(both) == len(parts.train) + len(parts.validation)


SLOW_PROGRAM = """
import time
from cofactor.cli import main
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.svd import SVD
fast = Baseline.epochs
def slow(self, ratings, **start):
    for epoch in fast(self, ratings):
        yield epoch
        time.sleep(0.5)
Baseline.epochs = slow
main()
"""


def test_a_process_that_gets_sigint_saves_reports_and_succeeds(folder: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.csv", tmp_path / "model"
    arguments = ["train", "baseline", str(folder), "-o", str(out), "--sweeps", "1000", "--log", str(log)]
    arguments += ["--patience", "1000", "--json"]
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW_PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (log.exists() and len(log.read_text().splitlines()) >= 3):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    said, noted = running.communicate(timeout=60)
    document = json.loads(said)
    assert running.returncode == 0
    assert document["interrupted"]
    assert len(document["epochs"]) == len(log.read_text().splitlines()) - 1
    assert load(out).training_data.split == document["split"]
    assert "interrupted: epoch" in noted
    assert "Traceback" not in noted


@pytest.mark.parametrize("out", ["a file/model", "other", "a file"])
def test_a_place_that_cannot_take_the_model_is_refused_before_training(out: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    done = run("train", "baseline", "-o", out)
    assert done.exit_code == 2
    assert "error: " in done.stderr
    assert "hint: " in done.stderr
    assert "epoch" not in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a file", "notes.txt"]


def test_what_to_try_next_works_as_it_is_typed(run: Run, tmp_path: Path) -> None:
    rows = [f"-u'{user},i {item},{user * item % 5 + 1}" for user in range(8) for item in range(8)]
    (tmp_path / "my file.csv").write_text("\n".join(["who,what,stars", *rows, "x,y,bad"]))
    named = ("--column", "user=who,item=what,rating=stars", "--bad-rows", "skip")
    said = run("train", "baseline", "my file.csv", *named, "-o", "my model").stderr
    tried = [shlex.split(line)[1:] for line in said.splitlines() if line.startswith("  cofactor ")]
    assert [one[0] for one in tried] == ["evaluate", "recommend", "serve"]
    for one in tried[:2]:
        assert run(*one).exit_code == 0, one
    assert tried[2] == ["serve", "my model"]


def test_what_reading_left_out_is_in_the_json_and_in_the_manifest(run: Run, tmp_path: Path) -> None:
    rows = [f"{u},{i},{1 + (u * i) % 5}" for u in range(8) for i in range(8)]
    text = "\n".join(["user,item,rating", *rows, "1,1,4", "1,2,much"])
    (tmp_path / "ratings.csv").write_text(text + "\n", encoding="utf-8")
    done = run("train", "baseline", "ratings.csv", "--bad-rows", "skip", "--json", "-q", "-o", "m")
    read = json.loads(done.stdout)["read"]
    assert (read["rows"], read["repeated"], read["rejected"]) == (66, 1, 1)
    assert Path(read["rejected_file"]).is_file()
    assert json.loads((tmp_path / "m" / "manifest.json").read_bytes())["notes"]["read"] == read


def test_ctrl_c_while_measuring_keeps_the_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cofactor.evaluation.evaluate.evaluate", interrupted)
    done = run("train", "baseline", "-o", "m")
    assert done.exit_code == 0
    assert "saved without metrics" in done.stderr
    assert (tmp_path / "m" / "manifest.json").is_file()


def test_a_saved_model_tells_of_its_learning_curve(folder: Path, run: Run, tmp_path: Path) -> None:
    for name, metric, judged_by in (
        ("svd", "RMSE", "validation_rmse"),
        ("ials", "NDCG@10", "validation_ndcg@10"),
    ):
        document = json.loads(run("train", name, folder, "-o", name, "--epochs", "3", "--json").stdout)
        notes = load_manifest(tmp_path / name)["notes"]
        assert notes["curve_metric"] == metric
        assert notes["curve"] == [
            {"epoch": one["epoch"], "train": one["train_rmse"], "validation": one[judged_by]}
            for one in document["epochs"]
        ]
        assert all(one["validation"] is not None for one in notes["curve"])
        assert (
            f"| curve | {len(notes['curve'])} epochs, in manifest.json |" in (tmp_path / name / "README.md").read_text()
        )


def test_a_model_that_replaces_another_says_what_that_was(folder: Path, run: Run, tmp_path: Path) -> None:
    def replaced(*arguments: object) -> list[str]:
        done = run("train", *arguments, "-o", "m")
        assert done.exit_code == 0
        return [line for line in done.stderr.splitlines() if line.startswith("replaced")]

    assert replaced("baseline", folder) == []
    assert replaced("baseline", folder) == [], "the same training again"
    version = LoadedModel.open(tmp_path / "m").version
    assert replaced("baseline", folder, "--sweeps", "4") == [f"replaced version {version} in m, which had sweeps 10"]
    (other,) = replaced("popularity", folder)
    assert other.endswith(", which baseline had trained")
    save_split(split(generate(60, 40, 10, seed=1), seed=5), tmp_path / "others")
    (other,) = replaced("popularity", "others")
    assert other.endswith(", which was trained on parts")
    manifest = tmp_path / "m" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"sha256"', '"sha257"'))
    assert replaced("popularity", "others") == ["replaced the model in m, whose manifest could not be read"]


def test_a_model_that_is_no_better_than_the_simplest_one_says_so(folder: Path, run: Run, tmp_path: Path) -> None:
    worse = run("train", "svd", folder, "--epochs", "1", "--learning-rate", "1e-9").stderr
    assert "note: svd is no better than baseline: its validation RMSE is " in worse
    assert f"`cofactor tune svd {folder}` searches" in worse
    assert "no better" not in run("train", "baseline", folder).stderr
    for options in (("ials", folder, "--rank", "1", "--epochs", "2", "--l2", "1e6"), ("ease", folder, "--l2", "1")):
        said = run("train", *options).stderr
        assert f"note: {options[0]} is no better than popularity: its validation NDCG@10 is " in said
        assert "`cofactor train popularity " in said
    assert "no better" not in run("train", "ease", folder, "--all").stderr
    assert "no better" not in run("train", "popularity", folder).stderr


def test_a_shortfall_has_the_metrics_of_both_models(parts: Split) -> None:
    trainer = SVD(n_epochs=1, learning_rate=1e-9)
    found = find_shortfall(trainer, fit(trainer, parts), parts)
    assert found is not None
    baseline = Baseline().fit(parts.train)
    assert found.reference_value == pytest.approx(rmse(baseline, parts.validation))
    assert found.value == pytest.approx(rmse(trainer.fit(parts.train), parts.validation))
    good = ALS(rank=2)
    fitted = fit(good, parts)
    assert rmse(fitted.model, parts.validation) < found.reference_value
    assert find_shortfall(good, fitted, parts) is None
    unmeasured = split(join_parts(parts.train, parts.validation), validation=0)
    assert find_shortfall(trainer, fit(trainer, unmeasured), unmeasured) is None


def rmse(model: Model, ratings: Ratings) -> float:
    error = model.predict_rows(ratings.user, ratings.item) - ratings.value
    return float(np.sqrt(np.mean(error.astype(np.float64) ** 2)))


@pytest.mark.parametrize("streams", ["stderr", "both"])
def test_a_training_whose_reader_has_ended_saves_its_model(folder: Path, tmp_path: Path, streams: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        command = [sys.executable, "-m", "cofactor", "train", "baseline", str(folder), "-o", str(tmp_path / "m")]
        output = pipe if streams == "both" else subprocess.DEVNULL
        done = subprocess.run(command, stderr=pipe, stdout=output, timeout=120)
    assert done.returncode == 1
    assert load(tmp_path / "m").training_data.split == load_split(folder).fingerprint
    assert load_manifest(tmp_path / "m")["metrics"]["rmse"] > 0


def test_a_long_curve_is_thinned_and_keeps_the_best_epoch() -> None:
    for n in (1, 999, 1000, 1001, 54_321):
        rows = [EpochRow(k, None, 1.0, 2.0, None, None, None, None, False, 1.0, 0.0) for k in range(1, n + 1)]
        told = Fit(None, n - n // 7, rows, 1.0).learning_curve()["curve"]  # type: ignore[arg-type]
        numbers = [one["epoch"] for one in told]
        assert len(told) <= 1000
        assert numbers == sorted(numbers)
        assert numbers[0] == 1
        assert n - n // 7 in numbers
        assert np.diff(numbers).max(initial=0) <= n // 999 + 1
