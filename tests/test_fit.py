"""The one training loop, from Python: refits, records, leaks, trainings that diverge or are interrupted."""

import csv
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from rich.console import Console

import cofactor
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, join_parts, save_split, split
from cofactor.errors import BadArtifact, BadData, BadHyperparameter, SplitMismatch, TrainingDiverged
from cofactor.models.base import Model
from cofactor.models.baseline import BaselineModel
from cofactor.saved import manifest
from cofactor.saved.model_folder import load, load_manifest, save
from cofactor.trainers.als import ALS
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD
from cofactor.training.epoch import Epoch
from cofactor.training.fit import fit, fit_ratings
from cofactor.training.tracking.csv_log import CsvTracker
from cofactor.training.tracking.epoch_row import EpochRow, WriteRow
from cofactor.training.tracking.progress import ProgressDisplay
from cofactor.training.tracking.tracker import RunDescription
from tests.conftest import Run
from tests.toys import noise

EXPLODING = {"rank": 32, "n_epochs": 20, "learning_rate": 0.3, "init": 0.01, "l2": 0.0}  # some epochs, then infinity

pytestmark = pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(cofactor.generate(300, 120, 30, seed=0), seed=0)


@dataclass(frozen=True)
class Steps(Trainer):
    """Predicts one constant after another; NaN as a constant is an epoch that diverges."""

    name: ClassVar[str] = "steps"
    constants: ClassVar[tuple[float, ...]] = ()
    train_rmses: ClassVar[tuple[float | None, ...]] = ()
    raises_in: ClassVar[int] = 0
    error: ClassVar[type[BaseException]] = KeyboardInterrupt

    def epochs(self, ratings: Ratings, *, resume: Any = None, warm_start: Any = None) -> Iterator[Epoch]:
        for number, constant in enumerate(self.constants, 1):
            if number == self.raises_in:
                raise self.error
            users, items = (np.zeros(n, np.float32) for n in (len(ratings.users), len(ratings.items)))
            model = BaselineModel(ratings.training_data, ratings.scale, constant, users, items, 1.0)
            rmse = self.train_rmses[number - 1] if self.train_rmses else None
            yield Epoch(number, len(self.constants), model, rmse)


def steps(*constants: float, **attributes: Any) -> Steps:
    return type("Made", (Steps,), {"constants": constants, **attributes})()


def arrays_equal(one: Model, other: Model) -> bool:
    arrays = one.arrays(), other.arrays()
    return arrays[0].keys() == arrays[1].keys() and all(np.array_equal(arrays[0][n], arrays[1][n]) for n in arrays[0])


# --- what `cofactor train` does


def test_python_and_the_command_line_train_the_same_model(parts: Split, run: Run, tmp_path: Path) -> None:
    save_split(parts, tmp_path / "parts")
    options = ("--rank", "4", "--epochs", "5", "--learning-rate", "0.1", "--refit")
    assert run("train", "svd", tmp_path / "parts", *options, "-o", "m", "--log", "cli.csv").exit_code == 0
    trainer = SVD(rank=4, n_epochs=5, learning_rate=0.1)
    fitted = cofactor.fit(trainer, parts, refit=True, trackers=[CsvTracker(tmp_path / "python.csv")])
    assert arrays_equal(load(tmp_path / "m"), fitted.model)
    notes = load_manifest(tmp_path / "m")["notes"]
    ours = fitted.notes()
    assert notes.keys() >= ours.keys()
    assert {n: notes[n] for n in ours if n != "fit_seconds"} == {n: ours[n] for n in ours if n != "fit_seconds"}
    tables = [list(csv.reader((tmp_path / name).read_text().splitlines())) for name in ("cli.csv", "python.csv")]
    assert [row[:-1] for row in tables[0]] == [row[:-1] for row in tables[1]]
    assert len(tables[0]) == 1 + len(fitted.history)


def test_trainer_fit_is_the_same_loop(parts: Split) -> None:
    trainer = SVD(rank=4, n_epochs=5, learning_rate=0.2)
    assert arrays_equal(trainer.fit(parts.train, parts.validation), fit(trainer, parts).model)
    assert arrays_equal(trainer.fit(parts.train), list(trainer.epochs(parts.train))[-1].model)


