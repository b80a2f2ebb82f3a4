"""A training from its first epoch to the model that is kept, with nobody looking on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import join_parts
from cofactor.errors import BadData
from cofactor.models.base import Model
from cofactor.training.early_stopping import early_stopping
from cofactor.training.tracking.epoch_row import CellValue, EpochRow

if TYPE_CHECKING:
    from cofactor.trainers.base import Trainer

LONGEST_CURVE = 1_000  # epochs that a saved model tells of


@dataclass(frozen=True)
class Fit:
    """What a training left, and how it went."""

    model: Model
    best_epoch: int
    epochs: list[dict[str, CellValue]]  # the figures of each, by the names of the log
    seconds: float
    interrupted: bool
    refitted: bool

    def curve(self) -> dict[str, Any]:
        """What a saved model tells of its training: train RMSE and validation figure of each epoch, and what that
        figure is. Of more than LONGEST_CURVE epochs evenly many are left out, never the best."""
        ranked = any(row["validation_ndcg@10"] is not None for row in self.epochs)
        judged_by = "validation_ndcg@10" if ranked else "validation_rmse"
        every = -(-len(self.epochs) // (LONGEST_CURVE - 1)) or 1  # leaves room for the best
        kept = [row for i, row in enumerate(self.epochs) if i % every == 0 or row["epoch"] == self.best_epoch]
        curve = [{"epoch": row["epoch"], "train": row["train_rmse"], "validation": row[judged_by]} for row in kept]
        return {"curve": curve, "curve_metric": "NDCG@10" if ranked else "RMSE"}


def fitted(
    trainer: "Trainer",
    train: Ratings,
    validation: Ratings | None,
    patience: int,
    refit: bool,
    told: Callable[[EpochRow, int], object],
) -> Fit:
    """Trains on the train part and chooses the epoch on the validation part, as `cofactor train` does.

    refit: then trains once more, on both parts, for as many epochs. told: is given the row of each epoch as it
    ends, and how many are planned, but not those of the refit. Raises BadData where there are no ratings to train on.
    """
    if len(train) == 0:
        raise BadData("no ratings to train on", "give the split a larger training part")
    started, best, rows = time.perf_counter(), None, []
    for one in early_stopping(trainer.epochs(train), validation, patience):
        rows.append(EpochRow.of(one, time.perf_counter() - started))
        best = one if one.best or best is None else best
        told(rows[-1], one.epoch.n_epochs)
    assert best is not None, f"{trainer.name} yielded no epoch"
    model, number, again = best.model, best.epoch.number, refit and validation is not None
    if again and validation is not None:
        for epoch in islice(trainer.epochs(join_parts(train, validation)), number):
            last = epoch
        model = last.model
    seconds = time.perf_counter() - started
    return Fit(model, number, [row.by_column() for row in rows], seconds, interrupted=False, refitted=again)
