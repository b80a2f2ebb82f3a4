"""EASE: a linear autoencoder of items without a hidden layer, in closed form."""

from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from cofactor.arrays import Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.kernels.sparse_rows import to_sparse_rows
from cofactor.machine import check_memory, cores
from cofactor.models.similarity import SimilarityModel
from cofactor.trainers.base import Family, OneStepTrainer
from cofactor.trainers.interactions.interaction_trainer import InteractionTrainer, positive_rows
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.row_thread_pool import RowThreadPool

ITEMS_PER_PART = 64  # rows of the Gram matrix that a thread counts at a time
SINGULAR = 1e5  # P_jj (XᵀX + λI)_jj = 1 / (1 - R²_j): from here on float32 has not two digits left
TILE = 512  # a square of 1 MiB is mirrored within the cache


@dataclass(frozen=True)
class EASE(InteractionTrainer, OneStepTrainer):
    """score_ui = Σ_{j∈R(u)} x_uj B_ji, with B the minimum of |X - X B|² + λ |B|² of zero diagonal,

        B = I - P diag(1 / diag P),    P = (XᵀX + λ I)⁻¹

    X: (n_users, n_items), 1 at the positives, which are the values from `positive_from` on, or √w of the `count_weight`
    w of a count, by default ½ + ½ log₂(1 + r / ε); 0 elsewhere; λ: `l2`. It ranks and predicts no ratings. P comes from
    a Cholesky factorisation in place, in float32 by one thread (LAPACK's result would depend on how many there are).

    Memory: 4 · n_items² bytes in training, on disk and, mapped, in a running model. Time: n_items³ operations.
    Cold start: a user without positives gets the items with the most; an item without positives scores 0 and is listed
    after all others.
    Source: H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, section 3.1, where X may be real;
    logarithm of counts: C. Manning, P. Raghavan, H. Schütze, "Introduction to Information Retrieval", 2008, section
    6.4.1 (sublinear term frequency).

    Raises BadData for no positives, Unavailable before it starts where the memory is not there, and BadHyperparameter
    where λ is so small that XᵀX + λ I cannot be inverted in float32.
    """

    name: ClassVar[str] = "ease"
    family: ClassVar[Family] = "linear and neighbours"

    l2: Annotated[float, "λ, L2 penalty of the weights", Bounds(low=0), SearchRange(10, 5000, log=True)] = 1000.0
    threads: Annotated[
        int, "number of threads for the Gram matrix, 0 for one per core; it does not change the result", Bounds(low=0)
    ] = 0

    def solve(self, ratings: Ratings) -> SimilarityModel:
        n_items = len(ratings.items)
        check_memory(
            f"ease: a matrix of {n_items:,} × {n_items:,} items", 4 * n_items**2, "train filter or knn instead"
        )
        interaction_weights = self.interaction_weights(ratings)
        weights = gram(positive_rows(ratings, interaction_weights), self.threads or cores())
        weights.flat[:: n_items + 1] += np.float32(self.l2)
        with threadpool_limits(1, "blas"):
            weights = self._solve_in_place(weights)
        return SimilarityModel(ratings.training_data, None, dense=weights, **asdict(interaction_weights))

    def _solve_in_place(self, gram: Floats) -> Floats:
        """B, in the memory of XᵀX + λ I, of which the upper triangle is given."""
        gram_diagonal = gram.diagonal().copy()
        # LAPACK reads by columns: our upper triangle is its lower one
        factor, failed = lapack.spotrf(gram.T, lower=1, clean=0, overwrite_a=1)
        inverse, singular = (factor, 0) if failed else lapack.spotri(factor, lower=1, overwrite_c=1)
        weights: Floats = inverse.T
        diagonal = weights.diagonal().copy()
        if failed or singular or not (diagonal * gram_diagonal < SINGULAR).all():  # NaN is not below it either
            raise BadHyperparameter(f"ease: l2 is {self.l2:g}: XᵀX + λ I cannot be inverted", "raise --l2")
        mirror(weights)
        weights *= -1 / diagonal
        np.fill_diagonal(weights, 0)
        return weights


def gram(positives: csr_array, threads: int) -> Floats:
    """(n_items, n_items) XᵀX of (n_users, n_items) X, in the upper triangle only; below it zeros."""
    from cofactor.kernels.item_similarity import gram_of_items

    n_items = positives.shape[1]
    by_user, by_item = to_sparse_rows(positives), to_sparse_rows(csr_array(positives.T))
    counts = np.zeros((n_items, n_items), dtype=np.float32)
    bounds = [*range(0, n_items, ITEMS_PER_PART), n_items]
    with RowThreadPool(threads) as pool:
        pool.map(lambda first, last: gram_of_items(first, last, by_user, by_item, counts), bounds)
    return counts


def mirror(square: Floats) -> None:
    """Copies the upper triangle to the lower one, square by square."""
    for top in range(0, len(square), TILE):
        rows = slice(top, top + TILE)
        corner = square[rows, rows]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
        for left in range(top + TILE, len(square), TILE):
            columns = slice(left, left + TILE)
            square[columns, rows] = square[rows, columns].T
