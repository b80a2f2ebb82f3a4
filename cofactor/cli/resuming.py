"""A training kept on disk after each epoch, and taken up again where it stopped."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from cofactor.arrays import Array
from cofactor.cli.options.tracking import new_run
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split
from cofactor.errors import BadArtifact, BadHyperparameter, CofactorError
from cofactor.models.base import Model
from cofactor.models.kinds import KINDS
from cofactor.trainers.base import Trainer
from cofactor.training.checkpoint import HINT, REFIT, Checkpoint, CheckpointFolder, check_same_training, digest_ratings
from cofactor.training.early_stopping import ValidatedEpoch
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.tracking.epoch_row import EpochRow

FREE = "threads", "device"  # hyperparameters that decide how soon a result is there, not which


class Keeper:
    """What a training was before this run, and what is kept of it for the next; here nothing.

    rows: the figures of the earlier epochs; best: the best of them; lowest, waited: see `judged`; notes: plain data
    that is kept with the training, for its later runs.
    """

    def __init__(self, trainer: Trainer, ratings: Ratings) -> None:
        self.trainer, self.ratings = trainer, ratings
        self.rows: list[EpochRow] = []
        self.best: ValidatedEpoch | None = None
        self.lowest, self.waited = float("inf"), 0
        self.notes: dict[str, Any] = {}

    @property
    def seconds(self) -> float:
        """Of training in earlier runs."""
        return self.rows[-1].seconds if self.rows else 0.0

    def epochs(self, start: WarmStart | None = None) -> Iterator[Epoch]:
        """Those that are left; `start` is what the first run begins with."""
        return self.trainer.epochs(self.ratings, warm_start=start)

    def keep(self, one: ValidatedEpoch, rows: Sequence[EpochRow]) -> None:
        """Called after each epoch of this run, before the next; rows: the figures of all epochs so far."""

    def end(self) -> None:
        """Called when there is nothing left to train."""

    def of_refit(self, ratings: Ratings, n_epochs: int) -> "Keeper":
        """That of training once more, on other ratings, for as many epochs as were best."""
        return Keeper(self.trainer, ratings)


class FolderKeeper(Keeper):
    """Keeps a checkpoint of the last epoch in a folder.

    With `resume` it goes on from what is there; without, it raises BadArtifact where there is something. Raises
    BadArtifact where that is damaged, and what `check_same_training` raises where it is of another training.
    """

    def __init__(
        self, trainer: Trainer, ratings: Ratings, folder: Path, training: Mapping[str, Any], resume: bool
    ) -> None:
        super().__init__(trainer, ratings)
        self.folder, self.training = folder, training
        self.store: CheckpointFolder | None = CheckpointFolder(folder)  # None once a training has diverged
        self.last: Checkpoint | None = None
        self.store.prepare()
        if resume and self.store.holds_one():
            self._take_up(self.store)
        elif self.store.holds_one():
            message = f"there is a checkpoint in {click.format_filename(folder)}"
            raise BadArtifact(message, "add --resume to go on from it, or remove the folder")

    def _take_up(self, store: CheckpointFolder) -> None:
        self.last = found = store.read()
        check_same_training(store.folder, found.training, self.training)
        try:
            self.rows = [_row(number, figures) for number, figures in enumerate(found.epochs, 1)]
            self.best = _best(found, self.ratings)
        except CofactorError as error:
            raise BadArtifact(f"{store.folder}: {error.message}", HINT) from None
        self.notes = dict(found.notes)
        if any(row.best for row in self.rows):
            self.lowest, self.waited = self.best.loss, len(self.rows) - self.best.epoch.number

    def epochs(self, start: WarmStart | None = None) -> Iterator[Epoch]:
        if self.last is None or self.best is None:
            return super().epochs(start)
        if len(self.rows) >= self.best.epoch.n_epochs:
            return iter(())
        return self.trainer.epochs(self.ratings, resume=Snapshot(len(self.rows), self.last.state))

    def keep(self, one: ValidatedEpoch, rows: Sequence[EpochRow]) -> None:
        """A training that has diverged is no longer kept: its last sound epoch stays."""
        if self.store is None:
            return
        last = None if one.best else self.last
        model = _described(one) if last is None else last.model
        best = one.model.arrays() if last is None else last.best
        figures, state = [asdict(row) for row in rows], self._state(one.epoch)
        checkpoint = Checkpoint(self.training, figures, model, state, best, self.notes)
        if not all(value is None or np.isfinite(value) for value in figures[-1].values()):
            self.store = None
            return
        try:
            self.store.write(checkpoint)
            self.last = checkpoint
        except BadArtifact:
            self.store = None

    def end(self) -> None:
        if self.store is not None and self.last is not None and not self.last.complete:
            self.last = replace(self.last, complete=True)
            self.store.write(self.last)

    def of_refit(self, ratings: Ratings, n_epochs: int) -> Keeper:
        """Goes on wherever there is something of it: the choice of the epoch is the same."""
        training = _training(self.trainer, [ratings], refitted_epochs=n_epochs)
        return FolderKeeper(self.trainer, ratings, self.folder / REFIT, training, resume=True)

    def told(self) -> str:
        """Where it goes on, for a person."""
        where = click.format_filename(self.folder)
        if self.last is None or self.best is None:
            return f"no checkpoint in {where}: training from the beginning"
        if self.last.complete:
            return f"the training in {where} is complete, with {len(self.rows)} epochs"
        return f"going on from {where}, after epoch {len(self.rows)} of {self.best.epoch.n_epochs}"

    def _state(self, epoch: Epoch) -> Mapping[str, Array]:
        snapshot = epoch.snapshot()
        if snapshot is not None:
            return snapshot.arrays
        if epoch.n_epochs > 1:
            raise BadHyperparameter(f"{self.trainer.name} cannot be gone on with", "leave --checkpoint out")
        return {}  # there is no next epoch


def keeper(
    trainer: Trainer,
    split: Split,
    console: Console,
    *,
    patience: int,
    folder: Path | None = None,
    resume: bool = False,
    **more: Any,
) -> Keeper:
    """Of the choice of an epoch, in a folder where there is one; it says on the console where it goes on.

    more: what else has to be the same for the training to be the same.
    """
    if folder is None:
        return Keeper(trainer, split.train)
    seen = [part for part in (split.train, split.validation) if len(part)]
    training = _training(trainer, seen, patience=patience, **more)
    kept = FolderKeeper(trainer, split.train, folder, training, resume)
    if resume:
        console.print(kept.told(), markup=False)
    return kept


def run_of(kept: Keeper) -> str:
    """The name by which the records of a training know it, the same in all its runs.

    Raises BadArtifact where what was kept is not the name of a folder.
    """
    run = kept.notes.setdefault("run", new_run(kept.trainer))
    if not isinstance(run, str) or not re.fullmatch(r"\w[\w ,.=+-]{0,200}", run):
        raise BadArtifact("the checkpoint has an impossible name for its records", HINT)
    return run


def _training(trainer: Trainer, seen: list[Ratings], **more: Any) -> dict[str, Any]:
    """What has to be the same for a training to be the same."""
    settings = {name: value for name, value in trainer.settings().items() if name not in FREE}
    return {
        "trainer": trainer.name,
        "hyperparameters": settings | more,
        "split": seen[0].split,
        "ratings": digest_ratings(seen),
    }


def _described(best: ValidatedEpoch) -> dict[str, Any]:
    """What is kept of the best epoch beside its model's arrays."""
    epoch, model = best.epoch, best.model
    plain = {"number": epoch.number, "of": epoch.n_epochs, "rmse": best.rmse, "ndcg": best.ndcg}
    return plain | {"kind": model.kind, "scale": model.scale}


