"""Matrix factorisation for what users did: every rating is a positive, everything else a weak negative (iALS)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData
from cofactor.models.implicit import LEAST_PULL, ImplicitModel, mean_vector
from cofactor.trainers.alternating.parallel_rows import Table, Workers, workers
from cofactor.trainers.base import Trainer
from cofactor.trainers.factorization.training_loss import of_implicit
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.snapshot import copy_arrays, restore_arrays
from cofactor.training.warm_start import check_warm_start

STEPS = 2  # of conjugate gradients for each row: one loses accuracy, a third gains none


@dataclass(frozen=True)
class IALS(Trainer):
    """ŷ_ui = p_u · q_i, the minimum of

        Σ_{(u,i)∈S} (ŷ_ui - 1)² + α₀ Σ_{u,i} ŷ_ui² + λ (Σ_u (|R(u)| + α₀|I|)^ν |p_u|² + Σ_i (|U(i)| + α₀|U|)^ν |q_i|²)

    by alternating between the items with the users held fixed and the users with the items held fixed.

    S: the training ratings, each a positive whatever its value; the second sum is over all pairs; α₀: the weight of a
    pair that says nothing; λ, ν: regularisation, and how it grows with a row's ratings; I, U: all items, all users;
    R(u): the items of u; U(i): the users of i; p, q: vectors of `rank` numbers, first drawn from a normal of σ = init /
    √rank. It ranks and predicts no ratings.

    How a side is solved: both sides are first turned to the axes of the fixed side's XᵀX, which changes no ŷ and makes
    what all rows have in common, α₀XᵀX, diagonal. Then `conjugate` takes two steps of conjugate gradients for each row
    from its last vector, with that diagonal as the preconditioner; `blocks` solves `block` columns after one another
    (iALS++), exactly from block = rank on. Of equal results `conjugate` costs the least at every rank measured.

    Cold start: a user without training ratings has the mean vector of those who have some, an item without any scores
    0. New users are folded in by the regression of a user (see ImplicitModel).
    Source: S. Rendle, W. Krichene, L. Zhang, Y. Koren, "Revisiting the Performance of iALS on Item Recommendation
    Benchmarks", RecSys 2022, section 3; S. Rendle et al., "iALS++: Speeding up Matrix Factorization with Subspace
    Optimization", 2021; gradients for ALS: G. Takács, I. Pilászy, D. Tikk, "Applications of the Conjugate Gradient
    Method for Implicit Feedback Collaborative Filtering", RecSys 2011 (there without the axes).

    Raises BadData for no ratings.
    """

    name: ClassVar[str] = "ials"
    start: ClassVar[str | None] = "a model of the same trainer that is as wide"

    rank: Annotated[int, "width of each vector", Bounds(low=1, high=4096), SearchRange(16, 512, log=True)] = 64
    n_epochs: Annotated[int, "alternations between items and users, at most", Bounds(low=1)] = 8
    unobserved: Annotated[
        float, "α₀, weight of a pair that says nothing", Bounds(low=0), SearchRange(0.003, 1, log=True)
    ] = 0.1
    l2: Annotated[float, "λ, pull of a vector towards zero", Bounds(low=0), SearchRange(3e-3, 3, log=True)] = 0.2
    exponent: Annotated[
        float, "ν, growth of the pull with a row's ratings", Bounds(low=0, high=1), SearchRange(0, 1)
    ] = 0.5
    solver: Annotated[Literal["conjugate", "blocks"], "conjugate gradients, or blocks of columns (iALS++)"] = (
        "conjugate"
    )
    block: Annotated[int, "columns solved together by blocks", Bounds(low=1)] = 32
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
                state = partial(copy_arrays, course.arrays())
                loss = partial(of_implicit, model := course.model(), ratings.user, ratings.item)
                yield Epoch(number, self.n_epochs, model, train_rmse=None, objective=loss, state=state)


class _Alternation:
    """Training under way: of users (0) and items (1) their ratings by row, and their vectors of a padded width."""

    def __init__(self, trainer: IALS, ratings: Ratings, team: Workers) -> None:
        from cofactor.kernels import als

        self.trainer, self.ratings, self.team = trainer, ratings, team
        self.width = als.padded(trainer.rank)
        self.solver, self.size = _solver(trainer, self.width)
        self.tables = Table.of(ratings.by_user()), Table.of(ratings.by_item())
        self.sides = [np.zeros((len(table.counts), self.width), np.float32) for table in self.tables]
        rng = np.random.default_rng(trainer.seed)
        for vectors in self.sides:
            drawn = rng.standard_normal((len(vectors), trainer.rank), np.float32)
            vectors[:, : trainer.rank] = drawn * np.float32(trainer.init / np.sqrt(trainer.rank))
        self.positive = np.ones(len(ratings), np.float32)

    def begin(self, resume: Snapshot | None, warm_start: WarmStart | None) -> int:
        """Goes on from a snapshot, or starts from a model; how many epochs are done."""
        if resume is not None:
            return restore_arrays(resume, self.arrays(), self.trainer.name)
        if warm_start is not None:
            self._start_from(
                check_warm_start(warm_start, ImplicitModel, self.trainer.name, self.trainer.rank, self.ratings)
            )
        return 0

    def _start_from(self, model: ImplicitModel) -> None:
        for vectors, table, learned in zip(
            self.sides, self.tables, (model.user_vectors, model.item_vectors), strict=True
        ):
            vectors[:, : self.trainer.rank] = learned * (table.counts > 0)[:, None]  # not the mean for the cold

    def arrays(self) -> dict[str, Array]:
        """All that epochs change."""
        return {"users": self.sides[0], "items": self.sides[1]}

    def solve(self, side: int) -> None:
        """All rows of one side, with the other held fixed."""
        trainer, table, solutions, fixed = self.trainer, self.tables[side], self.sides[side], self.sides[1 - side]
        prior = np.float32(trainer.unobserved) * self._turn(fixed, solutions)
        times = trainer.l2 * (table.counts + trainer.unobserved * len(fixed)) ** trainer.exponent
        times, pull = np.maximum(times, LEAST_PULL).astype(np.float32), np.ones(self.width, np.float32)

        def part(first: int, last: int) -> None:
            given = table.starts, table.columns, self.positive, fixed, prior, pull, times, self.size
            self.solver(first, last, *given, solutions)

        self.team.over(table.edges, part)

    def _turn(self, fixed: Floats, other: Floats) -> Floats:
        """Turns both sides to the axes of the fixed one's XᵀX; (width,) that matrix's diagonal, falling."""
        rank = self.trainer.rank
        basis = np.zeros((self.width, self.width), np.float32)
        values, axes = self.team.axes(fixed[:, :rank])
        basis[:rank, :rank] = axes[:, ::-1]
        for vectors in (fixed, other):
            self.team.turn(vectors, basis)
        diagonal = np.zeros(self.width, np.float32)
        diagonal[:rank] = np.maximum(values[::-1], 0)
        return diagonal

    def model(self) -> ImplicitModel:
        trainer, counts = self.trainer, self.tables[0].counts
        users, items = (vectors[:, : trainer.rank].copy() for vectors in self.sides)
        users[counts == 0] = mean_vector(users, counts)
        constants = trainer.unobserved, trainer.l2, trainer.exponent
        return ImplicitModel(self.ratings.training_data, None, users, items, *constants)


def _solver(trainer: IALS, width: int) -> tuple[Any, int]:
    """The kernel, and its number of steps or of columns in a block."""
    from cofactor.kernels import als, conjugate

    if trainer.solver == "conjugate":
        return conjugate.descend_rows, STEPS
    return als.solve_rows, min(width, als.padded(trainer.block))
