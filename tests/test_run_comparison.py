"""Trainings in processes of their own: the same models, what they cost, and what becomes of those that fail."""

import json
import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, join_parts, save_split, split
from cofactor.errors import BadHyperparameter, CofactorError, SplitMismatch, TrainingDiverged
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.experiments import subprocess_training
from cofactor.experiments.comparison.candidates import Candidate, SavedModel, folder_name
from cofactor.experiments.comparison.compare import compare, cross_validate
from cofactor.experiments.comparison.model_result import ModelResult, mean_cost
from cofactor.experiments.comparison.run import ComparisonCallbacks, run_comparison
from cofactor.experiments.comparison.split_results import ComparisonResult, SplitResults, keep_comparable
from cofactor.experiments.comparison.summarize import summarize
from cofactor.experiments.evaluation_plan import EvaluationPlan, cross_validation_plan
from cofactor.experiments.resource_usage import folder_bytes, measure_resources
from cofactor.experiments.subprocess_training import SubprocessFailure, TrainingRequest, train_in_subprocess
from cofactor.experiments.subprocess_worker import sample_ratings
from cofactor.saved.model_folder import load, load_manifest, save
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD
from cofactor.training.fit import fit
from cofactor.training.tracking.epoch_row import EpochRow

SMALL = SVD(rank=4, n_epochs=3, seed=2)


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


class EventLog(ComparisonCallbacks):
    """Records the events of a comparison, and interrupts it at a certain one."""

    def __init__(self, interrupt_at: str = "") -> None:
        self.events: list[str] = []
        self.interrupt_at = interrupt_at

    def log(self, event: str) -> None:
        self.events.append(event)
        if event == self.interrupt_at:
            raise KeyboardInterrupt

    def on_split(self, name: str, split: Split, number: int, n_splits: int) -> None:
        self.log(f"split {name} {number}/{n_splits}")

    def on_start(self, name: str) -> None:
        self.log(f"start {name}")

    def on_epoch(self, name: str, row: EpochRow | None, n_epochs: int) -> None:
        self.log(f"{name} trains" if row is None else f"{name} epoch {row.epoch}/{n_epochs}")

    def on_evaluate(self, name: str) -> None:
        self.log(f"evaluate {name}")

    def on_result(self, result: ModelResult) -> None:
        self.log(f"{result.origin} {result.name}")

    def on_failure(self, name: str, error: CofactorError) -> None:
        self.log(f"failed {name}: {error.message}")


def plan(*splits: Split) -> EvaluationPlan:
    return EvaluationPlan("toy", lambda: ((f"part {n}", one) for n, one in enumerate(splits, 1)), len(splits))


def trainer(name: str, of: Trainer = SMALL, **more: Any) -> Candidate:
    return Candidate(name, of, **more)


@pytest.fixture(scope="module")
def held(parts: Split, tmp_path_factory: pytest.TempPathFactory) -> tuple[ComparisonResult, EventLog, Path]:
    """A comparison of three candidates, one of which diverges, and the folder of its models."""
    out, watcher = tmp_path_factory.mktemp("comparison") / "models", EventLog()
    some = [
        trainer("popularity", Popularity(), refit=True),
        trainer("wild", SVD(learning_rate=1e6)),
        trainer("svd -r 4", refit=True),
    ]
    return run_comparison(plan(parts), some, watcher, out=out, notes=lambda split: {"data": "toy"}), watcher, out


def test_a_model_that_was_trained_apart_is_the_one_that_is_trained_here(
    held: tuple[ComparisonResult, EventLog, Path], parts: Split
) -> None:
    rows: list[EpochRow] = []
    here = fit(SMALL, parts, refit=True, on_epoch=lambda one, row: rows.append(row))
    model, manifest = load(held[2] / "svd-r-4"), load_manifest(held[2] / "svd-r-4")
    for name, array in here.model.arrays().items():
        assert np.array_equal(array, model.arrays()[name])
    notes = manifest["notes"]
    assert (notes["best_epoch"], notes["refitted"], notes["data"]) == (here.best_epoch, True, "toy")
    assert {name: notes[name] for name in here.learning_curve()} == here.learning_curve()
    assert manifest["metrics"] == pytest.approx(dict(evaluate(model, parts.test, (10,)).metrics))
    assert manifest["hyperparameters"] == SMALL.settings()
    assert manifest["trainer"] == "svd"
    assert len(rows) == 3


def test_the_last_of_a_refit_is_trained_on_both_parts(parts: Split) -> None:
    again = fit(SMALL, parts, refit=True)
    both = join_parts(parts.train, parts.validation)
    expected = list(SMALL.epochs(both))[again.best_epoch - 1].model
    assert np.array_equal(again.model.arrays()["item_vectors"], expected.arrays()["item_vectors"])


