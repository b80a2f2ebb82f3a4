"""Scores that are sums over a user's history: what each item they have says for each other item."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.errors import BadArtifact
from cofactor.models.base import Model
from cofactor.models.sparse import matrix
from cofactor.models.top_n.selection import NEVER


@dataclass(frozen=True, eq=False)
class SimilarityModel(Model):
    """score_ui = Σ_{j∈R(u)} B_ji, from dense or sparse weights B of items by items. It only ranks.

    R(u): the items in the user's history, whatever their ratings. An item's weight for itself is 0.
    Cold start: a user without a history gets the most rated items; an item without training ratings scores 0.
    """

    kind: ClassVar[str] = "similarity"
    indices: ClassVar[frozenset[str]] = frozenset({"starts", "columns"})

    dense: Floats | None = None  # (n_items, n_items) B, or
    starts: Array | None = None  # (n_items + 1,) where the rows of a sparse B begin,
    columns: Array | None = None  # (n_weights,) their columns, in order,
    weights: Floats | None = None  # (n_weights,) and the weights there

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            "dense": (n_items, n_items),
            "starts": (n_items + 1,),
            "columns": ("n_weights",),
            "weights": ("n_weights",),
        }

    def check(self) -> None:
        if (self.dense is None) == (self.sparse is None):
            raise BadArtifact("a similarity model has either dense or sparse weights", "save the model again")

    @cached_property
    def sparse(self) -> csr_array | None:
        """(n_items, n_items) B where it is sparse."""
        return _matrix(self.starts, self.columns, self.weights, len(self.training_data.items))

    def scores(self, users: Rows) -> Floats:
        return self.scores_from(self.training_data.interactions[users])

    def scores_from(self, histories: csr_array) -> Floats:
        ones = _like(histories, np.ones(histories.nnz, dtype=np.float32))
        scores: Floats = ones @ self.dense if self.sparse is None else (ones @ self.sparse).toarray()
        scores[np.diff(histories.indptr) == 0] = self.training_data.item_counts
        return scores

    def effects(self, history: csr_array, items: Rows) -> Doubles:
        """(h, m) B_ji: the score is their sum."""
        if self.sparse is None:
            assert self.dense is not None
            return np.asarray(self.dense[np.ix_(history.indices, items)], dtype=np.float64)
        effects: Doubles = self.sparse[history.indices][:, items].toarray().astype(np.float64)
        return effects

    def similarity(self, item: int) -> Floats:
        """(n_items,) sparse: B_ji, of the items j that speak for this one; dense: sign(B_ij) √(B_ij B_ji).

        Where B is EASE's, I - P diag(1/diag P), the latter is the partial correlation -P_ij / √(P_ii P_jj).
        """
        if self.sparse is None:
            assert self.dense is not None
            return _both_ways(self.dense[item], self.dense[:, item])
        return _speaking_for(self.sparse, item)

    def similarities(self, items: Rows) -> Floats:
        if self.sparse is None:
            assert self.dense is not None
            block = self.dense[np.ix_(items, items)]
            return _both_ways(block, block.T)
        return _speaking_among(self.sparse, items)


@dataclass(frozen=True, eq=False)
class NeighbourModel(Model):
    """r̂_ui = b_ui + Σ_{j∈N(i)∩R(u)} s_ij (r_uj - b_uj) / (λ + Σ_{j∈N(i)∩R(u)} s_ij),    b_ui = μ + b_u + b_i

    N(i): the nearest neighbours of item i, s_ij > 0 how alike they are; R(u): the user's history. The user's bias comes
    from the history, b_u = Σ_{j∈R(u)} (r_uj - μ - b_j) / (λ_u + |R(u)|), so a folded-in user is like any other.
    Cold start: without a history, or an item without neighbours in it, r̂ is the baseline; b_u or b_i is 0 without
    ratings.
    """

    kind: ClassVar[str] = "neighbours"
    indices: ClassVar[frozenset[str]] = frozenset({"starts", "columns"})

    mean: float
    item_bias: Floats  # (n_items,)
    user_l2: float  # λ_u
    pull: float  # λ
    starts: Array  # (n_items + 1,) where each row j of the s_ij begins,
    columns: Array  # (n_weights,) its items i, in order: those that have j for a neighbour,
    weights: Floats  # (n_weights,) and s_ij

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            "mean": (),
            "item_bias": (n_items,),
            "user_l2": (),
            "pull": (),
            "starts": (n_items + 1,),
            "columns": ("n_weights",),
            "weights": ("n_weights",),
        }

    def check(self) -> None:
        if self.pull < 0 or self.sparse.data.min(initial=0) < 0:  # which checks the table first
            raise BadArtifact("the neighbours model has a negative weight", "save the model again")

    @cached_property
    def sparse(self) -> csr_array:
        """(n_items, n_items): s_ij in row j and column i."""
        found = _matrix(self.starts, self.columns, self.weights, len(self.training_data.items))
        assert found is not None
        return found

    def scores(self, users: Rows) -> Floats:
        return self.scores_from(self.training_data.interactions[users])

    def scores_from(self, histories: csr_array) -> Floats:
        counts = np.diff(histories.indptr)
        of = np.repeat(np.arange(len(counts)), counts)
        residual = histories.data - np.float32(self.mean) - self.item_bias[histories.indices]
        bias = np.bincount(of, residual, minlength=len(counts)) / np.maximum(self.user_l2 + counts, 1e-12)
        residual = (residual - bias[of]).astype(np.float32)
        scores: Floats = (_like(histories, residual) @ self.sparse).toarray()
        scores /= np.maximum(self._alike(histories), np.float32(1e-12))
        scores += self.item_bias
        scores += (np.float32(self.mean) + bias.astype(np.float32))[:, None]
        return scores

    def _alike(self, histories: csr_array) -> Floats:
        """(m, n_items) λ + Σ_{j∈N(i)∩R(u)} s_ij."""
        sums: Floats = (_like(histories, np.ones(histories.nnz, dtype=np.float32)) @ self.sparse).toarray()
        sums += np.float32(self.pull)
        return sums

    def similarity(self, item: int) -> Floats:
        """(n_items,) s_ij of the item's neighbours j."""
        return _speaking_for(self.sparse, item)

    def similarities(self, items: Rows) -> Floats:
        return _speaking_among(self.sparse, items)


