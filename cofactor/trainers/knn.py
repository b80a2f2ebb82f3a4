"""Item neighbourhoods: predicts from the ratings that a user gave to the most similar items."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats
from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings, make_csr
from cofactor.errors import BadHyperparameter
from cofactor.kernels.sparse_rows import to_sparse_rows
from cofactor.machine import cores
from cofactor.models.base import Model
from cofactor.models.similarity import NeighbourModel, SimilarityModel
from cofactor.models.sparse import index_type
from cofactor.row_blocks import equal_cost_bounds
from cofactor.trainers.base import Family, OneStepTrainer
from cofactor.trainers.baseline import fit_baseline
from cofactor.trainers.interactions.interaction_trainer import InteractionTrainer
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.row_thread_pool import RowThreadPool

if TYPE_CHECKING:
    from cofactor.kernels.item_similarity import Neighbours

N_PARTS = 64  # of the items, of about equal work, for threads


@dataclass(frozen=True)
class KNN(InteractionTrainer, OneStepTrainer):
    """With `pearson-baseline` it predicts ratings, with `cosine` it only ranks; of counts and pairs, which are no
    ratings, the similarity is `cosine` in any case:

        r̂_ui = b_ui + Σ_{j∈N(i)∩R(u)} s_ij (r_uj - b_uj) / (λ + Σ_{j∈N(i)∩R(u)} s_ij)        pearson-baseline
        score_ui = Σ_{j∈N(i)∩R(u)} x_uj s_ij                                                 cosine

    b_ui = μ + b_u + b_i: the regularised baseline (see Baseline); R(u): the items u rated; N(i): the `n_neighbours`
    items of highest s_ij > 0 among those that `min_support` users at least rated beside i. With n_ij such users,

        s_ij = (ρ_ij · n_ij / (n_ij + shrinkage))^sharpness                                 pearson-baseline
        s_ij = ρ_ij · n_ij / (n_ij + shrinkage)                                             cosine

    where ρ_ij is Σ_u x_ui x_uj / √(Σ_u x_ui² Σ_u x_uj²), in pearson-baseline of x_ui = r_ui - b_ui over the users of
    both, in cosine over all users of either. There x_ui is 1 at the positives, which are the values from
    `positive_from` on, or √w of the `count_weight` w of a count, by default ½ + ½ log₂(1 + r / ε); it is 0
    elsewhere.

    Memory: the ratings twice, 16 · n_items · n_neighbours bytes, and 20 · n_items a thread; never items × items.
    Cold start: a user or item without training ratings has a bias of 0 and no neighbours, so r̂ is the baseline; of
    cosine, a user without positives gets the items with the most, and an item without positives scores 0 and is
    listed after all others.
    Source: Y. Koren, "Factor in the Neighbors", TKDD 4(1), 2010, with n_ij instead of n_ij - 1 and, in place of the
    neighbours nearest among R(u), all that are kept; λ: R. Bell, Y. Koren, "Improved Neighborhood-based Collaborative
    Filtering", KDD Cup 2007; cosine: M. Deshpande, G. Karypis, "Item-Based Top-N Recommendation Algorithms", TOIS
    22(1), 2004.

    Raises BadData for no ratings, or no positives.
    """

    name: ClassVar[str] = "knn"
    family: ClassVar[Family] = "linear and neighbours"

    similarity: Annotated[
        Literal["pearson-baseline", "cosine"], "similarity of two items; of counts and pairs it is cosine"
    ] = "pearson-baseline"
    n_neighbours: Annotated[
        int, "number of neighbours kept for each item", Bounds(low=1), SearchRange(20, 1000, log=True)
    ] = 200
    shrinkage: Annotated[
        float, "shrinkage of a similarity, as a number of users", Bounds(low=0), SearchRange(1, 300, log=True)
    ] = 100.0
    sharpness: Annotated[
        float, "exponent of the similarities of pearson-baseline", Bounds(low=0), SearchRange(0.5, 4)
    ] = 2.5
    min_support: Annotated[
        int, "minimum number of users who rated both of two neighbours", Bounds(low=1), SearchRange(1, 10)
    ] = 1
    pull: Annotated[float, "λ, shrinkage of a prediction towards the baseline", Bounds(low=0), SearchRange(0, 0.2)] = (
        0.02
    )
    user_l2: Annotated[
        float, "shrinkage of a user's bias, as a number of ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 5.0
    item_l2: Annotated[
        float, "shrinkage of an item's bias, as a number of ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 3.0
    threads: Annotated[int, "number of threads, 0 for one per core; it does not change the result", Bounds(low=0)] = 0

    def only_ranks(self, kind: Kind) -> bool:
        return self.similarity == "cosine" or kind != "ratings"

    def select_positives(self, train: Ratings, held_out: Ratings) -> Ratings:
        return super().select_positives(train, held_out) if self.only_ranks(train.kind) else held_out

    def training_note(self, ratings: Ratings) -> str | None:
        if not self.only_ranks(ratings.kind):
            return None
        note = super().training_note(ratings)
        if self.similarity == "cosine":
            return note
        return "; ".join(
            (f"{ratings.kind} are no ratings, so {self.name} uses the similarity cosine", *filter(None, [note]))
        )

    def solve(self, ratings: Ratings) -> Model:
        if self.only_ranks(ratings.kind):
            return self._cosine(ratings)
        if self.positive_from is not None:
            hint = "use the similarity cosine, or leave positive_from out"
            raise BadHyperparameter(f"{self.name}: positive_from has no effect on pearson-baseline", hint)
        return self._pearson_baseline(ratings)

    def _cosine(self, ratings: Ratings) -> SimilarityModel:
        interaction_weights = self.interaction_weights(ratings)
        x = interaction_weights.compute_roots(ratings.value)
        positives = ratings.where(x > 0)
        x = x[x > 0]
        squares = np.bincount(positives.item, x.astype(np.float64) ** 2, minlength=len(ratings.items))
        weights = self._weights(positives, x, np.sqrt(squares).astype(np.float32), sharpness=1.0)
        return SimilarityModel(ratings.training_data, None, None, *weights, **asdict(interaction_weights))

    def _pearson_baseline(self, ratings: Ratings) -> NeighbourModel:
        baseline = fit_baseline(ratings, self.user_l2, self.item_l2)
        residual = ratings.value - baseline.score_pair_rows(ratings.user, ratings.item)
        weights = self._weights(ratings, residual, np.empty(0, np.float32), self.sharpness)
        mean, item_bias = baseline.mean, baseline.item_bias
        constants = mean, item_bias, float(self.user_l2), float(self.pull)
        return NeighbourModel(ratings.training_data, ratings.scale, *constants, *weights)

    def _weights(self, ratings: Ratings, x: Floats, norms: Floats, sharpness: float) -> tuple[Array, Array, Floats]:
        """Row starts, columns and values of s_ij in row j and column i; norms: as in the kernel's `Similarity`."""
        n_users, n_items = len(ratings.users), len(ratings.items)
        by_user = make_csr(ratings.user, ratings.item, x, (n_users, n_items))
        by_item = make_csr(ratings.item, ratings.user, x, (n_items, n_users))
        columns, values = self._neighbours(by_user, by_item, norms)
        kept = columns >= 0
        item = np.broadcast_to(np.arange(n_items, dtype=np.int32)[:, None], columns.shape)
        matrix = make_csr(columns[kept], item[kept], values[kept] ** np.float32(sharpness), (n_items, n_items))
        index = index_type(matrix.nnz)
        return matrix.indptr.astype(index), matrix.indices.astype(index), matrix.data

    def _neighbours(self, by_user: csr_array, by_item: csr_array, norms: Floats) -> "Neighbours":
        from cofactor.kernels.item_similarity import Neighbours, Similarity, find_neighbours

        n_items = by_item.shape[0]
        k = min(self.n_neighbours, max(1, n_items - 1))
        found = Neighbours(np.empty((n_items, k), np.int32), np.empty((n_items, k), np.float32))
        users, items = to_sparse_rows(by_user), to_sparse_rows(by_item)
        similarity = Similarity(norms, float(self.shrinkage), self.min_support)
        with RowThreadPool(self.threads or cores()) as pool:
            pool.map(
                lambda first, last: find_neighbours(first, last, users, items, similarity, found),
                equal_cost_bounds(item_costs(by_user, by_item), N_PARTS),
            )
        return found


def item_costs(by_user: csr_array, by_item: csr_array) -> Array:
    """(n_items,) how many ratings the users of each item have."""
    total = np.append(0, np.cumsum(np.diff(by_user.indptr)[by_item.indices]))
    costs: Array = np.diff(total[by_item.indptr])
    return costs
