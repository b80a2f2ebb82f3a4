"""Biases and vectors: r̂ = μ + b_u + b_i + p_u · q_i."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Rows
from cofactor.models.base import Model


@dataclass(frozen=True, eq=False)
class FactorModel(Model):
    """r̂_ui = μ + b_u + b_i + p_u · q_i. What every factorisation leaves behind.

    Cold start: a user or item without training ratings has a bias and a vector of 0, so r̂ falls back to the biases
    that are known. A user given only by a history h is folded in by ridge regression with the items held fixed,

        min over b, p  Σ_{i∈h} (r_i - μ - b_i - b - p · q_i)² + |h| (λ_b b² + λ_p |p|²)
    """

    kind: ClassVar[str] = "factor"

    mean: float
    user_bias: Floats  # (n_users,)
    item_bias: Floats  # (n_items,)
    user_vectors: Floats  # (n_users, rank)
    item_vectors: Floats  # (n_items, rank)
    bias_l2: float  # λ_b, for each rating
    vector_l2: float  # λ_p, for each rating

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            "mean": (),
            "user_bias": (n_users,),
            "item_bias": (n_items,),
            "user_vectors": (n_users, "rank"),
            "item_vectors": (n_items, "rank"),
            "bias_l2": (),
            "vector_l2": (),
        }

    def scores(self, users: Rows) -> Floats:
        scores = self.user_vectors[users] @ self.item_vectors.T
        scores += self.item_bias
        scores += (np.float32(self.mean) + self.user_bias[users])[:, None]
        return scores

    def scores_from(self, histories: csr_array) -> Floats:
        bias, vectors = self.fold_in(histories)
        scores = vectors @ self.item_vectors.T
        scores += self.item_bias
        scores += (np.float32(self.mean) + bias)[:, None]
        return scores

    def fold_in(self, histories: csr_array) -> tuple[Floats, Floats]:
        """(m,) biases and (m, rank) vectors of users given by (m, n_items) histories; zeros for an empty one."""
        m, rank = histories.shape[0], self.item_vectors.shape[1]
        solutions = np.zeros((m, rank + 1))
        penalty = np.append(np.full(rank, self.vector_l2), self.bias_l2)
        for row in range(m):
            here = slice(histories.indptr[row], histories.indptr[row + 1])
            items = histories.indices[here]
            if len(items) == 0:
                continue
            design = np.ones((len(items), rank + 1))
            design[:, :rank] = self.item_vectors[items]
            residual = histories.data[here] - self.mean - self.item_bias[items]
            gram = design.T @ design
            gram[np.diag_indices(rank + 1)] += len(items) * penalty
            solutions[row] = np.linalg.solve(gram, design.T @ residual)
        solved = solutions.astype(np.float32)
        return np.ascontiguousarray(solved[:, rank]), np.ascontiguousarray(solved[:, :rank])

    def pair_scores(self, users: Rows, items: Rows) -> Floats:
        scores: Floats = np.einsum("nk,nk->n", self.user_vectors[users], self.item_vectors[items])
        scores += np.float32(self.mean) + self.user_bias[users] + self.item_bias[items]
        return scores
