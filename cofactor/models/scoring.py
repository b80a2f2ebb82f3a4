"""The scores of a model: what each kind of model computes, from row numbers of users and items."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Doubles, Floats, Mask, Rows, Times
from cofactor.data.ratings import TrainingData
from cofactor.models.top_n.recommendations import leave_one_out
from cofactor.models.top_n.selection import EXCLUDED
from cofactor.row_blocks import batch_slices

SCORE_USERS = 4096  # users whose scores for all items are held at a time, at most
SCORE_CELLS = 1 << 22  # scores held at a time: 16 MiB; much smaller blocks are slowed by the threads of the BLAS


@dataclass(frozen=True)
class Provenance:
    """How a model was trained."""

    trainer: str  # its name on the command line
    hyperparameters: Mapping[str, Any]
    best_epoch: int | None = None  # from 1; the model is that of this epoch, or was refitted for as many


@dataclass(frozen=True, eq=False)
class ScoringModel(ABC):
    """The part of a model that differs between kinds.

    `scale` is the range of ratings if scores are predicted ratings (RMSE and MAE apply), and None if the model only
    ranks. A kind must implement `score_rows`, `fold_in_scores` and `shapes`; it may override the other
    methods if it can compute them faster than by scoring every item.
    """

    kind: ClassVar[str]
    indices: ClassVar[frozenset[str]] = frozenset()  # the arrays that hold row numbers: int32 or int64, not float32
    networks: ClassVar[frozenset[str]] = frozenset()  # the fields that are Layers

    training_data: TrainingData
    scale: tuple[float, float] | None
    provenance: Provenance | None = field(default=None, init=False, repr=False)  # None: not known

    def with_provenance(self, provenance: Provenance) -> Self:
        """The same model, which says how it was trained."""
        same = copy(self)
        object.__setattr__(same, "provenance", provenance)
        return same

    @classmethod
    @abstractmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        """The shape of every array by name. A str names a size that must be the same wherever it occurs."""

    def check(self) -> None:  # noqa: B027  # most kinds have nothing more to check
        """Raises BadArtifact if the arrays, each of the right shape and type, do not fit together."""

    # Scores

    @abstractmethod
    def score_rows(self, users: Rows) -> Floats:
        """(m, n_items) float32 scores of all items for (m,) user rows, in a new array.

        They are not clipped, because a top-N list needs their order. A user without training ratings gets the scores of
        the fallback list.
        """

    @abstractmethod
    def fold_in_scores(self, histories: csr_array) -> Floats:
        """(m, n_items) float32 scores for users who are not in the training data, given by (m, n_items) ratings."""

    def score_item_rows(self, users: Rows, items: Rows) -> Floats:
        """(m, k) float32 scores of (k,) items for (m,) user rows: columns of `score_rows`."""
        return self.score_rows(users)[:, items]

    def score_pair_rows(self, users: Rows, items: Rows) -> Floats:
        """(m,) unclipped scores of (m,) pairs of rows.

        Here each distinct user is scored once: for all items, or by `score_item_rows` if the pairs have fewer than half
        of the items. Kinds with vectors compute the pairs alone.
        """
        distinct, row = np.unique(users, return_inverse=True)
        wanted, column = np.unique(items, return_inverse=True)
        n_items = len(self.training_data.items)
        every = 2 * len(wanted) > n_items
        block = self._users_per_block() if every else max(1, SCORE_CELLS // max(1, len(wanted)))
        order = np.argsort(row, kind="stable")
        bounds = np.searchsorted(row[order], np.arange(0, len(distinct) + block, block))
        out = np.empty(len(users), dtype=np.float32)
        for number, here in enumerate(batch_slices(len(distinct), block)):
            pairs = order[bounds[number] : bounds[number + 1]]
            scores = self.score_rows(distinct[here]) if every else self.score_item_rows(distinct[here], wanted)
            out[pairs] = scores[row[pairs] - here.start, items[pairs] if every else column[pairs]]
        return out

    def score_error(self, user: int) -> float | None:
        """The highest difference, by rounding, between `score_rows` of a user row, computed alone or with any other
        users, and `score_pair_rows`. None if it is not known; then users are not scored together where a list must not
        depend on who else is in a request."""
        return None

    def time_effect_rows(self, users: Rows, items: Rows, times: Times) -> Floats:
        """(m,) effects of the (m,) times of ratings, in seconds since 1970, on `score_pair_rows`; 0 for most kinds."""
        return np.zeros(len(users), dtype=np.float32)

    @property
    def uses_times(self) -> bool:
        """Whether `time_effect_rows` may be other than 0."""
        return False

    @property
    def unknown_item_scores(self) -> Floats:
        """(n_users + 1,) scores of an item that is not in the training data: for each user row and, in the last place,
        for a user without ratings. Here the mean training rating, or -∞ if the model only ranks."""
        mean = EXCLUDED if self.scale is None else self.training_data.interactions.data.mean()
        return np.full(len(self.training_data.users) + 1, mean, dtype=np.float32)

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """(h, m) leave-one-out attributions: the score of each of (m,) items minus its score without each of the h
        ratings of a (1, n_items) history. Here every shortened history is scored, in blocks."""
        h, n_items = history.nnz, history.shape[1]
        score = self.fold_in_scores(history)[0, items].astype(np.float64)
        out, places = np.empty((h, len(items))), np.arange(h)
        for here in batch_slices(h, max(1, SCORE_CELLS // max(h, n_items))):
            out[here] = score - self.fold_in_scores(leave_one_out(history, places[here]))[:, items]
        return out

    @property
    def rankable(self) -> Mask:
        """(n_items,) true for the items that may be recommended: those with a training rating."""
        return self.training_data.item_counts > 0

    @property
    def listed_last(self) -> Mask | None:
        """(n_items,) true for items that come after all others in a list; None where there is none. For most kinds the
        score alone decides."""
        return None

    def clip(self, scores: Floats) -> Floats:
        """The scores, limited to the scale if there is one."""
        if self.scale is None:
            return scores
        lowest, highest = self.scale
        return np.minimum(np.maximum(scores, lowest), highest)  # for few scores np.clip takes three times as long

    # Similarities

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) similarities of an item row to every item, in a new array; `EXCLUDED` where there is no evidence.

        Here the cosine of their columns of training ratings, Σ_u r_ui r_uj / (|r_i| |r_j|).
        """
        history = self.training_data.interactions
        at = np.flatnonzero(history.indices == item)
        raters = np.searchsorted(history.indptr, at, side="right") - 1
        weights = csr_array((history.data[at], np.arange(len(at)), [0, len(at)]), shape=(1, len(at)))
        products = weights @ history[raters]
        out = np.full(history.shape[1], EXCLUDED)
        norms = self._item_norms[products.indices] * self._item_norms[item]
        out[products.indices] = products.data / np.maximum(norms, 1e-12)
        return out

    def similarity_among_rows(self, items: Rows) -> Floats:
        """(k, k) similarities of (k,) items to one another: the columns `items` of `similarity_to_row` of each."""
        rated = self.training_data.interactions[:, items]
        products = (rated.T @ rated).tocoo()
        out = np.full((len(items), len(items)), EXCLUDED)
        norms = self._item_norms[items]
        row, column = products.coords
        out[row, column] = products.data / np.maximum(norms[row] * norms[column], 1e-12)
        return out

    def similarity_to_user_row(self, user: int | None, history: csr_array) -> Floats:
        """(n_users,) similarities of a user to every user, in a new array; `EXCLUDED` where there is no evidence.

        user: the row of a user whose ratings are those of the training data; None if the (1, n_items) history replaces
        them. Here the cosine of the rows of ratings, Σ_i r_ui r_vi / (|r_u| |r_v|).
        """
        rated = np.zeros(history.shape[1])
        rated[history.indices] = history.data
        products = self.training_data.interactions @ rated
        norms = self._user_norms * np.linalg.norm(rated)
        return np.where(products != 0, products / np.maximum(norms, 1e-12), EXCLUDED).astype(np.float32)

    @cached_property
    def _item_norms(self) -> Doubles:
        """(n_items,) lengths of the columns of training ratings."""
        history = self.training_data.interactions
        squares = history.data.astype(np.float64) ** 2
        return np.sqrt(np.bincount(history.indices, squares, minlength=history.shape[1]))

    @cached_property
    def _user_norms(self) -> Doubles:
        """(n_users,) lengths of the rows of training ratings."""
        n_users, squares = len(self.training_data.users), self.training_data.interactions.data.astype(np.float64) ** 2
        user = np.repeat(np.arange(n_users), self.training_data.user_counts)
        return np.sqrt(np.bincount(user, squares, minlength=n_users))

    def _users_per_block(self) -> int:
        return min(SCORE_USERS, max(1, SCORE_CELLS // max(1, len(self.training_data.items))))
