"""Trains and evaluates candidates on the same splits, one after another, each training in a process of its own."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cofactor.data.splitting.kinds import GIVEN
from cofactor.data.splitting.split import Split, save_split
from cofactor.errors import BadArtifact, BadHyperparameter, CofactorError, SplitMismatch
from cofactor.evaluation.compare import check_splits
from cofactor.experiments.comparison.candidates import Candidate, Candidates, SavedModel, expand_seeds, folder_name
from cofactor.experiments.comparison.model_result import ModelResult, Origin, make_result
from cofactor.experiments.comparison.split_results import ComparisonResult, SplitResults, keep_comparable
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.subprocess_training import TrainingRequest, train_in_subprocess
from cofactor.machine import package_versions
from cofactor.models.base import Model
from cofactor.saved.model_folder import check_place, load, load_manifest, save
from cofactor.training.tracking.epoch_row import EpochRow

SplitNotes = Callable[[Split], Mapping[str, Any]]


class ComparisonCallbacks:
    """Called by a running comparison; the methods of this class do nothing.

    A candidate that started ends with `on_result` or `on_failure`, or with neither after an interruption.
    """

    def on_comparison_start(self, names: list[str]) -> None:
        """The comparison starts. names: of the candidates, with every seed."""

    def on_comparison_end(self) -> None:
        """The comparison ended, also where it raises an error."""

    def on_split(self, name: str, split: Split, number: int, n_splits: int) -> None:
        """A split was loaded. number: from 1."""

    def on_start(self, name: str) -> None:
        """A candidate starts on the current split."""

    def on_epoch(self, name: str, row: EpochRow | None, n_epochs: int) -> None:
        """An epoch ended, or the training starts (row is None)."""

    def on_evaluate(self, name: str) -> None:
        """The evaluation of a model starts."""

    def on_result(self, result: ModelResult) -> None:
        """A model was evaluated."""

    def on_failure(self, name: str, error: CofactorError) -> None:
        """A candidate failed and is left out."""


def run_comparison(
    plan: EvaluationPlan,
    candidates: Candidates,
    callbacks: ComparisonCallbacks | None = None,
    *,
    out: Path | None = None,
    retrain: bool = False,
    seeds: int = 1,
    notes: SplitNotes = lambda split: {},
) -> ComparisonResult:
    """Trains and evaluates every candidate on every split of a plan, and evaluates the saved models.

    out: folder for the trained models, as OUT/NAME, or OUT/SPLIT/NAME for several splits. A model that is there already
        is reused where training ratings, hyperparameters, training options and the version of cofactor are the same.
    retrain: trains every candidate, whatever `out` holds.
    seeds: how many seeds each trainer is trained with on each split: its own and the following ones. A trainer without
        a seed is trained once, and so is one whose second seed gives the same metrics as the first on the first split.
        The additional models of NAME are called "NAME seed SEED".
    notes: what is written into the manifests of the models that are trained on a split.

    A candidate that fails on one split is left out of all. Ctrl-C ends the current training, and the results until then
    are returned. Raises the errors of the candidates before the first training, and those of `keep_comparable` after
    the last.
    """
    expanded = [[one] if isinstance(one, SavedModel) else expand_seeds(one, seeds) for one in candidates]
    every_seed = [one for some in expanded for one in some]
    _check(plan, every_seed, out)
    by_seed: dict[str, Candidates] = {some[0].name: some for some in expanded}
    results: list[SplitResults] = []
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="cofactor-", ignore_cleanup_errors=True) as scratch:
        run = _ComparisonRun(plan, callbacks or ComparisonCallbacks(), Path(scratch), out, retrain, notes)
        run.callbacks.on_comparison_start([one.name for one in every_seed])
        try:
            for number, (name, split) in enumerate(plan.splits(), 1):
                run.callbacks.on_split(name, split, number, plan.n_splits)
                results.append(SplitResults(name, split))
                run.run_split(results[-1], by_seed)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            run.callbacks.on_comparison_end()
    return keep_comparable(results, candidates, run.failures, interrupted)


@dataclass(frozen=True, eq=False)
class _ComparisonRun:
    """The state of a running comparison."""

    plan: EvaluationPlan
    callbacks: ComparisonCallbacks
    scratch: Path
    out: Path | None
    retrain: bool
    notes: SplitNotes
    failures: dict[str, CofactorError] = field(default_factory=dict)
    n_seeds: dict[str, int] = field(
        default_factory=dict
    )  # by candidate, known after its second seed on the first split

    def run_split(self, here: SplitResults, by_seed: Mapping[str, Candidates]) -> None:
        """Runs every candidate that has not failed yet, with each of its seeds, on one split."""
        models = _load_models([one for some in by_seed.values() for one in some], here.split)
        save_split(here.split, self.scratch / "split")
        for name, some in by_seed.items():
            if name in self.failures:
                continue
            try:
                results = self._run_seeds(name, some, here, models)
            except CofactorError as error:
                self.failures[name] = error
                self.callbacks.on_failure(name, error)
            else:
                here.results[name], here.further_seeds[name] = results[0], results[1:]

    def _run_seeds(
        self, name: str, some: Candidates, here: SplitResults, models: Mapping[str, Model]
    ) -> list[ModelResult]:
        """The results of one candidate; the first alone where its second seed had the same metrics."""
        results: list[ModelResult] = []
        for one in some[: self.n_seeds.get(name)]:
            self.callbacks.on_start(one.name)
            if isinstance(one, SavedModel):
                result = self._evaluate(one.name, "loaded", one.folder, models[one.name], here)
            else:
                result = self._reuse(one, here) or self._train(one, here)
            self.callbacks.on_result(result)
            results.append(result)
            if len(results) == 2 and name not in self.n_seeds:
                same = result.report.metrics == results[0].report.metrics
                self.n_seeds[name] = 1 if same else len(some)
                if same:
                    return results[:1]
        return results

    def _train(self, one: Candidate, here: SplitResults) -> ModelResult:
        """Trains and evaluates in the scratch folder, and only then saves the model in its place, with its metrics."""
        fresh, place = self.scratch / "model", self._model_folder(one, here)
        job = TrainingRequest(one.trainer, self.scratch / "split", fresh, one.patience, one.refit)
        outcome = train_in_subprocess(job, partial(self.callbacks.on_epoch, one.name))
        cost = {name: outcome.pop(name) for name in ("cpu_seconds", "peak_bytes")}
        measured = {"fit_seconds": round(outcome.pop("seconds"), 3), "cost": cost, "started_from": {}}
        notes = {**self.notes(here.split), **outcome, **measured, "training": self._training_key(one, here)}
        model = load(fresh)
        result = self._evaluate(one.name, "trained", fresh, model, here, notes)
        if place is not None:
            recipe: dict[str, Any] = {"trainer": result.trainer, "hyperparameters": result.hyperparameters}
            save(model, place, **recipe, metrics=result.report.metrics, **notes)
        return result

    def _reuse(self, one: Candidate, here: SplitResults) -> ModelResult | None:
        """The result of the same training in an earlier comparison; None where there is no such model."""
        place = self._model_folder(one, here)
        if place is None or self.retrain or not place.is_dir():
            return None
        try:
            manifest = load_manifest(place)
            same = manifest["notes"].get("training") == self._training_key(one, here)
            if not same or manifest["packages"].get("cofactor") != package_versions()["cofactor"]:
                return None
            model = load(place)
        except BadArtifact:  # the folder is damaged or holds no model, so the candidate is trained
            return None
        return self._evaluate(one.name, "reused", place, model, here)

    def _evaluate(
        self,
        name: str,
        origin: Origin,
        folder: Path,
        model: Model,
        here: SplitResults,
        notes: Mapping[str, Any] | None = None,
    ) -> ModelResult:
        self.callbacks.on_evaluate(name)
        report = self.plan.evaluate(model, here.split)
        return make_result(name, origin, folder, model, report, here.split, notes)

    def _model_folder(self, one: Candidate, here: SplitResults) -> Path | None:
        if self.out is None:
            return None
        return (self.out / folder_name(here.name) if self.plan.n_splits > 1 else self.out) / folder_name(one.name)

    def _training_key(self, one: Candidate, here: SplitResults) -> dict[str, Any]:
        """Everything that decides about the model and the cost of its training."""
        return {
            "trainer": one.trainer.name,
            "hyperparameters": one.trainer.settings(),
            "patience": one.patience,
            "refit": one.refit,
            "split": here.split.fingerprint,
            "ratings": here.training_digest,
        }


def _check(plan: EvaluationPlan, candidates: Candidates, out: Path | None) -> None:
    """Raises the errors that can be found before the first training."""
    if not candidates:
        raise BadHyperparameter("no candidates to compare", "name at least one trainer or saved model")
    saved = [one for one in candidates if isinstance(one, SavedModel)]
    if saved and plan.n_splits > 1:
        raise SplitMismatch(
            f"{saved[0].folder} was trained on one split, and {plan.name} has {plan.n_splits}",
            "name trainers instead of saved models: they are trained on every split",
        )
    folders: set[str] = set()
    for one in candidates:
        folder = folder_name(one.name)
        if folder in folders:
            raise BadHyperparameter(f"two candidates would share the folder {folder}", "name one of them: NAME=…")
        folders.add(folder)
        if out is not None and plan.n_splits == 1 and isinstance(one, Candidate):
            check_place(out / folder)


def _load_models(candidates: Candidates, split: Split) -> dict[str, Model]:
    """The saved models by name; raises SplitMismatch for one that was trained on another split.

    Of parts that somebody else made, a model may have learned any ratings but those of the test part.
    """
    models = {one.name: load(one.folder) for one in candidates if isinstance(one, SavedModel)}
    if split.kind == GIVEN:
        return models
    check_splits(models)
    for name, model in models.items():
        if model.training_data.split not in (None, split.fingerprint):
            raise SplitMismatch(
                f"{name} was trained on split {str(model.training_data.split)[:12]}, not on {split.fingerprint[:12]}",
                "compare it on its own split: it may have learned test ratings of another one",
            )
    return models
