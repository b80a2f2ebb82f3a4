"""When to stop: the epoch whose model answers best for rows it has not seen."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter
from cofactor.models.base import Model
from cofactor.training.epoch import Epoch

LENGTH = 10  # of the lists by which a model that only ranks is judged
MOST_USERS = 2000  # whose lists are made


@dataclass(frozen=True)
class ValidatedEpoch:
    """An epoch with what its model scores on validation ratings; None where that is not measured."""

    epoch: Epoch
    rmse: float | None = None
    mae: float | None = None
    accuracy: float | None = None  # share of predictions that round to the true rating, where the scale has a step
    best: bool = False  # the lowest RMSE so far, or the highest NDCG
    ndcg: float | None = None  # NDCG@10, of a model that only ranks

    @property
    def model(self) -> Model:
        return self.epoch.model

    @property
    def loss(self) -> float:
        """What is to be as low as possible: the RMSE, or the NDCG turned round."""
        if self.ndcg is not None:
            return -self.ndcg
        return -np.inf if self.rmse is None else self.rmse


def early_stopping(
    epochs: Iterable[Epoch], validation: Ratings | None, patience: int = 3, lowest: float = np.inf, waited: int = 0
) -> Generator[ValidatedEpoch]:
    """Each epoch with its figures on validation ratings; ends after `patience` epochs without a new best.

    A model that predicts ratings is judged by its RMSE, one that only ranks by its NDCG@10: every validation row is
    relevant, and the candidates are the items that the user has not rated in training. Of more than 2,000 users with
    validation ratings, 2,000 at equal distances count, the same in each epoch.

    Without validation ratings every epoch is the best so far and none ends it. So is the only epoch of a closed form
    that only ranks: there is nothing to choose, and no lists are made.

    Of a training that goes on, lowest: the loss of the best of its earlier epochs; waited: how many came after that.
    """
    if patience < 1:
        raise BadHyperparameter(f"a patience of {patience} epochs", "it must be at least 1")
    if validation is not None and len(validation) == 0:
        raise BadData("no validation ratings to choose an epoch with", "give the split a larger validation part")
    wanted = None if validation is None else _Wanted(validation)
    if waited >= patience:
        return
    for epoch in epochs:
        if wanted is None or (epoch.model.scale is None and epoch.n_epochs == 1):
            yield ValidatedEpoch(epoch, best=True)
            continue
        one = _measured(epoch, wanted)
        better = one.loss < lowest
        lowest, waited = (one.loss, 0) if better else (lowest, waited + 1)
        yield replace(one, best=better)
        if waited >= patience:
            return


def best_of(epochs: Iterable[Epoch], validation: Ratings, patience: int = 3) -> ValidatedEpoch:
    """The epoch of lowest validation RMSE, or of highest validation NDCG@10 where the models only rank."""
    best = None
    for one in early_stopping(epochs, validation, patience):
        if one.best:
            best = one
    if best is None:
        raise BadHyperparameter(
            "training diverged: no epoch predicts the validation ratings", "lower the learning rate"
        )
    return best


def validate_epoch(epoch: Epoch, validation: Ratings) -> ValidatedEpoch:
    """An epoch with its figures on validation ratings, whatever its model and though it be the only one."""
    return _measured(epoch, _Wanted(validation))


def validation_ndcgs(model: Model, validation: Ratings) -> Doubles:
    """(m,) of each user whose list is made, the NDCG@10 that models that only rank are judged by."""
    return _Wanted(validation).ndcgs(model)


@dataclass(frozen=True)
class _Wanted:
    """What the lists should find."""

    rows: Ratings

    @cached_property
    def users(self) -> Rows:
        """(m,) rows of the users whose lists are made."""
        users = np.unique(self.rows.user)
        if len(users) <= MOST_USERS:
            return users
        return users[np.arange(MOST_USERS) * len(users) // MOST_USERS]

    @cached_property
    def cells(self) -> Array:
        """(n,) every (user, item) pair as one number, ascending."""
        return np.sort(self.cell(self.rows.user, self.rows.item))

    @cached_property
    def ideal(self) -> Doubles:
        """(m,) Σ_{j=1…min(R, 10)} 1/log₂(1 + j) of users with R relevant items."""
        relevant = np.bincount(self.rows.user)[self.users]
        total: Doubles = np.cumsum(_gains())[np.minimum(relevant, LENGTH) - 1]
        return total

    def cell(self, user: Rows, item: Rows) -> Array:
        cells: Array = user.astype(np.int64) * len(self.rows.items) + item
        return cells

    def ndcgs(self, model: Model) -> Doubles:
        """(m,) Σ_{hits} 1/log₂(1 + rank) / ideal of each user."""
        items, _ = model.recommend_rows(self.users, LENGTH)
        asked = self.cell(self.users[:, None], items)
        at = np.minimum(np.searchsorted(self.cells, asked), len(self.cells) - 1)
        hit: Mask = (self.cells[at] == asked) & (items >= 0)
        found: Doubles = (hit @ _gains()) / self.ideal
        return found


def _measured(epoch: Epoch, wanted: _Wanted) -> ValidatedEpoch:
    rows, model = wanted.rows, epoch.model
    if model.scale is None:
        return ValidatedEpoch(epoch, ndcg=float(np.mean(wanted.ndcgs(model))))
    predicted = model.predict_rows(rows.user, rows.item, rows.time).astype(np.float64)
    error = predicted - rows.value
    step = model.training_data.step
    right = None if step is None else float(np.mean(_rounded(predicted, step) == _rounded(rows.value, step)))
    return ValidatedEpoch(epoch, float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error))), right)


def _rounded(ratings: Floats | Doubles, step: float) -> Doubles:
    """(n,) each as a number of steps; halves of a step round up, as in evaluation.metrics."""
    steps: Doubles = np.floor(ratings.astype(np.float64) / step + 0.5)
    return steps


def _gains() -> Doubles:
    """(10,) of a hit at each rank."""
    gains: Doubles = 1 / np.log2(2.0 + np.arange(LENGTH))
    return gains
