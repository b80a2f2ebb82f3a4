"""Trainings that are broken off and taken up again, by `fit` and from the command line, end as the unbroken one."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, save_split, split
from cofactor.data.synthetic.generate import generate
from cofactor.saved.model_folder import load_manifest
from cofactor.trainers.als import ALS
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.bayes import Bayes
from cofactor.trainers.ials import IALS
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD
from cofactor.training.epoch import Snapshot
from cofactor.training.fit import Fit, fit
from cofactor.training.tracking.csv_log import CsvTracker
from tests.conftest import Run


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


@pytest.fixture
def folder(parts: Split, tmp_path: Path) -> Path:
    save_split(parts, tmp_path / "parts")
    return tmp_path / "parts"


class Broken(Exception):
    pass


class Breaks(SVD):
    """Breaks down in the middle of an epoch; overfits, so that the best epoch is not the last."""

    breaks_in: int = 0

    def epochs(self, ratings: Ratings, *, resume: object = None, warm_start: object = None):  # type: ignore[no-untyped-def]
        for epoch in super().epochs(ratings, resume=resume, warm_start=warm_start):  # type: ignore[arg-type]
            if epoch.number == self.breaks_in:
                raise Broken
            yield epoch


def fitted(trainer: Trainer, parts: Split, folder: Path | None = None, log: Path | None = None) -> Fit:
    trackers = [] if log is None else [CsvTracker(log)]
    saved = {"checkpoint": folder, "resume": folder is not None}
    return fit(trainer, parts, patience=4, refit=True, trackers=trackers, handle_interrupts=True, **saved)  # type: ignore[arg-type]


def timeless(one: Fit) -> list[dict[str, Any]]:
    """The metrics of the epochs without the seconds, which no two trainings share."""
    rows = [row.by_column() for row in one.history]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def rows(log: Path) -> list[list[str]]:
    """Of a log, without the seconds."""
    with log.open(newline="") as file:
        return [row[:-1] for row in csv.reader(file)]


def test_wherever_it_breaks_it_ends_the_same(parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Breaks(rank=16, n_epochs=24, learning_rate=0.1, l2=0.0)
    whole = fitted(trainer, parts, log=tmp_path / "whole.csv")
    assert whole.refitted
    assert 5 < whole.best_epoch == len(whole.history) - 4 < 20, "it is ended by waiting"
    best = whole.best_epoch
    for number, breaks in enumerate([(1, 2), (2, 2, best), (4, best + 1), (best + 2,), (best + 4,)]):
        kept = tmp_path / str(number)
        for breaks_in in breaks:
            monkeypatch.setattr(Breaks, "breaks_in", breaks_in)
            with pytest.raises(Broken):
                fitted(trainer, parts, kept)
        monkeypatch.setattr(Breaks, "breaks_in", 0)
        again = fitted(trainer, parts, kept, tmp_path / "log.csv")
        assert (again.best_epoch, timeless(again), again.refitted) == (whole.best_epoch, timeless(whole), True)
        for name, array in whole.model.arrays().items():
            np.testing.assert_array_equal(again.model.arrays()[name], array)
        assert rows(tmp_path / "log.csv") == rows(tmp_path / "whole.csv")
        assert again.seconds > 0
        monkeypatch.setattr(Breaks, "breaks_in", 1)
        last = fitted(trainer, parts, kept)
        assert timeless(last) == timeless(whole), "nothing is trained again"
        np.testing.assert_array_equal(last.model.arrays()["user_vectors"], whole.model.arrays()["user_vectors"])


def test_a_refit_that_breaks_is_taken_up_too(parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, both = Breaks(rank=4, n_epochs=6), len(parts.train) + len(parts.validation)
    whole = fitted(trainer, parts)
    asked: list[object] = []
    epochs = Breaks.epochs

    def watched(self: Breaks, ratings: Ratings, **start: object):  # type: ignore[no-untyped-def]
        resume = start.get("resume")
        asked.append(resume.number if isinstance(resume, Snapshot) else resume)
        self = Breaks(**self.settings())
        for epoch in epochs(self, ratings, **start):  # type: ignore[arg-type]
            if len(ratings) == both and epoch.number == 4 and len(asked) == 2:
                raise Broken
            yield epoch

    monkeypatch.setattr(Breaks, "epochs", watched)
    with pytest.raises(Broken):
        fitted(trainer, parts, tmp_path / "kept")
    again = fitted(trainer, parts, tmp_path / "kept")
    assert asked == [None, None, 3], "the choice of the epoch is complete, and the refit goes on after its third"
    np.testing.assert_array_equal(again.model.arrays()["user_vectors"], whole.model.arrays()["user_vectors"])


@pytest.mark.parametrize(
    "trainer", [SVD(rank=128), ALS(rank=48), IALS(rank=48), Bayes(rank=47, n_draws=2)], ids=lambda one: one.name
)
def test_with_other_threads_it_ends_the_same(trainer: Trainer) -> None:
    """On ratings that are worth a second thread."""
    ratings = generate(1000, 300, 50, seed=2)
    one, two = (type(trainer)(**trainer.settings() | {"n_epochs": 4, "threads": n}) for n in (1, 2))
    whole = list(one.epochs(ratings))[-1]
    running = two.epochs(ratings)
    next(running)
    taken = next(running).snapshot()
    running.close()
    assert taken is not None
    rest = list(one.epochs(ratings, resume=taken))
    for name, array in whole.model.arrays().items():
        np.testing.assert_array_equal(rest[-1].model.arrays()[name], array)


@pytest.mark.parametrize("structure", ["mf", "svdpp", "flip"])
def test_a_chain_with_days_goes_on(structure: str, movies: Ratings) -> None:
    assert movies.time is not None
    trainer = Bayes(structure=structure, rank=3, n_epochs=8, n_draws=2, burn_in=1, time="day")
    running = trainer.epochs(movies)
    snapshots = [next(running).snapshot() for _ in range(5)]
    whole = list(running)[-1].model.arrays()
    rest = list(trainer.epochs(movies, resume=snapshots[-1]))[-1].model.arrays()
    assert "day_vectors" in whole
    for name, array in whole.items():
        np.testing.assert_array_equal(rest[name], array)


# --- the command line


def test_the_command_says_where_it_goes_on(folder: Path, run: Run, tmp_path: Path) -> None:
    command = ["train", "svd", folder, "--epochs", "4", "--checkpoint", "kept"]
    first = run(*command, "--resume", "-o", "one")
    assert first.exit_code == 0
    assert "no checkpoint in kept: training from the beginning" in first.stderr
    refused = run(*command, "-o", "two")
    assert refused.exit_code == 2
    assert "there is a checkpoint in kept" in refused.stderr
    assert "--resume" in refused.stderr
    again = run(*command, "--resume", "-o", "two", "--json")
    assert "the training in kept is complete, with 4 epochs" in again.stderr
    assert len(json.loads(again.stdout)["epochs"]) == 4
    assert load_manifest(tmp_path / "one")["arrays"] == load_manifest(tmp_path / "two")["arrays"]
    assert load_manifest(tmp_path / "one")["metrics"] == load_manifest(tmp_path / "two")["metrics"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--rank", "8"], "is of a training with rank 64, not 8"),
        (["--epochs", "5"], "is of a training with n_epochs 4, not 5"),
        (["--seed", "1"], "is of a training with seed 0, not 1"),
        (["--patience", "5"], "is of a training with patience 3, not 5"),
    ],
)
def test_another_training_is_refused(folder: Path, changed: list[str], said: str, run: Run) -> None:
    command = ["train", "svd", folder, "--epochs", "4", "--checkpoint", "kept", "--resume"]
    assert run(*command, "--threads", "1").exit_code == 0
    done = run(*command, *changed)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "epoch  train" not in done.stderr
    assert run(*command, "--threads", "2").exit_code == 0, "that is the same training"


def test_another_trainer_or_other_data_are_refused(folder: Path, movies: Ratings, run: Run, tmp_path: Path) -> None:
    kept = ("--epochs", "4", "--checkpoint", "kept", "--resume")
    assert run("train", "svd", folder, *kept).exit_code == 0
    assert "kept is of trainer svd, not als" in run("train", "als", folder, *kept).stderr
    save_split(split(movies, seed=6), tmp_path / "other")
    assert "kept is of a training with split" in run("train", "svd", "other", *kept).stderr
    louder = Ratings(movies.users, movies.items, movies.user, movies.item, 6 - movies.value, movies.time)
    save_split(split(louder, seed=5), tmp_path / "louder")
    assert "kept is of a training with ratings" in run("train", "svd", "louder", *kept).stderr
    assert run("train", "svd", folder, "--resume").exit_code == 2


def test_ctrl_c_can_be_gone_on_from(folder: Path, parts: Split, run: Run, tmp_path: Path) -> None:
    class Stopped(SVD):
        def epochs(self, ratings: Ratings, *, resume: object = None, warm_start: object = None):  # type: ignore[no-untyped-def]
            for epoch in super().epochs(ratings, resume=resume, warm_start=warm_start):  # type: ignore[arg-type]
                if epoch.number == 3:
                    signal.raise_signal(signal.SIGINT)
                yield epoch

    stopped = fitted(Stopped(n_epochs=6), parts, tmp_path / "kept")
    assert stopped.interrupted
    assert stopped.best_epoch == 2
    rest, whole = (fitted(SVD(n_epochs=6), parts, place) for place in (tmp_path / "kept", None))
    assert not rest.interrupted
    np.testing.assert_array_equal(rest.model.arrays()["user_vectors"], whole.model.arrays()["user_vectors"])


def test_what_trains_at_once_is_kept_when_it_is_done(parts: Split, tmp_path: Path) -> None:
    one, again = (fitted(Popularity(), parts, tmp_path / "kept") for _ in range(2))
    assert timeless(one) == timeless(again)
    for name, array in one.model.arrays().items():
        np.testing.assert_array_equal(again.model.arrays()[name], array)


def test_a_training_that_diverges_leaves_its_last_sound_epoch(parts: Split, tmp_path: Path) -> None:
    class Diverges(Baseline):
        def epochs(self, ratings: Ratings, *, resume: object = None, warm_start: object = None):  # type: ignore[no-untyped-def]
            for epoch in super().epochs(ratings, resume=resume, warm_start=warm_start):  # type: ignore[arg-type]
                state = {name: array * (np.nan if epoch.number > 3 else 1) for name, array in epoch.state().items()}
                yield type(epoch)(epoch.number, epoch.n_epochs, epoch.model, 1.0, state=lambda state=state: state)

    for resume in (False, True):
        again = fit(Diverges(sweeps=6), parts, patience=9, checkpoint=tmp_path / "kept", resume=resume)
    assert len(again.history) == 6


def test_a_damaged_checkpoint_is_one_line(folder: Path, run: Run, tmp_path: Path) -> None:
    command = ("train", "baseline", folder, "--checkpoint", "kept", "--resume")
    assert run(*command).exit_code == 0
    file = next((tmp_path / "kept").glob("arrays-*"))
    file.write_bytes(file.read_bytes()[:-1])
    done = run(*command)
    assert done.exit_code == 2
    assert done.stderr.count("\n") <= 4
    assert "hint: " in done.stderr


KILLER = """
import json, os, random, signal, sys, time
from cofactor.cli import main, train
from cofactor.evaluation import evaluate
from cofactor.data.ratings import Ratings
from cofactor.trainers import TRAINERS

