"""A model's scores for all users and items of a test set, including unknown ones."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Array, Floats, Mask, Rows, Times
from cofactor.errors import BadArtifact
from cofactor.evaluation.held_out import HeldOut
from cofactor.models.base import Model
from cofactor.models.queries.cold_start import ColdStartScorer


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores by the rows of `held_out`, in which unknown ids come after the model's own.

    An unknown user is scored as a user without ratings, an unknown item by `Model.unknown_item_scores`. The time of a
    rating is used if user and item are both known.
    """

    model: Model
    held_out: HeldOut

    def score_users(self, users: Rows) -> Floats:
        """(m, held_out.n_items) float32 scores of (m,) users."""
        known = users < len(self.model.training_data.users)
        if known.all() and not self.held_out.unknown_items:
            return _check_scores(self.model.score_rows(users))
        n_known = len(self.model.training_data.items)
        scores = np.empty((len(users), self.held_out.n_items), dtype=np.float32)
        scores[known, :n_known] = self.model.score_rows(users[known])
        scores[~known, :n_known] = self._cold_start.unknown_user_scores
        _check_scores(scores[:, :n_known])
        scores[:, n_known:] = _check_scores(self._cold_start.score_unknown_item(users))[:, None]
        return scores

    def score_pairs(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(n,) float32 scores of (n,) pairs, at the times of the ratings if given."""
        scores = _check_scores(self._cold_start.score_pairs(users, items))
        return scores if times is None else scores + self.time_effect_rows(users, items, times)

    def time_effect_rows(self, users: Rows, items: Rows, times: Times) -> Floats:
        """(n,) float32 effects of the times of ratings on the scores of (n,) pairs; 0 for unknown ids."""
        return _check_scores(self._cold_start.time_effect_rows(users, items, times))

    @cached_property
    def rankable(self) -> Mask:
        """(held_out.n_items,) whether an item may be recommended; unknown items may not."""
        return np.append(self.model.rankable, np.zeros(self.held_out.unknown_items, dtype=bool))

    @cached_property
    def listed_last(self) -> Mask | None:
        """(held_out.n_items,) the items that come after all others in a list; None where there is none."""
        last = self.model.listed_last
        return None if last is None else np.append(last, np.zeros(self.held_out.unknown_items, dtype=bool))

    def training_items(self, users: Rows) -> tuple[Array, Rows]:
        """(m + 1,) index of each user's first training item, and the training items of all."""
        history = self.model.training_data.interactions
        known = users < history.shape[0]
        rows = history[users[known]]
        counts = np.zeros(len(users), dtype=np.int64)
        counts[known] = np.diff(rows.indptr)
        return np.concatenate(([0], np.cumsum(counts))), rows.indices.astype(np.int32)

    @property
    def _cold_start(self) -> ColdStartScorer:
        return self.model.cold_start


def _check_scores(scores: Floats) -> Floats:
    """The scores. Raises BadArtifact if one is NaN, which cannot be ranked."""
    if scores.size and np.isnan(scores.min()):
        raise BadArtifact(
            "the model scores NaN", "its arrays are damaged or its training diverged: train the model again"
        )
    return scores
