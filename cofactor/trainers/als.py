"""Matrix factorisation with biases by alternating least squares, for ratings."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData
from cofactor.models.factor import FactorModel
from cofactor.trainers.alternating.parallel_rows import Table, Workers, workers
from cofactor.trainers.base import Trainer
from cofactor.trainers.factorization.rating_unit import unit_of
from cofactor.trainers.factorization.training_loss import of_factors
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.snapshot import copy_arrays, restore_arrays
from cofactor.training.warm_start import check_warm_start


@dataclass(frozen=True)
class ALS(Trainer):
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
    start: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Annotated[int, "width of each vector", Bounds(low=1, high=1024), SearchRange(8, 128, log=True)] = 32
    n_epochs: Annotated[int, "alternations between items and users, at most", Bounds(low=1)] = 15
    l2: Annotated[
        float,
        "pull of a vector towards zero for each of its ratings",
        Bounds(low=1e-4),
        SearchRange(0.01, 0.3, log=True),
    ] = 0.1
    bias_l2: Annotated[
        float, "pull of a bias towards zero for each of its ratings", Bounds(low=1e-4), SearchRange(1e-3, 0.1, log=True)
    ] = 0.05
    init: Annotated[float, "σ of the first vectors times √rank", Bounds(low=1e-3), SearchRange(0.01, 1, log=True)] = 0.1
    seed: Annotated[int, "of the first vectors", Bounds(low=0)] = 0
    threads: Annotated[int, "threads, 0 for one a core; the result is the same", Bounds(low=0)] = 0

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        with workers(self.threads, len(ratings) * self.rank) as team:
            course = _Alternation(self, ratings, team)
            for number in range(course.begin(resume, warm_start) + 1, self.n_epochs + 1):
                course.solve(1)
                course.solve(0)
                model, state = course.model(), partial(copy_arrays, course.arrays())
                scores = model.pair_scores(ratings.user, ratings.item)
                rmse, loss = (
                    _rmse(model.clip(scores), ratings),
                    of_factors(model, course.unit, _rmse(scores, ratings) ** 2),
                )
                yield Epoch(number, self.n_epochs, model, rmse, objective=loss, state=state)


class _Alternation:
    """Training under way. Of users (0) and items (1): their ratings by row, and their vectors and biases side by side,
    in rows of a padded width; then a bias's column holds the other side's ones while that side is solved."""

    def __init__(self, trainer: ALS, ratings: Ratings, team: Workers) -> None:
        from cofactor.kernels import als

        self.trainer, self.ratings, self.team, self.kernel = trainer, ratings, team, als.solve_rows
        self.rank, self.width = trainer.rank, als.padded(trainer.rank + 1)
        self.unit, self.mean = unit_of(ratings.scale), float(ratings.value.mean(dtype=np.float64))
        self.tables = Table.of(ratings.by_user()), Table.of(ratings.by_item())
        self.sides = [np.zeros((len(table.counts), self.width), np.float32) for table in self.tables]
        vectors = np.random.default_rng(trainer.seed).standard_normal((len(ratings.users), self.rank), np.float32)
        self.sides[0][:, : self.rank] = vectors * np.float32(trainer.init / np.sqrt(self.rank))
        self.pull = np.full(self.width, trainer.l2, np.float32)
        self.pull[self.rank] = trainer.bias_l2

    def begin(self, resume: Snapshot | None, warm_start: WarmStart | None) -> int:
        """Goes on from a snapshot, or starts from a model; how many epochs are done."""
        if resume is not None:
            done = restore_arrays(resume, self.arrays(), self.trainer.name)
            self.mean = float(resume.arrays["mean"])
            return done
        if warm_start is not None:
            self._start_from(check_warm_start(warm_start, FactorModel, self.trainer.name, self.rank, self.ratings))
        return 0

    def _start_from(self, model: FactorModel) -> None:
        unit = np.float32(self.unit)
        self.mean = model.mean
        self.sides[0][:, : self.rank], self.sides[1][:, : self.rank] = model.user_vectors / unit, model.item_vectors
        self.sides[0][:, self.rank], self.sides[1][:, self.rank] = model.user_bias / unit, model.item_bias / unit

    def arrays(self) -> dict[str, Array]:
        """All that epochs change, and the mean."""
        return {"users": self.sides[0], "items": self.sides[1], "mean": np.array(self.mean)}

    def solve(self, side: int) -> None:
        """All rows of one side, with the other held fixed."""
        table, solutions, fixed = self.tables[side], self.sides[side], self.sides[1 - side].copy()
        bias = fixed[:, self.rank].copy()
        fixed[:, self.rank] = 1
        targets = (table.values - np.float32(self.mean)) / np.float32(self.unit) - bias[table.columns]
        prior, times = np.zeros(self.width, np.float32), table.counts.astype(np.float32)

        def part(first: int, last: int) -> None:
            given = table.starts, table.columns, targets, fixed, prior, self.pull, times, self.width
            self.kernel(first, last, *given, solutions)

        self.team.over(table.edges, part)

    def model(self) -> FactorModel:
        users, items = self.sides
        unit, k = np.float32(self.unit), self.rank
        arrays = users[:, k] * unit, items[:, k] * unit, users[:, :k] * unit, items[:, :k].copy()
        training_data, trainer = self.ratings.training_data, self.trainer
        return FactorModel(training_data, self.ratings.scale, self.mean, *arrays, trainer.bias_l2, trainer.l2)


def _rmse(scores: Floats, ratings: Ratings) -> float:
    """Of the training ratings after the pass."""
    error = scores.astype(np.float64) - ratings.value
    return float(np.sqrt(np.mean(error**2)))
