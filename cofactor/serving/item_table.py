"""What is shown of items, and what they are chosen by: columns by row, made once for a bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.arrays import Doubles, Floats, Mask, Rows
from cofactor.data.reading.feature_tables import YEAR
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import RatingEffect

Line = dict[str, Any]
NO_YEAR = -1


@dataclass(frozen=True, eq=False)
class ItemTable:
    """The items of a model, as lists where answers take single cells from them, and as arrays where they compute."""

    model: Model

    # What is shown

    @cached_property
    def ids(self) -> list[str]:
        return [str(one) for one in self.model.training_data.items.ids]

    @cached_property
    def titles(self) -> list[str]:
        """An item without a title is called by its id."""
        return [self.model.training_data.title(row) for row in range(len(self.ids))]

    @cached_property
    def genres(self) -> list[list[str]]:
        """Items with the same genres share one list."""
        column = self.model.training_data.genres
        if column is None:
            return [[]] * len(self.ids)
        known: dict[str, list[str]] = {}
        return [known.setdefault(one or "", listed(one)) for one in column]

    @cached_property
    def years(self) -> list[int | None]:
        """From the end of a title: "Star Wars (1977)"."""
        found = (YEAR.search(title) for title in self.titles)
        return [int(one[1]) if one else None for one in found]

    def item(self, row: int) -> Line:
        return {
            "item": self.ids[row],
            "title": self.titles[row],
            "genres": self.genres[row],
            "year": self.years[row],
        }

    def rated(self, row: int) -> Line:
        """An item with how often it was rated in training, and how high on average."""
        count, mean = int(self.model.training_data.item_counts[row]), float(self.means[row])
        return {**self.item(row), "ratings": count, "mean": mean if count else None}

    def lines(self, rows: Rows, scores: Floats, because: Sequence[Sequence[RatingEffect]] = ()) -> list[Line]:
        """The lines of a list of (k,) item rows, best first, with their scores and, for each, its reasons."""
        ids, titles, genres, years = self.ids, self.titles, self.genres, self.years
        made = [
            {
                "item": ids[row],
                "title": titles[row],
                "genres": genres[row],
                "year": years[row],
                "score": score,
                "because": [],
            }
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]
        for line, reasons in zip(made, because, strict=False):
            line["because"] = [reason(one) for one in reasons]
        return made

    # What is computed with

    @cached_property
    def rankable(self) -> Mask:
        """(n_items,) true for what may be recommended."""
        return self.model.rankable

    @cached_property
    def by_popularity(self) -> Rows:
        """(n_items,) rows, the most rated first; of equally rated ones the lower row."""
        return np.argsort(-self.model.training_data.item_counts, kind="stable").astype(np.int32)

    @cached_property
    def means(self) -> Doubles:
        """(n_items,) mean training rating; 0 without ratings."""
        history, counts = self.model.training_data.interactions, self.model.training_data.item_counts
        sums = np.bincount(history.indices, history.data.astype(np.float64), minlength=len(counts))
        means: Doubles = sums / np.maximum(counts, 1)
        return means

    @cached_property
    def year(self) -> Rows:
        """(n_items,) years as numbers, `NO_YEAR` where there is none."""
        return np.array([NO_YEAR if one is None else one for one in self.years], dtype=np.int32)

    @cached_property
    def of_genre(self) -> dict[str, Mask]:
        """(n_items,) masks by the name of a genre as it is written in the data, in order of names."""
        rows: dict[str, list[int]] = {}
        for row, names in enumerate(self.genres):
            for name in names:
                rows.setdefault(name, []).append(row)
        masks = {name: np.zeros(len(self.ids), dtype=bool) for name in sorted(rows)}
        for name, mask in masks.items():
            mask[rows[name]] = True
        return masks

    @cached_property
    def genre_named(self) -> dict[str, list[str]]:
        """The genres by their names without case."""
        found: dict[str, list[str]] = {}
        for name in self.of_genre:
            found.setdefault(name.casefold(), []).append(name)
        return found

    @cached_property
    def score_for_nobody(self) -> Floats:
        """(n_items,) clipped scores for somebody of whom nothing is known."""
        from scipy.sparse import csr_array

        nobody = csr_array((1, len(self.ids)), dtype=np.float32)
        return self.model.clip(self.model.fold_in_scores(nobody)[0])


def reason(one: RatingEffect) -> Line:
    return {"item": one.item, "title": one.title, "rating": one.rating, "effect": one.effect}


def listed(genres: str | None) -> list[str]:
    """ "Comedy|Drama" as its names."""
    return [name for name in (genres or "").split("|") if name]
