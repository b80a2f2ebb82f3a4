"""SVD++: matrix factorisation that also describes a user by which items they rated, by stochastic gradient descent."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np

from cofactor.arrays import Array, Floats, Rows
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, TrainingDiverged
from cofactor.models.factor import FactorModel
from cofactor.models.pooled import PooledFactorModel, pooled
from cofactor.trainers.base import Trainer
from cofactor.trainers.factorization.rating_unit import unit_of
from cofactor.trainers.factorization.training_loss import penalty
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.snapshot import copy_arrays, restore_arrays
from cofactor.training.warm_start import check_warm_start


@dataclass(frozen=True)
class SVDPP(Trainer):
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
    start: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"
    kind: ClassVar[type[PooledFactorModel]] = PooledFactorModel
    own: ClassVar[float] = 1.0  # 0 leaves users without vectors of their own

    rank: Annotated[int, "width of each vector", Bounds(low=1, high=4096), SearchRange(8, 256, log=True)] = 64
    n_epochs: Annotated[int, "passes over the ratings", Bounds(low=1), SearchRange(10, 60, log=True)] = 20
    learning_rate: Annotated[
        float, "step of the first pass; it falls to 0", Bounds(low=0), SearchRange(0.005, 0.1, log=True)
    ] = 0.025
    l2: Annotated[
        float, "pull of a vector towards zero at each rating", Bounds(low=0), SearchRange(0.003, 0.2, log=True)
    ] = 0.04
    set_l2: Annotated[
        float,
        "pull of all pooled vectors towards zero at each rating",
        Bounds(low=0),
        SearchRange(1e-4, 0.02, log=True),
    ] = 0.002
    bias_l2: Annotated[
        float, "pull of a bias towards zero at each rating", Bounds(low=0), SearchRange(1e-3, 0.1, log=True)
    ] = 0.005
    damping: Annotated[
        float, "of the steps of rows with many ratings", Bounds(low=0), SearchRange(1e-4, 1e-2, log=True)
    ] = 0.001
    init: Annotated[float, "σ of the first vectors times √rank", Bounds(low=0), SearchRange(0.01, 1, log=True)] = 0.1
    seed: Annotated[int, "of the first vectors and the order of the ratings", Bounds(low=0)] = 0

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        rng = np.random.default_rng(self.seed)
        descent = _Descent(self, ratings, rng)
        for number in range(descent.begin(resume, warm_start, rng) + 1, self.n_epochs + 1):
            rate = self.learning_rate * (1 - (number - 1) / self.n_epochs)
            order = np.random.default_rng((self.seed, number)).permutation(len(ratings.users))
            rmse = descent.learn(rate, order.astype(np.int32))
            if not np.isfinite(rmse):
                message = f"{self.name}: the errors grew without bound in epoch {number}"
                raise TrainingDiverged(message, f"lower the learning rate, now {self.learning_rate:g}")
            state = partial(copy_arrays, descent.arrays())
            yield Epoch(number, self.n_epochs, descent.model(), rmse, rate, descent.loss(rmse), state)

    def most_pooled(self, ratings: Ratings) -> int:
        """How many ratings of a user are pooled at most: here all."""
        return len(ratings.items)


class _Descent:
    """Training under way: the ratings user by user, shuffled within each, and what has been learned, all in units (see
    `unit_of`) but the items' vectors, which have none."""

    mean: float
    biases: list[Floats]  # (n_users,), (n_items,)
    vectors: list[Floats]  # (n_users, rank) p, (n_items, rank) q and y

    def __init__(self, trainer: SVDPP, ratings: Ratings, rng: np.random.Generator) -> None:
        self.trainer, self.ratings, self.unit = trainer, ratings, np.float32(unit_of(ratings.scale))
        training_data = ratings.training_data
        self.rated = training_data.user_counts, training_data.item_counts
        history, self.most = training_data.interactions, trainer.most_pooled(ratings)
        user = np.repeat(np.arange(len(ratings.users)), self.rated[0])
        shuffled = np.lexsort((rng.random(history.nnz), user))
        self.sets = (
            history.indptr.astype(np.int64),
            history.indices[shuffled].astype(np.int32),
            pooled(history, self.rated[1], self.most)[shuffled],
        )
        self.values = history.data[shuffled] / self.unit
        met = self.rated[0][user] * self.sets[2]
        self.met = np.bincount(self.sets[1], met, len(ratings.items))  # ratings in whose prediction y_j has a part
        self.slowed = [(1 / np.sqrt(1 + trainer.damping * n)).astype(np.float32) for n in self.rated]

    def begin(self, resume: Snapshot | None, warm_start: WarmStart | None, rng: np.random.Generator) -> int:
        """Goes on from a snapshot, or starts from a model or first vectors; how many epochs are done."""
        if resume is None and warm_start is not None:
            self._start_from(warm_start)
            return 0
        self._draw(rng)
        if resume is None:
            return 0
        done = restore_arrays(resume, self.arrays(), self.trainer.name)
        self.mean = float(resume.arrays["mean"])
        return done

    def arrays(self) -> dict[str, Array]:
        """All that epochs change, and the mean."""
        names = "user_vectors", "item_vectors", "set_vectors", "user_bias", "item_bias"
        return dict(zip(names, (*self.vectors, *self.biases), strict=True)) | {"mean": np.array(self.mean)}

    def _draw(self, rng: np.random.Generator) -> None:
        """First vectors, drawn at random; zeros for users and items without ratings."""
        rank = self.trainer.rank
        self.mean = float(self.ratings.value.mean(dtype=np.float64))
        self.biases = [np.zeros(len(n), dtype=np.float32) for n in self.rated]
        p, q = (rng.standard_normal((len(n), rank), dtype=np.float32) for n in self.rated)
        for vectors, rated, size in ((p, self.rated[0], self.trainer.own), (q, self.rated[1], 1.0)):
            vectors *= np.float32(size * self.trainer.init / np.sqrt(rank))
            vectors[rated == 0] = 0
        self.vectors = [p, q, np.zeros_like(q)]

    def _start_from(self, warm_start: WarmStart) -> None:
        """The vectors of a model of the same split, and from its users' vectors what is not pooled."""
        start = check_warm_start(warm_start, FactorModel, self.trainer.name, self.trainer.rank, self.ratings)
        self.mean = start.mean
        self.biases = [b / self.unit for b in (start.user_bias, start.item_bias)]
        y = start.set_vectors if isinstance(start, PooledFactorModel) else np.zeros_like(start.item_vectors)
        self.vectors = [np.zeros_like(start.user_vectors), start.item_vectors.copy(), y / self.unit]
        self.vectors[0] = np.float32(self.trainer.own) * (start.user_vectors / self.unit - self._with_pools())

    def learn(self, learning_rate: float, order: Rows) -> float:
        """One pass over the users; returns the RMSE of predicting each rating just before learning it."""
        from cofactor.kernels import pooled

        learn_users: Any = pooled.learn_users
        trainer, (starts, items, inside) = self.trainer, self.sets
        user_rate, item_rate = (np.float32(learning_rate) * slowed for slowed in self.slowed)
        rates = np.float32(trainer.own) * user_rate, user_rate, item_rate
        constants = [np.float32(x) for x in (self.mean / self.unit, trainer.l2, trainer.set_l2, trainer.bias_l2)]
        squares = learn_users(
            order, starts, items, self.values, inside, *self.vectors, *self.biases, *rates, *constants
        )
        return float(self.unit * np.sqrt(squares / len(self.values)))

    def loss(self, rmse: float) -> float:
        """The objective for each rating, its errors those of the pass."""
        (users, items), (p, q, y), trainer = self.rated, self.vectors, self.trainer
        total = penalty(users, p, trainer.l2) + penalty(items, q, trainer.l2) + penalty(self.met, y, trainer.set_l2)
        total += penalty(users, self.biases[0], trainer.bias_l2) + penalty(items, self.biases[1], trainer.bias_l2)
        return rmse**2 + float(self.unit) ** 2 * total / len(self.values)

    def model(self) -> PooledFactorModel:
        """A copy of what has been learned so far."""
        training_data, scale, trainer = self.ratings.training_data, self.ratings.scale, self.trainer
        b, c = (self.unit * bias for bias in self.biases)
        users, q, y = self.unit * self._with_pools(), self.vectors[1].copy(), self.unit * self.vectors[2]
        penalties = trainer.bias_l2, trainer.own * trainer.l2
        return trainer.kind(training_data, scale, self.mean, b, c, users, q, *penalties, y, float(self.most))

    def _with_pools(self) -> Floats:
        """(n_users, rank) p_u + |R(u)|^-½ Σ_{j∈R(u)} y_j, in a new array."""
        from cofactor.kernels.pooled import add_pools

        users = self.vectors[0].copy()
        add_pools(*self.sets, self.vectors[2], users)
        return users
