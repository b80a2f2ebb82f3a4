"""A model of biases only: r̂ = μ + b_u + b_i."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Doubles, Floats, Rows
from cofactor.models.interactions.interaction_model import WEIGHT_SHAPES, InteractionModel


@dataclass(frozen=True, eq=False)
class BaselineModel(InteractionModel):
    """r̂_ui = μ + b_u + b_i. The model of the popularity and the baseline trainers.

    Cold start: a user or item without training ratings has a bias of 0.
    """

    kind: ClassVar[str] = "baseline"

    mean: float
    user_bias: Floats  # (n_users,)
    item_bias: Floats  # (n_items,)
    user_l2: float  # λ of a folded-in user's bias: b_u = Σ (r - μ - b_i) / (λ + |R(u)|)

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {"mean": (), "user_bias": (n_users,), "item_bias": (n_items,), "user_l2": (), **WEIGHT_SHAPES}

    def score_rows(self, users: Rows) -> Floats:
        return np.float32(self.mean) + self.user_bias[users, None] + self.item_bias

    def fold_in_scores(self, histories: csr_array) -> Floats:
        counts = np.diff(histories.indptr)
        if self.scale is None:  # the model only ranks: every user has the same list
            bias = np.zeros(len(counts), dtype=np.float32)
        else:
            user = np.repeat(np.arange(len(counts)), counts)
            sums = np.bincount(user, self._residuals(histories), minlength=len(counts))
            bias = sums / np.maximum(self.user_l2 + counts, 1e-12)
        return np.float32(self.mean) + bias.astype(np.float32)[:, None] + self.item_bias

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`: the change of the user's bias, which is the same for every item."""
        effects = np.zeros((history.nnz, len(items)))
        if self.scale is not None:
            residuals, n = self._residuals(history).astype(np.float64), history.nnz
            whole = residuals.sum() / max(self.user_l2 + n, 1e-12)
            effects += (whole - (residuals.sum() - residuals) / max(self.user_l2 + n - 1, 1e-12))[:, None]
        return effects

    def _residuals(self, histories: csr_array) -> Floats:
        """(nnz,) ratings minus the mean and the item's bias."""
        residuals: Floats = histories.data - np.float32(self.mean) - self.item_bias[histories.indices]
        return residuals

    def score_pair_rows(self, users: Rows, items: Rows) -> Floats:
        return np.float32(self.mean) + self.user_bias[users] + self.item_bias[items]

    @property
    def unknown_item_scores(self) -> Floats:
        """μ + b_u."""
        return np.float32(self.mean) + np.append(self.user_bias, np.float32(0))
