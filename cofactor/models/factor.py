"""Matrix factorisation with biases: r̂ = μ + b_u + b_i + p_u · q_i."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.models.regression.linear_solver import solve_or_nan
from cofactor.models.vectors import VectorModel

FOLD_IN_CELLS = 1 << 21  # numbers in the design matrices of the histories of a block: 16 MiB
MIN_L2 = 1e-6  # keeps a fold-in solvable if a model was trained without regularisation
SHORT_HISTORY = 10  # number of ratings at which the extra shrinkage has fallen to a quarter
SAMPLED_USERS = 1 << 13  # users from whom the variances of the extra shrinkage are estimated, at most
MIN_VARIANCE = 1e-12  # of the trained users' weights: if these are all equal, a new user gets the same weights


@dataclass(frozen=True, eq=False)
class FactorModel(VectorModel):
    """r̂_ui = μ + b_u + b_i + p_u · q_i. The model of every matrix factorisation.

    Cold start: a user or item without training ratings has a bias and a vector of 0, so r̂ consists of the other terms.
    A new user with a history h is folded in by ridge regression with the item parameters fixed,

        min over b, p  Σ_{i∈h} (r_i - μ - b_i - b - p · q_i)² + |h| (λ_b b² + λ_p |p|²) + Σ_k c_k(h) w_k²

    with w = (p, b) and c_k(h) = 2 s²/σ_k² · (m / (m + |h|))², m = SHORT_HISTORY: s² is the mean squared error of the
    training ratings and σ_k² the mean square of the trained users' w_k. The extra penalty c is needed because λ was
    chosen for users with many ratings: without c, a single rating is fitted by a vector longer than any user's.
    """

    kind: ClassVar[str] = "factor"

    bias_l2: float  # λ_b, for each rating
    vector_l2: float  # λ_p, for each rating

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {**super().shapes(n_users, n_items), "bias_l2": (), "vector_l2": ()}

    def fold_in_vectors(self, histories: csr_array) -> tuple[Floats, Floats]:
        """(m,) biases and (m, rank) vectors of new users with (m, n_items) histories; zeros for an empty history."""
        lengths, rank = np.diff(histories.indptr), self.item_vectors.shape[1]
        centres = self._centres(histories)
        solutions = np.zeros((len(lengths), rank + 1))
        for rows, items, ratings, inside in similar_length_blocks(histories, rank + 1):
            design, residual = self._regression(items, ratings)
            design *= inside[:, :, None]
            penalty = self._penalty(lengths[rows])
            gram = design.transpose(0, 2, 1) @ design + np.eye(rank + 1) * penalty[:, None]
            moment = design.transpose(0, 2, 1) @ residual[:, :, None] + (penalty * centres[rows])[:, :, None]
            solutions[rows] = solve_or_nan(gram, moment)[:, :, 0]
        narrow = solutions.astype(np.float32)
        return np.ascontiguousarray(narrow[:, rank]), np.ascontiguousarray(narrow[:, :rank])

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, but by the Sherman-Morrison formula, with the (h, rank + 1) design X of the whole
        history and the centre c_j of the ridge without rating j,

        G = XᵀX + (h - 1) Λ,  w = G⁻¹(Xᵀr + (h - 1) Λ c_j),  w_without_j = w - G⁻¹x_j (r_j - x_j·w) / (1 - x_j·G⁻¹x_j)
        """
        h, n_weights = history.nnz, self.item_vectors.shape[1] + 1
        if h < 2:
            return super().attributions(history, items)
        design, residual = self._regression(history.indices, history.data)
        moment, square = design.T @ residual, design.T @ design
        penalty, fewer_penalty = self._penalty(h), self._penalty(h - 1)
        whole = solve_or_nan(square + np.diag(penalty), moment + penalty * self._centres(history)[0])
        moments = moment + fewer_penalty * self._centres_without_one(history)
        both = solve_or_nan(square + np.diag(fewer_penalty), np.column_stack([design.T, moments.T]))
        gains, fewer = both[:, :h], both[:, h:]  # G⁻¹Xᵀ, and w in column j (or in the only one)
        leverage = np.einsum("hk,kh->h", design, gains)
        without = fewer - gains * ((residual - np.vecdot(design, fewer.T)) / (1 - leverage))
        wanted = np.ones((len(items), n_weights))
        wanted[:, :-1] = self.item_vectors[items]
        effects: Doubles = (wanted @ (whole[:, None] - without)).T
        return effects

    def _centres(self, histories: csr_array) -> Doubles:
        """(m, rank + 1) vector and bias towards which the ridge shrinks each of m histories; zeros here."""
        return np.zeros((histories.shape[0], self.item_vectors.shape[1] + 1))

    def _centres_without_one(self, history: csr_array) -> Doubles:
        """(h, rank + 1), or (1, rank + 1) if they are all equal: the centres of a (1, n_items) history without
        each of its h ratings."""
        return np.zeros((1, self.item_vectors.shape[1] + 1))

    def _regression(self, items: Rows, ratings: Floats) -> tuple[Doubles, Doubles]:
        """(…, rank + 1) vectors of rated items, each with a 1 for the bias, and (…) the residuals to fit."""
        design = np.ones((*items.shape, self.item_vectors.shape[1] + 1))
        design[..., :-1] = self.item_vectors[items]
        return design, ratings.astype(np.float64) - self.mean - self.item_bias[items]

    def _penalty(self, n: int | Array) -> Doubles:
        """(…, rank + 1) diagonal of |h| Λ + C(h) for histories of (…) n ratings, large enough to be solved."""
        each = np.append(np.full(self.item_vectors.shape[1], self.vector_l2), self.bias_l2)
        n = np.maximum(n, 1)[..., None]
        penalty: Doubles = (
            np.maximum(each, MIN_L2) * n + self._short_history_shrinkage * (SHORT_HISTORY / (SHORT_HISTORY + n)) ** 2
        )
        return penalty

    @cached_property
    def _short_history_shrinkage(self) -> Doubles:
        """(rank + 1,) 2 s²/σ²; users with few ratings have a lower weight in σ²."""
        counts = self.training_data.user_counts
        users = np.flatnonzero(counts)
        users = users[:: max(1, len(users) // SAMPLED_USERS)].astype(np.int32)
        history = self.training_data.interactions[users]
        own = np.column_stack([self.user_vectors[users], self.user_bias[users]]) - self._centres(history)
        weights = counts[users] / (counts[users] + SHORT_HISTORY)
        spread: Doubles = weights @ own**2 / max(weights.sum(), 1e-12)
        errors = self.score_pair_rows(np.repeat(users, np.diff(history.indptr)), history.indices) - history.data
        noise = float(np.mean(errors.astype(np.float64) ** 2)) if len(errors) else 0.0
        return 2 * noise / np.maximum(spread, MIN_VARIANCE)


def similar_length_blocks(histories: csr_array, width: int) -> Iterator[tuple[Array, Rows, Floats, Mask]]:
    """The non-empty histories in blocks of similar length, whose design matrices of `width` columns fit into memory.

    Each block has (b,) row numbers, (b, longest) items and ratings, and a mask of those that belong to the history:
    shorter histories are padded with arbitrary values.
    """
    lengths = np.diff(histories.indptr)
    order = np.argsort(lengths, kind="stable")
    stop = len(order)
    while stop and (longest := int(lengths[order[stop - 1]])):
        block = max(1, FOLD_IN_CELLS // (width * max(width, longest)))
        start = max(stop - block, int(np.searchsorted(lengths[order], 1)))
        rows, place = order[start:stop], np.arange(longest)
        inside = place < lengths[rows, None]
        at = np.where(inside, histories.indptr[rows, None] + place, 0)
        yield rows, histories.indices[at], histories.data[at], inside
        stop = start
