"""Models trained and measured on the same splits, one after another, each training in a process of its own."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from cofactor.artifact import check_place, load, load_manifest, save
from cofactor.checkpoint import digest
from cofactor.data.split import Split, save_split
from cofactor.errors import BadArtifact, BadHyperparameter, CofactorError, SplitMismatch
from cofactor.evaluation.compare import check_splits
from cofactor.evaluation.evaluate import Report
from cofactor.experiments.apart import Job, train_apart
from cofactor.experiments.entries import Brought, Contestant, Entry, cost_of, curve_of, folder_of
from cofactor.experiments.measuring import folder_bytes, list_seconds
from cofactor.experiments.plan import Plan
from cofactor.manifest import packages
from cofactor.models.base import Model
from cofactor.tracking.row import Row

Contestants = Sequence[Contestant | Brought]
Notes = Callable[[Split], Mapping[str, Any]]


class Watcher(Protocol):
    """Who looks on. What was begun is done, has failed, or is neither after Ctrl-C."""

    def split(self, name: str, split: Split, number: int, of: int) -> object: ...
    def begin(self, name: str) -> object: ...
    def epoch(self, name: str, row: Row | None, of: int) -> object: ...  # None: the clock starts
    def measure(self, name: str) -> object: ...
    def done(self, entry: Entry) -> object: ...
    def failed(self, name: str, error: CofactorError) -> object: ...


@dataclass(frozen=True, eq=False)
class Round:
    """What became of the models on one split."""

    name: str
    split: Split
    entries: dict[str, Entry] = field(default_factory=dict)

    @cached_property
    def seen(self) -> str:
        """The digest of all that training sees."""
        return digest([self.split.train, self.split.validation])


@dataclass(frozen=True, eq=False)
class Contest:
    """The splits that every model left was measured on, and why those that are not left are not."""

    rounds: Sequence[Round]
    failures: Mapping[str, CofactorError]
    interrupted: bool

    @property
    def names(self) -> list[str]:
        return list(self.rounds[0].entries)

    @property
    def reports(self) -> dict[str, list[Report]]:
        """By model: one for each split."""
        return {name: [one.entries[name].report for one in self.rounds] for name in self.names}


def hold(
    plan: Plan,
    contestants: Contestants,
    watcher: Watcher,
    *,
    out: Path | None = None,
    again: bool = False,
    notes: Notes = lambda split: {},
) -> Contest:
    """Trains and measures every contestant on every split of a plan, and measures the models that were brought.

    out: where the trained models go, as OUT/NAME, or as OUT/SPLIT/NAME where there are several splits. What lies there
        of the same ratings, hyperparameters and cofactor is taken, unless everything is to be trained `again`.
    notes: what each model of a split is saved with, beside what is known here.

    A model that cannot be trained or measured is left out of all splits. Ctrl-C ends the training that is going on;
    what was measured until then is returned: of the splits that are complete or, if none is, of the first.
    Raises what is wrong with the contestants before anything is trained; afterwards KeyboardInterrupt where Ctrl-C came
    before anything was measured, and the first failure where nothing of what was asked for is left.
    """
    _check(plan, contestants, out)
    rounds: list[Round] = []
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="cofactor-", ignore_cleanup_errors=True) as scratch:
        holding = _Holding(plan, watcher, Path(scratch), out, again, notes)
        try:
            for number, (name, split) in enumerate(plan.splits(), 1):
                watcher.split(name, split, number, plan.n_splits)
                rounds.append(Round(name, split))
                holding.round(rounds[-1], contestants)
        except KeyboardInterrupt:
            interrupted = True
    return _contest(rounds, contestants, holding.failures, interrupted)


@dataclass(frozen=True, eq=False)
class _Holding:
    """A contest that is going on."""

    plan: Plan
    watcher: Watcher
    scratch: Path
    out: Path | None
    again: bool
    notes: Notes
    failures: dict[str, CofactorError] = field(default_factory=dict)

    def round(self, here: Round, contestants: Contestants) -> None:
        """Every model that is left, on one split."""
        brought = _loaded(contestants, here.split)
        save_split(here.split, self.scratch / "split")
        for one in contestants:
            if one.name in self.failures:
                continue
            self.watcher.begin(one.name)
            try:
                if isinstance(one, Brought):
                    entry = self._measured(one.name, "brought", one.folder, brought[one.name], here)
                else:
                    entry = self._kept(one, here) or self._trained(one, here)
            except CofactorError as error:
                self.failures[one.name] = error
                self.watcher.failed(one.name, error)
            else:
                here.entries[one.name] = entry
                self.watcher.done(entry)

    def _trained(self, one: Contestant, here: Round) -> Entry:
        fresh, trainer = self.scratch / "model", one.trainer
        job = Job(trainer, self.scratch / "split", fresh, one.patience, one.refit)
        result = train_apart(job, partial(self.watcher.epoch, one.name))
        cost = {name: result.pop(name) for name in ("cpu_seconds", "peak_bytes")}
        known = {"fit_seconds": round(result.pop("seconds"), 3), "cost": cost, "started_from": {}}
        notes = {**self.notes(here.split), **result, **known, "training": self._training(one, here)}
        model = load(fresh)
        self.watcher.measure(one.name)
        report = self.plan.measure(model, here.split)
        told = {"trainer": trainer.name, "hyperparameters": trainer.settings(), "notes": notes}
        if (place := self._place(one, here)) is not None:
            save(
                model, place, trainer=trainer.name, hyperparameters=trainer.settings(), metrics=report.metrics, **notes
            )
        return _entry(one.name, "trained", told, report, fresh, model)

    def _kept(self, one: Contestant, here: Round) -> Entry | None:
        """What an earlier comparison trained to the same end; None where there is no such model."""
        place = self._place(one, here)
        if place is None or self.again or not place.is_dir():
            return None
        try:
            manifest = load_manifest(place)
            same = manifest["notes"].get("training") == self._training(one, here)
            same = same and manifest["packages"].get("cofactor") == packages()["cofactor"]
            return self._measured(one.name, "kept", place, load(place), here) if same else None
        except BadArtifact:  # damaged, or not a model: it is trained anew
            return None

    def _measured(self, name: str, origin: Any, folder: Path, model: Model, here: Round) -> Entry:
        self.watcher.measure(name)
        return _entry(name, origin, load_manifest(folder), self.plan.measure(model, here.split), folder, model)

    def _place(self, one: Contestant, here: Round) -> Path | None:
        if self.out is None:
            return None
        return (self.out / folder_of(here.name) if self.plan.n_splits > 1 else self.out) / folder_of(one.name)

    def _training(self, one: Contestant, here: Round) -> dict[str, Any]:
        """What has to be the same for a model to be the same, its cost included."""
        settings = {"trainer": one.trainer.name, "hyperparameters": one.trainer.settings()}
        told = {"patience": one.patience, "refit": one.refit}
        return settings | told | {"split": here.split.fingerprint, "ratings": here.seen}


def _entry(name: str, origin: Any, told: Mapping[str, Any], report: Report, folder: Path, model: Model) -> Entry:
    """told: the trainer, hyperparameters and notes that a model was saved with."""
    cost = cost_of(told["notes"], folder_bytes(folder), list_seconds(model))
    return Entry(name, origin, told["trainer"], told["hyperparameters"], report, cost, curve_of(told["notes"]))


def _check(plan: Plan, contestants: Contestants, out: Path | None) -> None:
    brought = [one for one in contestants if isinstance(one, Brought)]
    if brought and plan.n_splits > 1:
        raise SplitMismatch(
            f"{brought[0].folder} was trained on one split, and {plan.name} has {plan.n_splits}",
            "name trainers instead of saved models: they are trained on each of them",
        )
    folders: dict[str, str] = {}
    for one in contestants:
        other = folders.setdefault(folder_of(one.name), one.name)
        if one is not next(same for same in contestants if same.name == other):
            raise BadHyperparameter(f"two of them are called {one.name}", f"name one of them: NAME={one.name}")
        if out is not None and plan.n_splits == 1 and isinstance(one, Contestant):
            check_place(out / folder_of(one.name))


def _loaded(contestants: Contestants, split: Split) -> dict[str, Model]:
    """The models that were brought, all of this split."""
    models = {one.name: load(one.folder) for one in contestants if isinstance(one, Brought)}
    check_splits(models)
    for name, model in models.items():
        if model.catalog.split not in (None, split.fingerprint):
            raise SplitMismatch(
                f"{name} was trained on split {str(model.catalog.split)[:12]}, not on {split.fingerprint[:12]}",
                "compare it on the split it was trained on: other test rows may be rows it has learned",
            )
    return models


def _contest(
    rounds: Sequence[Round], contestants: Contestants, failures: Mapping[str, CofactorError], interrupted: bool
) -> Contest:
    """What can be compared of what was measured."""
    left = [one.name for one in contestants if one.name not in failures]
    complete = [one for one in rounds if all(name in one.entries for name in left)]
    complete = complete or list(rounds[:1])
    left = [name for name in left if complete and name in complete[0].entries]
    if interrupted and not left:
        raise KeyboardInterrupt
    wanted = {one.name for one in contestants if isinstance(one, Brought) or one.asked}
    if not interrupted and not wanted.intersection(left):
        raise next(iter(failures.values()))
    rounds = [replace(one, entries={name: one.entries[name] for name in left}) for one in complete]
    return Contest(rounds, failures, interrupted)