def _best(found: Checkpoint, ratings: Ratings) -> ValidatedEpoch:
    """The best epoch so far, by what was kept of it."""
    told = found.model
    if told.keys() != {"number", "of", "rmse", "ndcg", "kind", "scale"} or told["kind"] not in KINDS:
        raise BadArtifact("its best model is of an unknown kind")
    whole = all(type(told[name]) is int for name in ("number", "of"))
    if (
        not whole
        or not 1 <= told["number"] <= len(found.epochs) <= told["of"]
        or not _is_figure(told["rmse"], told["ndcg"])
    ):
        raise BadArtifact("its best model is of an impossible epoch")
    if told["scale"] not in (None, list(ratings.scale)):
        raise BadArtifact("its best model predicts ratings on another scale")
    scale = None if told["scale"] is None else ratings.scale
    model: Model = KINDS[told["kind"]].from_arrays(ratings.training_data, scale, found.best)
    return ValidatedEpoch(Epoch(told["number"], told["of"], model, None), told["rmse"], ndcg=told["ndcg"], best=True)


def _row(number: int, figures: Mapping[str, Any]) -> EpochRow:
    """The row of an earlier epoch."""
    if figures.keys() != {f.name for f in fields(EpochRow)}:
        raise BadArtifact(f"epoch {number} has other figures than those of this cofactor")
    row = EpochRow(**figures)
    rest = [value for name, value in figures.items() if name not in ("epoch", "best")]
    if row.epoch != number or type(row.best) is not bool or row.seconds is None or not _is_figure(*rest):
        raise BadArtifact(f"epoch {number} has impossible figures")
    return row


def _is_figure(*values: Any) -> bool:
    """Whether all are numbers, or None for what was not measured."""
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
