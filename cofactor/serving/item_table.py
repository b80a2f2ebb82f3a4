"""The items of a model by row: columns that answers show, and arrays that filters compute with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.arrays import Doubles, Floats, Mask, Rows
from cofactor.data.reading.feature_tables import YEAR
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import RatingEffect
from cofactor.serving.rating_counts import ItemCounts
from cofactor.serving.rounding import round_rating, round_score

JsonObject = dict[str, Any]  # to be serialized as a JSON object
NO_YEAR = -1


@dataclass(frozen=True, eq=False)
class ItemTable:
    """The items of a model: lists, from which answers take single cells, and arrays for computations."""

    model: Model

    # Columns for answers

    @cached_property
    def ids(self) -> list[str]:
        return [str(one) for one in self.model.training_data.items.ids]

    @cached_property
    def titles(self) -> list[str]:
        """The title of each item, or its id if it has none."""
        return [self.model.training_data.title(row) for row in range(len(self.ids))]

    @cached_property
    def genres(self) -> list[list[str]]:
        """The genres of each item; items with the same genres share one list."""
        column = self.model.training_data.genres
        if column is None:
            return [[]] * len(self.ids)
        known: dict[str, list[str]] = {}
        return [known.setdefault(one or "", split_genres(one)) for one in column]

    @cached_property
    def years(self) -> list[int | None]:
        """The year at the end of each title, as in "Star Wars (1977)"."""
        found = (YEAR.search(title) for title in self.titles)
        return [int(one[1]) if one else None for one in found]

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
        """(n_items,) rows by descending number of training ratings, then by row."""
        return self.trained_counts.by_popularity

    @cached_property
    def trained_counts(self) -> ItemCounts:
        """The number and the sum of the training ratings of each item."""
        history, counts = self.model.training_data.interactions, self.model.training_data.item_counts
        sums: Doubles = np.bincount(history.indices, history.data.astype(np.float64), minlength=len(counts)).astype(
            float
        )
        return ItemCounts(counts, sums, {}, np.argsort(-counts, kind="stable").astype(np.int32))

    @cached_property
    def year_array(self) -> Rows:
        """(n_items,) years as numbers; `NO_YEAR` for an item without one."""
        return np.array([NO_YEAR if one is None else one for one in self.years], dtype=np.int32)

    @cached_property
    def genre_masks(self) -> dict[str, Mask]:
        """(n_items,) masks by genre, as spelled in the data, in alphabetical order."""
        rows: dict[str, list[int]] = {}
        for row, names in enumerate(self.genres):
            for name in names:
                rows.setdefault(name, []).append(row)
        masks = {name: np.zeros(len(self.ids), dtype=bool) for name in sorted(rows)}
        for name, mask in masks.items():
            mask[rows[name]] = True
        return masks

    @cached_property
    def genres_by_casefold(self) -> dict[str, list[str]]:
        """The spellings of each genre by its case-folded name."""
        found: dict[str, list[str]] = {}
        for name in self.genre_masks:
            found.setdefault(name.casefold(), []).append(name)
        return found

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


def split_genres(genres: str | None) -> list[str]:
    """The names in a text such as "Comedy|Drama"."""
    return [name for name in (genres or "").split("|") if name]
