"""Models trained and measured on the same splits, one after another, each training in a process of its own."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from cofactor.data.splitting.split import Split, save_split
from cofactor.errors import BadArtifact, BadHyperparameter, CofactorError, SplitMismatch
from cofactor.evaluation.compare import check_splits
from cofactor.experiments.comparison.candidates import (
    Candidate,
    ModelResult,
    Origin,
    SavedModel,
    describe_model,
    expand_seeds,
    folder_name,
)
from cofactor.experiments.comparison.split_results import Candidates, ComparisonResult, SplitResults, keep_comparable
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.subprocess_training import TrainingRequest, train_in_subprocess
from cofactor.machine import package_versions
from cofactor.models.base import Model
from cofactor.saved.model_folder import check_place, load, load_manifest, save
from cofactor.training.tracking.epoch_row import EpochRow

Notes = Callable[[Split], Mapping[str, Any]]


class ComparisonCallbacks(Protocol):
    """Who looks on. What was begun is done, has failed, or is neither after Ctrl-C."""

    def split(self, name: str, split: Split, number: int, of: int) -> object: ...
    def begin(self, name: str) -> object: ...
    def epoch(self, name: str, row: EpochRow | None, of: int) -> object: ...  # None: the clock starts
    def measure(self, name: str) -> object: ...
    def done(self, entry: ModelResult) -> object: ...
    def failed(self, name: str, error: CofactorError) -> object: ...


def run_comparison(
    plan: EvaluationPlan,
    candidates: Candidates,
    callbacks: ComparisonCallbacks,
    *,
    out: Path | None = None,
    retrain: bool = False,
    seeds: int = 1,
    notes: Notes = lambda split: {},
) -> ComparisonResult:
    """Trains and measures every contestant on every split of a plan, and measures the models that were brought.

    out: where the trained models go, as OUT/NAME, or as OUT/SPLIT/NAME where there are several splits. What lies there
        of the same ratings, hyperparameters and cofactor is taken, unless everything is to be trained `again`.
    seeds: with how many each trainer is trained on each split: its own and those that follow. One without a seed is
        trained once, and one whose second seed changes nothing on the first split is not trained with more. Of NAME the
        further models are "NAME seed SEED", to the watcher and in `out`.
    notes: what each model of a split is saved with, beside what is known here.

    A model that cannot be trained or measured is left out of all splits. Ctrl-C ends the training that is going on;
    what was measured until then is returned. Raises what is wrong with the contestants before anything is trained, and
    afterwards what `comparable` raises.
    """
    entered = [(one.name, [one] if isinstance(one, SavedModel) else expand_seeds(one, seeds)) for one in candidates]
    _check(plan, [each for _, some in entered for each in some], out)
    rounds: list[SplitResults] = []
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="cofactor-", ignore_cleanup_errors=True) as scratch:
        holding = _Holding(plan, callbacks, Path(scratch), out, retrain, notes)
        try:
            for number, (name, split) in enumerate(plan.splits(), 1):
                callbacks.split(name, split, number, plan.n_splits)
                rounds.append(SplitResults(name, split))
                holding.round(rounds[-1], dict(entered))
        except KeyboardInterrupt:
            interrupted = True
    return keep_comparable(rounds, candidates, holding.failures, interrupted)


@dataclass(frozen=True, eq=False)
class _Holding:
    """A contest that is going on."""

    plan: EvaluationPlan
    watcher: ComparisonCallbacks
    scratch: Path
    out: Path | None
    again: bool
    notes: Notes
    failures: dict[str, CofactorError] = field(default_factory=dict)
    seeds_of: dict[str, int] = field(default_factory=dict)  # by model: how many matter, once that is known

    def round(self, here: SplitResults, entered: Mapping[str, Candidates]) -> None:
        """Every model that is left, with each of its seeds, on one split."""
        brought = _loaded([one for some in entered.values() for one in some], here.split)
        save_split(here.split, self.scratch / "split")
        for name, some in entered.items():
            if name in self.failures:
                continue
            try:
                entries = self._seeds(name, some, here, brought)
            except CofactorError as error:
                self.failures[name] = error
                self.watcher.failed(name, error)
            else:
                here.results[name], here.further_seeds[name] = entries[0], entries[1:]

    def _seeds(
        self, name: str, some: Candidates, here: SplitResults, brought: Mapping[str, Model]
    ) -> list[ModelResult]:
        """Those of one model: the first alone where the second was no other on the first split."""
        entries: list[ModelResult] = []
        for one in some[: self.seeds_of.get(name)]:
            self.watcher.begin(one.name)
            if isinstance(one, SavedModel):
                entry = self._measured(one.name, "brought", one.folder, brought[one.name], here)
            else:
                entry = self._kept(one, here) or self._trained(one, here)
            self.watcher.done(entry)
            entries.append(entry)
            if len(entries) == 2 and name not in self.seeds_of:
                same = entry.report.metrics == entries[0].report.metrics
                self.seeds_of[name] = 1 if same else len(some)
                if same:
                    return entries[:1]
        return entries

    def _trained(self, one: Candidate, here: SplitResults) -> ModelResult:
        """Trained in scratch, measured, and only then put in its place, with its figures."""
        fresh, place = self.scratch / "model", self._place(one, here)
        job = TrainingRequest(one.trainer, self.scratch / "split", fresh, one.patience, one.refit)
        result = train_in_subprocess(job, partial(self.watcher.epoch, one.name))
        cost = {name: result.pop(name) for name in ("cpu_seconds", "peak_bytes")}
        known = {"fit_seconds": round(result.pop("seconds"), 3), "cost": cost, "started_from": {}}
        notes = {**self.notes(here.split), **result, **known, "training": self._training(one, here)}
        model = load(fresh)
        entry = self._measured(one.name, "trained", fresh, model, here, notes)
        if place is not None:
            told: dict[str, Any] = {"trainer": entry.trainer, "hyperparameters": entry.hyperparameters}
            save(model, place, **told, metrics=entry.report.metrics, **notes)
        return entry

    def _kept(self, one: Candidate, here: SplitResults) -> ModelResult | None:
        """What an earlier comparison trained to the same end; None where there is no such model."""
        place = self._place(one, here)
        if place is None or self.again or not place.is_dir():
            return None
        try:
            manifest = load_manifest(place)
            same = manifest["notes"].get("training") == self._training(one, here)
            if not same or manifest["packages"].get("cofactor") != package_versions()["cofactor"]:
                return None
            model = load(place)
        except BadArtifact:  # damaged, or not a model: it is trained anew
            return None
        return self._measured(one.name, "kept", place, model, here)

    def _measured(
        self,
        name: str,
        origin: Origin,
        folder: Path,
        model: Model,
        here: SplitResults,
        notes: Mapping[str, Any] | None = None,
    ) -> ModelResult:
        self.watcher.measure(name)
        report = self.plan.evaluate(model, here.split)
        return describe_model(name, origin, folder, model, report, here.split, notes)

    def _place(self, one: Candidate, here: SplitResults) -> Path | None:
        if self.out is None:
            return None
        return (self.out / folder_name(here.name) if self.plan.n_splits > 1 else self.out) / folder_name(one.name)

    def _training(self, one: Candidate, here: SplitResults) -> dict[str, Any]:
        """What has to be the same for a model to be the same, its cost included."""
        settings = {"trainer": one.trainer.name, "hyperparameters": one.trainer.settings()}
        told = {"patience": one.patience, "refit": one.refit}
        return settings | told | {"split": here.split.fingerprint, "ratings": here.training_digest}


def _check(plan: EvaluationPlan, contestants: Candidates, out: Path | None) -> None:
    brought = [one for one in contestants if isinstance(one, SavedModel)]
    if brought and plan.n_splits > 1:
        raise SplitMismatch(
            f"{brought[0].folder} was trained on one split, and {plan.name} has {plan.n_splits}",
            "name trainers instead of saved models: they are trained on each of them",
        )
    folders: set[str] = set()
    for one in contestants:
        if folder_name(one.name) in folders:
            raise BadHyperparameter(f"two of them would be called {folder_name(one.name)}", "name one of them: NAME=…")
        folders.add(folder_name(one.name))
        if out is not None and plan.n_splits == 1 and isinstance(one, Candidate):
            check_place(out / folder_name(one.name))


def _loaded(contestants: Candidates, split: Split) -> dict[str, Model]:
    """The models that were brought, all of this split."""
    models = {one.name: load(one.folder) for one in contestants if isinstance(one, SavedModel)}
    check_splits(models)
    for name, model in models.items():
        if model.training_data.split not in (None, split.fingerprint):
            raise SplitMismatch(
                f"{name} was trained on split {str(model.training_data.split)[:12]}, not on {split.fingerprint[:12]}",
                "compare it on the split it was trained on: other test rows may be rows it has learned",
            )
    return models
