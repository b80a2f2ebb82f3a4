"""The figures of one epoch, as every record of a training has them: terminal, CSV, TensorBoard, curves."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from typing import Protocol

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


class Epoch(Protocol):
    """What is recorded of a pass over the ratings."""

    @property
    def number(self) -> int: ...
    @property
    def n_epochs(self) -> int: ...
    @property
    def train_rmse(self) -> float | None: ...
    @property
    def learning_rate(self) -> float | None: ...
    @property
    def objective(self) -> float | None: ...


class Judged(Protocol):
    """An epoch with its figures on validation ratings; None where they were not measured."""

    @property
    def epoch(self) -> Epoch: ...
    @property
    def rmse(self) -> float | None: ...
    @property
    def mae(self) -> float | None: ...
    @property
    def accuracy(self) -> float | None: ...
    @property
    def ndcg(self) -> float | None: ...
    @property
    def best(self) -> bool: ...


@dataclass(frozen=True)
class EpochRow:
    """One epoch; None where a figure was not measured.

    All plain numbers: what `dataclasses.asdict` makes of a row goes through JSON, and `Row(**…)` makes it a row again.
    """

    epoch: int
    train_loss: float | None  # mean over the pass of what was minimised
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
    def of(cls, judged: Judged, seconds: float) -> "EpochRow":
        """The row of an epoch that has just ended."""
        epoch, measured = judged.epoch, (judged.rmse, judged.mae, judged.accuracy, judged.ndcg)
        best = judged.best and any(figure is not None for figure in measured)
        figures = epoch.objective, epoch.train_rmse, *measured, epoch.learning_rate
        return cls(epoch.number, *figures, best, seconds, time.time())

    def by_column(self) -> dict[str, CellValue]:
        """By the names that CSV and JSON give them, in their order."""
        *measured, _ = astuple(self)
        return dict(zip(COLUMNS, measured, strict=True))


WriteRow = Callable[[EpochRow], object]
RowWriter = AbstractContextManager[
    WriteRow
]  # a record of a training: opened before it, given every row, closed after it
