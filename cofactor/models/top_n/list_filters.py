"""Filters of top-N lists: what a caller may ask for, as masks over item rows."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from cofactor.argument_names import suggest_argument
from cofactor.arrays import Mask, Rows
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.models.queries.ids import Id, id_texts, is_id
from cofactor.models.top_n.item_attributes import NO_YEAR, ItemAttributes


@dataclass(frozen=True)
class ListFilters:
    """Filters of a list of items. The list has the length it would have if only the remaining items existed.

    An empty `candidates`, `allow` or `genre` leaves no item; None is no filter.
    """

    candidates: Collection[str] | None = None  # rank only these known items, whether the user has rated them or not
    allow: Collection[str] | None = None  # only these items; unknown ids are ignored
    deny: Collection[str] = ()  # none of these items
    genre: Collection[str] | None = None  # items of any of these genres
    without_genre: Collection[str] = ()  # items of none of these genres
    year_from: int | None = None  # items of this year or later
    year_to: int | None = None  # items of this year or earlier

    @cached_property
    def is_empty(self) -> bool:
        """Whether no item is left out."""
        return self == NO_FILTERS


NO_FILTERS = ListFilters()


class FilterArguments(TypedDict, total=False):
    """The filters of a list as arguments of a function; a single id or genre counts as a list of one."""

    candidates: Id | Iterable[Id] | None
    allow: Id | Iterable[Id] | None
    deny: Id | Iterable[Id]
    genre: str | Iterable[str] | None
    without_genre: str | Iterable[str]
    year_from: int | None
    year_to: int | None


def make_filters(arguments: Mapping[str, object]) -> ListFilters:
    """The filters of the arguments of a function; raises BadData for an unknown name and a value of a wrong type."""
    values: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in FilterArguments.__annotations__:
            known = ["n", *FilterArguments.__annotations__, "include_seen", "diversity", "why"]
            raise BadData(f"a list has no option {name!r}", suggest_argument(name, known, "a list"))
        if value is not None:
            values[name] = _year(name, value) if name.startswith("year") else _texts(name, value)
    return ListFilters(**values)


def _year(name: str, value: object) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise BadData(f"{name} is {value!r}", "a year is a whole number, as in 1994")
    return int(value)


def _texts(name: str, value: object) -> list[str]:
    """The ids or genres of a filter, sorted."""
    return sorted(set(id_texts([value] if is_id(value) else value, name)))


@dataclass(frozen=True, eq=False)
class FilterMasks:
    """The items of a model that a list may contain."""

    items: ItemAttributes
    hidden: Mask  # (n_items,) true for the items that a list without filters does not contain
    denied: Mask | None = None  # (n_items,) true for the items that no list contains, even as candidates

    def hidden_by(self, filters: ListFilters) -> Mask:
        """(n_items,) true for the items that filters exclude.

        Candidates may be listed even without training ratings. Raises BadData for an unknown genre or candidate.
        """
        if filters.is_empty:
            return self.hidden
        chosen = ~self.hidden if filters.candidates is None else self._candidate_mask(filters.candidates)
        if filters.genre is not None:
            chosen &= self._genre_mask(filters.genre)
        if filters.without_genre:
            chosen &= ~self._genre_mask(filters.without_genre)
        if filters.year_from is not None:
            chosen &= self.items.year_array >= filters.year_from
        if filters.year_to is not None:
            chosen &= (self.items.year_array <= filters.year_to) & (self.items.year_array != NO_YEAR)
        ids = self.items.training_data.items
        if filters.allow is not None:
            listed = np.zeros(len(chosen), dtype=bool)
            listed[find_known(ids, filters.allow)] = True
            chosen &= listed
        if filters.deny:
            chosen[find_known(ids, filters.deny)] = False
        return ~chosen

    def _candidate_mask(self, candidates: Iterable[str]) -> Mask:
        ids, chosen = self.items.training_data.items, np.zeros(len(self.hidden), dtype=bool)
        for one in candidates:
            chosen[known_item(ids, one)] = True
        return chosen if self.denied is None else chosen & ~self.denied

    def _genre_mask(self, genres: Iterable[str]) -> Mask:
        """(n_items,) true for the items of any of these genres; case does not matter."""
        found = np.zeros(len(self.hidden), dtype=bool)
        for genre in genres:
            names = self.items.genres_by_casefold.get(genre.casefold())
            if names is None:
                raise self._unknown_genre(genre)
            for name in names:
                found |= self.items.genre_masks[name]
        return found

    def _unknown_genre(self, genre: str) -> BadData:
        known = self.items.genres_by_casefold
        near = [known[one][0] for one in difflib.get_close_matches(genre.casefold(), known, 3, cutoff=0.5)]
        some = near or list(self.items.genre_masks)[:5]
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(some)}"
        return BadData(f"unknown genre {genre!r}", hint if some else "the items of this model have no genres")


def known_item(ids: Vocabulary, item: str) -> int:
    """The row of an item in a request; raises BadData for an unknown one."""
    if item not in ids:
        unknown = ids.unknown_id(item)
        raise BadData(unknown.message, unknown.hint)
    return ids.row(item)


def find_known(ids: Vocabulary, named: Collection[str]) -> Rows:
    """The rows of those ids that are in the vocabulary."""
    rows = ids.rows(list(named))
    return rows[rows >= 0]
