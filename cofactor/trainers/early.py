"""When to stop: the epoch that predicts rows it has not seen best."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter
from cofactor.models.base import Model
from cofactor.trainers.base import Epoch


@dataclass(frozen=True)
class Judged:
    """An epoch with what its model scores on validation ratings (None where there are none, or it only ranks)."""

    epoch: Epoch
    rmse: float | None = None
    mae: float | None = None
    best: bool = False  # the lowest RMSE so far

    @property
    def model(self) -> Model:
        return self.epoch.model


def judged(epochs: Iterable[Epoch], validation: Ratings | None, patience: int = 3) -> Iterator[Judged]:
    """Each epoch with its validation RMSE and MAE; ends after `patience` epochs without a new best.

    Without validation ratings, and for models that only rank, every epoch is the best so far and none ends it.
    """
    if patience < 1:
        raise BadHyperparameter(f"a patience of {patience} epochs", "it must be at least 1")
    if validation is not None and len(validation) == 0:
        raise BadData("no validation ratings to choose an epoch with", "give the split a larger validation part")
    lowest, waited = float("inf"), 0
    for epoch in epochs:
        if validation is None or epoch.model.scale is None:
            yield Judged(epoch, best=True)
            continue
        predicted = epoch.model.predict(validation.user, validation.item, validation.time)
        error = predicted.astype(np.float64) - validation.value
        rmse, mae = float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error)))
        better = rmse < lowest
        lowest, waited = (rmse, 0) if better else (lowest, waited + 1)
        yield Judged(epoch, rmse, mae, better)
        if waited >= patience:
            return


def best_of(epochs: Iterable[Epoch], validation: Ratings, patience: int = 3) -> Judged:
    """The epoch of lowest validation RMSE."""
    best = None
    for one in judged(epochs, validation, patience):
        if one.best:
            best = one
    if best is None:
        raise BadHyperparameter(
            "training diverged: no epoch predicts the validation ratings", "lower the learning rate"
        )
    return best
