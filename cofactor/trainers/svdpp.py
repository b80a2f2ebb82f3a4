"""SVD++: matrix factorisation that also describes a user by which items they rated, by stochastic gradient descent."""

from abc import abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.ratings import Ratings
from cofactor.models.factor import FactorModel
from cofactor.models.pooled import PooledFactorModel, pooled_ratings
from cofactor.trainers.base import Family, IterativeTrainer
from cofactor.trainers.factorization.objective import l2_penalty
from cofactor.trainers.factorization.rating_unit import rating_unit
from cofactor.training.epoch import WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.learning_rate import linear
from cofactor.training.state import ArrayState, EpochMetrics, TrainingState
from cofactor.training.warm_start import check_warm_start


@dataclass(frozen=True)
class SVDPP(IterativeTrainer):
    """r̂_ui = μ + b_u + b_i + q_i · (p_u + |R(u)|^-½ Σ_{j∈R(u)} y_j), the minimum of

        Σ (r_ui - r̂_ui)² + λ (|p_u|² + |q_i|²) + λ_b (b_u² + b_i²) + λ_y Σ_{j∈R(u)} |y_j|²      over training ratings

    by stochastic gradient descent as in SVD, user by user in another order each pass: p, q and b move at each rating,
    the y_j once a user, by the errors of all the user's ratings. So a pass costs O(ratings · rank).

    μ: mean training rating; p, q, y: vectors of `rank` numbers, p and q first drawn from a normal of σ = init / √rank,
    y first 0; R(u): the items u rated in training, while a rating is learned without its own item, as that of a rating
    to be predicted is not among them. Ratings are learned in units of a quarter of their scale, as in SVD. One thread
    learns them all, because nearly any two users share items.
    Cold start: a user or item without training ratings has a bias and a vector of 0. New users are folded in by ridge
    regression around the pool of their own history (see PooledFactorModel).
    Source: Y. Koren, "Factorization Meets the Neighborhood", KDD 2008, equation 15; the y_j moved once a user:
    T. Chen et al., "Feature-Based Matrix Factorization", arXiv:1109.2271, section 4.

    Raises BadData for no ratings, and BadHyperparameter where the learning rate is so high that the errors overflow.
    """

    name: ClassVar[str] = "svdpp"
    family: ClassVar[Family] = "factors by gradient"
    warm_start_model: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Annotated[int, "length of each vector", Bounds(low=1, high=4096), SearchRange(8, 256, log=True)] = 64
    n_epochs: Annotated[
        int, "number of epochs, which are passes over the ratings", Bounds(low=1), SearchRange(10, 60, log=True)
    ] = 20
    learning_rate: Annotated[
        float,
        "learning rate of the first epoch; it falls linearly to 0",
        Bounds(low=0),
        SearchRange(0.005, 0.1, log=True),
    ] = 0.025
    l2: Annotated[
        float,
        "L2 penalty of a vector, applied at each of its ratings",
        Bounds(low=0),
        SearchRange(0.003, 0.2, log=True),
    ] = 0.04
    set_l2: Annotated[
        float,
        "L2 penalty of the pooled item vectors, per rating of the user",
        Bounds(low=0),
        SearchRange(1e-4, 0.02, log=True),
    ] = 0.002
    bias_l2: Annotated[
        float, "L2 penalty of a bias, applied at each of its ratings", Bounds(low=0), SearchRange(1e-3, 0.1, log=True)
    ] = 0.005
    damping: Annotated[
        float,
        "reduction of the learning rate of users and items with many ratings",
        Bounds(low=0),
        SearchRange(1e-4, 1e-2, log=True),
    ] = 0.001
    init: Annotated[
        float, "standard deviation of the initial vectors, times √rank", Bounds(low=0), SearchRange(0.01, 1, log=True)
    ] = 0.1
    seed: Annotated[int, "random seed for the initial vectors and the order of the ratings", Bounds(low=0)] = 0

    def training_state(self) -> type[TrainingState[Any]]:
        return _TrainingState

    def history_limit(self, ratings: Ratings) -> int:
        """How many ratings of a user are pooled at most: here all."""
        return len(ratings.items)


