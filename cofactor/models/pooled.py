"""Models of users by the set of items they rated: r̂ = μ + b_u + b_i + q_i · (p_u + |R(u)|^-½ Σ y_j)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.models.factor import FactorModel


@dataclass(frozen=True, eq=False)
class PooledFactorModel(FactorModel):
    """r̂_ui = μ + b_u + b_i + q_i · (p_u + |R(u)|^-½ Σ_{j∈R(u)} y_j). The model of SVD++.

    `user_vectors` are the sums in brackets. R(u): the items that u rated in training; if there are more than `most`,
    those with the fewest training ratings (ties: the lower row first).
    Cold start: as for FactorModel, but the ridge regression for a history h shrinks towards the pooled vector
    x = |R(h)|^-½ Σ_{j∈R(h)} y_j,

        min over b, v  Σ_{i∈h} (r_i - μ - b_i - b - v · q_i)² + |h| (λ_b b² + λ_p |v - x|²)
    """

    kind: ClassVar[str] = "pooled-factor"

    set_vectors: Floats  # (n_items, rank) y
    most: float  # maximum number of pooled ratings of a history

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {**super().shapes(n_users, n_items), "set_vectors": (n_items, "rank"), "most": ()}

    def pooled_vectors(self, histories: csr_array) -> Floats:
        """(m, rank) pooled vectors |R(h)|^-½ Σ_{j∈R(h)} y_j of (m, n_items) histories; zeros for an empty one."""
        inside = pooled_ratings(histories, self.training_data.item_counts, self.most)
        lengths = np.diff(histories.indptr)
        weights = np.repeat(_weights(np.minimum(lengths, self.most)), lengths) * inside
        summed: Floats = csr_array((weights, histories.indices, histories.indptr), histories.shape) @ self.set_vectors
        return summed

    def pooled_vectors_without_each(self, history: csr_array) -> Doubles:
        """(h, rank) pooled vectors of a (1, n_items) history without each of its h ratings."""
        y, n = self.set_vectors[history.indices].astype(np.float64), min(history.nnz, int(self.most))
        order = _rarest_first(history, self.training_data.item_counts)
        sums = np.repeat(y[order[:n]].sum(axis=0)[None], history.nnz, axis=0)
        sums[order[:n]] -= y[order[:n]]
        sums[order[:n]] += y[order[n : n + 1]].sum(axis=0)  # the item that takes its place, if there is one
        without: Doubles = sums * _weights(np.array(min(history.nnz - 1, n)))
        return without

    def _centres(self, histories: csr_array) -> Doubles:
        return _without_bias(self.pooled_vectors(histories))

    def _centres_without_one(self, history: csr_array) -> Doubles:
        return _without_bias(self.pooled_vectors_without_each(history))


@dataclass(frozen=True, eq=False)
class PooledModel(PooledFactorModel):
    """PooledFactorModel with p = 0: r̂_ui = μ + b_u + b_i + q_i · |R(u)|^-½ Σ_{j∈R(u)} y_j. The model of NSVD.

    Cold start: as for FactorModel, but only the bias of a user with a history h is estimated,

        b = Σ_{i∈h} (r_i - μ - b_i - x · q_i) / (|h| (1 + λ_b)),    x = |R(h)|^-½ Σ_{j∈R(h)} y_j

    and `vector_l2` is not used.
    """

    kind: ClassVar[str] = "pooled"

    def fold_in_vectors(self, histories: csr_array) -> tuple[Floats, Floats]:
        lengths, vectors = np.diff(histories.indptr), self.pooled_vectors(histories)
        user = np.repeat(np.arange(len(lengths)), lengths)
        residuals = np.bincount(user, self._residuals(histories), minlength=len(lengths))
        ones = np.ones(histories.nnz, dtype=np.float32)
        rated: Floats = csr_array((ones, histories.indices, histories.indptr), histories.shape) @ self.item_vectors
        bias = (residuals - np.vecdot(vectors, rated)) / self._weight_of_bias(lengths)
        return bias.astype(np.float32), vectors

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, from the sums over the history without each rating."""
        vector, without = self.pooled_vectors(history)[0].astype(np.float64), self.pooled_vectors_without_each(history)
        q, residuals = self.item_vectors[history.indices].astype(np.float64), self._residuals(history)
        bias = (residuals.sum() - vector @ q.sum(axis=0)) / self._weight_of_bias(history.nnz)
        fewer = residuals.sum() - residuals - np.vecdot(without, q.sum(axis=0) - q)
        bias_without = fewer / self._weight_of_bias(history.nnz - 1)
        effects: Doubles = (vector - without) @ self.item_vectors[items].T + (bias - bias_without)[:, None]
        return effects

    def _residuals(self, histories: csr_array) -> Doubles:
        """(nnz,) ratings minus the mean and the item's bias."""
        residual: Doubles = histories.data.astype(np.float64) - self.mean - self.item_bias[histories.indices]
        return residual

    def _weight_of_bias(self, n: int | Array) -> Array:
        return np.maximum(n, 1) * (1 + self.bias_l2)


def pooled_ratings(histories: csr_array, item_counts: Rows, most: float) -> Mask:
    """(nnz,) true for the ratings of (m, n_items) histories in R(h): all, or the `most` of the rarest items.

    A rating of a rare item is more informative than one of a popular item. The choice depends on the items only, so
    that it is the same for a new user as for a trained user with the same history.
    """
    lengths = np.diff(histories.indptr)
    if lengths.max(initial=0) <= most:
        return np.ones(histories.nnz, dtype=bool)
    inside = np.empty(histories.nnz, dtype=bool)
    order = _rarest_first(histories, item_counts)
    inside[order] = np.arange(histories.nnz) - np.repeat(histories.indptr[:-1], lengths) < most
    return inside


def _rarest_first(histories: csr_array, item_counts: Rows) -> Array:
    """(nnz,) positions of the ratings of each history, in order of their items' numbers of training ratings, then rows.
    Items without training ratings, whose vectors are zero, come last."""
    user = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    rarity = np.where(item_counts > 0, item_counts, np.iinfo(np.int32).max)
    return np.lexsort((histories.indices, rarity[histories.indices], user))


def _weights(n: Array) -> Floats:
    """n^-½, the weight of a sum of n vectors; 1 for n = 0."""
    weights: Floats = (1 / np.sqrt(np.maximum(n, 1))).astype(np.float32)
    return weights


def _without_bias(vectors: Array) -> Doubles:
    """(…, rank + 1) vectors with a bias of 0."""
    return np.append(vectors, np.zeros((len(vectors), 1)), axis=1).astype(np.float64)
