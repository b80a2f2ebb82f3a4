"""EASE: a linear autoencoder without hidden layer, in closed form."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from cofactor.arrays import Floats, Rows, Times
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter
from cofactor.machine import check_memory, cores
from cofactor.models.similarity import SimilarityModel
from cofactor.trainers.base import Trainer
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.snapshot import refuse_snapshot
from cofactor.training.warm_start import refuse_warm_start

ITEMS_A_PIECE = 64  # rows of the Gram matrix that a thread counts at a time
SINGULAR = 1e5  # P_jj (XᵀX + λI)_jj = 1 / (1 - R²_j): from here on float32 has not two digits left
TILE = 512  # a square of 1 MiB is mirrored within the cache


@dataclass(frozen=True)
class EASE(Trainer):
    """score_ui = Σ_{j∈R(u)} B_ji, with B the minimum of |X - X B|² + λ |B|² of zero diagonal,

        B = I - P diag(1 / diag P),    P = (XᵀX + λ I)⁻¹

    X: (n_users, n_items), 1 where there is a rating, whatever its value, else 0; λ: `l2`. It ranks and predicts no
    ratings. P comes from a Cholesky factorisation in place, in float32 by one thread (LAPACK's result would depend on
    how many there are).

    Memory: 4 · n_items² bytes in training, on disk and, mapped, in a running model. Time: n_items³ operations.
    Cold start: a user without training ratings gets the most rated items; an item without training ratings scores 0.
    Source: H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, section 3.1.

    Raises BadData for no ratings, Unavailable before it starts where the memory is not there, and BadHyperparameter
    where λ is so small that XᵀX + λ I cannot be inverted in float32.
    """

    name: ClassVar[str] = "ease"

    l2: Annotated[float, "λ, pull of the weights towards zero", Bounds(low=0), SearchRange(10, 5000, log=True)] = 1000.0
    threads: Annotated[int, "threads that count, 0 for one a core; the result is the same", Bounds(low=0)] = 0

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        refuse_warm_start(self.name, warm_start)
        refuse_snapshot(self.name, resume)
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        n_items = len(ratings.items)
        check_memory(
            f"ease: a matrix of {n_items:,} × {n_items:,} items", 4 * n_items**2, "train filter or knn instead"
        )
        weights = gram(ratings, self.threads or cores())
        weights.flat[:: n_items + 1] += np.float32(self.l2)
        with threadpool_limits(1, "blas"):
            weights = self._solved(weights)
        yield Epoch(1, 1, SimilarityModel(ratings.training_data, None, dense=weights), train_rmse=None)

    def _solved(self, gram: Floats) -> Floats:
        """B from XᵀX + λ I, of which the upper triangle is given, in its place."""
        alone = gram.diagonal().copy()
        # LAPACK reads by columns: our upper triangle is its lower one
        factor, failed = lapack.spotrf(gram.T, lower=1, clean=0, overwrite_a=1)
        inverse, singular = (factor, 0) if failed else lapack.spotri(factor, lower=1, overwrite_c=1)
        weights: Floats = inverse.T
        diagonal = weights.diagonal().copy()
        if failed or singular or not (diagonal * alone < SINGULAR).all():  # NaN is not below it either
            raise BadHyperparameter(f"ease: l2 is {self.l2:g}: XᵀX + λ I cannot be inverted", "raise --l2")
        mirror(weights)
        weights *= -1 / diagonal
        np.fill_diagonal(weights, 0)
        return weights


def gram(ratings: Ratings, threads: int) -> Floats:
    """(n_items, n_items) XᵀX, in the upper triangle only; below it zeros."""
    from cofactor.kernels.items import count_together

    n_items = len(ratings.items)
    starts, items = _lists(ratings.training_data.interactions)
    item_starts, users = _lists(ratings.by_item())
    counts = np.zeros((n_items, n_items), dtype=np.float32)

    def count(first: int) -> None:
        count_together(first, min(first + ITEMS_A_PIECE, n_items), starts, items, item_starts, users, counts)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(count, range(0, n_items, ITEMS_A_PIECE)))
    return counts


def _lists(matrix: csr_array) -> tuple[Times, Rows]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)


def mirror(square: Floats) -> None:
    """Copies the upper triangle to the lower one, square by square."""
    for top in range(0, len(square), TILE):
        rows = slice(top, top + TILE)
        corner = square[rows, rows]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
        for left in range(top + TILE, len(square), TILE):
            columns = slice(left, left + TILE)
            square[columns, rows] = square[rows, columns].T
