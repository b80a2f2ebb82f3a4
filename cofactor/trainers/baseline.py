"""Regularised biases of users and items, without an interaction between the two."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np

from cofactor.arrays import Array, Doubles, Rows
from cofactor.data.ratings import Ratings
from cofactor.models.baseline import BaselineModel
from cofactor.trainers.base import Family, IterativeTrainer
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.state import ArrayState, EpochMetrics, TrainingState


@dataclass(frozen=True)
class Baseline(IterativeTrainer):
    """r̂_ui = μ + b_u + b_i, the minimum of Σ (r_ui - r̂_ui)² + λ_u Σ b_u² + λ_i Σ b_i² by alternating closed forms,

        b_i = Σ_{u∈U(i)} (r_ui - μ - b_u) / (λ_i + |U(i)|),    b_u = Σ_{i∈R(u)} (r_ui - μ - b_i) / (λ_u + |R(u)|)

    μ: mean training rating; R(u): items u rated; U(i): users who rated i; λ: shrinkage, as a number of ratings.
    Cold start: a user or item without training ratings has a bias of 0.
    Source: Y. Koren, "Factor in the Neighbors", TKDD 4(1), 2010, section 2.1.
    """

    name: ClassVar[str] = "baseline"
    family: ClassVar[Family] = "simple"
    personal: ClassVar[bool] = False

    user_l2: Annotated[
        float, "shrinkage of a user's bias, as a number of ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 5.0
    item_l2: Annotated[
        float, "shrinkage of an item's bias, as a number of ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 3.0
    sweeps: Annotated[int, "number of epochs; each solves for the items and then for the users", Bounds(low=1)] = 10

    def training_state(self) -> type[TrainingState[Any]]:
        return _TrainingState


class _TrainingState(ArrayState[Baseline]):
    def __init__(self, trainer: Baseline, ratings: Ratings) -> None:
        self.trainer, self.ratings, self.n_epochs = trainer, ratings, trainer.sweeps
        value = ratings.value.astype(np.float64)
        self.mean = float(value.mean())
        self.centred = value - self.mean
        self.user_bias, self.item_bias = np.zeros(len(ratings.users)), np.zeros(len(ratings.items))

    @classmethod
    def init(cls, trainer: Baseline, ratings: Ratings, resources: ExitStack) -> Self:
        return cls(trainer, ratings)

    @property
    def arrays(self) -> dict[str, Array]:
        return {"user_bias": self.user_bias, "item_bias": self.item_bias}

    def step(self, number: int) -> EpochMetrics:
        """Solves for the items, then for the users; the RMSE is that of the training ratings after both."""
        user, item, trainer = self.ratings.user, self.ratings.item, self.trainer
        self.item_bias[:] = _biases(item, self.centred - self.user_bias[user], trainer.item_l2, len(self.item_bias))
        self.user_bias[:] = _biases(user, self.centred - self.item_bias[item], trainer.user_l2, len(self.user_bias))
        error = self.centred - self.user_bias[user] - self.item_bias[item]
        return EpochMetrics(float(np.sqrt(np.mean(error**2))))

    def to_model(self) -> BaselineModel:
        biases = self.user_bias.astype(np.float32), self.item_bias.astype(np.float32)
        return BaselineModel(self.ratings.training_data, self.ratings.scale, self.mean, *biases, self.trainer.user_l2)


def _biases(rows: Rows, residual: Doubles, l2: float, n: int) -> Doubles:
    counts = np.bincount(rows, minlength=n)
    sums = np.bincount(rows, residual, minlength=n)
    return np.where(counts > 0, sums / np.maximum(counts + l2, 1e-12), 0.0)


def fit_baseline(ratings: Ratings, user_l2: float, item_l2: float) -> BaselineModel:
    """The biases that other trainers subtract from the ratings."""
    model = Baseline(user_l2, item_l2).fit(ratings, progress=False)
    assert isinstance(model, BaselineModel)
    return model
