"""Matrix factorisation of ratings with biases, by alternating least squares."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.ratings import Ratings
from cofactor.models.factor import FactorModel
from cofactor.trainers.alternating.partitioned_rows import WORTH_A_THREAD, PartitionedRows
from cofactor.trainers.base import Family, IterativeTrainer
from cofactor.trainers.factorization.objective import factor_objective
from cofactor.trainers.factorization.rating_unit import rating_unit
from cofactor.training.epoch import WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.row_thread_pool import RowThreadPool, useful_threads
from cofactor.training.state import ArrayState, EpochMetrics, TrainingState
from cofactor.training.warm_start import check_warm_start


@dataclass(frozen=True)
class ALS(IterativeTrainer):
    """r̂_ui = μ + b_u + b_i + p_u · q_i, the minimum of

        Σ (r_ui - r̂_ui)² + Σ_u |R(u)| (λ |p_u|² + λ_b b_u²) + Σ_i |U(i)| (λ |q_i|² + λ_b b_i²)

    summed over the training ratings, by solving for all (q_i, b_i) with the users held fixed, then for all (p_u, b_u)
    with the items held fixed: each an exact ridge regression, the bias being the weight of one more column of ones.

    μ: mean training rating; p, q: vectors of `rank` numbers, the first p drawn from a normal of σ = init / √rank; R(u):
    the items u rated; U(i): the users who rated i. Ratings are learned in units of a quarter of their scale, as `svd`
    does, so that the same hyperparameters do for any scale.
    Cold start: a user or item without training ratings has a bias and a vector of 0. New users are folded in by the
    regression that gave the trained ones their vectors.
    Source: Y. Zhou, D. Wilkinson, R. Schreiber, R. Pan, "Large-scale Parallel Collaborative Filtering for the Netflix
    Prize", AAIM 2008, section 3.2 (weighted-λ-regularisation); the biases: Y. Koren, R. Bell, C. Volinsky, "Matrix
    Factorization Techniques for Recommender Systems", IEEE Computer 42(8), 2009, equation 5.

    Raises BadData for no ratings.
    """

    name: ClassVar[str] = "als"
    family: ClassVar[Family] = "factors by equations"
    warm_start_model: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Annotated[int, "length of each vector", Bounds(low=1, high=1024), SearchRange(8, 128, log=True)] = 32
    n_epochs: Annotated[int, "number of epochs; each solves for the items and then for the users", Bounds(low=1)] = 15
    l2: Annotated[
        float,
        "L2 penalty of a vector, per rating of its user or item",
        Bounds(low=1e-4),
        SearchRange(0.01, 0.3, log=True),
    ] = 0.1
    bias_l2: Annotated[
        float,
        "L2 penalty of a bias, per rating of its user or item",
        Bounds(low=1e-4),
        SearchRange(1e-3, 0.1, log=True),
    ] = 0.05
    init: Annotated[
        float,
        "standard deviation of the initial vectors, times √rank",
        Bounds(low=1e-3),
        SearchRange(0.01, 1, log=True),
    ] = 0.1
    seed: Annotated[int, "random seed for the initial vectors", Bounds(low=0)] = 0
    threads: Annotated[int, "number of threads, 0 for one per core; it does not change the result", Bounds(low=0)] = 0

    def training_state(self) -> type[TrainingState[Any]]:
        return _TrainingState


class _TrainingState(ArrayState[ALS]):
    """The ratings by user and by item, and the vectors and biases of users and items in rating units (those of items
    without a unit): rows [vector, bias, padding], in whose bias column stands a 1 while the other side is solved."""

    def __init__(self, trainer: ALS, ratings: Ratings, resources: ExitStack) -> None:
        from cofactor.kernels import als

        self.trainer, self.ratings, self.n_epochs = trainer, ratings, trainer.n_epochs
        self.rank, self.width = trainer.rank, als.padded(trainer.rank + 1)
        self.unit, self.mean = rating_unit(ratings.scale), np.zeros(())
        self.by_user = PartitionedRows.from_matrix(ratings.by_user())
        self.by_item = PartitionedRows.from_matrix(ratings.by_item())
        self.users, self.items = (np.zeros((len(n), self.width), np.float32) for n in self.counts)
        self.penalty = np.full(self.width, trainer.l2, np.float32)
        self.penalty[self.rank] = trainer.bias_l2
        n_threads = useful_threads(trainer.threads, len(ratings) * trainer.rank, WORTH_A_THREAD)
        self.pool = resources.enter_context(RowThreadPool(n_threads))

    @property
    def counts(self) -> tuple[Array, Array]:
        return self.by_user.counts, self.by_item.counts

    @classmethod
    def init(cls, trainer: ALS, ratings: Ratings, resources: ExitStack) -> Self:
        """Random vectors of users; the items' are computed from them."""
        state = cls(trainer, ratings, resources)
        state.mean[...] = ratings.value.mean(dtype=np.float64)
        shape = len(ratings.users), trainer.rank
        vectors = np.random.default_rng(trainer.seed).standard_normal(shape, np.float32)
        state.users[:, : trainer.rank] = vectors * np.float32(trainer.init / np.sqrt(trainer.rank))
        return state

    @classmethod
    def from_model(cls, trainer: ALS, ratings: Ratings, resources: ExitStack, model: WarmStart) -> Self:
        start = check_warm_start(model, FactorModel, trainer.name, trainer.rank, ratings)
        state, rank = cls(trainer, ratings, resources), trainer.rank
        state.mean[...], unit = start.mean, np.float32(state.unit)
        state.users[:, :rank], state.items[:, :rank] = start.user_vectors / unit, start.item_vectors
        state.users[:, rank], state.items[:, rank] = start.user_bias / unit, start.item_bias / unit
        return state

    @property
    def arrays(self) -> dict[str, Array]:
        return {"users": self.users, "items": self.items, "mean": self.mean}

    def step(self, number: int) -> EpochMetrics:
        """Solves for the items, then for the users; the RMSE is that of the training ratings after both."""
        self._solve(self.by_item, self.users, self.items)
        self._solve(self.by_user, self.items, self.users)
        self.model, ratings = self._copy_to_model(), self.ratings
        scores = self.model.score_pair_rows(ratings.user, ratings.item)
        objective = factor_objective(self.model, self.unit, _rmse(scores, ratings) ** 2)
        return EpochMetrics(_rmse(self.model.clip(scores), ratings), objective=objective)

    def _solve(self, side: PartitionedRows, others: Floats, solutions: Floats) -> None:
        """All rows of one side, with the vectors and biases of the other side held fixed."""
        from cofactor.kernels.als import Ridge, solve_rows

        fixed = others.copy()
        bias = fixed[:, self.rank].copy()
        fixed[:, self.rank] = 1
        rows = side.rows
        targets = (rows.values - np.float32(self.mean)) / np.float32(self.unit) - bias[rows.columns]
        table = rows._replace(values=targets)
        ridge = Ridge(np.zeros(self.width, np.float32), self.penalty, side.counts.astype(np.float32))
        self.pool.map(
            lambda first, last: solve_rows(first, last, table, fixed, ridge, self.width, solutions), side.bounds
        )

    def to_model(self) -> FactorModel:
        return self.model

    def _copy_to_model(self) -> FactorModel:
        users, items, unit, k = self.users, self.items, np.float32(self.unit), self.rank
        arrays = users[:, k] * unit, items[:, k] * unit, users[:, :k] * unit, items[:, :k].copy()
        training_data, trainer = self.ratings.training_data, self.trainer
        return FactorModel(training_data, self.ratings.scale, float(self.mean), *arrays, trainer.bias_l2, trainer.l2)


def _rmse(scores: Floats, ratings: Ratings) -> float:
    error = scores.astype(np.float64) - ratings.value
    return float(np.sqrt(np.mean(error**2)))
