"""Matrix factorisation with biases by stochastic gradient descent, known as SVD in the recommender literature."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.ratings import Ratings
from cofactor.machine import cores
from cofactor.models.factor import FactorModel
from cofactor.trainers.base import Family, IterativeTrainer
from cofactor.trainers.factorization.objective import factor_objective
from cofactor.trainers.factorization.rating_unit import rating_unit
from cofactor.training.epoch import WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.learning_rate import linear
from cofactor.training.state import ArrayState, EpochMetrics, TrainingState
from cofactor.training.warm_start import check_warm_start

WORTH_A_THREAD = 4_000_000  # ratings × rank of an epoch from which a second thread gains more than it costs


@dataclass(frozen=True)
class SVD(IterativeTrainer):
    """r̂_ui = μ + b_u + b_i + p_u · q_i, the minimum of

        Σ (r_ui - r̂_ui)² + λ (|p_u|² + |q_i|²) + λ_b (b_u² + b_i²)      summed over the training ratings

    by stochastic gradient descent: for each rating, with e = r_ui - r̂_ui and a learning rate η that falls linearly
    from `learning_rate` towards 0 over the epochs,

        p_u += η_u (e q_i - λ p_u)      b_u += η_u (e - λ_b b_u)      η_u = η / √(1 + damping · |R(u)|)

    and likewise q_i and b_i with η_i = η / √(1 + damping · |U(i)|): a row that is met often takes smaller steps.

    μ: mean training rating; p, q: vectors of `rank` numbers, first drawn from a normal of σ = init / √rank; R(u): the
    items u rated; U(i): the users who rated i. Ratings are learned in units of a quarter of their scale, to the nearest
    power of two (1 for stars), so that the same hyperparameters do for ratings from 1 to 5 and from 0 to 100.
    Cold start: a user or item without training ratings has a bias and a vector of 0. New users are folded in by ridge
    regression (see FactorModel).
    Source: Y. Koren, R. Bell, C. Volinsky, "Matrix Factorization Techniques for Recommender Systems", IEEE Computer
    42(8), 2009, equations 4 and 5; the blocks: R. Gemulla et al., "Large-Scale Matrix Factorization with Distributed
    Stochastic Gradient Descent", KDD 2011; steps that fall with a row's ratings: W.-S. Chin et al., "A Learning-Rate
    Schedule for Stochastic Gradient Methods to Matrix Factorization", PAKDD 2015 (there by summed gradients).

    Raises BadData for no ratings, and BadHyperparameter where the learning rate is so high that the errors overflow.
    """

    name: ClassVar[str] = "svd"
    family: ClassVar[Family] = "factors by gradient"
    warm_start_model: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Annotated[int, "length of each vector", Bounds(low=1, high=4096), SearchRange(8, 256, log=True)] = 64
    n_epochs: Annotated[
        int, "number of epochs, which are passes over the ratings", Bounds(low=1), SearchRange(10, 80, log=True)
    ] = 20
    learning_rate: Annotated[
        float,
        "learning rate of the first epoch; it falls linearly to 0",
        Bounds(low=0),
        SearchRange(0.005, 0.1, log=True),
    ] = 0.03
    l2: Annotated[
        float, "L2 penalty of a vector, applied at each of its ratings", Bounds(low=0), SearchRange(0.01, 0.2, log=True)
    ] = 0.04
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
    threads: Annotated[int, "number of threads, 0 for one per core; it does not change the result", Bounds(low=0)] = 0

    def training_state(self) -> type[TrainingState[Any]]:
        return _TrainingState


class FactorArrays(NamedTuple):
    """By row of the ratings' vocabularies, in the units of the ratings."""

    user_vectors: Floats
    item_vectors: Floats
    user_bias: Floats
    item_bias: Floats