def test_without_a_validation_part_the_last_epoch_is_kept_and_nothing_is_refitted() -> None:
    whole = split(noise(), seed=1, validation=0)
    fitted = fit(Baseline(sweeps=3), whole, refit=True)
    assert (fitted.best_epoch, fitted.refitted, len(fitted.history)) == (3, False, 3)
    assert arrays_equal(fitted.model, Baseline(sweeps=3).fit(whole.train))


def test_a_warm_start_may_be_a_folder_and_is_noted(parts: Split, tmp_path: Path) -> None:
    first = fit(SVD(rank=4, n_epochs=3), parts).model
    save(first, tmp_path / "first")
    still = SVD(rank=4, n_epochs=1, learning_rate=0.0)
    from_folder, from_model = (fit(still, parts, warm_start=one) for one in (tmp_path / "first", first))
    assert arrays_equal(from_folder.model, from_model.model)
    assert from_folder.started_from["from"]["folder"] == str(tmp_path / "first")
    assert from_model.started_from.keys() == {"from"}
    assert from_model.started_from["from"].keys() == {"arrays_sha256"}
    other = fit(SVD(rank=4, n_epochs=3, seed=1), parts).model
    assert fit(still, parts, warm_start=other).started_from != from_model.started_from


def test_a_checkpoint_of_another_warm_start_is_of_another_training(parts: Split, tmp_path: Path) -> None:
    one, other = (fit(SVD(rank=4, n_epochs=2, seed=seed), parts).model for seed in (0, 1))
    trainer = SVD(rank=4, n_epochs=2)
    fit(trainer, parts, warm_start=one, checkpoint=tmp_path / "kept")
    resumed = fit(trainer, parts, warm_start=one, checkpoint=tmp_path / "kept", resume=True)
    assert len(resumed.history) == 2
    with pytest.raises(BadHyperparameter, match="with from "):
        fit(trainer, parts, warm_start=other, checkpoint=tmp_path / "kept", resume=True)
    with pytest.raises(BadHyperparameter, match="with from "):
        fit(trainer, parts, checkpoint=tmp_path / "kept", resume=True)


def test_a_checkpoint_is_not_overwritten_unasked(parts: Split, tmp_path: Path) -> None:
    fit(Baseline(sweeps=2), parts, checkpoint=tmp_path / "kept")
    with pytest.raises(BadArtifact, match="there is a checkpoint") as caught:
        fit(Baseline(sweeps=2), parts, checkpoint=tmp_path / "kept")
    assert "resume" in caught.value.hint
    with pytest.raises(BadHyperparameter, match="without a checkpoint"):
        fit(Baseline(sweeps=2), parts, resume=True)


def test_a_trainer_that_cannot_be_resumed_says_so(parts: Split, tmp_path: Path) -> None:
    with pytest.raises(BadHyperparameter, match="steps cannot be resumed"):
        fit(steps(3.0, 2.0), parts, checkpoint=tmp_path / "kept")


