"""The metrics of one epoch, as the terminal, CSV, TensorBoard, MLflow and the curves show them."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass

from cofactor.training.early_stopping import ValidatedEpoch

COLUMNS = (
    "epoch",
    "train_loss",
    "train_rmse",
    "validation_rmse",
    "validation_mae",
    "validation_accuracy",
    "validation_ndcg@10",
    "learning_rate",
    "best",
    "seconds",
)

CellValue = int | float | bool | None


@dataclass(frozen=True)
class EpochRow:
    """One epoch; None where something was not measured.

    All values are plain numbers: `dataclasses.asdict` turns a row into JSON, and `EpochRow(**…)` turns it back.
    """

    epoch: int
    train_loss: float | None  # mean of the objective over the pass
    train_rmse: float | None  # over the pass
    validation_rmse: float | None
    validation_mae: float | None
    validation_accuracy: float | None  # share of predictions that round to the true rating
    validation_ndcg: float | None  # NDCG@10, of models that only rank
    learning_rate: float | None
    best: bool  # so far, on validation; False where nothing is measured
    seconds: float  # since training began, pauses left out
    at: float  # when the epoch ended, seconds since 1970

    @classmethod
    def of(cls, validated: ValidatedEpoch, seconds: float, *, measure_objective: bool = True) -> "EpochRow":
        """The row of an epoch that has just ended; the objective of some trainers takes longer than the epoch."""
        epoch, one = validated.epoch, validated
        best = one.best and one.has_metrics
        objective = epoch.objective if measure_objective else None
        values = objective, epoch.train_rmse, one.rmse, one.mae, one.accuracy, one.ndcg, epoch.learning_rate
        return cls(epoch.number, *values, best, seconds, time.time())

    def by_column(self) -> dict[str, CellValue]:
        """The values by the column names of CSV and JSON, in their order."""
        *values, _ = astuple(self)
        return dict(zip(COLUMNS, values, strict=True))


WriteRow = Callable[[EpochRow], object]
RowWriter = AbstractContextManager[WriteRow]  # entered before a training, called with every row, left after it