class PooledTrainingState(ArrayState[SVDPP]):
    """The ratings user by user, shuffled within each user, and what is learned. All is in rating units but the items'
    vectors, which have no unit. A subclass says what of a user's vector is the user's own, p_u."""

    def __init__(self, trainer: SVDPP, ratings: Ratings, rng: np.random.Generator) -> None:
        from cofactor.kernels import svdpp

        self.trainer, self.ratings, self.kernels = trainer, ratings, svdpp
        self.n_epochs, self.unit = trainer.n_epochs, np.float32(rating_unit(ratings.scale))
        training_data = ratings.training_data
        counts = self.counts = training_data.user_counts, training_data.item_counts
        history, self.history_limit = training_data.interactions, trainer.history_limit(ratings)
        user = np.repeat(np.arange(len(ratings.users)), counts[0])
        shuffled = np.lexsort((rng.random(history.nnz), user))
        self.user_ratings = svdpp.UserRatings(
            history.indptr.astype(np.int64),
            history.indices[shuffled].astype(np.int32),
            history.data[shuffled] / self.unit,
            pooled_ratings(history, counts[1], self.history_limit)[shuffled],
        )
        pooling = counts[0][user] * self.user_ratings.pooled
        self.n_predicted = np.bincount(self.user_ratings.items, pooling, len(ratings.items))  # ratings that use y_j
        self.rate_scales = [(1 / np.sqrt(1 + trainer.damping * n)).astype(np.float32) for n in counts]
        n_users, n_items, rank = len(ratings.users), len(ratings.items), trainer.rank
        self.factors = svdpp.PooledFactors(
            *(np.zeros((n, rank), np.float32) for n in (n_users, n_items, n_items)),
            *(np.zeros(n, np.float32) for n in (n_users, n_items)),
        )
        self.mean = np.zeros(())

    @classmethod
    def init(cls, trainer: SVDPP, ratings: Ratings, resources: ExitStack) -> Self:
        """Random vectors; zeros for users and items without ratings."""
        rng = np.random.default_rng(trainer.seed)
        state = cls(trainer, ratings, rng)
        state.mean[...] = ratings.value.mean(dtype=np.float64)
        size = np.float32(trainer.init / np.sqrt(trainer.rank))
        p, q = (rng.standard_normal((len(n), trainer.rank), dtype=np.float32) for n in state.counts)
        state.factors.user_vectors[:] = state.own_vectors(p * size)
        state.factors.item_vectors[:] = q * size
        for vectors, n in zip(state.factors[:2], state.counts, strict=True):
            vectors[n == 0] = 0
        return state

    @classmethod
    def from_model(cls, trainer: SVDPP, ratings: Ratings, resources: ExitStack, model: WarmStart) -> Self:
        """The model's vectors; a user's own one is what its vector has beside the pooled ones."""
        start = check_warm_start(model, FactorModel, trainer.name, trainer.rank, ratings)
        state = cls(trainer, ratings, np.random.default_rng(trainer.seed))
        state.mean[...] = start.mean
        factors, unit = state.factors, state.unit
        factors.user_bias[:], factors.item_bias[:] = start.user_bias / unit, start.item_bias / unit
        factors.item_vectors[:] = start.item_vectors
        if isinstance(start, PooledFactorModel):
            factors.set_vectors[:] = start.set_vectors / unit
        factors.user_vectors[:] = state.own_vectors(start.user_vectors / unit - state._user_vectors())
        return state

    @property
    def arrays(self) -> dict[str, Array]:
        return {**self.factors._asdict(), "mean": self.mean}

    @abstractmethod
    def own_vectors(self, vectors: Floats) -> Floats:
        """(n_users, rank) the p_u that training begins with where these vectors are wanted."""

    @abstractmethod
    def own_rates(self, rates: Floats) -> Floats:
        """(n_users,) η of the p_u where these are the rates of the users' biases."""

    def step(self, number: int) -> EpochMetrics:
        """One pass over the users; the RMSE is that of predicting each rating just before learning from it."""
        trainer, kernels, float32 = self.trainer, self.kernels, np.float32
        rate = trainer.learning_rate * linear((number - 1) / self.n_epochs)
        order = np.random.default_rng((trainer.seed, number)).permutation(len(self.ratings.users)).astype(np.int32)
        user_rates, item_rates = (float32(rate) * scale for scale in self.rate_scales)
        rates = kernels.PooledRates(self.own_rates(user_rates), user_rates, item_rates)
        constants = kernels.PooledConstants(
            float32(self.mean / self.unit), float32(trainer.l2), float32(trainer.set_l2), float32(trainer.bias_l2)
        )
        squares = kernels.learn_users(order, self.user_ratings, self.factors, rates, constants)
        rmse = float(self.unit * np.sqrt(squares / len(self.ratings)))
        return EpochMetrics(rmse, rate, self._objective(rmse))

    def _objective(self, rmse: float) -> float:
        """Per rating; its errors are those of the pass."""
        (users, items), factors, trainer = self.counts, self.factors, self.trainer
        total = l2_penalty(users, factors.user_vectors, trainer.l2)
        total += l2_penalty(items, factors.item_vectors, trainer.l2)
        total += l2_penalty(self.n_predicted, factors.set_vectors, trainer.set_l2)
        biases = l2_penalty(users, factors.user_bias, trainer.bias_l2)
        biases += l2_penalty(items, factors.item_bias, trainer.bias_l2)
        return rmse**2 + float(self.unit) ** 2 * (total + biases) / len(self.ratings)

    def _model_arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Copies of the users' and the items' biases and vectors, in the ratings' units."""
        factors, unit = self.factors, self.unit
        return (
            unit * factors.user_bias,
            unit * factors.item_bias,
            unit * self._user_vectors(),
            factors.item_vectors.copy(),
        )

    def _user_vectors(self) -> Floats:
        """(n_users, rank) p_u + |R(u)|^-½ Σ_{j∈R(u)} y_j, in a new array."""
        users = self.factors.user_vectors.copy()
        self.kernels.add_pools(self.user_ratings, self.factors.set_vectors, users)
        return users


class _TrainingState(PooledTrainingState):
    def own_vectors(self, vectors: Floats) -> Floats:
        return vectors

    def own_rates(self, rates: Floats) -> Floats:
        return rates

    def to_model(self) -> PooledFactorModel:
        trainer, training_data, scale = self.trainer, self.ratings.training_data, self.ratings.scale
        arrays, set_vectors = self._model_arrays(), self.unit * self.factors.set_vectors
        penalties, limit = (trainer.bias_l2, trainer.l2), float(self.history_limit)
        return PooledFactorModel(training_data, scale, float(self.mean), *arrays, *penalties, set_vectors, limit)
