"""Checkpoints of a training: one is saved after each epoch, and a later run resumes from it."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadHyperparameter, CofactorError
from cofactor.models.base import Model
from cofactor.models.kinds import KINDS
from cofactor.training.checkpoint import (
    HINT,
    REFIT,
    Checkpoint,
    CheckpointFolder,
    NotFinite,
    check_same_training,
    digest_ratings,
)
from cofactor.training.early_stopping import ValidatedEpoch
from cofactor.training.epoch import Epoch, Snapshot, TrainerProtocol, WarmStart
from cofactor.training.tracking.epoch_row import EpochRow
from cofactor.training.tracking.run_name import new_run_name

WITHOUT_EFFECT = "threads", "device"  # hyperparameters on which the result does not depend
OF_COUNTS = "count_weight", "count_unit"  # those on which only that of counts depends


class Checkpointer(ABC):
    """The earlier epochs of a training, and what saves its state for later runs.

    rows: the metrics of the earlier epochs; best: the best of them; lowest, waited: see `early_stopping`; notes: plain
    data that is saved with the training.
    """

    def __init__(self, trainer: TrainerProtocol, ratings: Ratings) -> None:
        self.trainer, self.ratings = trainer, ratings
        self.rows: list[EpochRow] = []
        self.best: ValidatedEpoch | None = None
        self.lowest, self.waited = float("inf"), 0
        self.notes: dict[str, Any] = {}

    @property
    def seconds(self) -> float:
        """Seconds of training in earlier runs."""
        return self.rows[-1].seconds if self.rows else 0.0

    def epochs(self, warm_start: WarmStart | None = None) -> Iterator[Epoch]:
        """The remaining epochs; the first run of a training begins with `warm_start`."""
        return self.trainer.epochs(self.ratings, warm_start=warm_start)

    def run_name(self) -> str:
        """The name of the run in its records, the same whenever it is resumed.

        Raises BadArtifact where the saved one cannot be the name of a folder.
        """
        name = self.notes.setdefault("run", new_run_name(self.trainer))
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w ,.=+-]{0,200}", name):
            raise BadArtifact("the checkpoint has an impossible name for its records", HINT)
        return name

    @abstractmethod
    def save(self, epoch: ValidatedEpoch, rows: Sequence[EpochRow]) -> None:
        """Saves the state after an epoch, before the next one begins; rows: the metrics of all epochs so far."""

    @abstractmethod
    def complete(self) -> None:
        """Marks the training as complete."""

    @abstractmethod
    def for_refit(self, ratings: Ratings, n_epochs: int) -> "Checkpointer":
        """The checkpointer of a refit on other ratings, for as many epochs as were best."""

    @abstractmethod
    def status(self) -> str | None:
        """Where the training resumes, as a sentence; None where there is nothing to say."""


class NoCheckpoint(Checkpointer):
    """Begins with the first epoch and saves nothing."""

    def save(self, epoch: ValidatedEpoch, rows: Sequence[EpochRow]) -> None:
        pass

    def complete(self) -> None:
        pass

    def for_refit(self, ratings: Ratings, n_epochs: int) -> "NoCheckpoint":
        return NoCheckpoint(self.trainer, ratings)

    def status(self) -> None:
        return None


class FolderCheckpointer(Checkpointer):
    """Saves a checkpoint of the last epoch in a folder.

    With `resume` it continues from the checkpoint that is there; without, it raises BadArtifact where there is one.
    Raises BadArtifact for a damaged checkpoint, and what `check_same_training` raises for one of another training.
    """

    def __init__(
        self, trainer: TrainerProtocol, ratings: Ratings, folder: Path, training: Mapping[str, Any], resume: bool
    ) -> None:
        super().__init__(trainer, ratings)
        self.folder, self.training, self.resume = folder, training, resume
        self.store: CheckpointFolder | None = CheckpointFolder(folder)  # None once the state is not finite
        self.last: Checkpoint | None = None
        self.store.prepare(resume=resume)
        if self.store.holds_one():
            self._restore(self.store)

    def _restore(self, store: CheckpointFolder) -> None:
        self.last = found = store.read()
        check_same_training(store.folder, found.training, self.training)
        try:
            self.rows = [_row(number, values) for number, values in enumerate(found.epochs, 1)]
            self.best = _best_epoch(found, self.ratings)
        except CofactorError as error:
            raise BadArtifact(f"{store.folder}: {error.message}", HINT) from None
        self.notes = dict(found.notes)
        if any(row.best for row in self.rows):
            self.lowest, self.waited = self.best.loss, len(self.rows) - self.best.epoch.number

    def epochs(self, warm_start: WarmStart | None = None) -> Iterator[Epoch]:
        if self.last is None or self.best is None:
            return super().epochs(warm_start)
        if len(self.rows) >= self.best.epoch.n_epochs:
            return iter(())
        return self.trainer.epochs(self.ratings, resume=Snapshot(len(self.rows), self.last.state))

    def save(self, epoch: ValidatedEpoch, rows: Sequence[EpochRow]) -> None:
        """Saves the state after an epoch; after one whose numbers are not finite, no further epoch is saved."""
        if self.store is None:
            return
        last = None if epoch.best else self.last
        model = _describe(epoch) if last is None else last.model
        best = epoch.model.arrays() if last is None else last.best
        values, state = [asdict(row) for row in rows], self._state(epoch.epoch)
        checkpoint = Checkpoint(self.training, values, model, state, best, self.notes)
        if not all(value is None or np.isfinite(value) for value in values[-1].values()):
            self.store = None
            return
        try:
            self.store.write(checkpoint)
            self.last = checkpoint
        except NotFinite:
            self.store = None

    def complete(self) -> None:
        if self.store is not None and self.last is not None and not self.last.complete:
            self.last = replace(self.last, complete=True)
            self.store.write(self.last)

    def for_refit(self, ratings: Ratings, n_epochs: int) -> "FolderCheckpointer":
        """In the folder `refit`; it resumes whenever there is a checkpoint, because the chosen epoch is the same."""
        training = describe_training(self.trainer, [ratings], refitted_epochs=n_epochs)
        return FolderCheckpointer(self.trainer, ratings, self.folder / REFIT, training, resume=True)

    def status(self) -> str | None:
        if not self.resume:
            return None
        if self.last is None or self.best is None:
            return f"no checkpoint in {self.folder}: training from the beginning"
        if self.last.complete:
            return f"the training in {self.folder} is complete, with {len(self.rows)} epochs"
        return f"resuming from {self.folder}, after epoch {len(self.rows)} of {self.best.epoch.n_epochs}"

    def _state(self, epoch: Epoch) -> Mapping[str, Array]:
        snapshot = epoch.snapshot()
        if snapshot is not None:
            return snapshot.arrays
        if epoch.n_epochs > 1:
            raise BadHyperparameter(f"{self.trainer.name} cannot be resumed", "train it without a checkpoint")
        return {}  # there is no next epoch


def describe_training(trainer: TrainerProtocol, parts: list[Ratings], **more: Any) -> dict[str, Any]:
    """What has to be the same for a training to be the same; parts: all ratings that it sees.

    Hyperparameters without an effect are left out, so that checkpoints of versions that did not have them are resumed.
    """
    ignored = WITHOUT_EFFECT if parts[0].kind == "counts" else (*WITHOUT_EFFECT, *OF_COUNTS)
    given = trainer.settings().items()
    settings = {name: value for name, value in given if name not in ignored and value is not None}
    return {
        "trainer": trainer.name,
        "hyperparameters": settings | more,
        "split": parts[0].split,
        "ratings": digest_ratings(parts),
    }


def _describe(best: ValidatedEpoch) -> dict[str, Any]:
    """What is saved of the best epoch besides the arrays of its model."""
    epoch, model = best.epoch, best.model
    plain = {"number": epoch.number, "of": epoch.n_epochs, "rmse": best.rmse, "ndcg": best.ndcg}
    return plain | {"kind": model.kind, "scale": model.scale}


def _best_epoch(found: Checkpoint, ratings: Ratings) -> ValidatedEpoch:
    """The best epoch of a checkpoint; raises BadArtifact where it is impossible."""
    best = found.model
    if best.keys() != {"number", "of", "rmse", "ndcg", "kind", "scale"} or best["kind"] not in KINDS:
        raise BadArtifact("its best model is of an unknown kind")
    whole = all(type(best[name]) is int for name in ("number", "of"))
    if (
        not whole
        or not 1 <= best["number"] <= len(found.epochs) <= best["of"]
        or not _are_metrics(best["rmse"], best["ndcg"])
    ):
        raise BadArtifact("its best model is of an impossible epoch")
    if best["scale"] not in (None, list(ratings.scale)):
        raise BadArtifact("its best model predicts ratings on another scale")
    scale = None if best["scale"] is None else ratings.scale
    model: Model = KINDS[best["kind"]].from_arrays(ratings.training_data, scale, found.best)
    return ValidatedEpoch(Epoch(best["number"], best["of"], model), best["rmse"], ndcg=best["ndcg"], best=True)


def _row(number: int, values: Mapping[str, Any]) -> EpochRow:
    """The row of an earlier epoch; raises BadArtifact where it is impossible."""
    if values.keys() != {f.name for f in fields(EpochRow)}:
        raise BadArtifact(f"epoch {number} has other metrics than those of this version of cofactor")
    row = EpochRow(**values)
    numbers = [value for name, value in values.items() if name not in ("epoch", "best")]
    if row.epoch != number or type(row.best) is not bool or row.seconds is None or not _are_metrics(*numbers):
        raise BadArtifact(f"epoch {number} has impossible metrics")
    return row


def _are_metrics(*values: Any) -> bool:
    """Whether all are numbers, or None for what was not measured."""
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