def _matrix(starts: Array | None, columns: Array | None, weights: Floats | None, n: int) -> csr_array | None:
    if starts is None or columns is None or weights is None:
        return None
    return matrix("the table of weights", starts, columns, weights, (n, n))


def _like(histories: csr_array, values: Floats) -> csr_array:
    """Other values in the places of a history's ratings."""
    return csr_array((values, histories.indices, histories.indptr), shape=histories.shape)


def _speaking_for(weights: csr_array, item: int) -> Floats:
    """(n,) column `item` of (n, n) weights, `NEVER` where it has none; one look at every stored column number."""
    at = np.flatnonzero(weights.indices == item)
    alike = np.full(weights.shape[0], NEVER)
    alike[np.searchsorted(weights.indptr, at, side="right") - 1] = weights.data[at]
    return alike


def _speaking_among(weights: csr_array, items: Rows) -> Floats:
    """(k, k) the weights of (k,) items for one another: row a is `_speaking_for` the a-th of them."""
    block = weights[items][:, items].tocoo()
    alike = np.full((len(items), len(items)), NEVER)
    row, column = block.coords
    alike[column, row] = block.data
    return alike


def _both_ways(there: Floats, back: Floats) -> Floats:
    """The geometric mean of two weights, with the sign of the first; 0 where their signs differ."""
    alike: Floats = np.sign(there) * np.sqrt(np.maximum(there * back, 0))
    return alike
