"""A linear graph filter: two steps on the graph of users and items, and leading eigenvectors with new weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.errors import BadArtifact
from cofactor.models.interactions.interaction_model import WEIGHT_SHAPES, InteractionModel, has_positive
from cofactor.models.sparse import checked_matrix, select_columns, with_values
from cofactor.models.top_n.selection import EXCLUDED

LARGEST_POWER = 4  # of a number of ratings: a million to this power is still finite in float32
MOST_EDGES = 1 << 23  # edges of the first step in a block of users: 64 MiB


@dataclass(frozen=True, eq=False)
class FilterModel(InteractionModel):
    """s_u = x_u D^-b (R̃ᵀR̃ + V diag(g) Vᵀ) D^b,    R̃ = C^-a X D^-b. It only ranks.

    X: (n_users, n_items), √w of the weight w of each interaction, see `InteractionModel`; C, D: diagonal matrices of
    the sums of its rows and of its columns; V: leading eigenvectors of R̃ᵀR̃; g: changes of their weights; x_u: a row
    of X, or the roots of the weights of a folded-in history. If Xᵀ C^-2a X has few entries, it is saved as a sparse
    table of pairs of items. Otherwise it is never computed: x_u is multiplied by Xᵀ and then by X.

    Memory beyond the arrays: the training ratings twice, by user and by item, and the scores of a block of users.
    Cold start: a user without a positive gets the items with the most positives; an item without any scores 0.
    """

    kind: ClassVar[str] = "filter"
    indices: ClassVar[frozenset[str]] = frozenset({"starts", "columns"})

    user_power: float  # a
    item_power: float  # b
    vectors: Floats  # (n_items, rank) V
    gains: Floats  # (rank,) g
    starts: Array | None = None  # (n_items + 1,) start of each row of Xᵀ C^-2a X in the two arrays below
    columns: Array | None = None  # (n_pairs,) columns, ascending within each row
    pairs: Floats | None = None  # (n_pairs,) values

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            "user_power": (),
            "item_power": (),
            "vectors": (n_items, "rank"),
            "gains": ("rank",),
            "starts": (n_items + 1,),
            "columns": ("n_pairs",),
            "pairs": ("n_pairs",),
            **WEIGHT_SHAPES,
        }

    def check(self) -> None:
        super().check()
        if len({part is None for part in (self.starts, self.columns, self.pairs)}) > 1:
            raise BadArtifact("the filter model's table of pairs is incomplete", "save the model again")
        if not (0 <= self.user_power <= LARGEST_POWER and 0 <= self.item_power <= LARGEST_POWER):
            raise BadArtifact(
                f"a power of the filter model is not between 0 and {LARGEST_POWER}", "save the model again"
            )
        self.table  # noqa: B018  # checks it

    def score_rows(self, users: Rows) -> Floats:
        return self.fold_in_scores(self.training_data.interactions[users])

    def score_item_rows(self, users: Rows, items: Rows) -> Floats:
        return self._item_scores(self.training_data.interactions[users], items)

    def fold_in_scores(self, histories: csr_array) -> Floats:
        return self._item_scores(histories, None)

    def _item_scores(self, histories: csr_array, items: Rows | None) -> Floats:
        """(m, k) scores of (k,) items, or of all items if None, for (m, n_items) histories."""
        columns = slice(None) if items is None else items
        weighted, d = self.input_rows(histories), self._item_degrees[histories.indices]
        signal = with_values(histories, weighted.data * d ** np.float32(-2 * self.item_power))
        scores = self._two_steps(signal, items)
        leading = with_values(histories, weighted.data * d ** np.float32(-self.item_power)) @ self.vectors
        scores += (leading * self.gains) @ self._raised_vectors[columns].T
        scores[~has_positive(weighted)] = self.positive_counts[columns]
        return scores

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """(h, m): x_uj d_j^-b (R̃ᵀR̃ + V diag(g) Vᵀ)_ji d_i^b; the score is their sum."""
        raised = self._item_degrees.astype(np.float64) ** self.item_power
        lowered = self.input_rows(history).data / raised[history.indices]
        effects: Doubles = self._filter_block(history.indices, items) * raised[items] * lowered[:, None]
        return effects

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) K_ij / √(K_ii K_jj) of K = R̃ᵀR̃ + V diag(g) Vᵀ; `EXCLUDED` where either has no ratings."""
        similarity = self._filter_block(np.array([item], dtype=np.int32), None)[0]
        norms = self._norms * self._norms[item]
        return np.where(norms > 0, np.clip(similarity / np.maximum(norms, 1e-30), -1, 1), EXCLUDED).astype(np.float32)

    def similarity_among_rows(self, items: Rows) -> Floats:
        norms = self._norms[items][:, None] * self._norms[items]
        similarity = self._filter_block(items, items) / np.maximum(norms, 1e-30)
        return np.where(norms > 0, np.clip(similarity, -1, 1), EXCLUDED).astype(np.float32)

    def _two_steps(self, signals: csr_array, items: Rows | None) -> Floats:
        """(m, k) columns of y Xᵀ C^-2a X for (m, n_items) sparse y, in blocks of users with few edges."""
        if self.table is not None:
            return np.asarray((signals @ select_columns(self.table, items)).toarray(), dtype=np.float32)
        by_user = select_columns(self._by_user, items)
        scores = np.empty((signals.shape[0], by_user.shape[1]), dtype=np.float32)
        edges = np.append(0, np.cumsum(self.training_data.item_counts[signals.indices], dtype=np.int64))[signals.indptr]
        first = 0
        while first < len(scores):
            last = max(first + 1, int(np.searchsorted(edges, edges[first] + MOST_EDGES, side="right")) - 1)
            scores[first:last] = (signals[first:last] @ self._by_item @ by_user).toarray()
            first = last
        return scores

    def _filter_block(self, rows: Rows, items: Rows | None) -> Doubles:
        """(h, m) block of R̃ᵀR̃ + V diag(g) Vᵀ, for (h,) and (m,) items, or for all items if None."""
        lowered = self._item_degrees.astype(np.float64) ** -self.item_power
        if self.table is None:
            edges = (self._by_item[rows] @ select_columns(self._by_user, items)).toarray()
        else:
            edges = select_columns(self.table[rows], items).toarray()
        columns = slice(None) if items is None else items
        leading = (self.vectors[rows] * self.gains) @ self.vectors[columns].T
        block: Doubles = edges * lowered[rows, None] * lowered[columns] + leading
        return block

    @cached_property
    def table(self) -> csr_array | None:
        """(n_items, n_items) Xᵀ C^-2a X; None if it was not saved."""
        if self.starts is None or self.columns is None or self.pairs is None:
            return None
        n_items = len(self.training_data.items)
        return checked_matrix("the table of pairs", self.starts, self.columns, self.pairs, (n_items, n_items))

    @cached_property
    def _item_degrees(self) -> Floats:
        """(n_items,) diagonal of D; 1 for an item without positives, which has no edges."""
        weighted = self.training_rows
        degrees = np.bincount(weighted.indices, weighted.data, minlength=len(self.training_data.items))
        return np.where(degrees > 0, degrees, 1).astype(np.float32)

    @cached_property
    def _raised_vectors(self) -> Floats:
        """(n_items, rank) D^b V."""
        raised: Floats = self.vectors * (self._item_degrees ** np.float32(self.item_power))[:, None]
        return raised

    @cached_property
    def _by_user(self) -> csr_array:
        """(n_users, n_items) C^-2a X."""
        weighted, counts = self.training_rows, self.training_data.user_counts
        degrees = np.bincount(np.repeat(np.arange(len(counts)), counts), weighted.data, minlength=len(counts))
        each = np.where(degrees > 0, degrees, 1).astype(np.float32) ** np.float32(-2 * self.user_power)
        return with_values(weighted, np.repeat(each, counts) * weighted.data)

    @cached_property
    def _by_item(self) -> csr_array:
        """(n_items, n_users) Xᵀ."""
        return csr_array(self.training_rows.T)

    @cached_property
    def _norms(self) -> Doubles:
        """(n_items,) √K_ii."""
        squares = self._by_user.data * self.training_rows.data
        met = np.bincount(self._by_user.indices, squares, minlength=len(self.vectors))
        edges = met * self._item_degrees.astype(np.float64) ** (-2 * self.item_power)
        return np.sqrt(np.maximum(edges + (self.vectors.astype(np.float64) ** 2) @ self.gains, 0))
