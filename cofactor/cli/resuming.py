"""A training kept on disk after each epoch, and taken up again where it stopped."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from cofactor.arrays import Array
from cofactor.artifact import KINDS
from cofactor.checkpoint import HINT, REFIT, Checkpoint, Store, check_same, digest
from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadHyperparameter, CofactorError
from cofactor.models.base import Model
from cofactor.trainers.base import Epoch, Resume, Snapshot, Trainer
from cofactor.trainers.early import Judged

FREE = "threads", "device"  # hyperparameters that decide how soon a result is there, not which
OF_EPOCH = tuple(f.name for f in fields(Epoch) if f.name not in ("made", "state"))
OF_JUDGED = tuple(f.name for f in fields(Judged) if f.name != "epoch")
SECONDS = "seconds"  # of training until the end of an epoch, over all runs


class Keeper:
    """What a training was before this run, and what is kept of it for the next; here nothing."""

    def __init__(self, trainer: Trainer, ratings: Ratings) -> None:
        self.trainer, self.ratings, self.started = trainer, ratings, time.perf_counter()
        self.earlier: list[Judged] = []  # epochs of the runs before
        self.rows: list[dict[str, Any]] = []  # the figures of all epochs

    @property
    def before(self) -> list[float]:
        """When each of the earlier epochs was done, in seconds of training."""
        return [row[SECONDS] for row in self.rows[: len(self.earlier)]]

    @property
    def seconds(self) -> float:
        """Of training, over all runs."""
        return time.perf_counter() - self.started + (self.before or [0.0])[-1]

    def epochs(self, start: Resume | None = None) -> Iterator[Epoch]:
        """Those that are left; `start` is what the first run begins with."""
        return self.trainer.epochs(self.ratings, start)

    def keep(self, one: Judged) -> None:
        """Called after each epoch of this run, before the next."""

    def end(self) -> None:
        """Called when there is nothing left to train."""


class FolderKeeper(Keeper):
    """Keeps a checkpoint of the last epoch in a folder."""

    def __init__(
        self, trainer: Trainer, ratings: Ratings, folder: Path, training: Mapping[str, Any], resume: bool
    ) -> None:
        super().__init__(trainer, ratings)
        self.store: Store | None = Store(folder)  # None once a training has diverged
        self.training = training
        self.last: Checkpoint | None = None
        self.store.prepare()
        if resume and self.store.holds_one():
            self._take_up(self.store)
        elif self.store.holds_one():
            message = f"there is a checkpoint in {click.format_filename(folder)}"
            raise BadArtifact(message, "add --resume to go on from it, or remove the folder")

    def _take_up(self, store: Store) -> None:
        found = store.read()
        check_same(store.folder, found.training, self.training)
        try:
            model = _model(found, self.ratings)
            self.earlier = [_judged(number, row, lambda: model) for number, row in enumerate(found.epochs, 1)]
        except CofactorError as error:
            raise BadArtifact(f"{store.folder}: {error.message}", HINT) from None
        self.rows, self.last = [dict(row) for row in found.epochs], found

    def epochs(self, start: Resume | None = None) -> Iterator[Epoch]:
        if self.last is None:
            return super().epochs(start)
        done = self.earlier[-1].epoch
        if done.number >= done.of:
            return iter(())
        return super().epochs(Snapshot(done.number, self.last.state))

    def keep(self, one: Judged) -> None:
        """A training that has diverged is no longer kept: its last sound epoch stays."""
        if self.store is None or one.epoch.number <= len(self.earlier):
            return
        row = {name: getattr(one.epoch, name) for name in OF_EPOCH} | {name: getattr(one, name) for name in OF_JUDGED}
        self.rows.append(row | {SECONDS: self.seconds})
        state = self._state(one.epoch)
        if one.best or self.last is None:
            model, best = {"kind": one.model.kind, "scale": one.model.scale}, one.model.arrays()
        else:
            model, best = dict(self.last.model), dict(self.last.best)
        if _finite(state.values()) and _finite(best.values()) and _finite(row.values()):
            self.last = Checkpoint(self.training, self.rows, model, state, best)
            self.store.write(self.last)
        else:
            self.store = None

    def end(self) -> None:
        if self.store is not None and self.last is not None and not self.last.complete:
            last = self.last
            self.store.write(Checkpoint(last.training, last.epochs, last.model, last.state, last.best, complete=True))

    def _state(self, epoch: Epoch) -> Mapping[str, Array]:
        snapshot = epoch.snapshot()
        if snapshot is not None:
            return snapshot.arrays
        if epoch.of > 1:
            message = f"{self.trainer.name} cannot go on from an epoch that is done"
            raise BadHyperparameter(message, "leave --checkpoint out")
        return {}  # there is no next epoch


def keeper(
    trainer: Trainer,
    train: Ratings,
    validation: Ratings | None,
    console: Console,
    *,
    patience: int,
    folder: Path | None = None,
    resume: bool = False,
) -> Keeper:
    """Of the choice of an epoch; it says on the console where it takes the training up.

    Raises BadArtifact where a checkpoint is damaged, or would be replaced; what `check_same` raises for that of another
    training.
    """
    if folder is None:
        return Keeper(trainer, train)
    seen = [train] if validation is None else [train, validation]
    kept = FolderKeeper(trainer, train, folder, _training(trainer, seen, patience=patience), resume)
    if resume:
        console.print(_told(kept, folder), markup=False)
    return kept


def keeper_of_refit(trainer: Trainer, ratings: Ratings, n_epochs: int, folder: Path | None) -> Keeper:
    """The same for training once more, on other ratings; taken up again wherever there is something of it."""
    if folder is None:
        return Keeper(trainer, ratings)
    return FolderKeeper(trainer, ratings, folder / REFIT, _training(trainer, [ratings], refitted_epochs=n_epochs), True)


def _training(trainer: Trainer, seen: list[Ratings], **more: Any) -> dict[str, Any]:
    """What has to be the same for a training to be the same."""
    settings = {name: value for name, value in trainer.settings().items() if name not in FREE}
    return {
        "trainer": trainer.name,
        "hyperparameters": settings | more,
        "split": seen[0].split,
        "ratings": digest(seen),
    }


def _told(kept: FolderKeeper, folder: Path) -> str:
    where = click.format_filename(folder)
    if kept.last is None:
        return f"no checkpoint in {where}: training from the beginning"
    last = kept.earlier[-1].epoch
    if kept.last.complete:
        return f"the training in {where} is complete, with {last.number} epochs"
    return f"going on from {where}, after epoch {last.number} of {last.of}"


def _model(found: Checkpoint, ratings: Ratings) -> Model:
    kind, scale = found.model.get("kind"), found.model.get("scale")
    if kind not in KINDS:
        raise BadArtifact(f"its best model is of unknown kind {str(kind)[:60]!r}")
    if scale not in (None, list(ratings.scale)):
        raise BadArtifact("its best model predicts ratings on another scale")
    return KINDS[kind].of_arrays(ratings.catalog, None if scale is None else ratings.scale, found.best)


def _judged(number: int, row: Mapping[str, Any], made: Callable[[], Model]) -> Judged:
    """An earlier epoch by its figures. `made` is the model of the best; nobody asks for that of another."""
    if row.keys() != {*OF_EPOCH, *OF_JUDGED, SECONDS}:
        raise BadArtifact(f"epoch {number} has other figures than those of this cofactor")
    whole = row["number"] == number and type(row["of"]) is int and type(row["best"]) is bool
    figures = [value for name, value in row.items() if name not in ("number", "of", "best", SECONDS)]
    if not whole or not _is_number(row[SECONDS]) or not all(value is None or _is_number(value) for value in figures):
        raise BadArtifact(f"epoch {number} has impossible figures")
    epoch = Epoch(made=made, **{name: row[name] for name in OF_EPOCH})
    return Judged(epoch, **{name: row[name] for name in OF_JUDGED})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(values: Iterable[Any]) -> bool:
    return all(value is None or bool(np.isfinite(value).all()) for value in values)
