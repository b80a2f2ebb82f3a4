"""A user who is not in the training data, given by ratings."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Unpack

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats
from cofactor.models.checks import check_n
from cofactor.models.queries.ids import Id, find_rows, known_item
from cofactor.models.top_n.list_filters import FilterArguments
from cofactor.models.top_n.ranking import RankingModel
from cofactor.models.top_n.recommendations import RatingEffects, Recommendations
from cofactor.models.top_n.top_n_options import TopNOptions


@dataclass(frozen=True, eq=False)
class FoldedInUser:
    """A user who is not in the training data, with a (1, n_items) history of ratings; made by `Model.fold_in`."""

    model: RankingModel
    history: csr_array

    @cached_property
    def scores(self) -> Floats:
        """(n_items,) unclipped scores of all items."""
        scores: Floats = self.model.fold_in_scores(self.history)[0]
        return scores

    def predict(self, item_ids: Iterable[Id]) -> Floats:
        """(m,) scores of m items, clipped to the scale if the model predicts ratings.

        The score of an unknown item is that which it has for an unknown user."""
        rows = find_rows(self.model.training_data.items, item_ids)
        return self.model.clip(np.append(self.scores, self.model.unknown_item_scores[-1])[rows])

    def recommend(
        self,
        n: int = 10,
        *,
        include_seen: bool = False,
        diversity: float = 0.0,
        why: int = 0,
        **filters: Unpack[FilterArguments],
    ) -> Recommendations:
        """The n items with the highest scores that the user has not rated; the options are those of
        `Model.recommend`."""
        options = TopNOptions.of(n, include_seen, diversity, why, filters)
        rated, hidden = (self.history.indices, self.history.data), self.model.hidden_by(options)
        return self.model.list_for_history(self.scores.copy(), rated, options, hidden)

    def explain(self, item_id: Id, n: int = 5) -> RatingEffects:
        """The n of the user's ratings with the largest effect on an item's score, up or down."""
        check_n(n)
        return self.model.explain_rows(self.history, known_item(self.model.training_data, item_id), n)
