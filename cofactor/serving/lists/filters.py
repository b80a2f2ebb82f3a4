"""Filters of items: the rules of the operator and the options of a request, as masks over item rows."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Mask, Rows
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.serving.item_table import NO_YEAR, ItemTable
from cofactor.serving.schemas.requests import FilterOptions


@dataclass(frozen=True)
class OperatorRules:
    """The operator's rules, which apply to every request."""

    allow: frozenset[str] | None = None  # the items that may be listed; None: all
    deny: frozenset[str] = frozenset()  # the items that are never listed
    new_items: bool = False  # whether ratings of items that are in no model are accepted


NO_RULES = OperatorRules()


@dataclass(frozen=True, eq=False)
class ItemFilter:
    """The items of a model that a list may contain."""

    table: ItemTable
    rules: OperatorRules = NO_RULES

    @cached_property
    def denied(self) -> Mask:
        """(n_items,) true for the items that the operator's rules exclude from every list."""
        ids, denied = self.table.model.training_data.items, np.zeros(len(self.table.ids), dtype=bool)
        if self.rules.allow is not None:
            denied[:] = True
            denied[_known(ids, self.rules.allow)] = False
        denied[_known(ids, self.rules.deny)] = True
        return denied

    @cached_property
    def hidden(self) -> Mask:
        """(n_items,) true for the items excluded from a list without filters: denied, or without training ratings."""
        return self.denied | ~self.table.rankable

    def hidden_by(self, options: FilterOptions) -> Mask:
        """(n_items,) true for the items that a request excludes from its list.

        Candidates may be listed even without training ratings. Raises BadData for an unknown genre or candidate.
        """
        if not has_filters(options):
            return self.hidden
        candidates, genres, allowed = (requested(options, name) for name in ("candidates", "genre", "allow"))
        chosen = ~self.hidden if candidates is None else self._candidate_mask(candidates)
        if genres is not None:
            chosen &= self._genre_mask(genres)
        if options.without_genre:
            chosen &= ~self._genre_mask(options.without_genre)
        if options.year_from is not None:
            chosen &= self.table.year_array >= options.year_from
        if options.year_to is not None:
            chosen &= (self.table.year_array <= options.year_to) & (self.table.year_array != NO_YEAR)
        ids = self.table.model.training_data.items
        if allowed is not None:
            listed = np.zeros(len(chosen), dtype=bool)
            listed[_known(ids, allowed)] = True
            chosen &= listed
        if options.deny:
            chosen[_known(ids, options.deny)] = False
        return ~chosen

    def _candidate_mask(self, candidates: Iterable[str]) -> Mask:
        ids, chosen = self.table.model.training_data.items, np.zeros(len(self.table.ids), dtype=bool)
        for one in candidates:
            chosen[known_item(ids, one)] = True
        return chosen & ~self.denied

    def _genre_mask(self, genres: Iterable[str]) -> Mask:
        """(n_items,) true for the items of any of these genres; case does not matter."""
        found = np.zeros(len(self.table.ids), dtype=bool)
        for genre in genres:
            names = self.table.genres_by_casefold.get(genre.casefold())
            if names is None:
                raise self._unknown_genre(genre)
            for name in names:
                found |= self.table.genre_masks[name]
        return found

    def _unknown_genre(self, genre: str) -> BadData:
        known = self.table.genres_by_casefold
        near = [known[one][0] for one in difflib.get_close_matches(genre.casefold(), known, 3, cutoff=0.5)]
        some = near or list(self.table.genre_masks)[:5]
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(some)}"
        return BadData(f"unknown genre {genre!r}", hint if some else "the items of this model have no genres")


def known_item(ids: Vocabulary, item: str) -> int:
    """The row of an item in a request; raises BadData for an unknown one."""
    if item not in ids:
        unknown = ids.unknown_id(item)
        raise BadData(unknown.message, unknown.hint)
    return ids.row(item)


def requested(options: FilterOptions, name: str) -> list[str] | None:
    """A list of a request, which may be empty: then it leaves no item. None if the request does not have it."""
    return getattr(options, name) if name in options.model_fields_set else None


def has_filters(options: FilterOptions) -> bool:
    """Whether a request excludes any items."""
    return bool(
        {"candidates", "genre", "allow"} & options.model_fields_set
        or options.without_genre
        or options.deny
        or options.year_from is not None
        or options.year_to is not None
    )


def _known(ids: Vocabulary, named: Collection[str]) -> Rows:
    """The rows of those ids that are in the vocabulary."""
    rows = ids.rows(list(named))
    return rows[rows >= 0]
