"""Item neighbourhoods: what a user thought of the items most like this one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Rows, Times
from cofactor.data.ratings import Ratings, make_csr
from cofactor.errors import BadData
from cofactor.machine import cores
from cofactor.models.base import Model
from cofactor.models.similarity import NeighbourModel, SimilarityModel
from cofactor.models.sparse import index_type
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.snapshot import refuse_snapshot
from cofactor.training.warm_start import refuse_warm_start

PIECES = 64  # ranges of items, of about equal work, that threads take in turn


@dataclass(frozen=True)
class KNN(Trainer):
    """With `pearson-baseline` it predicts ratings, with `cosine` it only ranks:

        r̂_ui = b_ui + Σ_{j∈N(i)∩R(u)} s_ij (r_uj - b_uj) / (λ + Σ_{j∈N(i)∩R(u)} s_ij)        pearson-baseline
        score_ui = Σ_{j∈N(i)∩R(u)} s_ij                                                      cosine

    b_ui = μ + b_u + b_i: the regularised baseline (see Baseline); R(u): the items u rated; N(i): the `n_neighbours`
    items of highest s_ij > 0 among those that `min_support` users at least rated beside i. With n_ij such users,

        s_ij = (ρ_ij · n_ij / (n_ij + shrinkage))^sharpness                                 pearson-baseline
        s_ij = ρ_ij · n_ij / (n_ij + shrinkage)                                             cosine

    where ρ_ij is Σ_u x_ui x_uj / √(Σ_u x_ui² Σ_u x_uj²), in pearson-baseline of x_ui = r_ui - b_ui over the users of
    both, in cosine of x_ui = 1 over all users of either.

    Memory: the ratings twice, 16 · n_items · n_neighbours bytes, and 20 · n_items a thread; never items × items.
    Cold start: a user or item without training ratings has a bias of 0 and no neighbours, so r̂ is the baseline; of
    cosine, a user without ratings gets the most rated items and an item without scores 0.
    Source: Y. Koren, "Factor in the Neighbors", TKDD 4(1), 2010, with n_ij instead of n_ij - 1 and, in place of the
    neighbours nearest among R(u), all that are kept; λ: R. Bell, Y. Koren, "Improved Neighborhood-based Collaborative
    Filtering", KDD Cup 2007; cosine: M. Deshpande, G. Karypis, "Item-Based Top-N Recommendation Algorithms", TOIS
    22(1), 2004.

    Raises BadData for no ratings.
    """

    name: ClassVar[str] = "knn"

    similarity: Annotated[Literal["pearson-baseline", "cosine"], "what makes items alike"] = "pearson-baseline"
    n_neighbours: Annotated[int, "neighbours kept of each item", Bounds(low=1), SearchRange(20, 1000, log=True)] = 200
    shrinkage: Annotated[
        float, "users' worth of pull of a similarity towards zero", Bounds(low=0), SearchRange(1, 300, log=True)
    ] = 100.0
    sharpness: Annotated[float, "power of the similarities of pearson-baseline", Bounds(low=0), SearchRange(0.5, 4)] = (
        2.5
    )
    min_support: Annotated[int, "users two neighbours have in common, at least", Bounds(low=1), SearchRange(1, 10)] = 1
    pull: Annotated[float, "λ, pull of a prediction towards the baseline", Bounds(low=0), SearchRange(0, 0.2)] = 0.02
    user_l2: Annotated[
        float, "pull of a user's bias towards zero, in ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 5.0
    item_l2: Annotated[
        float, "pull of an item's bias towards zero, in ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 3.0
    threads: Annotated[int, "threads, 0 for one a core; the result is the same", Bounds(low=0)] = 0

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        refuse_warm_start(self.name, warm_start)
        refuse_snapshot(self.name, resume)
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        training_data = ratings.training_data
        if self.similarity == "cosine":
            weights = self._weights(ratings, np.ones(len(ratings), np.float32), 1.0, whole_norms=True)
            model: Model = SimilarityModel(training_data, None, None, *weights)
        else:
            baseline = Baseline(self.user_l2, self.item_l2).fit(ratings)
            residual = ratings.value - baseline.pair_scores(ratings.user, ratings.item)
            weights = self._weights(ratings, residual, self.sharpness, whole_norms=False)
            arrays = baseline.arrays()
            mean, item_bias = float(arrays["mean"]), arrays["item_bias"]
            model = NeighbourModel(
                training_data, ratings.scale, mean, item_bias, float(self.user_l2), float(self.pull), *weights
            )
        yield Epoch(1, 1, model, train_rmse=None)

    def _weights(
        self, ratings: Ratings, x: Floats, sharpness: float, *, whole_norms: bool
    ) -> tuple[Array, Array, Floats]:
        """Row starts, columns and values of s_ij in row j and column i."""
        n_users, n_items = len(ratings.users), len(ratings.items)
        by_user = make_csr(ratings.user, ratings.item, x, (n_users, n_items))
        by_item = make_csr(ratings.item, ratings.user, x, (n_items, n_users))
        norms = np.sqrt(np.bincount(ratings.item, minlength=n_items)) if whole_norms else np.empty(0)
        columns, values = self._neighbours(by_user, by_item, norms.astype(np.float32))
        kept = columns >= 0
        of = np.broadcast_to(np.arange(n_items, dtype=np.int32)[:, None], columns.shape)
        alike = values[kept] ** np.float32(sharpness)
        matrix = make_csr(columns[kept], of[kept], alike, (n_items, n_items))
        index = index_type(matrix.nnz)
        return matrix.indptr.astype(index), matrix.indices.astype(index), matrix.data

    def _neighbours(self, by_user: csr_array, by_item: csr_array, norms: Floats) -> tuple[Rows, Floats]:
        """(n_items, k) neighbours of each item in no order, -1 where there are fewer, and their similarities."""
        from cofactor.kernels.items import neighbours

        n_items = by_item.shape[0]
        k = min(self.n_neighbours, max(1, n_items - 1))
        columns, values = np.empty((n_items, k), np.int32), np.empty((n_items, k), np.float32)
        lists, item_lists = _lists(by_user), _lists(by_item)
        constants = norms, float(self.shrinkage), self.min_support

        def find(first: int, last: int) -> None:
            neighbours(first, last, *lists, *item_lists, *constants, columns, values)

        bounds = pieces(by_user, by_item)
        with ThreadPoolExecutor(self.threads or cores()) as pool:
            list(pool.map(find, bounds[:-1], bounds[1:]))
        return columns, values


def _lists(matrix: csr_array) -> tuple[Times, Rows, Floats]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data


def pieces(by_user: csr_array, by_item: csr_array) -> list[int]:
    """Bounds of `PIECES` ranges of items that meet about equally many ratings of their users."""
    met: Array = np.append(0, np.cumsum(np.diff(by_user.indptr)[by_item.indices]))[by_item.indptr]
    inner: list[int] = np.searchsorted(met, np.linspace(0, met[-1], PIECES + 1)[1:-1]).tolist()
    return [0, *inner, by_item.shape[0]]