def test_a_closed_form_learns_both_parts_at_once(held: tuple[ComparisonResult, EventLog, Path], parts: Split) -> None:
    model, notes = load(held[2] / "popularity"), load_manifest(held[2] / "popularity")["notes"]
    expected = Popularity().fit(join_parts(parts.train, parts.validation))
    assert np.array_equal(model.arrays()["item_bias"], expected.arrays()["item_bias"])
    assert notes["refitted"]
    assert [word for word in held[1].events if word.startswith("popularity epoch")] == ["popularity epoch 1/1"]


def test_what_fails_is_left_out_and_told(held: tuple[ComparisonResult, EventLog, Path]) -> None:
    found, watcher, out = held
    assert found.names == ["popularity", "svd -r 4"]
    assert list(found.failures) == ["wild"]
    assert "learning rate" in found.failures["wild"].message + found.failures["wild"].hint
    assert any(word.startswith("failed wild: ") for word in watcher.events)
    assert sorted(one.name for one in out.iterdir()) == ["popularity", "svd-r-4"]
    steps = [word for word in watcher.events if "svd -r 4" in word]
    assert steps == [
        "start svd -r 4",
        "svd -r 4 trains",
        *(f"svd -r 4 epoch {n}/3" for n in (1, 2, 3)),
        "evaluate svd -r 4",
        "trained svd -r 4",
    ]


def test_everything_is_in_the_outcome(held: tuple[ComparisonResult, EventLog, Path], parts: Split) -> None:
    found, _, out = held
    outcome = summarize(plan(parts), found, command="cofactor compare …")
    (facts,) = outcome.splits
    assert (facts.name, facts.fingerprint, facts.test) == ("part 1", parts.fingerprint, len(parts.test))
    assert outcome.trainers == {"popularity": "popularity", "svd -r 4": "svd"}
    assert outcome.hyperparameters["svd -r 4"] == SMALL.settings()
    assert outcome.curves["svd -r 4"].epochs == (1, 2, 3)
    cost = outcome.comparison.costs["svd -r 4"]
    assert cost.model_bytes == pytest.approx(folder_bytes(out / "svd-r-4"), rel=0.05)  # its figures came later
    assert cost.fit_seconds is not None
    assert cost.cpu_seconds is not None
    assert 0 < cost.fit_seconds < 2
    assert 0 < cost.cpu_seconds < 2 * (os.cpu_count() or 1)
    assert cost.list_seconds is not None
    assert 0 < cost.list_seconds < 0.05
    assert outcome.comparison.costs["popularity"].peak_bytes is not None
    assert {"cofactor", "python", "numpy", "numba"} <= outcome.versions.keys()
    assert "core" in outcome.machine


def test_a_comparison_goes_on_where_it_was_broken_off(
    held: tuple[ComparisonResult, EventLog, Path], parts: Split, movies: Ratings
) -> None:
    before, _, out = held
    watcher = EventLog("wide trains")
    some = [
        trainer("svd -r 4", refit=True),
        trainer("popularity", Popularity(), refit=True),
        trainer("wide", replace(SMALL, rank=5)),
    ]
    found = run_comparison(plan(parts), some, watcher, out=out)
    assert [word for word in watcher.events if word.startswith("reused")] == ["reused svd -r 4", "reused popularity"]
    assert found.interrupted
    assert found.names == ["svd -r 4", "popularity"]
    assert not (out / "wide").exists()
    for name in found.names:
        one, other = found.splits[0].results[name], before.splits[0].results[name]
        assert one.report.metrics == other.report.metrics
        assert (one.cost.fit_seconds, one.cost.peak_bytes) == (other.cost.fit_seconds, other.cost.peak_bytes)
        assert one.curve == other.curve


