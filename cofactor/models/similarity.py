"""Item-to-item models: a score is a sum, over the items of a user's history, of weights between items."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.errors import BadArtifact
from cofactor.models.base import Model
from cofactor.models.interactions.interaction_model import WEIGHT_SHAPES, InteractionModel, has_positive
from cofactor.models.sparse import checked_matrix, select_columns, with_values
from cofactor.models.top_n.selection import EXCLUDED


@dataclass(frozen=True, eq=False)
class SimilarityModel(InteractionModel):
    """score_ui = Σ_{j∈R(u)} x_uj B_ji, from dense or sparse weights B of items by items. It only ranks.

    R(u): the items in the user's history; x_uj: √w of the weight w of the interaction, see `InteractionModel`. An
    item's weight for itself is 0.
    Cold start: a user without a positive gets the items with the most positives; an item without any scores 0.
    """

    kind: ClassVar[str] = "similarity"
    indices: ClassVar[frozenset[str]] = frozenset({"starts", "columns"})

    dense: Floats | None = None  # (n_items, n_items) B; or a sparse B:
    starts: Array | None = None  # (n_items + 1,) start of each row in the two arrays below
    columns: Array | None = None  # (n_weights,) columns, ascending within each row
    weights: Floats | None = None  # (n_weights,) values

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            "dense": (n_items, n_items),
            "starts": (n_items + 1,),
            "columns": ("n_weights",),
            "weights": ("n_weights",),
            **WEIGHT_SHAPES,
        }

    def check(self) -> None:
        super().check()
        if (self.dense is None) == (self.sparse is None):
            raise BadArtifact("a similarity model has either dense or sparse weights", "save the model again")

    @cached_property
    def sparse(self) -> csr_array | None:
        """(n_items, n_items) B; None if it is dense."""
        return _matrix(self.starts, self.columns, self.weights, len(self.training_data.items))

    def score_rows(self, users: Rows) -> Floats:
        return self.fold_in_scores(self.training_data.interactions[users])

    def score_item_rows(self, users: Rows, items: Rows) -> Floats:
        return self._item_scores(self.training_data.interactions[users], items)

    def fold_in_scores(self, histories: csr_array) -> Floats:
        return self._item_scores(histories, None)

    def _item_scores(self, histories: csr_array, items: Rows | None) -> Floats:
        """(m, k) scores of (k,) items, or of all items if None, for (m, n_items) histories."""
        columns = slice(None) if items is None else items
        weighted = self.input_rows(histories)
        if self.sparse is None:
            assert self.dense is not None
            scores: Floats = weighted @ np.ascontiguousarray(self.dense[:, columns])
        else:
            scores = (weighted @ select_columns(self.sparse, items)).toarray()
        scores[~has_positive(weighted)] = self.positive_counts[columns]
        return scores

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """(h, m) x_uj B_ji: the score is their sum."""
        if self.sparse is None:
            assert self.dense is not None
            effects: Doubles = np.asarray(self.dense[np.ix_(history.indices, items)], dtype=np.float64)
        else:
            effects = self.sparse[history.indices][:, items].toarray().astype(np.float64)
        effects *= self.input_rows(history).data[:, None]
        return effects

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) B_ji for every item j if B is sparse, sign(B_ij) √(B_ij B_ji) if it is dense.

        For the B of EASE, I - P diag(1/diag P), the latter is the partial correlation -P_ij / √(P_ii P_jj).
        """
        if self.sparse is None:
            assert self.dense is not None
            return _signed_geometric_mean(self.dense[item], self.dense[:, item])
        return _column(self.sparse, item)

    def similarity_among_rows(self, items: Rows) -> Floats:
        if self.sparse is None:
            assert self.dense is not None
            block = self.dense[np.ix_(items, items)]
            return _signed_geometric_mean(block, block.T)
        return _block(self.sparse, items)


