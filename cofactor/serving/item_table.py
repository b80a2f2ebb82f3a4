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
from cofactor.serving.lists.rounding import round_rating, round_score
from cofactor.serving.ratings.rating_counts import ItemCounts

JsonObject = dict[str, Any]  # to be serialized as a JSON object
NO_YEAR = -1
LENGTH_OF_YEAR = len("(1977)")


@dataclass(frozen=True, eq=False)
class ItemTable:
    """The items of a model: lists, from which answers take single cells, and arrays for computations."""

    model: Model

    # Columns for answers

    @cached_property
    def ids(self) -> list[str]:
        return list(map(str, self.model.training_data.items.ids.tolist()))

    @cached_property
    def titles(self) -> list[str]:
        """The title of each item, or its id if it has none."""
        titles = self.model.training_data.titles
        if titles is None:
            return self.ids
        return [str(title or id_) for title, id_ in zip(titles.tolist(), self.ids, strict=True)]

    @cached_property
    def genres(self) -> list[list[str]]:
        """The genres of each item; items with the same genres share one list."""
        names, of_item = self.genre_sets
        return [names[number] for number in of_item.tolist()]

    @cached_property
    def years(self) -> list[int | None]:
        """The year at the end of each title, as in "Star Wars (1977)"."""
        ends = [title[-LENGTH_OF_YEAR:] for title in self.titles]
        if any(end[-1:].isspace() for end in set(ends)):
            return [_find_year(title) for title in self.titles]
        known = {end: _find_year(end) for end in set(ends)}
        return [known[end] for end in ends]

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
    def genre_sets(self) -> tuple[list[list[str]], Rows]:
        """The distinct lists of genres, and (n_items,) the number of each item's list."""
        column = self.model.training_data.genres
        if column is None:
            return [[]], np.zeros(len(self.ids), dtype=np.int32)
        texts = [one or "" for one in column.tolist()]
        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        of_item = np.fromiter(map(numbers.__getitem__, texts), dtype=np.int32, count=len(texts))
        return [split_genres(text) for text in numbers], of_item

    @cached_property
    def genre_masks(self) -> dict[str, Mask]:
        """(n_items,) masks by genre, as spelled in the data, in alphabetical order."""
        lists, of_item = self.genre_sets
        of_genre: dict[str, Mask] = {
            name: np.zeros(len(lists), dtype=bool) for name in sorted({name for names in lists for name in names})
        }
        for number, names in enumerate(lists):
            for name in names:
                of_genre[name][number] = True
        return {name: among[of_item] for name, among in of_genre.items()}

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


def _find_year(title: str) -> int | None:
    found = YEAR.search(title)
    return int(found[1]) if found else None


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
