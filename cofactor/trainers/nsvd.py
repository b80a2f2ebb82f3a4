"""NSVD: matrix factorisation in which a user is described only by which items they rated, by gradient descent."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from cofactor.arrays import Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.models.pooled import PooledModel
from cofactor.trainers.base import Family
from cofactor.trainers.svdpp import SVDPP, PooledTrainingState
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.state import TrainingState

LENGTHS = ("max", "mean", "min")


@dataclass(frozen=True)
class NSVD(SVDPP):
    """r̂_ui = μ + b_u + b_i + q_i · |R(u)|^-½ Σ_{j∈R(u)} y_j: SVD++ with no vector p_u, learned in the same way.

    R(u): the items u rated in training, while a rating is learned without its own item. With `--history N` R(u) holds
    N of them at most, the rarest: those with fewest training ratings, which tell more of a user than what everybody
    rates. `max`, `mean` and `min` are for N the largest, mean (rounded) and smallest number of ratings of a training
    user, so that `max` keeps all of them. The weight has the length that R(u) really has; nothing is filled up.
    μ: mean training rating; q, y: vectors of `rank` numbers. Users have no parameters but a bias, so there may be any
    number of them, and a new one needs no training.
    Cold start: a user or item without training ratings has a bias and a vector of 0. A new user's vector is pooled from
    their own history, cut in the same way, and only the bias is solved for (see PooledModel).
    Source: A. Paterek, "Improving regularized singular value decomposition for collaborative filtering", KDD Cup and
    Workshop 2007, there as NSVD1.

    Raises BadData for no ratings, and BadHyperparameter for a history that is no length, or where the learning rate is
    so high that the errors overflow.
    """

    name: ClassVar[str] = "nsvd"
    family: ClassVar[Family] = "factors by gradient"

    l2: Annotated[
        float,
        "L2 penalty of a vector, applied at each of its ratings",
        Bounds(low=0),
        SearchRange(0.001, 0.1, log=True),
    ] = 0.01
    set_l2: Annotated[
        float,
        "L2 penalty of the pooled item vectors, per rating of the user",
        Bounds(low=0),
        SearchRange(1e-5, 0.01, log=True),
    ] = 0.0007
    history: Annotated[
        str,
        "maximum number of a user's ratings that are pooled: N, or max, mean or min of the numbers of ratings per user",
    ] = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.history not in LENGTHS and not (self.history.isdecimal() and int(self.history) > 0):
            message = f"{self.name}: history is {self.history[:60]!r}"
            raise BadHyperparameter(message, "it is max, mean, min or a number from 1")

    def training_state(self) -> type[TrainingState[Any]]:
        return _TrainingState

    def history_limit(self, ratings: Ratings) -> int:
        """How many ratings of a user are pooled at most."""
        if self.history not in LENGTHS:
            return int(self.history)
        counts = ratings.training_data.user_counts
        counts = counts[counts > 0]
        lengths = {"max": counts.max(), "mean": counts.mean(), "min": counts.min()}
        return round(float(lengths[self.history]))


class _TrainingState(PooledTrainingState):
    """The p_u are 0 and stay so."""

    def own_vectors(self, vectors: Floats) -> Floats:
        return np.zeros_like(vectors)

    def own_rates(self, rates: Floats) -> Floats:
        return np.zeros_like(rates)

    def to_model(self) -> PooledModel:
        trainer, training_data, scale = self.trainer, self.ratings.training_data, self.ratings.scale
        arrays, set_vectors = self._model_arrays(), self.unit * self.factors.set_vectors
        penalties, limit = (trainer.bias_l2, 0.0), float(self.history_limit)
        return PooledModel(training_data, scale, float(self.mean), *arrays, *penalties, set_vectors, limit)
