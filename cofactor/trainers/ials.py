"""Matrix factorisation for implicit feedback: interactions are positives, every other pair a weak negative (iALS)."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import ThreadpoolController

from cofactor.arrays import Array, Doubles, Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.models.implicit import MIN_RIDGE, ImplicitModel, mean_vector
from cofactor.row_blocks import even_bounds
from cofactor.trainers.alternating.partitioned_rows import N_PARTS, WORTH_A_THREAD, PartitionedRows
from cofactor.trainers.base import Family, IterativeTrainer
from cofactor.trainers.factorization.objective import implicit_objective
from cofactor.trainers.interactions.interaction_trainer import InteractionTrainer, positive_weights
from cofactor.training.epoch import WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.row_thread_pool import RowThreadPool, useful_threads
from cofactor.training.state import ArrayState, EpochMetrics, TrainingState
from cofactor.training.warm_start import check_warm_start

if TYPE_CHECKING:
    from cofactor.kernels.als import Ridge

N_STEPS = 2  # of conjugate gradients for each row: one loses accuracy, a third gains none


@dataclass(frozen=True)
class IALS(InteractionTrainer, IterativeTrainer):
    """ŷ_ui = p_u · q_i, the minimum of

        Σ_{(u,i)∈S} w_ui (ŷ_ui - 1)² + α₀ Σ_{u,i} ŷ_ui² + λ (Σ_u (W_u + α₀|I|)^ν |p_u|² + Σ_i (W_i + α₀|U|)^ν |q_i|²)

    by alternating between the items with the users held fixed and the users with the items held fixed.

    S: the positives, which are the values from `positive_from` on; w_ui: 1, or of a count its `count_weight`, by
    default ½ + ½ log₂(1 + r_ui / ε), which a few heavy users cannot dominate: the confidence 1 + α log(1 + r / ε) of
    the source with α = 1 in base 2, halved, so that the median count weighs as much as a pair. The second sum is over
    all pairs; α₀: the weight of a pair that says nothing; λ, ν: regularisation, and how it grows with the weights of a
    row; W_u, W_i: sums of the weights of a user and of an item; I, U: all items, all users; p, q: vectors of `rank`
    numbers, first drawn from a normal of σ = init / √rank. It ranks and predicts no ratings.

    How a side is solved: both sides are first turned to the axes of the fixed side's XᵀX, which changes no ŷ and makes
    what all rows have in common, α₀XᵀX, diagonal. Then `conjugate` takes two steps of conjugate gradients for each row
    from its last vector, with that diagonal as the preconditioner; `blocks` solves `block` columns after one another
    (iALS++), exactly from block = rank on. Of equal results `conjugate` costs the least at every rank measured.

    Cold start: a user without positives has the mean vector of those who have some, an item without any scores 0 and is
    listed after all others. New users are folded in by the regression of a user (see ImplicitModel).
    Source: S. Rendle, W. Krichene, L. Zhang, Y. Koren, "Revisiting the Performance of iALS on Item Recommendation
    Benchmarks", RecSys 2022, section 3; confidence of counts: Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering
    for Implicit Feedback Datasets", ICDM 2008, section 4 and equation 6; S. Rendle et al., "iALS++: Speeding up Matrix
    Factorization with Subspace Optimization", 2021; gradients for ALS: G. Takács, I. Pilászy, D. Tikk, "Applications of
    the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering", RecSys 2011 (there without the axes).

    Raises BadData for no positives, and BadHyperparameter for weights of counts with the solver `blocks`.
    """

    name: ClassVar[str] = "ials"
    family: ClassVar[Family] = "factors by equations"
    warm_start_model: ClassVar[str | None] = "a model of the same trainer that is as wide"

    rank: Annotated[int, "length of each vector", Bounds(low=1, high=4096), SearchRange(16, 512, log=True)] = 64
    n_epochs: Annotated[int, "number of epochs; each solves for the items and then for the users", Bounds(low=1)] = 8
    unobserved: Annotated[float, "α₀, weight of an unobserved pair", Bounds(low=0), SearchRange(0.003, 1, log=True)] = (
        0.1
    )
    l2: Annotated[float, "λ, L2 penalty of a vector", Bounds(low=0), SearchRange(3e-3, 3, log=True)] = 0.2
    exponent: Annotated[
        float,
        "ν, exponent by which the penalty grows with the number of ratings of a user or item",
        Bounds(low=0, high=1),
        SearchRange(0, 1),
    ] = 0.5
    solver: Annotated[
        Literal["conjugate", "blocks"], "solver of each vector: conjugate gradients, or blocks of columns (iALS++)"
    ] = "conjugate"
    block: Annotated[int, "number of columns that the solver blocks solves together", Bounds(low=1)] = 32
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


class _TrainingState(ArrayState[IALS]):
    """The ratings by user and by item, each a positive, and the vectors of users and items, of a padded width."""

    def __init__(self, trainer: IALS, ratings: Ratings, resources: ExitStack) -> None:
        from cofactor.kernels import als

        self.trainer, self.ratings, self.n_epochs = trainer, ratings, trainer.n_epochs
        self.rank, self.width = trainer.rank, als.padded(trainer.rank)
        self.weights = trainer.interaction_weights(ratings)
        self.positives = positive_weights(ratings, self.weights)
        weighted = bool((self.positives.data != 1).any())
        targets = np.ones(self.positives.nnz, np.float32) if weighted else self.positives.data
        by_side = self.positives, csr_array(self.positives.T)
        self.by_user, self.by_item = (_Side.of(one, targets, weighted=weighted) for one in by_side)
        self.solve_rows = _solver(trainer, self.width, weighted=weighted)
        sides = self.by_user, self.by_item
        self.users, self.items = (np.zeros((len(side.counts), self.width), np.float32) for side in sides)
        n_threads = useful_threads(trainer.threads, len(ratings) * trainer.rank, WORTH_A_THREAD)
        self.pool = resources.enter_context(RowThreadPool(n_threads))
        self.blas = ThreadpoolController()  # kept: looking for the libraries takes longer than a small epoch

    @classmethod
    def init(cls, trainer: IALS, ratings: Ratings, resources: ExitStack) -> Self:
        state, rng = cls(trainer, ratings, resources), np.random.default_rng(trainer.seed)
        for vectors in (state.users, state.items):
            normal = rng.standard_normal((len(vectors), trainer.rank), np.float32)
            vectors[:, : trainer.rank] = normal * np.float32(trainer.init / np.sqrt(trainer.rank))
        return state

    @classmethod
    def from_model(cls, trainer: IALS, ratings: Ratings, resources: ExitStack, model: WarmStart) -> Self:
        """Zeros for rows without ratings, where a model of users has the mean vector."""
        start = check_warm_start(model, ImplicitModel, trainer.name, trainer.rank, ratings)
        state, rank = cls(trainer, ratings, resources), trainer.rank
        state.users[:, :rank] = start.user_vectors * (state.by_user.counts > 0)[:, None]
        state.items[:, :rank] = start.item_vectors * (state.by_item.counts > 0)[:, None]
        return state

    @property
    def arrays(self) -> dict[str, Array]:
        return {"users": self.users, "items": self.items}

    def step(self, number: int) -> EpochMetrics:
        """Solves for the items, then for the users."""
        self._solve(self.by_item, self.users, self.items)
        self._solve(self.by_user, self.items, self.users)
        self.model = self._copy_to_model()
        objective = partial(implicit_objective, self.model, self.positives)
        return EpochMetrics(objective=objective)

    def _solve(self, side: "_Side", fixed: Floats, solutions: Floats) -> None:
        """All rows of one side, with the vectors of the other side held fixed."""
        from cofactor.kernels.als import Ridge

        trainer = self.trainer
        shared_diagonal = np.float32(trainer.unobserved) * self._rotate(fixed, solutions)
        weight = trainer.l2 * (side.totals + trainer.unobserved * len(fixed)) ** trainer.exponent
        row_weight = np.maximum(weight, MIN_RIDGE).astype(np.float32)
        ridge = Ridge(shared_diagonal, np.ones(self.width, np.float32), row_weight)
        self.pool.map(
            lambda first, last: self.solve_rows(first, last, side, fixed, ridge, solutions), side.partition.bounds
        )

    def _rotate(self, fixed: Floats, solutions: Floats) -> Floats:
        """Rotates both sides to the axes of the fixed one's XᵀX; (width,) that matrix's diagonal, falling."""
        rank = self.rank
        basis = np.zeros((self.width, self.width), np.float32)
        values, axes = self._eigenvectors(fixed[:, :rank])
        basis[:rank, :rank] = axes[:, ::-1]
        for vectors in (fixed, solutions):
            self._multiply(vectors, basis)
        diagonal = np.zeros(self.width, np.float32)
        diagonal[:rank] = np.maximum(values[::-1], 0)
        return diagonal

    def _eigenvectors(self, vectors: Floats) -> tuple[Doubles, Doubles]:
        """(width,) eigenvalues, rising, and (width, width) eigenvectors of XᵀX."""
        bounds = even_bounds(len(vectors), N_PARTS)
        with self.blas.limit(limits=1, user_api="blas"):  # threads of the BLAS within ours would wait for one another
            grams = self.pool.map(lambda first, last: vectors[first:last].T @ vectors[first:last], bounds)
            values, axes = np.linalg.eigh(np.sum(grams, axis=0, dtype=np.float64))
        return values, axes

    def _multiply(self, vectors: Floats, basis: Floats) -> None:
        """X becomes X · basis."""

        def multiply(first: int, last: int) -> None:
            vectors[first:last] = vectors[first:last] @ basis

        with self.blas.limit(limits=1, user_api="blas"):
            self.pool.map(multiply, even_bounds(len(vectors), N_PARTS))

    def to_model(self) -> ImplicitModel:
        return self.model

    def _copy_to_model(self) -> ImplicitModel:
        trainer, counts = self.trainer, self.by_user.counts
        users, items = (vectors[:, : self.rank].copy() for vectors in (self.users, self.items))
        users[counts == 0] = mean_vector(users, counts)
        constants = trainer.unobserved, trainer.l2, trainer.exponent
        return ImplicitModel(self.ratings.training_data, None, users, items, *constants, **asdict(self.weights))


@dataclass(frozen=True, eq=False)
class _Side:
    """The positives of each row of one side, every target 1."""

    partition: PartitionedRows
    weights: Floats  # (nnz,) of the positives; (0,) where all are 1
    totals: Doubles  # (n_rows,) sum of the weights

    @classmethod
    def of(cls, positives: csr_array, targets: Floats, *, weighted: bool) -> Self:
        """targets: (nnz,) ones, of which both sides have the same."""
        partition, weights = PartitionedRows.from_matrix(positives), positives.data
        partition = replace(partition, rows=partition.rows._replace(values=targets))
        if not weighted:
            return cls(partition, weights[:0], partition.counts.astype(np.float64))
        row = np.repeat(np.arange(positives.shape[0], dtype=np.int32), partition.counts)
        totals = np.bincount(row, weights, minlength=positives.shape[0]).astype(np.float64)
        return cls(partition, weights, totals)

    @property
    def counts(self) -> Array:
        """(n_rows,) positives of each row."""
        return self.partition.counts


SolveSide = Callable[[int, int, _Side, Floats, "Ridge", Floats], None]


def _solver(trainer: IALS, width: int, *, weighted: bool) -> SolveSide:
    """The function that solves a range of rows of a side."""
    from cofactor.kernels.als import padded, solve_rows
    from cofactor.kernels.conjugate_gradients import descend_rows

    if trainer.solver == "conjugate":
        return lambda first, last, side, fixed, ridge, solutions: descend_rows(
            first, last, side.partition.rows, side.weights, fixed, ridge, N_STEPS, solutions
        )
    if weighted:
        hint = "use the solver conjugate, or count_weight one"
        raise BadHyperparameter(f"{trainer.name}: the solver blocks takes no weights of counts", hint)
    block = min(width, padded(trainer.block))
    return lambda first, last, side, fixed, ridge, solutions: solve_rows(
        first, last, side.partition.rows, fixed, ridge, block, solutions
    )