@dataclass(frozen=True, eq=False)
class NeighbourModel(Model):
    """r̂_ui = b_ui + Σ_{j∈N(i)∩R(u)} s_ij (r_uj - b_uj) / (λ + Σ_{j∈N(i)∩R(u)} s_ij),    b_ui = μ + b_u + b_i

    N(i): the nearest neighbours of item i; s_ij > 0: their similarity to i; R(u): the user's history. The user's bias
    is computed from the history, b_u = Σ_{j∈R(u)} (r_uj - μ - b_j) / (λ_u + |R(u)|), for trained and folded-in users
    alike. Cold start: r̂ is the baseline b_ui if the user has no ratings, or has rated none of the item's neighbours;
    b_u or b_i is 0 without ratings.
    """

    kind: ClassVar[str] = "neighbours"
    indices: ClassVar[frozenset[str]] = frozenset({"starts", "columns"})

    mean: float
    item_bias: Floats  # (n_items,)
    user_l2: float  # λ_u
    pull: float  # λ
    starts: Array  # (n_items + 1,) start of the row of each item j in the two arrays below
    columns: Array  # (n_weights,) items i that have j as a neighbour, ascending within each row
    weights: Floats  # (n_weights,) s_ij

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
        if self.pull < 0 or self.sparse.data.min(initial=0) < 0:  # `sparse` checks the arrays first
            raise BadArtifact("the neighbours model has a negative weight", "save the model again")

    @cached_property
    def sparse(self) -> csr_array:
        """(n_items, n_items): s_ij in row j and column i."""
        found = _matrix(self.starts, self.columns, self.weights, len(self.training_data.items))
        assert found is not None
        return found

    def score_rows(self, users: Rows) -> Floats:
        return self.fold_in_scores(self.training_data.interactions[users])

    def score_item_rows(self, users: Rows, items: Rows) -> Floats:
        return self._item_scores(self.training_data.interactions[users], items)

    def fold_in_scores(self, histories: csr_array) -> Floats:
        return self._item_scores(histories, None)

    def _item_scores(self, histories: csr_array, items: Rows | None) -> Floats:
        """(m, k) scores of (k,) items, or of all items if None, for (m, n_items) histories."""
        columns, neighbours = slice(None) if items is None else items, select_columns(self.sparse, items)
        counts = np.diff(histories.indptr)
        user = np.repeat(np.arange(len(counts)), counts)
        residual = histories.data - np.float32(self.mean) - self.item_bias[histories.indices]
        bias = np.bincount(user, residual, minlength=len(counts)) / np.maximum(self.user_l2 + counts, 1e-12)
        residual = (residual - bias[user]).astype(np.float32)
        scores: Floats = (with_values(histories, residual) @ neighbours).toarray()
        scores /= np.maximum(self._total_weights(histories, neighbours), np.float32(1e-12))
        scores += self.item_bias[columns]
        scores += (np.float32(self.mean) + bias.astype(np.float32))[:, None]
        return scores

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, from sums over the whole history. With d_j = r_j - μ - b_j and h ratings,

            r̂_i - b_i - μ = b + (Σ_j s_ij d_j - b Σ_j s_ij) / (λ + Σ_j s_ij),    b = Σ_j d_j / (λ_u + h)

        and a rating k that is left out is subtracted from each of the sums.
        """
        s = self.sparse[history.indices][:, items].toarray().astype(np.float64)  # (h, m)
        d = history.data.astype(np.float64) - self.mean - self.item_bias[history.indices]
        weights, weighted = s.sum(axis=0), d @ s
        whole = self._personal_terms(d.sum(), history.nnz, weighted, weights)
        without = self._personal_terms(
            (d.sum() - d)[:, None], history.nnz - 1, weighted - s * d[:, None], np.maximum(weights - s, 0)
        )
        effects: Doubles = whole - without
        return effects

    def _personal_terms(self, sums: Doubles, n: int, weighted: Doubles, weights: Doubles) -> Doubles:
        """The terms of r̂ that depend on a history of n ratings: of (…) Σ_j d_j, Σ_j s_ij d_j and Σ_j s_ij."""
        bias = sums / max(self.user_l2 + n, 1e-12)
        terms: Doubles = bias + (weighted - bias * weights) / np.maximum(self.pull + weights, 1e-12)
        return terms

    def _total_weights(self, histories: csr_array, neighbours: csr_array) -> Floats:
        """(m, k) λ + Σ_{j∈N(i)∩R(u)} s_ij, for the (n_items, k) columns s_ij of k items i."""
        sums: Floats = (with_values(histories, np.ones(histories.nnz, dtype=np.float32)) @ neighbours).toarray()
        sums += np.float32(self.pull)
        return sums

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) s_ij of the item's neighbours j."""
        return _column(self.sparse, item)

    def similarity_among_rows(self, items: Rows) -> Floats:
        return _block(self.sparse, items)


def _matrix(starts: Array | None, columns: Array | None, weights: Floats | None, n: int) -> csr_array | None:
    if starts is None or columns is None or weights is None:
        return None
    return checked_matrix("the table of weights", starts, columns, weights, (n, n))


def _column(weights: csr_array, item: int) -> Floats:
    """(n,) column `item` of (n, n) weights; `EXCLUDED` where no weight is stored."""
    at = np.flatnonzero(weights.indices == item)
    similarity = np.full(weights.shape[0], EXCLUDED)
    similarity[np.searchsorted(weights.indptr, at, side="right") - 1] = weights.data[at]
    return similarity


def _block(weights: csr_array, items: Rows) -> Floats:
    """(k, k) weights between (k,) items: row a is `_column` of the a-th item, restricted to the k items."""
    block = weights[items][:, items].tocoo()
    similarity = np.full((len(items), len(items)), EXCLUDED)
    row, column = block.coords
    similarity[column, row] = block.data
    return similarity


def _signed_geometric_mean(forward: Floats, backward: Floats) -> Floats:
    """The geometric mean of two weights, with the sign of the first; 0 where their signs differ."""
    similarity: Floats = np.sign(forward) * np.sqrt(np.maximum(forward * backward, 0))
    return similarity