command, most, kills = json.loads(sys.argv[1]), int(sys.argv[2]), 0
chance = random.Random(7)
TRAINERS[command[1]](n_epochs=1).fit(Ratings.of("ab", "xy", [1, 2]))  # what is loaded now, no child has to load

def started(out, *more):
    child = os.fork()
    if child == 0:
        sys.argv = ["cofactor", *command, "-q", "-o", out, "--log", out + ".csv", *more]
        main()
    return child

began = time.monotonic()
assert os.waitpid(started("whole"), 0)[1] == 0
longest = (time.monotonic() - began) / 2
while True:
    child, until = started("broken", "--checkpoint", "kept", "--resume"), time.monotonic() + chance.random() * longest
    while kills < most and time.monotonic() < until:
        time.sleep(0.002)
    if kills < most:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if kills == most:
        break
    kills += 1
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize(
    ("command", "kills"),
    [("svd --epochs 15 --refit", 10), ("bayes --epochs 12 --rank 7 --n-draws 3", 4)],
    ids=["svd", "bayes"],
)
def test_kills_at_random_moments_change_nothing(folder: Path, tmp_path: Path, command: str, kills: int) -> None:
    trainer, *options = command.split()
    program = [sys.executable, "-c", KILLER, json.dumps(["train", trainer, str(folder), *options]), str(kills)]
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # a process that is to fork has no other threads
    done = subprocess.run(program, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole, broken = (load_manifest(tmp_path / name) for name in ("whole", "broken"))
    assert whole["arrays"] == broken["arrays"]
    assert whole["metrics"] == broken["metrics"]
    assert whole["notes"]["best_epoch"] == broken["notes"]["best_epoch"]
    assert rows(tmp_path / "whole.csv") == rows(tmp_path / "broken.csv")
