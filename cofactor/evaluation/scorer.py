"""A model's scores for everybody and everything in a test set, known to the model or not."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Mask, Rows, Times
from cofactor.errors import BadArtifact
from cofactor.evaluation.held_out import HeldOut
from cofactor.models.base import Model


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores over the rows of `held`, in which unknown ids stand behind the model's own.

    A user the model does not know is scored as somebody without a rating, an item it does not know by what is left of
    the score without the item (see `Model.unknown_item_scores`). The time of a rating counts where both are known.
    """

    model: Model
    held: HeldOut

    def block(self, users: Rows) -> Floats:
        """(m, held.n_items) float32 scores of (m,) users."""
        known = users < len(self.model.training_data.users)
        if known.all() and not self.held.unknown_items:
            return _numbers(self.model.scores(users))
        n_known = len(self.model.training_data.items)
        scores = np.empty((len(users), self.held.n_items), dtype=np.float32)
        scores[known, :n_known] = self.model.scores(users[known])
        scores[~known, :n_known] = self._nobody
        _numbers(scores[:, :n_known])
        scores[:, n_known:] = self._without_item(users)[:, None]
        return scores

    def pairs(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(n,) float32 scores of (n,) pairs, at the times of the ratings where they are given."""
        known_user, known_item = (
            users < len(self.model.training_data.users),
            items < len(self.model.training_data.items),
        )
        scores = self._without_item(users)
        scores[known_item & ~known_user] = self._nobody[items[known_item & ~known_user]]
        both = known_item & known_user
        scores[both] = _numbers(self.model.pair_scores(users[both], items[both]))
        return scores if times is None else scores + self.time_effects(users, items, times)

    def time_effects(self, users: Rows, items: Rows, times: Times) -> Floats:
        """(n,) float32: what the times of ratings add to the scores of (n,) pairs."""
        both = (users < len(self.model.training_data.users)) & (items < len(self.model.training_data.items))
        effects = np.zeros(len(users), dtype=np.float32)
        effects[both] = _numbers(self.model.time_effects(users[both], items[both], times[both]))
        return effects

    @cached_property
    def rankable(self) -> Mask:
        """(held.n_items,) the items that may be recommended."""
        return np.append(self.model.rankable, np.zeros(self.held.unknown_items, dtype=bool))

    def seen(self, users: Rows) -> tuple[Array, Rows]:
        """(m + 1,) where each user's training items begin, and those items."""
        history = self.model.training_data.interactions
        known = users < history.shape[0]
        rows = history[users[known]]
        counts = np.zeros(len(users), dtype=np.int64)
        counts[known] = np.diff(rows.indptr)
        return np.concatenate(([0], np.cumsum(counts))), rows.indices.astype(np.int32)

    @cached_property
    def _nobody(self) -> Floats:
        """(n_items,) scores of somebody without a rating."""
        empty = csr_array((1, len(self.model.training_data.items)), dtype=np.float32)
        return _numbers(self.model.fold_in_scores(empty)[0])

    def _without_item(self, users: Rows) -> Floats:
        scores: Floats = self._no_item[np.minimum(users, len(self.model.training_data.users))]
        return scores

    @cached_property
    def _no_item(self) -> Floats:
        """(n_users + 1,) scores of an item of which nothing is known."""
        return _numbers(self.model.unknown_item_scores)


def _numbers(scores: Floats) -> Floats:
    """The scores; raises BadArtifact where one is not a number, which no ranking could place."""
    if scores.size and np.isnan(scores.min()):
        raise BadArtifact("the model scores NaN", "its arrays are damaged or its training diverged: train it again")
    return scores
