"""Scores of pairs in which the user or the item is not in the training data."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Mask, Rows, Times
from cofactor.models.scoring import ScoringModel


class ColdStartScorer:
    """Scores pairs of rows, of which those outside the vocabularies (-1, or n and above) stand for unknown ids.

    An unknown user is scored as a user without ratings, an unknown item by `unknown_item_scores` of the model. The time
    of a rating is used if user and item are both known.
    """

    def __init__(self, model: ScoringModel) -> None:
        self.model = model
        self._n_users, self._n_items = len(model.training_data.users), len(model.training_data.items)

    def score_pairs(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(n,) float32 scores of (n,) pairs, at the times of the ratings if given; -∞ where the model has none."""
        known_user, known_item = self._are_known(users, items)
        both = known_item & known_user
        if both.all():
            scores = self.model.score_pair_rows(users, items)
        else:
            scores = self.score_unknown_item(users)
            no_user = known_item & ~known_user
            scores[no_user] = self.unknown_user_scores[items[no_user]]
            scores[both] = self.model.score_pair_rows(users[both], items[both])
        return scores if times is None else scores + self.time_effect_rows(users, items, times)

    def time_effect_rows(self, users: Rows, items: Rows, times: Times) -> Floats:
        """(n,) float32 effects of the times of ratings on the scores of (n,) pairs; 0 for unknown ids."""
        known_user, known_item = self._are_known(users, items)
        both = known_user & known_item
        effects = np.zeros(len(users), dtype=np.float32)
        effects[both] = self.model.time_effect_rows(users[both], items[both], times[both])
        return effects

    def score_unknown_item(self, users: Rows) -> Floats:
        """(m,) scores of an unknown item for (m,) users."""
        scores: Floats = self.unknown_item_scores[np.where(users < self._n_users, users, -1)]
        return scores

    @cached_property
    def unknown_user_scores(self) -> Floats:
        """(n_items,) scores of a user without ratings."""
        scores: Floats = self.model.fold_in_scores(csr_array((1, self._n_items), dtype=np.float32))[0]
        return scores

    @cached_property
    def unknown_item_scores(self) -> Floats:
        """(n_users + 1,) scores of an unknown item for every user and, last, for an unknown user."""
        return self.model.unknown_item_scores

    def _are_known(self, users: Rows, items: Rows) -> tuple[Mask, Mask]:
        return (users >= 0) & (users < self._n_users), (items >= 0) & (items < self._n_items)