@pytest.mark.parametrize("change", ["patience", "refit", "seed", "split", "retrain", "damage", "version", "nothing"])
def test_what_would_be_another_model_is_trained(
    change: str,
    held: tuple[ComparisonResult, EventLog, Path],
    parts: Split,
    movies: Ratings,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(subprocess_training, "PROGRAM", "raise SystemExit('untrained')")
    shutil.copytree(held[2] / "svd-r-4", tmp_path / "svd-r-4")
    if change == "damage":
        (tmp_path / "svd-r-4" / "model.safetensors").write_bytes(b"")
    if change == "version":
        manifest = json.loads((tmp_path / "svd-r-4" / "manifest.json").read_bytes())
        manifest["packages"]["cofactor"] = "0.0.1"
        (tmp_path / "svd-r-4" / "manifest.json").write_text(json.dumps(manifest))
    one = Candidate("svd -r 4", SMALL, refit=True)
    one = {
        "patience": replace(one, patience=1),
        "refit": replace(one, refit=False),
        "seed": replace(one, trainer=replace(SMALL, seed=3)),
    }.get(change, one)
    on = split(movies, seed=6) if change == "split" else parts
    if change == "nothing":
        assert (
            run_comparison(plan(on), [one], EventLog(), out=tmp_path).splits[0].results["svd -r 4"].origin == "reused"
        )
        return
    with pytest.raises(SubprocessFailure, match="untrained"):
        run_comparison(plan(on), [one], EventLog(), out=tmp_path, retrain=change == "retrain")


def test_of_several_splits_those_count_that_all_models_were_measured_on(movies: Ratings, tmp_path: Path) -> None:
    cheap = [trainer("popularity", Popularity()), trainer("baseline", Baseline(sweeps=1))]
    two = cross_validation_plan(movies, 2, seed=1)
    whole = run_comparison(two, cheap, EventLog(), out=tmp_path)
    assert [one.name for one in whole.splits] == ["fold-1", "fold-2"]
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["baseline", "baseline", "popularity", "popularity"]
    assert load(tmp_path / "fold-2" / "baseline").training_data.split == whole.splits[1].split.fingerprint
    summary = summarize(two, whole)
    rmse = [one.metrics["rmse"] for (one,) in whole.reports["baseline"]]
    assert summary.comparison.metrics["baseline"]["rmse"] == pytest.approx(np.mean(rmse))
    assert summary.comparison.split_deviations["baseline"]["rmse"] == pytest.approx(np.std(rmse, ddof=1))
    broken = run_comparison(two, cheap, Broken("reused popularity"), out=tmp_path)
    assert [one.name for one in broken.splits] == ["fold-1"]
    assert broken.names == ["popularity", "baseline"]
    events = EventLog()
    trainers = {"popularity": Popularity(), "baseline": Baseline(sweeps=1)}
    again = cross_validate(trainers, movies, 2, seed=1, out=tmp_path, callbacks=events)
    assert [one for one in events.events if one.startswith("split")] == ["split fold-1 1/2", "split fold-2 2/2"]
    assert sum(one.startswith("reused") for one in events.events) == 4
    assert again.comparison.metrics == summary.comparison.metrics
    assert again.name == "ratings, 2 folds"


def test_trainers_are_compared_from_python(held: tuple[ComparisonResult, EventLog, Path], parts: Split) -> None:
    before, _, out = held
    trainers: dict[str, Trainer | Path] = {"popularity": Popularity(), "svd -r 4": SMALL}
    summary = compare(trainers, parts, refit=True, out=out, against="popularity")
    expected = before.splits[0].results["svd -r 4"].report.metrics
    assert summary.comparison.metrics["svd -r 4"] == pytest.approx(dict(expected))
    assert {one.against for one in summary.comparison.differences["ndcg@10"].values()} == {"popularity"}
    assert (summary.name, summary.command, summary.interrupted) == ("random", "", False)
    shorter = compare({"svd": out / "svd-r-4"}, parts, (5,), relevant_from=4.0)
    model = load(out / "svd-r-4")
    assert shorter.comparison.metrics["svd"] == pytest.approx(
        evaluate(model, parts.test, (5,), relevant_from=4.0).metrics
    )
    direct = compare({"svd": model}, parts.test, (5,), relevant_from=4.0)
    assert direct.metrics["svd"] == pytest.approx(shorter.comparison.metrics["svd"])
    with pytest.raises(BadHyperparameter, match="no model 'svdpp' to compare with"):
        compare(trainers, parts, against="svdpp")
    with pytest.raises(BadHyperparameter, match="no candidates to compare"):
        compare({}, parts)


def test_results_that_cannot_be_compared_raise_the_reason(parts: Split) -> None:
    candidates = [trainer("a"), trainer("reference", requested=False)]
    error, nothing = CofactorError("it failed"), SplitResults("part 1", parts)
    with pytest.raises(KeyboardInterrupt):
        keep_comparable([nothing], candidates, {}, True)
    with pytest.raises(KeyboardInterrupt):
        keep_comparable([], candidates, {}, True)
    with pytest.raises(CofactorError, match="it failed"):
        keep_comparable([nothing], candidates, {"a": error}, False)


class Broken(EventLog):
    """Stops when it hears a word for the second time."""

    def log(self, word: str) -> None:
        again = word in self.events
        self.events.append(word)
        if again and word == self.interrupt_at:
            raise KeyboardInterrupt


def test_saved_models_are_measured_beside_the_others(saved: Path, movies: Ratings, tmp_path: Path) -> None:
    parts = split(movies, seed=9)
    save(Baseline().fit(parts.train), tmp_path / "mine", trainer="baseline", hyperparameters={"sweeps": 10})
    found = run_comparison(plan(parts), [SavedModel("mine", tmp_path / "mine")], EventLog())
    entry = found.splits[0].results["mine"]
    assert (entry.trainer, entry.hyperparameters, entry.curve) == ("baseline", {"sweeps": 10}, None)
    assert entry.cost.fit_seconds is None
    assert entry.cost.model_bytes == folder_bytes(tmp_path / "mine")
    assert entry.cost.list_seconds is not None
    with pytest.raises(SplitMismatch, match="mine was trained on split"):
        run_comparison(plan(split(movies, seed=1)), [SavedModel("mine", tmp_path / "mine")], EventLog())
    with pytest.raises(SplitMismatch, match="one split, and toy has 2"):
        run_comparison(plan(parts, parts), [SavedModel("mine", tmp_path / "mine")], EventLog())


def test_two_names_of_one_folder_are_refused_before_anything_is_trained(parts: Split) -> None:
    watcher = EventLog()
    with pytest.raises(BadHyperparameter, match="svd-r-4"):
        run_comparison(plan(parts), [trainer("svd -r 4"), trainer("svd-r-4")], watcher)
    assert watcher.events == []
    assert folder_name("svd --rank 128") == "svd-rank-128"
    assert folder_name("../../x y") == "x-y"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "perhaps because memory ran out"),
        ("import sys; print('{\"ready\": true}', flush=True); raise RuntimeError('odd')", "RuntimeError: odd"),
        ("import os; os._exit(7)", "exit code 7"),
    ],
)
def test_a_process_that_ends_without_a_word_is_told_of(
    program: str, said: str, parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess_training, "PROGRAM", program)
    with pytest.raises(SubprocessFailure, match=said):
        train_in_subprocess(TrainingRequest(SMALL, tmp_path, tmp_path / "out"))


