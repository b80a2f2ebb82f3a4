"""The attributes of a model's items by row: ids, titles, genres and years."""

from functools import cached_property

import numpy as np

from cofactor.arrays import Mask, Rows
from cofactor.data.ratings import TrainingData
from cofactor.data.reading.feature_tables import YEAR

NO_YEAR = -1
LENGTH_OF_YEAR = len("(1977)")


class ItemAttributes:
    """Columns of the items of the training data, from which lists take single cells, and arrays that filters use."""

    def __init__(self, training_data: TrainingData) -> None:
        self.training_data = training_data

    @cached_property
    def ids(self) -> list[str]:
        return list(map(str, self.training_data.items.ids.tolist()))

    @cached_property
    def titles(self) -> list[str]:
        """The title of each item, or its id if it has none."""
        titles = self.training_data.titles
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

    @cached_property
    def year_array(self) -> Rows:
        """(n_items,) years as numbers; `NO_YEAR` for an item without one."""
        return np.array([NO_YEAR if one is None else one for one in self.years], dtype=np.int32)

    @cached_property
    def genre_sets(self) -> tuple[list[list[str]], Rows]:
        """The distinct lists of genres, and (n_items,) the number of each item's list."""
        column = self.training_data.genres
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


def _find_year(title: str) -> int | None:
    found = YEAR.search(title)
    return int(found[1]) if found else None


def split_genres(genres: str | None) -> list[str]:
    """The names in a text such as "Comedy|Drama"."""
    return [name for name in (genres or "").split("|") if name]
