"""Matrix factorisation with biases by stochastic gradient descent: "SVD" as the recommender literature calls it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, TrainingDiverged
from cofactor.machine import cores
from cofactor.models.factor import FactorModel
from cofactor.trainers.base import Trainer
from cofactor.trainers.factorization.rating_unit import unit_of
from cofactor.trainers.factorization.training_loss import of_factors
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.snapshot import copy_arrays, restore_arrays
from cofactor.training.warm_start import check_warm_start

WORTH_A_THREAD = 4_000_000  # ratings × rank of an epoch from which a second thread gains more than it costs


@dataclass(frozen=True)
class SVD(Trainer):
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
    start: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Annotated[int, "width of each vector", Bounds(low=1, high=4096), SearchRange(8, 256, log=True)] = 64
    n_epochs: Annotated[int, "passes over the ratings", Bounds(low=1), SearchRange(10, 80, log=True)] = 20
    learning_rate: Annotated[
        float, "step of the first pass; it falls to 0", Bounds(low=0), SearchRange(0.005, 0.1, log=True)
    ] = 0.03
    l2: Annotated[
        float, "pull of a vector towards zero at each rating", Bounds(low=0), SearchRange(0.01, 0.2, log=True)
    ] = 0.04
    bias_l2: Annotated[
        float, "pull of a bias towards zero at each rating", Bounds(low=0), SearchRange(1e-3, 0.1, log=True)
    ] = 0.005
    damping: Annotated[
        float, "of the steps of rows with many ratings", Bounds(low=0), SearchRange(1e-4, 1e-2, log=True)
    ] = 0.001
    init: Annotated[float, "σ of the first vectors times √rank", Bounds(low=0), SearchRange(0.01, 1, log=True)] = 0.1
    seed: Annotated[int, "of the first vectors and the order of the ratings", Bounds(low=0)] = 0
    threads: Annotated[int, "threads, 0 for one a core; the result is the same", Bounds(low=0)] = 0

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        descent, done = self._begun(ratings, resume, warm_start)
        n_threads = min(self.threads or cores(), descent.grid)
        if len(ratings) * self.rank < WORTH_A_THREAD:
            n_threads = 1
        with ThreadPoolExecutor(n_threads) as pool:
            for number in range(done + 1, self.n_epochs + 1):
                rate = self.learning_rate * (1 - (number - 1) / self.n_epochs)
                rmse = descent.learn(rate, pool, n_threads)
                if not np.isfinite(rmse):
                    message = f"svd: the errors grew without bound in epoch {number}"
                    raise TrainingDiverged(message, f"lower the learning rate, now {self.learning_rate:g}")
                model, state = descent.model(), partial(copy_arrays, descent.arrays())
                loss = of_factors(model, descent.unit, rmse**2)
                yield Epoch(number, self.n_epochs, model, rmse, rate, loss, state)

    def _begun(self, ratings: Ratings, resume: Snapshot | None, warm_start: WarmStart | None) -> tuple["_Descent", int]:
        """A training, and how many epochs of it are done."""
        if resume is None and warm_start is not None:
            return _Descent(self, ratings, *self._start(ratings, warm_start)), 0
        descent = _Descent(self, ratings, *self._first_vectors(ratings))
        return descent, 0 if resume is None else descent.go_on(resume)

    def _first_vectors(self, ratings: Ratings) -> tuple[float, Floats, Floats, Floats, Floats]:
        rng = np.random.default_rng(self.seed)
        n_users, n_items = len(ratings.users), len(ratings.items)
        p, q = (rng.standard_normal((n, self.rank), dtype=np.float32) for n in (n_users, n_items))
        for vectors, unit in ((p, unit_of(ratings.scale)), (q, 1)):
            vectors *= np.float32(unit * self.init / np.sqrt(self.rank))
        mean = float(ratings.value.mean(dtype=np.float64))
        return mean, np.zeros(n_users, np.float32), np.zeros(n_items, np.float32), p, q

    def _start(self, ratings: Ratings, warm_start: WarmStart) -> tuple[float, Floats, Floats, Floats, Floats]:
        start = check_warm_start(warm_start, FactorModel, self.name, self.rank, ratings)
        return start.mean, start.user_bias, start.item_bias, start.user_vectors, start.item_vectors


class _Descent:
    """Training under way: the ratings in blocks, and vectors and biases laid out as the blocks meet them."""

    def __init__(self, trainer: SVD, ratings: Ratings, mean: float, b: Floats, c: Floats, p: Floats, q: Floats) -> None:
        from cofactor.kernels import blocks, sgd

        self.trainer, self.ratings, self.mean, self.unit = trainer, ratings, mean, unit_of(ratings.scale)
        self.learn_blocks: Any = sgd.learn_blocks
        self.grid = blocks.GRID
        width = sgd.padded(trainer.rank)
        self.rated = [ratings.training_data.user_counts, ratings.training_data.item_counts]
        dealt = [blocks.deal(counts, self.grid) for counts in self.rated]
        self.places = [place for _, place in dealt]
        value = self._scaled(ratings.value)
        self.starts, *self.columns = blocks.tile(
            ratings.user, ratings.item, value, dealt[0], dealt[1], self.grid, 4 * width, trainer.seed
        )
        self.vectors = [sgd.aligned(len(x), width) for x in (p, q)]
        self.biases = [np.empty(len(x), dtype=np.float32) for x in (b, c)]
        self.slowed = [np.empty(len(x), dtype=np.float32) for x in (b, c)]
        for place, slowed, counts in zip(self.places, self.slowed, self.rated, strict=True):
            slowed[place] = 1 / np.sqrt(1 + trainer.damping * counts)
        first = (self._scaled(p), q), (self._scaled(b), self._scaled(c))
        for place, vectors, bias, x, one in zip(self.places, self.vectors, self.biases, *first, strict=True):
            vectors[place, : trainer.rank] = x
            bias[place] = one
        self.squared_errors = np.zeros(self.grid**2)

    def arrays(self) -> dict[str, Array]:
        """All that epochs change, and the mean."""
        names = "user_vectors", "item_vectors", "user_bias", "item_bias"
        return dict(zip(names, (*self.vectors, *self.biases), strict=True)) | {"mean": np.array(self.mean)}

    def go_on(self, snapshot: Snapshot) -> int:
        """As after the epoch whose number is returned."""
        done = restore_arrays(snapshot, self.arrays(), self.trainer.name)
        self.mean = float(snapshot.arrays["mean"])
        return done

    def learn(self, learning_rate: float, pool: ThreadPoolExecutor, n_threads: int) -> float:
        """One pass over all blocks; returns the RMSE of predicting each rating just before learning it."""
        from cofactor.kernels.blocks import rounds

        rates = [np.float32(learning_rate) * slowed for slowed in self.slowed]
        for first, *others in rounds(n_threads):
            waiting = [pool.submit(self._learn, blocks, rates) for blocks in others]
            self._learn(first, rates)
            for one in waiting:
                one.result()
        return self.unit * float(np.sqrt(self.squared_errors.sum() / len(self.ratings)))

    def _learn(self, blocks: Array, rates: list[Floats]) -> None:
        constants = [np.float32(x) for x in (self.mean / self.unit, self.trainer.l2, self.trainer.bias_l2)]
        arrays = (self.starts, *self.columns, *self.vectors, *self.biases, *rates)
        self.learn_blocks(blocks, *arrays, *constants, self.squared_errors)

    def model(self) -> FactorModel:
        """A copy of what has been learned so far, by row of the ratings' vocabularies; cold rows are zero."""
        vectors = [v[place, : self.trainer.rank] for v, place in zip(self.vectors, self.places, strict=True)]
        biases = [b[place] for b, place in zip(self.biases, self.places, strict=True)]
        for rated, v, b in zip(self.rated, vectors, biases, strict=True):
            v[rated == 0] = 0
            b[rated == 0] = 0
        (b, c), (p, q) = biases, vectors
        if self.unit != 1:
            b, c, p = (x * np.float32(self.unit) for x in (b, c, p))
        training_data, scale = self.ratings.training_data, self.ratings.scale
        return FactorModel(training_data, scale, self.mean, b, c, p, q, self.trainer.bias_l2, self.trainer.l2)

    def _scaled(self, x: Floats) -> Floats:
        """Ratings, biases or the vectors of users in units; those of items have none, so that folding in a user by
        ridge regression on them needs the same λ in any unit."""
        return x if self.unit == 1 else x / np.float32(self.unit)
