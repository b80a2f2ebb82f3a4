"""Early stopping: validates each epoch, and ends a training when the validation metric does not improve any more."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter, TrainingDiverged
from cofactor.evaluation.metrics.ranking_metrics import ndcg_of_hits
from cofactor.models.base import Model
from cofactor.training.epoch import Epoch

LIST_LENGTH = 10  # of the top-N lists by which a model that only ranks is validated
MAX_USERS = 2000  # whose lists are made


@dataclass(frozen=True)
class ValidatedEpoch:
    """An epoch with the metrics of its model on the validation ratings; None where they are not measured."""

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
        """The validation loss, lower is better: the RMSE or -NDCG; -inf without validation."""
        if self.ndcg is not None:
            return -self.ndcg
        return -np.inf if self.rmse is None else self.rmse

    @property
    def has_metrics(self) -> bool:
        """Whether the model was validated."""
        return self.rmse is not None or self.ndcg is not None


def check_patience(patience: object) -> None:
    """Raises BadHyperparameter for a patience that is no whole number of epochs, or below 1."""
    if not isinstance(patience, int) or isinstance(patience, bool):
        raise BadHyperparameter(f"patience is {patience!r}", "it is a number of epochs, at least 1")
    if patience < 1:
        raise BadHyperparameter(f"a patience of {patience} epochs", "it must be at least 1")


def early_stopping(
    epochs: Iterable[Epoch],
    validation: Ratings | None,
    patience: int = 3,
    lowest: float = np.inf,
    waited: int = 0,
    validate_single_epoch: bool = False,
) -> Generator[ValidatedEpoch]:
    """Yields each epoch with its validation metrics; ends after `patience` epochs without a new best.

    The metric is the RMSE of a model that predicts ratings, and the NDCG@10 of one that only ranks: every validation
    row is relevant, and the candidates are the items that the user has not rated in training. Of more than 2,000 users
    with validation ratings, 2,000 at equal distances count, the same in each epoch.

    Without validation ratings every epoch is the best so far and none ends the training. So is the single epoch of a
    closed form that only ranks, unless `validate_single_epoch`: there is no epoch to choose, and making lists is slow.

    Of a resumed training, lowest: the loss of the best of its earlier epochs; waited: the number of epochs after that.

    Raises TrainingDiverged at the first epoch with a metric that is not finite, or whose model would be the best so far
    and is not finite; BadHyperparameter for a patience below 1; BadData for an empty validation part.
    """
    check_patience(patience)
    if validation is not None and len(validation) == 0:
        raise BadData("no validation ratings to choose an epoch with", "give the split a larger validation part")
    targets = None if validation is None else _ValidationTargets(validation)
    if waited >= patience:
        return
    for epoch in _solved(epochs):
        check_finite(epoch.number, epoch.train_rmse)
        if targets is None or (epoch.model.scale is None and epoch.n_epochs == 1 and not validate_single_epoch):
            validated, better = ValidatedEpoch(epoch), True
        else:
            validated = _validate(epoch, targets)
            check_finite(epoch.number, validated.rmse, validated.ndcg)
            better = validated.loss < lowest
            lowest, waited = (validated.loss, 0) if better else (lowest, waited + 1)
        if better:
            check_finite(epoch.number, *epoch.model.arrays().values())
        yield replace(validated, best=better)
        if waited >= patience:
            return


def _solved(epochs: Iterable[Epoch]) -> Iterator[Epoch]:
    """The epochs; raises TrainingDiverged where one ends with equations that have no solution."""
    try:
        yield from epochs
    except np.linalg.LinAlgError as error:
        raise TrainingDiverged(f"training diverged: {str(error).lower()}", "raise the penalties") from None


def check_finite(number: int, *values: float | Array | None) -> None:
    """Raises TrainingDiverged where a value of an epoch is not finite."""
    for value in values:
        if value is not None and not np.isfinite(value).all():
            raise TrainingDiverged(f"training diverged in epoch {number}", "lower the learning rate")


def validation_ndcgs(model: Model, validation: Ratings) -> Doubles:
    """(m,) the NDCG@10 of each user with validation ratings, or of 2,000 of them, as `early_stopping` measures it."""
    return _ValidationTargets(validation).ndcgs(model)


@dataclass(frozen=True)
class _ValidationTargets:
    """The validation ratings, and what the top-N lists should contain."""

    rows: Ratings

    @cached_property
    def users(self) -> Rows:
        """(m,) rows of the users whose lists are made."""
        users = np.unique(self.rows.user)
        if len(users) <= MAX_USERS:
            return users
        return users[np.arange(MAX_USERS) * len(users) // MAX_USERS]

    @cached_property
    def cells(self) -> Array:
        """(n,) every (user, item) pair as one number, ascending."""
        return np.sort(self.cell(self.rows.user, self.rows.item))

    @cached_property
    def n_relevant(self) -> Array:
        """(m,) the number of relevant items of each user."""
        counts: Array = np.bincount(self.rows.user)[self.users]
        return counts

    def cell(self, user: Rows, item: Rows) -> Array:
        cells: Array = user.astype(np.int64) * len(self.rows.items) + item
        return cells

    def ndcgs(self, model: Model) -> Doubles:
        """(m,) NDCG@10 of each user."""
        items, _ = model.recommend_rows(self.users, LIST_LENGTH)
        listed = self.cell(self.users[:, None], items)
        at = np.minimum(np.searchsorted(self.cells, listed), len(self.cells) - 1)
        hits: Mask = (self.cells[at] == listed) & (items >= 0)
        return ndcg_of_hits(hits, self.n_relevant)


def _validate(epoch: Epoch, targets: _ValidationTargets) -> ValidatedEpoch:
    rows, model = targets.rows, epoch.model
    if model.scale is None:
        return ValidatedEpoch(epoch, ndcg=float(np.mean(targets.ndcgs(model))))
    predicted = model.predict_rows(rows.user, rows.item, rows.time).astype(np.float64)
    error = predicted - rows.value
    step = model.training_data.step
    right = None if step is None else float(np.mean(_rounded(predicted, step) == _rounded(rows.value, step)))
    return ValidatedEpoch(epoch, float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error))), right)


def _rounded(ratings: Floats | Doubles, step: float) -> Doubles:
    """(n,) each as a number of steps; halves of a step round up, as in evaluation.metrics."""
    steps: Doubles = np.floor(ratings.astype(np.float64) / step + 0.5)
    return steps
