"""The protocol of everything that records a training: a CSV file, TensorBoard, MLflow, a plot of the curves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cofactor.training.tracking.epoch_row import RowWriter

__all__ = ["RunDescription", "Tracker"]


@dataclass(frozen=True)
class RunDescription:
    """What a tracker may say about a run besides its epochs."""

    name: str  # unique, and the same whenever the run is resumed: "20260131-235959.123,rank=64"
    trainer: str
    hyperparameters: Mapping[str, Any]
    data: str  # name of the data set
    split: str | None = None  # its fingerprint


class Tracker(Protocol):
    """Records a training while it runs.

    `open` is called before the first epoch and returns a context manager. Entering it opens the record and gives a
    function that is called with the row of each epoch; of a resumed training first with the rows of the earlier epochs,
    so that the record is complete. The context manager is left when the training ends: with KeyboardInterrupt or
    GeneratorExit when it is interrupted, with the error when it fails.

    An OSError of the function ends the record and not the training. An error of `open` or of entering is raised before
    the training begins.
    """

    def open(self, run: RunDescription) -> RowWriter: ...
