"""A graph filter in closed form, which scores items by co-occurrence and attenuates general popularity."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
from scipy.linalg import qr
from scipy.sparse import csr_array, vstack
from threadpoolctl import threadpool_limits

from cofactor.arrays import Array, Doubles, Floats
from cofactor.data.ratings import Ratings
from cofactor.machine import cores
from cofactor.models.filter import FilterModel
from cofactor.models.sparse import index_type, with_values
from cofactor.row_blocks import equal_cost_bounds
from cofactor.trainers.base import Family, OneStepTrainer
from cofactor.trainers.interactions.interaction_trainer import InteractionTrainer, positive_rows
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.row_thread_pool import RowThreadPool

N_EXTRA = 32  # vectors iterated beside those wanted, which speeds their convergence
LEAST_SHARE = 1e-5  # share of the largest eigenvalue below which float32 cannot tell one from 0
MAX_PAIRS = 1 << 24
N_PARTS = 16  # of the rows, for threads


@dataclass(frozen=True)
class Filter(InteractionTrainer, OneStepTrainer):
    """s_u = x_u D^-b f(R̃ᵀR̃) D^b,    R̃ = C^-a X D^-b,    with f, on an eigenvalue λ of R̃ᵀR̃ and l = λ/λ_1,

        f(λ) = λ_1 (l + α) exp(-τ l)    for the `rank` largest eigenvalues,    f(λ) = λ    for the others

    X: (n_users, n_items), 1 at the positives, which are the values from `positive_from` on, or √w of the `count_weight`
    w of a count, by default ½ + ½ log₂(1 + r / ε); 0 elsewhere; x_u: a row of it; C, D: the diagonal matrices of the
    sums of its rows and of its columns, as the degrees of a weighted graph. λ is two steps over the graph of users and
    items (a blur), α an ideal low-pass filter, and exp(-τ l) sharpens: it takes away what everybody has. a = b = ½, τ =
    0 is the filter of GF-CF but for its D^-b and D^b, which it has on the second term only; exp(-τ R̃ᵀR̃) is the
    sharpening of BSPM, here exact, and 1 beyond the leading eigenvalues, where l is small. It ranks and predicts no
    ratings.

    The eigenvectors come from subspace iteration. Memory: the ratings three times, and (3 · n_items + n_users) · rank
    numbers. Xᵀ C^-2a X is kept, sparse, where it has at most 2²⁴ entries (128 MiB) or as many as there are ratings: a
    user's scores then cost a row of it for each rating; else it is never formed, and they cost a walk over the graph.
    Cold start: a user without positives gets the items with the most; an item without positives scores 0 and is listed
    after all others.
    Source: Y. Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM 2021 (GF-CF);
    J. Choi et al., "Blurring-Sharpening Process Models for Collaborative Filtering", SIGIR 2023 (BSPM).

    Raises BadData for no positives.
    """

    name: ClassVar[str] = "filter"
    family: ClassVar[Family] = "linear and neighbours"

    rank: Annotated[int, "number of leading eigenvectors", Bounds(low=0, high=4096), SearchRange(32, 512, log=True)] = (
        64
    )
    user_power: Annotated[
        float, "a, exponent by which users with many ratings are weighted down", Bounds(low=0), SearchRange(0.1, 0.6)
    ] = 0.3
    item_power: Annotated[
        float, "b, exponent by which items with many ratings are weighted down", Bounds(low=0), SearchRange(0.1, 0.6)
    ] = 0.35
    low_pass: Annotated[float, "α, weight of an ideal low-pass filter", Bounds(low=0), SearchRange(0, 0.5)] = 0.05
    sharpening: Annotated[float, "τ, attenuation of the leading eigenvectors", Bounds(low=0), SearchRange(0, 4)] = 2.0
    sweeps: Annotated[int, "number of subspace iterations for the eigenvectors", Bounds(low=1)] = 4
    seed: Annotated[int, "random seed for the vectors that the iteration starts from", Bounds(low=0)] = 0
    threads: Annotated[int, "number of threads, 0 for one per core; it does not change the result", Bounds(low=0)] = 0

    def solve(self, ratings: Ratings) -> FilterModel:
        weights = self.interaction_weights(ratings)
        positives = positive_rows(ratings, weights)
        graph = self._normalised(positives)
        rank = min(self.rank, *graph.shape)
        values, vectors = leading_eigenvectors(graph, rank, self.sweeps, self.seed, self.threads or cores())
        largest = max(float(values.max(initial=0)), 1e-30)
        share = values / largest
        gains = largest * ((share + self.low_pass) * np.exp(-self.sharpening * share) - share)
        gains[share < LEAST_SHARE] = 0
        powers = float(self.user_power), float(self.item_power)
        pairs = item_pairs(positives, self.user_power, limit=max(MAX_PAIRS, len(ratings)))
        arrays = vectors, gains.astype(np.float32), *pairs
        return FilterModel(ratings.training_data, None, *powers, *arrays, **asdict(weights))

    def _normalised(self, positives: csr_array) -> csr_array:
        """(n_users, n_items) R̃."""
        item = np.bincount(positives.indices, positives.data, minlength=positives.shape[1])
        item = np.where(item > 0, item, 1)
        edges = np.repeat(user_degrees(positives) ** -self.user_power, np.diff(positives.indptr))
        edges = edges * (item**-self.item_power)[positives.indices] * positives.data
        return with_values(positives, edges.astype(np.float32))


def leading_eigenvectors(graph: csr_array, rank: int, sweeps: int, seed: int, threads: int) -> tuple[Doubles, Floats]:
    """The (rank,) largest eigenvalues of XᵀX of a sparse (m, n) X, falling, and their (n, rank) eigenvectors.

    Subspace iteration: Q ← orth(Xᵀ(X Q)) from random vectors, then the eigenvectors of QᵀXᵀX Q. Its error in an
    eigenvalue λ falls by (λ_next / λ)^(2 · sweeps + 1), with λ_next the first beyond those carried.
    """
    width = min(rank + N_EXTRA, *graph.shape)
    basis = np.random.default_rng(seed).standard_normal((graph.shape[1], width), dtype=np.float32)
    parts, transposed_parts = row_parts(graph), row_parts(csr_array(graph.T))
    with RowThreadPool(threads) as pool, threadpool_limits(1, "blas"):
        for _ in range(sweeps):
            basis = _multiply(transposed_parts, _multiply(parts, basis, pool), pool)
            basis = qr(basis, mode="economic", overwrite_a=True, check_finite=False)[0]
        image = _multiply(parts, basis, pool)
        values, rotation = np.linalg.eigh((image.T @ image).astype(np.float64))
        largest = np.argsort(-values, kind="stable")[:rank]
        vectors: Floats = basis @ rotation[:, largest].astype(np.float32)
    return np.maximum(values[largest], 0), vectors


def user_degrees(positives: csr_array) -> Doubles:
    """(n_users,) diagonal of C; 1 for a user without positives, who has no edges."""
    row = np.repeat(np.arange(positives.shape[0]), np.diff(positives.indptr))
    degrees = np.bincount(row, positives.data, minlength=positives.shape[0])
    return np.where(degrees > 0, degrees, 1)


def item_pairs(positives: csr_array, user_power: float, limit: int) -> tuple[Array, Array, Floats] | tuple[()]:
    """Row starts, columns and values of Xᵀ C^-2a X; nothing where it has more than `limit` entries."""
    each = user_degrees(positives).astype(np.float32) ** np.float32(-2 * user_power)
    edges = with_values(positives, np.repeat(each, np.diff(positives.indptr)) * positives.data)
    found, n_found = [], 0
    for part in row_parts(csr_array(positives.T)):
        found.append(part @ edges)
        n_found += found[-1].nnz
        if n_found > limit:
            return ()
    table = csr_array(vstack(found, format="csr"))
    table.sort_indices()
    index = index_type(table.nnz)
    return table.indptr.astype(index), table.indices.astype(index), table.data


def row_parts(matrix: csr_array) -> list[csr_array]:
    """The matrix in parts of successive rows with about equally many entries."""
    bounds = equal_cost_bounds(np.diff(matrix.indptr), N_PARTS)
    return [matrix[first:last] for first, last in pairwise(bounds) if first < last]


def _multiply(parts: list[csr_array], vectors: Floats, pool: RowThreadPool) -> Floats:
    return np.concatenate(pool.map(lambda part, _: parts[part] @ vectors, range(len(parts) + 1)))
