"""Scores of biases and a dot product, which all factor models have in common."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Rows
from cofactor.models.base import Model
from cofactor.models.top_n.selection import EXCLUDED
from cofactor.row_blocks import batch_slices

UNIT_ROUNDOFF = 2.0**-24  # of single precision
SAFETY = 1.1  # for what is of second order in it
MAX_ERROR = 1e30  # far from overflow
CACHED_CELLS = (
    1 << 17
)  # numbers in the vectors gathered at a time: blocks that fit into the cache are three times as fast


@dataclass(frozen=True, eq=False)
class VectorModel(Model):
    """r̂_ui = μ + b_u + b_i + p_u · q_i; each kind defines the fold-in of b_u and p_u."""

    mean: float
    user_bias: Floats  # (n_users,)
    item_bias: Floats  # (n_items,)
    user_vectors: Floats  # (n_users, rank)
    item_vectors: Floats  # (n_items, rank)

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            "mean": (),
            "user_bias": (n_users,),
            "item_bias": (n_items,),
            "user_vectors": (n_users, "rank"),
            "item_vectors": (n_items, "rank"),
        }

    @abstractmethod
    def fold_in_vectors(self, histories: csr_array) -> tuple[Floats, Floats]:
        """(m,) biases and (m, rank) vectors of users with (m, n_items) histories (fold-in)."""

    def score_rows(self, users: Rows) -> Floats:
        return self._scores(self.user_bias.take(users), self.user_vectors.take(users, axis=0))

    def fold_in_scores(self, histories: csr_array) -> Floats:
        return self._scores(*self.fold_in_vectors(histories))

    def score_pair_rows(self, users: Rows, items: Rows) -> Floats:
        scores = np.empty(len(users), dtype=np.float32)
        for here in cache_slices(len(users), self.item_vectors.shape[1]):
            p, q = self.user_vectors.take(users[here], axis=0), self.item_vectors.take(items[here], axis=0)
            np.vecdot(p, q, out=scores[here])
        scores += np.float32(self.mean) + self.user_bias[users] + self.item_bias[items]
        return scores

    def score_error(self, user: int) -> float | None:
        terms = self._largest_item_bias + abs(self.mean) + abs(float(self.user_bias[user]))
        return dot_product_error(self.user_vectors[user], self._largest_item_length, terms)

    @property
    def unknown_item_scores(self) -> Floats:
        """μ + b_u."""
        return np.float32(self.mean) + np.append(self.user_bias, np.float32(0))

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) cosine of the items' vectors; `EXCLUDED` where either is zero."""
        return cosine(self.item_vectors, self._item_lengths, self.item_vectors[item])

    def similarity_among_rows(self, items: Rows) -> Floats:
        return cosines(self.item_vectors[items])

    def similarity_to_user_row(self, user: int | None, history: csr_array) -> Floats:
        """(n_users,) cosine of the users' vectors; a user given by a history is folded in first. `EXCLUDED` where
        either is zero."""
        vector = self.fold_in_vectors(history)[1][0] if user is None else self._whole_user_vectors[user]
        return cosine(self._whole_user_vectors, self._user_lengths, vector)

    @property
    def _whole_user_vectors(self) -> Floats:
        """(n_users, …) vectors of the trained users, as `fold_in_vectors` returns them for histories."""
        return self.user_vectors

    @cached_property
    def _user_lengths(self) -> Floats:
        lengths: Floats = np.linalg.norm(self._whole_user_vectors, axis=1)
        return lengths

    @cached_property
    def _item_lengths(self) -> Floats:
        lengths: Floats = np.linalg.norm(self.item_vectors, axis=1)
        return lengths

    @cached_property
    def _largest_item_length(self) -> float:
        return float(self._item_lengths.max(initial=0))

    @cached_property
    def _largest_item_bias(self) -> float:
        return float(np.abs(self.item_bias).max(initial=0))

    def _scores(self, bias: Floats, vectors: Floats) -> Floats:
        """(m, n_items) scores from (m,) biases and (m, rank) vectors of users."""
        scores = vectors @ self.item_vectors.T
        scores += self.item_bias
        scores += (np.float32(self.mean) + bias)[:, None]
        return scores


def dot_product_error(vector: Floats, longest: float, terms: float = 0.0) -> float | None:
    """The highest difference between two results, in single precision and any order of summation, of the dot product of
    a vector with another one of length at most `longest`, plus a few numbers whose absolute values sum to `terms`; None
    if it may not be finite.

    Of k products, each result differs by at most k u Σ|p q| / (1 - k u) from the exact one, u = 2⁻²⁴ (Higham 2002,
    equation 3.5), and Σ|p q| is at most the product of the lengths.
    """
    length = float(np.linalg.norm(vector.astype(np.float64))) * longest
    error = SAFETY * UNIT_ROUNDOFF * (2 * len(vector) * length + 8 * (length + terms))
    return error if error < MAX_ERROR else None


def cosine(vectors: Floats, lengths: Floats, other: Floats) -> Floats:
    """(n,) cosine of (n, rank) vectors of (n,) lengths with another vector; `EXCLUDED` where either is zero."""
    length = np.linalg.norm(other)
    if length == 0:
        return np.full(len(vectors), EXCLUDED)
    similarity = (vectors @ other) / np.maximum(lengths * length, 1e-30)
    return np.where(lengths > 0, np.clip(similarity, -1, 1), EXCLUDED).astype(np.float32)


def cosines(vectors: Floats) -> Floats:
    """(k, k) cosines of (k, rank) vectors with one another; `EXCLUDED` where either is zero."""
    lengths = np.linalg.norm(vectors, axis=1)
    norms = lengths[:, None] * lengths
    return np.where(norms > 0, np.clip(vectors @ vectors.T / np.maximum(norms, 1e-30), -1, 1), EXCLUDED).astype(
        np.float32
    )


def cache_slices(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows of `width` numbers, each small enough to stay in the processor's cache."""
    return batch_slices(n, max(1, CACHED_CELLS // max(1, width)))
