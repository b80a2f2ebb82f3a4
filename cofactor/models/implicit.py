"""Matrix factorisation of implicit feedback: ŷ = p_u · q_i."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.errors import BadArtifact
from cofactor.models.interactions.interaction_model import WEIGHT_SHAPES, InteractionModel, has_positive
from cofactor.models.regression.linear_solver import solve_or_nan
from cofactor.models.vectors import cache_slices, cosine, cosines, dot_product_error

MIN_RIDGE = 1e-6  # keeps a fold-in solvable if a model was trained without regularisation


@dataclass(frozen=True, eq=False)
class ImplicitModel(InteractionModel):
    """ŷ_ui = p_u · q_i, near 1 for the items of a user and near 0 for the others. It only ranks.

    A new user with a history h is folded in with the item vectors fixed,

        min over p  Σ_{i∈h} w_i (1 - p · q_i)² + α₀ Σ_i (p · q_i)² + λ (W + α₀|I|)^ν |p|²,    W = Σ_{i∈h} w_i

    so that (Σ_{i∈h} w_i q_i q_iᵀ + α₀ QᵀQ + λ (W + α₀|I|)^ν I) p = Σ_{i∈h} w_i q_i. The weights w are those of
    `InteractionModel`: 1, or a weight of a count.
    Cold start: a user without positives has the mean vector of the users with some; an item without any scores 0.
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
        return {**vectors, "unobserved": (), "l2": (), "exponent": (), **WEIGHT_SHAPES}

    def check(self) -> None:
        super().check()
        if self.unobserved < 0 or self.l2 < 0 or not 0 <= self.exponent <= 1:
            raise BadArtifact("the implicit model's l2, unobserved or exponent is impossible", "save the model again")

    def score_rows(self, users: Rows) -> Floats:
        scores: Floats = self.user_vectors[users] @ self.item_vectors.T
        return scores

    def fold_in_scores(self, histories: csr_array) -> Floats:
        scores: Floats = self.fold_in_vectors(histories) @ self.item_vectors.T
        return scores

    def score_pair_rows(self, users: Rows, items: Rows) -> Floats:
        scores = np.empty(len(users), dtype=np.float32)
        for here in cache_slices(len(users), self.item_vectors.shape[1]):
            np.vecdot(self.user_vectors[users[here]], self.item_vectors[items[here]], out=scores[here])
        return scores

    def score_error(self, user: int) -> float | None:
        return dot_product_error(self.user_vectors[user], self._largest_item_length)

    def fold_in_vectors(self, histories: csr_array) -> Floats:
        """(m, rank) vectors of new users with (m, n_items) histories; the mean vector for one without a positive."""
        weighted = self.weigh(histories)
        vectors = np.tile(self._mean_user_vector, (weighted.shape[0], 1))
        for row in np.flatnonzero(has_positive(weighted)):
            here = slice(weighted.indptr[row], weighted.indptr[row + 1])
            design, weights, scaled = self._weighted_design(weighted.indices[here], weighted.data[here])
            system = design.T @ scaled + self._prior(float(weights.sum()))
            vectors[row] = solve_or_nan(system, scaled.sum(axis=0))
        return vectors

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, by the Sherman-Morrison formula on the axes of M = XᵀΩX + α₀ QᵀQ, where X are the
        (h, rank) vectors of the positives and Ω their weights. On these axes, with ρ_j the ridge of W - w_j,

        d_j = 1 / (eigenvalues of M + ρ_j),    A_j⁻¹b = d_j b + w_j d_j x_j (x_j · d_j b) / (1 - w_j x_j · d_j x_j)

        and p_without_j = A_j⁻¹ (XᵀΩ1 - w_j x_j). An interaction that is no positive has no effect.
        """
        weighted = self.weigh(history)
        positive = weighted.data > 0
        if np.count_nonzero(positive) < 2:
            return super().attributions(history, items)
        design, weights, scaled = self._weighted_design(weighted.indices, weighted.data)
        values, axes = np.linalg.eigh(design.T @ scaled + self._gram)
        x, total = design @ axes, float(weights.sum())
        moment = weights @ x
        whole = moment / (values + self._ridge(total))
        d = 1 / (values + self._ridge(total - weights)[:, None])
        b = moment - weights[:, None] * x
        leverage = weights * np.einsum("hk,hk->h", x, d * x)
        correction = weights * np.einsum("hk,hk->h", x, d * b) / (1 - leverage)
        without = d * b + correction[:, None] * d * x
        effects = np.zeros((history.nnz, len(items)))
        effects[positive] = (whole - without) @ (self.item_vectors[items] @ axes).T
        return effects

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) cosine of the items' vectors; `EXCLUDED` where either is zero."""
        return cosine(self.item_vectors, self._item_lengths, self.item_vectors[item])

    def similarity_among_rows(self, items: Rows) -> Floats:
        return cosines(self.item_vectors[items])

    def similarity_to_user_row(self, user: int | None, history: csr_array) -> Floats:
        """(n_users,) cosine of the users' vectors; a user given by a history is folded in first. `EXCLUDED` where
        either is zero."""
        vector = self.fold_in_vectors(history)[0] if user is None else self.user_vectors[user]
        return cosine(self.user_vectors, self._user_lengths, vector)

    def _weighted_design(self, items: Rows, weights: Floats) -> tuple[Doubles, Doubles, Doubles]:
        """(h, rank) vectors X of the positives among items with weights, (h,) weights of these, and ΩX."""
        if self.interaction_weights.all_ones:
            design: Doubles = self.item_vectors[items].astype(np.float64)
            return design, weights.astype(np.float64), design
        positive = weights > 0
        design, own = self.item_vectors[items[positive]].astype(np.float64), weights[positive].astype(np.float64)
        return design, own, design * own[:, None]

    def _ridge(self, total: Doubles | float) -> Doubles:
        """λ (W + α₀|I|)^ν of users whose positives weigh W."""
        weight = (total + self.unobserved * len(self.item_vectors)) ** self.exponent
        return np.asarray(np.maximum(self.l2 * weight, MIN_RIDGE))

    def _prior(self, total: float) -> Doubles:
        """(rank, rank) α₀ QᵀQ + λ (W + α₀|I|)^ν I for a user whose positives weigh W."""
        prior: Doubles = self._gram + self._ridge(total) * np.eye(len(self._gram))
        return prior

    @cached_property
    def _gram(self) -> Doubles:
        """(rank, rank) α₀ QᵀQ."""
        vectors = self.item_vectors.astype(np.float64)
        gram: Doubles = self.unobserved * (vectors.T @ vectors)
        return gram

    @cached_property
    def _mean_user_vector(self) -> Floats:
        return mean_vector(self.user_vectors, has_positive(self.training_rows))

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