def test_progress_is_shown_on_stderr(parts: Split, capsys: pytest.CaptureFixture[str]) -> None:
    fit(Baseline(sweeps=2), parts, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "validation RMSE" in shown.err
    fit(Baseline(sweeps=2), parts)
    assert capsys.readouterr().err == ""


def test_a_tracker_of_ones_own_gets_the_run_and_its_rows(parts: Split) -> None:
    class Lists:
        def __init__(self) -> None:
            self.run: RunDescription | None = None
            self.rows: list[EpochRow] = []
            self.errors: list[type | None] = []

        @contextmanager
        def open(self, run: RunDescription) -> Iterator[WriteRow]:
            self.run = run
            try:
                yield self.rows.append
            except BaseException as error:
                self.errors.append(type(error))
                raise

    one = Lists()
    fitted = fit(SVD(rank=4, n_epochs=2), parts, trackers=[one], data="toy")
    assert one.rows == list(fitted.history)
    assert one.run is not None
    assert (one.run.trainer, one.run.data, one.run.split) == ("svd", "toy", parts.fingerprint)
    assert one.run.hyperparameters == SVD(rank=4, n_epochs=2).settings()
    assert one.run.name.endswith(",rank=4,n_epochs=2")
    assert one.errors == []
    fit(steps(3.0, float("nan")), parts, trackers=[one])
    assert one.errors == [TrainingDiverged]


def test_a_full_disk_is_a_warning(parts: Split) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no disk that is always full")
    with pytest.warns(RuntimeWarning, match="given up: No space left"):
        fitted = fit(Baseline(sweeps=2), parts, trackers=[CsvTracker("/dev/full")])
    assert len(fitted.history) == 2


def test_what_on_epoch_raises_ends_the_training(parts: Split) -> None:
    seen: list[int] = []

    def stop(one: Any, row: EpochRow) -> None:
        seen.append(row.epoch)
        if row.epoch == 2:
            raise StopAsyncIteration

    with pytest.raises(StopAsyncIteration):
        fit(Baseline(sweeps=5), parts, on_epoch=stop)
    assert seen == [1, 2]


def test_nothing_to_train_on() -> None:
    none = noise().where(slice(0, 0))
    for trainer in (Baseline(), Popularity(), steps(3.0)):
        with pytest.raises(BadData, match="no ratings to train on"):
            trainer.fit(none)


# --- trainings that diverge


def test_a_training_that_diverges_keeps_its_best_finite_epoch(parts: Split) -> None:
    fitted = fit(SVD(**EXPLODING), parts, patience=20, refit=True)
    assert (fitted.diverged, fitted.interrupted, fitted.refitted) == (True, False, False)
    assert 2 <= len(fitted.history) < 20
    errors = [row.validation_rmse for row in fitted.history]
    assert np.isfinite(errors).all()
    assert fitted.best_epoch == 1 + int(np.argmin(errors))
    assert all(np.isfinite(array).all() for array in fitted.model.arrays().values())
    same = fit(SVD(**EXPLODING), parts, patience=20, on_epoch=None)
    assert arrays_equal(same.model, fitted.model)


@pytest.mark.parametrize(
    "trainer",
    [
        steps(5.0, 4.0, 3.0, 2.9, 2.8, float("nan"), 3.0),
        steps(*[5.0, 4.0, 3.0, 2.9, 2.8, 2.7], train_rmses=(1.0, 1.0, 1.0, 1.0, 1.0, float("nan"))),
    ],
    ids=["NaN", "train RMSE"],
)
def test_five_finite_epochs_are_not_lost_to_the_sixth(trainer: Trainer, parts: Split) -> None:
    fitted = fit(trainer, parts, patience=9)
    assert fitted.diverged
    assert len(fitted.history) == 5
    assert np.isfinite(fitted.model.mean)
    assert fitted.best_epoch == min(fitted.history, key=lambda row: row.validation_rmse).epoch
    alone = fit_ratings(trainer, parts.train, None)
    assert (alone.diverged, alone.best_epoch, alone.model.mean) == (True, 5, 2.8)


def test_without_validation_the_model_itself_is_looked_at(parts: Split) -> None:
    """Its train RMSE is of before the last pass, or is not measured at all."""
    fitted = fit_ratings(steps(3.0, 2.0, float("inf"), 3.0), parts.train, None)
    assert (fitted.diverged, fitted.best_epoch, fitted.model.mean) == (True, 2, 2.0)


def test_without_validation_no_model_is_infinite(parts: Split) -> None:
    with pytest.warns(RuntimeWarning, match="svd diverged: the model is that of epoch"):
        model = SVD(**EXPLODING).fit(parts.train)
    assert all(np.isfinite(array).all() for array in model.arrays().values())
    with pytest.raises(TrainingDiverged, match="epoch 1") as caught:
        SVD(learning_rate=1e6).fit(parts.train)
    assert "learning rate" in caught.value.hint


def test_where_no_epoch_is_finite_it_is_an_error(parts: Split, run: Run, tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged, match="diverged in epoch 1"):
        fit(steps(float("nan"), 3.0), parts)
    save_split(parts, tmp_path / "parts")
    done = run("train", "svd", "parts", "--learning-rate", "1e6", "-o", "m")
    assert done.exit_code == 2
    assert "hint: lower the learning rate" in done.stderr
    assert not (tmp_path / "m").exists()


def test_the_command_line_says_that_a_training_diverged(parts: Split, run: Run, tmp_path: Path) -> None:
    save_split(parts, tmp_path / "parts")
    options = [f"--{name.removeprefix('n_').replace('_', '-')}={value}" for name, value in EXPLODING.items()]
    done = run("train", "svd", "parts", *options, "-o", "m", "--patience", "20", "--refit")
    assert done.exit_code == 0, done.stderr
    best = fit(SVD(**EXPLODING), parts, patience=20).best_epoch
    assert f"diverged: epoch {best}, the best before that, is kept" in done.stderr
    notes = load_manifest(tmp_path / "m")["notes"]
    assert (notes["best_epoch"], notes["refitted"]) == (best, False)


def test_a_refit_that_diverges_leaves_the_chosen_model(parts: Split) -> None:
    class Half(Steps):
        def epochs(self, ratings: Ratings, **more: Any) -> Iterator[Epoch]:
            constants = (3.0, 2.5) if len(ratings) == len(parts.train) else (float("nan"), 2.5)
            yield from steps(*constants).epochs(ratings)

    fitted = fit(Half(), parts, refit=True)
    assert (fitted.diverged, fitted.refitted) == (True, False)
    assert fitted.model.mean in (3.0, 2.5)


def test_the_objective_is_computed_only_for_those_who_see_it(parts: Split) -> None:
    """Of ials it takes longer than the epochs."""
    calls: list[int] = []

    class Counts(Steps):
        def epochs(self, ratings: Ratings, **more: Any) -> Iterator[Epoch]:
            for one in steps(3.0, 2.9).epochs(ratings):
                yield Epoch(one.number, 2, one.model, objective=lambda: float(calls.append(1) or 1.0))

    Counts().fit(parts.train, parts.validation)
    assert calls == []
    fitted = fit(Counts(), parts, refit=True)
    assert [row.train_loss for row in fitted.history] == [1.0, 1.0]
    assert len(calls) == 2


def test_an_objective_that_is_not_finite_is_a_training_that_diverged(parts: Split) -> None:
    class Grows(Steps):
        def epochs(self, ratings: Ratings, **more: Any) -> Iterator[Epoch]:
            for one in steps(5.0, 3.0, 3.1).epochs(ratings):
                yield Epoch(one.number, 3, one.model, objective=1.0 if one.number < 3 else float("nan"))

    fitted = fit(Grows(), parts)
    assert (fitted.diverged, len(fitted.history)) == (True, 2)


# --- Ctrl-C


@pytest.mark.parametrize("handled", [False, True])
def test_a_keyboard_interrupt_keeps_the_best_epoch(handled: bool, parts: Split) -> None:
    fitted = fit(steps(5.0, 3.5, 4.9, 4.8, raises_in=4), parts, patience=9, refit=True, handle_interrupts=handled)
    assert (fitted.interrupted, fitted.diverged, fitted.refitted) == (True, False, False)
    assert (fitted.best_epoch, fitted.model.mean, len(fitted.history)) == (2, 3.5, 3)


def test_an_interrupt_before_the_first_epoch_is_raised(parts: Split) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(steps(5.0, raises_in=1), parts)


def test_trainer_fit_raises_an_interrupt(parts: Split) -> None:
    with pytest.raises(KeyboardInterrupt):
        steps(5.0, 4.0, raises_in=2).fit(parts.train, parts.validation)


def test_an_interrupted_refit_leaves_the_chosen_model(parts: Split) -> None:
    class Half(Steps):
        def epochs(self, ratings: Ratings, **more: Any) -> Iterator[Epoch]:
            yield from steps(3.0, 2.5, raises_in=0 if len(ratings) == len(parts.train) else 1).epochs(ratings)

    fitted = fit(Half(), parts, refit=True)
    assert (fitted.interrupted, fitted.refitted) == (True, False)
    with pytest.raises(KeyboardInterrupt):  # with the handler, one that is raised is the second
        fit(Half(), parts, refit=True, handle_interrupts=True)


def test_the_handler_is_installed_only_where_asked_and_only_while_training(parts: Split) -> None:
    before = signal.getsignal(signal.SIGINT)
    during: list[Any] = []

    def look(one: Any, row: EpochRow) -> None:
        during.append(signal.getsignal(signal.SIGINT))

    fit(Baseline(sweeps=1), parts, on_epoch=look)
    assert during == [before]
    fit(Baseline(sweeps=1), parts, on_epoch=look, handle_interrupts=True, progress=ProgressDisplay(Console(quiet=True)))
    assert during[1] != before
    assert signal.getsignal(signal.SIGINT) == before
    thread = threading.Thread(target=lambda: fit(Baseline(sweeps=1), parts, on_epoch=look, handle_interrupts=True))
    thread.start()
    thread.join()
    assert during[2] == before, "another thread may not install a handler"


# --- leaks


def test_a_warm_start_that_has_learned_held_out_ratings_is_refused(parts: Split) -> None:
    trainer = SVD(rank=4, n_epochs=1)
    for learned, name in ((join_parts(parts.train, parts.validation), "validation"), (parts.test, "test")):
        with pytest.raises(SplitMismatch, match=f"was trained on {name} ratings of this split"):
            fit(trainer, parts, warm_start=trainer.fit(learned))
    other = split(cofactor.generate(300, 120, 30, seed=0), seed=1)
    with pytest.raises(SplitMismatch, match="was trained on split"):
        fit(trainer, parts, warm_start=trainer.fit(other.train))


def test_ratings_without_a_split_are_compared_pair_by_pair() -> None:
    """None == None must not pass for the same split."""
    ratings = replace(noise(), split=None)
    train, held_out = ratings.where(slice(0, 200)), ratings.where(slice(200, 250))
    assert train.split is None
    for trainer in (SVD(rank=4, n_epochs=1), ALS(rank=4, n_epochs=1)):
        leaky, clean = trainer.fit(ratings.where(slice(0, 201))), trainer.fit(ratings.where(slice(0, 199)))
        with pytest.raises(SplitMismatch, match="trained on 1 other ratings than these, user") as caught:
            trainer.fit(train, held_out, warm_start=leaky)
        assert "test ratings" in caught.value.hint
        with pytest.raises(SplitMismatch, match="other ratings"):
            next(trainer.epochs(train, warm_start=leaky))
        assert trainer.fit(train, held_out, warm_start=clean) is not None
        assert trainer.fit(train, warm_start=trainer.fit(train)) is not None


def test_a_warm_start_of_other_users_or_items_is_refused() -> None:
    trainer = SVD(rank=2, n_epochs=1)
    one = Ratings.of(["a", "b"], ["x", "y"], [1.0, 2.0])
    for users, items in ((["a", "c"], ["x", "y"]), (["a", "b"], ["x", "z"])):
        with pytest.raises(SplitMismatch, match="other users or items"):
            trainer.fit(one, warm_start=trainer.fit(Ratings.of(users, items, [1.0, 2.0])))


def test_the_epoch_is_not_chosen_on_the_test_part(parts: Split) -> None:
    with pytest.raises(SplitMismatch, match="on the test part") as caught:
        Baseline().fit(parts.train, parts.test)
    assert "validation part" in caught.value.hint
    assert {name: part.part for name, part in parts.parts.items()} == {name: name for name in parts.parts}
    some = parts.test.where(slice(0, 5))
    with pytest.raises(SplitMismatch, match="on the test part"):
        Baseline().fit(parts.train, some)


def test_the_epoch_is_not_chosen_on_training_ratings(parts: Split) -> None:
    loose = replace(parts.train, split=None, part=None)
    for train, validation in (
        (parts.train, parts.train),
        (loose, loose.where(slice(3, 5))),
        (parts.train, replace(parts.train.where(slice(3, 5)), split=None, part=None)),
    ):
        with pytest.raises(SplitMismatch, match="validation ratings are training ratings too, that of user"):
            Baseline().fit(train, validation)
    Baseline().fit(loose.where(slice(5, None)), loose.where(slice(0, 5)))


def test_a_learned_rating_is_not_evaluated_with_or_without_a_split(parts: Split) -> None:
    model = Baseline().fit(join_parts(parts.train, parts.validation))
    with pytest.raises(SplitMismatch, match="trained on"):
        cofactor.evaluate(model, parts.validation)
    ratings = replace(noise(), split=None)
    model = Baseline().fit(ratings.where(slice(0, 201)))
    test = ratings.where(slice(200, 250))
    assert test.split is None
    with pytest.raises(SplitMismatch, match="trained on 1 of the 50"):
        cofactor.evaluate(model, test)
    assert cofactor.evaluate(model, replace(test.where(slice(1, 50)))).metrics["rmse"] > 0


# --- checkpoints that say what cannot be


def _epoch(content: dict[str, Any], name: str, value: Any) -> None:
    content["epochs"][1][name] = value


def _model(content: dict[str, Any], name: str, value: Any) -> None:
    content["model"][name] = value


@pytest.mark.parametrize(
    ("change", "name", "value", "message"),
    [
        (_model, "kind", "oracle", "unknown kind"),
        (_model, "more", 1, "unknown kind"),
        (_model, "number", 0, "impossible epoch"),
        (_model, "number", 3, "impossible epoch"),
        (_model, "number", True, "impossible epoch"),
        (_model, "of", 1, "impossible epoch"),
        (_model, "rmse", "low", "impossible epoch"),
        (_model, "rmse", True, "impossible epoch"),
        (_model, "scale", [0.0, 9.0], "another scale"),
        (_epoch, "epoch", 3, "epoch 2 has impossible metrics"),
        (_epoch, "best", 1, "epoch 2 has impossible metrics"),
        (_epoch, "seconds", None, "epoch 2 has impossible metrics"),
        (_epoch, "train_rmse", "low", "epoch 2 has impossible metrics"),
        (_epoch, "more", 1.0, "epoch 2 has other metrics"),
    ],
)
def test_an_impossible_checkpoint_is_refused(
    change: Any, name: str, value: Any, message: str, parts: Split, tmp_path: Path
) -> None:
    fit(Baseline(sweeps=2), parts, checkpoint=tmp_path / "kept")
    file = tmp_path / "kept" / "checkpoint.json"
    content = json.loads(file.read_text())
    change(content, name, value)
    content["sha256"] = manifest.digest(content)
    file.write_text(json.dumps(content))
    with pytest.raises(BadArtifact, match=message) as caught:
        fit(Baseline(sweeps=2), parts, checkpoint=tmp_path / "kept", resume=True)
    assert "remove the folder" in caught.value.hint


def test_a_checkpoint_with_an_impossible_run_name_is_refused(parts: Split, tmp_path: Path) -> None:
    for name in ("../elsewhere", "", 3):
        folder = tmp_path / str(name).replace("/", "_") / "kept"
        fit(Baseline(sweeps=2), parts, checkpoint=folder)
        content = json.loads((folder / "checkpoint.json").read_text())
        content["notes"]["run"] = name
        content["sha256"] = manifest.digest(content)
        (folder / "checkpoint.json").write_text(json.dumps(content))
        with pytest.raises(BadArtifact, match="impossible name"):
            fit(Baseline(sweeps=2), parts, checkpoint=folder, resume=True)


def test_threads_and_device_may_change_between_runs(parts: Split, tmp_path: Path) -> None:
    one, other = (SVD(rank=4, n_epochs=2, threads=threads) for threads in (1, 2))
    whole = fit(one, parts, checkpoint=tmp_path / "kept")
    assert arrays_equal(fit(other, parts, checkpoint=tmp_path / "kept", resume=True).model, whole.model)


def test_the_seconds_of_earlier_runs_count_those_of_the_refit_too(parts: Split, tmp_path: Path) -> None:
    fit(Baseline(sweeps=2), parts, refit=True, checkpoint=tmp_path / "kept")
    for folder, seconds in ((tmp_path / "kept", 2000.0), (tmp_path / "kept" / "refit", 1000.0)):
        content = json.loads((folder / "checkpoint.json").read_text())
        content["epochs"][-1]["seconds"] = seconds
        content["sha256"] = manifest.digest(content)
        (folder / "checkpoint.json").write_text(json.dumps(content))
    again = fit(Baseline(sweeps=2), parts, refit=True, checkpoint=tmp_path / "kept", resume=True)
    assert again.refitted
    assert 3000 < again.seconds < 3100
