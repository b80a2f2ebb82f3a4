"""A graph filter in closed form: what people with the same items have, less of what everybody has."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
from scipy.linalg import qr
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from cofactor.arrays import Doubles, Floats
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData
from cofactor.models.base import Model
from cofactor.models.filter import FilterModel
from cofactor.trainers.base import Bounds, Epoch, Search, Trainer
from cofactor.trainers.threads import cores

MORE = 32  # vectors carried beside those wanted, which speeds their convergence
NOTHING = 1e-5  # share of the largest eigenvalue below which float32 cannot tell one from 0
PIECES = 16  # ranges of rows that threads multiply in turn


@dataclass(frozen=True)
class Filter(Trainer):
    """s_u = x_u D^-b f(R̃ᵀR̃) D^b,    R̃ = C^-a X D^-b,    with f, on an eigenvalue λ of R̃ᵀR̃ and l = λ/λ_1,

        f(λ) = λ_1 (l + α) exp(-τ l)    for the `rank` largest eigenvalues,    f(λ) = λ    for the others

    X: (n_users, n_items), 1 where there is a rating, whatever its value, else 0; x_u: a row of it; C, D: the diagonal
    matrices of the users' and the items' numbers of ratings. λ is two steps over the graph of users and items (a blur),
    α an ideal low-pass filter, and exp(-τ l) sharpens: it takes away what everybody has. a = b = ½, τ = 0 is the filter
    of GF-CF but for its D^-b and D^b, which it has on the second term only; exp(-τ R̃ᵀR̃) is the sharpening of BSPM,
    here exact, and 1 beyond the leading eigenvalues, where l is small. It ranks and predicts no ratings.

    The eigenvectors come from subspace iteration. Memory: the ratings three times, and (3 · n_items + n_users) · rank
    numbers; never items × items.
    Cold start: a user without training ratings gets the most rated items; an item without training ratings scores 0.
    Source: Y. Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM 2021, equation 19 (GF-CF);
    J. Choi et al., "Blurring-Sharpening Process Models for Collaborative Filtering", SIGIR 2023, equations 6 to 9.

    Raises BadData for no ratings.
    """

    name: ClassVar[str] = "filter"

    rank: Annotated[int, "leading eigenvectors", Bounds(least=0, most=4096), Search(64, 1024, log=True)] = 384
    user_power: Annotated[float, "a, how little a user with many ratings counts", Bounds(least=0), Search(0.1, 0.6)] = (
        0.4
    )
    item_power: Annotated[
        float, "b, how little an item with many ratings counts", Bounds(least=0), Search(0.1, 0.6)
    ] = 0.3
    low_pass: Annotated[float, "α, weight of the leading eigenvectors alone", Bounds(least=0), Search(0, 0.5)] = 0.2
    sharpening: Annotated[float, "τ, how much the leading eigenvectors lose", Bounds(least=0), Search(0, 4)] = 1.5
    sweeps: Annotated[int, "iterations for the eigenvectors", Bounds(least=1), Search(2, 10)] = 3
    seed: Annotated[int, "of the vectors that the iteration starts from", Bounds(least=0)] = 0
    threads: Annotated[int, "threads, 0 for one a core; the result is the same", Bounds(least=0)] = 0

    def epochs(self, ratings: Ratings, resume: Model | None = None) -> Iterator[Epoch]:
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        graph = self._normalised(ratings)
        rank = min(self.rank, *graph.shape)
        values, vectors = leading(graph, rank, self.sweeps, self.seed, self.threads or cores())
        largest = max(float(values.max(initial=0)), 1e-30)
        share = values / largest
        gains = largest * ((share + self.low_pass) * np.exp(-self.sharpening * share) - share)
        gains[share < NOTHING] = 0
        powers = float(self.user_power), float(self.item_power)
        model = FilterModel(ratings.catalog, None, *powers, vectors, gains.astype(np.float32))
        yield Epoch(1, 1, model, train_rmse=None)

    def _normalised(self, ratings: Ratings) -> csr_array:
        """(n_users, n_items) R̃."""
        catalog = ratings.catalog
        user, item = (np.maximum(n, 1).astype(np.float64) for n in (catalog.user_counts, catalog.item_counts))
        history = catalog.history
        edges = np.repeat(user**-self.user_power, catalog.user_counts) * (item**-self.item_power)[history.indices]
        return csr_array((edges.astype(np.float32), history.indices, history.indptr), shape=history.shape)


def leading(graph: csr_array, rank: int, sweeps: int, seed: int, threads: int) -> tuple[Doubles, Floats]:
    """The (rank,) largest eigenvalues of XᵀX of a sparse (m, n) X, falling, and their (n, rank) eigenvectors.

    Subspace iteration: Q ← orth(Xᵀ(X Q)) from random vectors, then the eigenvectors of QᵀXᵀX Q. Its error in an
    eigenvalue λ falls by (λ_next / λ)^(2 · sweeps + 1), with λ_next the first beyond those carried.
    """
    width = min(rank + MORE, *graph.shape)
    basis = np.random.default_rng(seed).standard_normal((graph.shape[1], width), dtype=np.float32)
    there, back = _pieces(graph), _pieces(csr_array(graph.T))
    with ThreadPoolExecutor(threads) as pool, threadpool_limits(1, "blas"):
        for _ in range(sweeps):
            basis = _times(back, _times(there, basis, pool), pool)
            basis = qr(basis, mode="economic", overwrite_a=True, check_finite=False)[0]
        image = _times(there, basis, pool)
        values, turn = np.linalg.eigh((image.T @ image).astype(np.float64))
        largest = np.argsort(-values, kind="stable")[:rank]
        vectors: Floats = basis @ turn[:, largest].astype(np.float32)
    return np.maximum(values[largest], 0), vectors


def _pieces(matrix: csr_array) -> list[csr_array]:
    """Ranges of rows with about equally many numbers."""
    inner = np.searchsorted(matrix.indptr, np.linspace(0, matrix.nnz, PIECES + 1)[1:-1])
    bounds = np.unique([0, *inner, matrix.shape[0]])
    return [matrix[first:last] for first, last in pairwise(bounds)]


def _times(pieces: list[csr_array], vectors: Floats, pool: ThreadPoolExecutor) -> Floats:
    return np.concatenate(list(pool.map(lambda piece: piece @ vectors, pieces)))