class _TrainingState(ArrayState[SVD]):
    """The ratings in blocks, and vectors and biases in the order in which the blocks use them.

    Ratings, biases and users' vectors are in rating units; the items' vectors have no unit, so that folding in a user
    by ridge regression on them needs the same λ for every rating scale.
    """

    def __init__(self, trainer: SVD, ratings: Ratings, resources: ExitStack, mean: float, first: FactorArrays) -> None:
        from cofactor.kernels import rating_blocks, sgd

        self.trainer, self.ratings, self.unit = trainer, ratings, rating_unit(ratings.scale)
        self.n_epochs, self.mean = trainer.n_epochs, np.array(mean)
        self.kernel = sgd.learn_blocks
        counts = self.counts = ratings.training_data.user_counts, ratings.training_data.item_counts
        n_parts, width = rating_blocks.N_PARTS, sgd.padded(trainer.rank)
        users, items = (rating_blocks.assign_parts(n, n_parts) for n in counts)
        self.positions = users.position, items.position
        self.blocks = rating_blocks.sort_into_blocks(
            ratings.user, ratings.item, self._in_units(ratings.value), users, items, n_parts, 4 * width, trainer.seed
        )
        self.factors = sgd.Factors(
            *(sgd.aligned(len(n), width) for n in counts), *(np.empty(len(n), np.float32) for n in counts)
        )
        self.rate_scales = self._in_order(*(1 / np.sqrt(1 + trainer.damping * n) for n in counts))
        rank = trainer.rank
        self.factors.user_vectors[users.position, :rank] = self._in_units(first.user_vectors)
        self.factors.item_vectors[items.position, :rank] = first.item_vectors
        self.factors.user_bias[users.position] = self._in_units(first.user_bias)
        self.factors.item_bias[items.position] = self._in_units(first.item_bias)
        self.squared_errors = np.zeros(n_parts**2)
        n_threads = min(trainer.threads or cores(), n_parts)
        if len(ratings) * rank < WORTH_A_THREAD:
            n_threads = 1
        self.rounds = rating_blocks.schedule_blocks(n_threads)
        self.pool = resources.enter_context(ThreadPoolExecutor(n_threads))

    @classmethod
    def init(cls, trainer: SVD, ratings: Ratings, resources: ExitStack) -> Self:
        rng = np.random.default_rng(trainer.seed)
        n_users, n_items = len(ratings.users), len(ratings.items)
        p, q = (rng.standard_normal((n, trainer.rank), dtype=np.float32) for n in (n_users, n_items))
        for vectors, unit in ((p, rating_unit(ratings.scale)), (q, 1)):
            vectors *= np.float32(unit * trainer.init / np.sqrt(trainer.rank))
        first = FactorArrays(p, q, np.zeros(n_users, np.float32), np.zeros(n_items, np.float32))
        return cls(trainer, ratings, resources, float(ratings.value.mean(dtype=np.float64)), first)

    @classmethod
    def from_model(cls, trainer: SVD, ratings: Ratings, resources: ExitStack, model: WarmStart) -> Self:
        start = check_warm_start(model, FactorModel, trainer.name, trainer.rank, ratings)
        first = FactorArrays(start.user_vectors, start.item_vectors, start.user_bias, start.item_bias)
        return cls(trainer, ratings, resources, start.mean, first)

    @property
    def arrays(self) -> dict[str, Array]:
        return {**self.factors._asdict(), "mean": self.mean}

    def step(self, number: int) -> EpochMetrics:
        """One pass over all blocks; the RMSE is that of predicting each rating just before learning from it."""
        rate = self.trainer.learning_rate * linear((number - 1) / self.n_epochs)
        self.learn(np.float32(rate))
        rmse = self.unit * float(np.sqrt(self.squared_errors.sum() / len(self.ratings)))
        self.model = self._copy_to_model()
        return EpochMetrics(rmse, rate, factor_objective(self.model, self.unit, rmse**2))

    def learn(self, rate: np.float32) -> None:
        """One pass over all blocks at this learning rate."""
        from cofactor.kernels.sgd import LearningRates, SGDConstants

        trainer, float32 = self.trainer, np.float32
        rates = LearningRates(*(rate * scale for scale in self.rate_scales))
        constants = SGDConstants(float32(self.mean / self.unit), float32(trainer.l2), float32(trainer.bias_l2))

        def learn(blocks: Array) -> None:
            self.kernel(blocks, self.blocks, self.factors, rates, constants, self.squared_errors)

        for first, *others in self.rounds:
            waiting = [self.pool.submit(learn, blocks) for blocks in others]
            learn(first)
            for one in waiting:
                one.result()

    def to_model(self) -> FactorModel:
        return self.model

    def _copy_to_model(self) -> FactorModel:
        """By row of the ratings' vocabularies; rows without ratings are zero."""
        rank, factors, (users, items) = self.trainer.rank, self.factors, self.positions
        p, q = factors.user_vectors[users, :rank], factors.item_vectors[items, :rank]
        b, c = factors.user_bias[users], factors.item_bias[items]
        for n, vectors, bias in zip(self.counts, (p, q), (b, c), strict=True):
            vectors[n == 0] = 0
            bias[n == 0] = 0
        if self.unit != 1:
            b, c, p = (x * np.float32(self.unit) for x in (b, c, p))
        training_data, scale, trainer = self.ratings.training_data, self.ratings.scale, self.trainer
        return FactorModel(training_data, scale, float(self.mean), b, c, p, q, trainer.bias_l2, trainer.l2)

    def _in_order(self, users: Array, items: Array) -> tuple[Floats, Floats]:
        """(n_users,) and (n_items,) float32 numbers, moved to where the blocks expect them."""
        ordered = np.empty(len(users), np.float32), np.empty(len(items), np.float32)
        for out, position, numbers in zip(ordered, self.positions, (users, items), strict=True):
            out[position] = numbers
        return ordered

    def _in_units(self, x: Floats) -> Floats:
        return x if self.unit == 1 else x / np.float32(self.unit)
