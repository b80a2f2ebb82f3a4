"""Matrix factorisation of implicit feedback: ŷ = p_u · q_i."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.errors import BadArtifact
from cofactor.models.base import Model
from cofactor.models.regression.linear_solver import solve_or_nan
from cofactor.models.vectors import cache_slices, cosine, cosines, dot_product_error

MIN_RIDGE = 1e-6  # keeps a fold-in solvable if a model was trained without regularisation


@dataclass(frozen=True, eq=False)
class ImplicitModel(Model):
    """ŷ_ui = p_u · q_i, near 1 for the items of a user and near 0 for the others. It only ranks.

    A new user with a history h is folded in with the item vectors fixed,

        min over p  Σ_{i∈h} (1 - p · q_i)² + α₀ Σ_i (p · q_i)² + λ (|h| + α₀|I|)^ν |p|²

    so that (Σ_{i∈h} q_i q_iᵀ + α₀ QᵀQ + λ (|h| + α₀|I|)^ν I) p = Σ_{i∈h} q_i. The values of the ratings are not used.
    Cold start: a user without ratings has the mean vector of the users with ratings; an item without ratings scores 0.
    """

    kind: ClassVar[str] = "implicit"

    user_vectors: Floats  # (n_users, rank)
    item_vectors: Floats  # (n_items, rank)
    unobserved: float  # α₀
    l2: float  # λ
    exponent: float  # ν

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        vectors = {"user_vectors": (n_users, "rank"), "item_vectors": (n_items, "rank")}
        return {**vectors, "unobserved": (), "l2": (), "exponent": ()}

    def check(self) -> None:
        if self.unobserved < 0 or self.l2 < 0 or not 0 <= self.exponent <= 1:
            raise BadArtifact("the implicit model's l2, unobserved or exponent is impossible", "save the model again")

    def scores(self, users: Rows) -> Floats:
        scores: Floats = self.user_vectors[users] @ self.item_vectors.T
        return scores

    def fold_in_scores(self, histories: csr_array) -> Floats:
        scores: Floats = self.fold_in_vectors(histories) @ self.item_vectors.T
        return scores

    def pair_scores(self, users: Rows, items: Rows) -> Floats:
        scores = np.empty(len(users), dtype=np.float32)
        for here in cache_slices(len(users), self.item_vectors.shape[1]):
            np.vecdot(self.user_vectors[users[here]], self.item_vectors[items[here]], out=scores[here])
        return scores

    def score_error(self, user: int) -> float | None:
        return dot_product_error(self.user_vectors[user], self._largest_item_length)

    def fold_in_vectors(self, histories: csr_array) -> Floats:
        """(m, rank) vectors of new users with (m, n_items) histories; the mean vector for an empty history."""
        lengths = np.diff(histories.indptr)
        vectors = np.tile(self._mean_user_vector, (len(lengths), 1))
        for row in np.flatnonzero(lengths):
            design = self._design(histories.indices[histories.indptr[row] : histories.indptr[row + 1]])
            vectors[row] = solve_or_nan(design.T @ design + self._prior(lengths[row]), design.sum(axis=0))
        return vectors

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, by the Sherman-Morrison formula, with (h, rank) vectors X of the whole history,

        A = XᵀX + prior of h - 1 ratings,    p = A⁻¹Xᵀ1,    p_without_j = p - A⁻¹x_j (1 - x_j·p) / (1 - x_j·A⁻¹x_j)
        """
        h = history.nnz
        if h < 2:
            return super().attributions(history, items)
        design = self._design(history.indices)
        moment, square = design.sum(axis=0), design.T @ design
        whole = solve_or_nan(square + self._prior(h), moment)
        both = solve_or_nan(square + self._prior(h - 1), np.column_stack([design.T, moment]))
        gains, fewer = both[:, :h], both[:, h]  # A⁻¹Xᵀ and p
        leverage = np.einsum("hk,kh->h", design, gains)
        removed = gains * ((1 - design @ fewer) / (1 - leverage))  # p - p_without_j in column j
        effects: Doubles = (self.item_vectors[items] @ (removed + (whole - fewer)[:, None])).T
        return effects

    def similarity(self, item: int) -> Floats:
        """(n_items,) cosine of the items' vectors; `EXCLUDED` where either is zero."""
        return cosine(self.item_vectors, self._item_lengths, self.item_vectors[item])

    def similarities(self, items: Rows) -> Floats:
        return cosines(self.item_vectors[items])

    def user_similarity(self, user: int | None, history: csr_array) -> Floats:
        """(n_users,) cosine of the users' vectors; a user given by a history is folded in first. `EXCLUDED` where
        either is zero."""
        vector = self.fold_in_vectors(history)[0] if user is None else self.user_vectors[user]
        return cosine(self.user_vectors, self._user_lengths, vector)

    def _design(self, items: Rows) -> Doubles:
        design: Doubles = self.item_vectors[items].astype(np.float64)
        return design

    def _prior(self, n: int) -> Doubles:
        """(rank, rank) α₀ QᵀQ + λ (n + α₀|I|)^ν I for a user with n ratings."""
        ridge = self.l2 * (n + self.unobserved * len(self.item_vectors)) ** self.exponent
        prior: Doubles = self._gram + max(ridge, MIN_RIDGE) * np.eye(len(self._gram))
        return prior

    @cached_property
    def _gram(self) -> Doubles:
        """(rank, rank) α₀ QᵀQ."""
        vectors = self.item_vectors.astype(np.float64)
        gram: Doubles = self.unobserved * (vectors.T @ vectors)
        return gram

    @cached_property
    def _mean_user_vector(self) -> Floats:
        return mean_vector(self.user_vectors, self.training_data.user_counts)

    @cached_property
    def _item_lengths(self) -> Floats:
        lengths: Floats = np.linalg.norm(self.item_vectors, axis=1)
        return lengths

    @cached_property
    def _largest_item_length(self) -> float:
        return float(self._item_lengths.max(initial=0))

    @cached_property
    def _user_lengths(self) -> Floats:
        lengths: Floats = np.linalg.norm(self.user_vectors, axis=1)
        return lengths


def mean_vector(vectors: Floats, counts: Array) -> Floats:
    """(rank,) mean of the (n, rank) vectors of rows with ratings, by (n,) counts; zeros if there are none."""
    if not counts.any():
        return np.zeros(vectors.shape[1], np.float32)
    total = np.sum(vectors, axis=0, where=(counts > 0)[:, None], dtype=np.float64)
    mean: Floats = np.asarray(total / np.count_nonzero(counts), dtype=np.float32)
    return mean
