"""The items of a model by row: columns that answers show, and arrays that filters compute with."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.arrays import Doubles, Floats, Mask, Rows
from cofactor.models.base import Model
from cofactor.models.interactions.interaction_model import InteractionModel
from cofactor.models.interactions.interaction_weights import InteractionWeights
from cofactor.models.top_n.item_attributes import ItemAttributes
from cofactor.models.top_n.recommendations import RatingEffect
from cofactor.serving.lists.rounding import round_rating, round_score
from cofactor.serving.ratings.rating_counts import ItemCounts

JsonObject = dict[str, Any]  # to be serialized as a JSON object


class ItemTable(ItemAttributes):
    """The items of a model: their attributes, lines of answers, and arrays for computations."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.training_data)
        self.model = model

    # Lines of answers

    def item(self, row: int) -> JsonObject:
        return {
            "item": self.ids[row],
            "title": self.titles[row],
            "genres": self.genres[row],
            "year": self.years[row],
        }

    def item_with_statistics(self, row: int, counts: ItemCounts) -> JsonObject:
        """An item with the number and the mean of its ratings."""
        return {**self.item(row), "ratings": int(counts.counts[row]), "mean": counts.mean(row)}

    def lines(
        self,
        rows: Rows,
        scores: Floats,
        because: Sequence[Sequence[RatingEffect]] = (),
        *,
        scale: tuple[float, float] | None = None,
    ) -> list[JsonObject]:
        """The lines of a list of (k,) item rows, best first, with their scores and the ratings that explain them.

        scale: that of the scores if they are ratings.
        """
        ids, titles, genres, years = self.ids, self.titles, self.genres, self.years
        lines: list[JsonObject] = [
            {
                "item": ids[row],
                "title": titles[row],
                "genres": genres[row],
                "year": years[row],
                "score": round_score(score, scale),
                "because": [],
            }
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]
        for line, effects in zip(lines, because, strict=False):
            line["because"] = [describe_effect(one) for one in effects]
        return lines

    # Arrays for computations

    @cached_property
    def rankable(self) -> Mask:
        """(n_items,) true for the items that may be recommended."""
        return self.model.rankable

    @property
    def by_popularity(self) -> Rows:
        """(n_items,) rows by descending number of training ratings that are positives, then by row."""
        return self.trained_counts.by_popularity

    @cached_property
    def trained_counts(self) -> ItemCounts:
        """The number and the sum of the training ratings of each item."""
        history, counts = self.model.training_data.interactions, self.model.training_data.item_counts
        sums: Doubles = np.bincount(history.indices, history.data.astype(np.float64), minlength=len(counts)).astype(
            float
        )
        positives = self.model.positive_counts if isinstance(self.model, InteractionModel) else counts
        order = np.argsort(-positives, kind="stable").astype(np.int32)
        return ItemCounts(counts, sums, {}, order, None if positives is counts else positives)

    @property
    def interaction_weights(self) -> InteractionWeights | None:
        """Which ratings are positives; None where all are."""
        return self.model.interaction_weights if isinstance(self.model, InteractionModel) else None

    @cached_property
    def unknown_user_scores(self) -> Floats:
        """(n_items,) clipped scores for a user without ratings."""
        from scipy.sparse import csr_array

        empty = csr_array((1, len(self.ids)), dtype=np.float32)
        return self.model.clip(self.model.fold_in_scores(empty)[0])


def describe_effect(one: RatingEffect) -> JsonObject:
    return {
        "item": one.item,
        "title": one.title,
        "rating": round_rating(one.rating),
        "effect": round_score(one.effect),
    }