def test_a_training_that_diverges_in_a_process_is_one_that_diverged(parts: Split, tmp_path: Path) -> None:
    save_split(parts, tmp_path / "split")
    request = TrainingRequest(SVD(init=1e30, n_epochs=1), tmp_path / "split", tmp_path / "out")
    with pytest.raises(TrainingDiverged) as raised:
        train_in_subprocess(request)
    assert raised.value.hint == "lower init, now 1e+30"
    assert not (tmp_path / "out").exists()


def test_ctrl_c_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forever = "import os, time; open('pid', 'w').write(str(os.getpid())); print('{}', flush=True); time.sleep(1000)"
    monkeypatch.setattr(subprocess_training, "PROGRAM", forever)
    monkeypatch.chdir(tmp_path)

    def stop(row: EpochRow | None, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_in_subprocess(TrainingRequest(SMALL, tmp_path, tmp_path / "out"), stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_is_measured_of_a_training() -> None:
    once = np.ones(40_000_000)  # 320 MB that are given back before
    del once
    with measure_resources() as waiting:
        time.sleep(0.1)
    with measure_resources() as working:
        held = np.ones(15_000_000)
        until = time.thread_time() + 0.15
        while time.thread_time() < until:
            held[:1000].sum()
        del held
    assert waiting.seconds >= 0.1
    assert waiting.cpu_seconds < 0.05
    assert working.cpu_seconds >= 0.15
    assert waiting.peak_bytes is not None
    assert working.peak_bytes is not None
    assert waiting.peak_bytes < 10e6
    assert 118e6 < working.peak_bytes < 140e6


def test_the_processor_time_of_all_threads_counts() -> None:
    def work() -> None:
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass

    with measure_resources() as meter:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert meter.cpu_seconds >= 0.2


def test_a_few_ratings_are_over_their_own_users_and_items(movies: Ratings) -> None:
    some = sample_ratings(movies, 50)
    assert len(some) == 50
    assert len(some.users) == len(np.unique(some.user)) <= 50
    assert len(some.items) == len(np.unique(some.item)) <= 50
    given = {
        (u, i): v
        for u, i, v in zip(movies.users.ids[movies.user], movies.items.ids[movies.item], movies.value, strict=False)
    }
    taken = zip(some.users.ids[some.user], some.items.ids[some.item], some.value, strict=True)
    assert all(given[u, i] == v for u, i, v in taken)
    assert len(sample_ratings(movies.where(slice(0, 3)))) == 3


def test_the_cost_over_several_splits_is_the_mean() -> None:
    some = Cost(1.0, 2.0, 10, 100, None), Cost(2.0, 4.0, 13, 100, 0.5)
    assert mean_cost(some) == Cost(1.5, 3.0, 12, 100, None)
