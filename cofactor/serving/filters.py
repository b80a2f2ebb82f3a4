"""Which items may be listed: what the operator decided, and what a request filters by, as masks over item rows."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Mask, Rows
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.serving.item_table import NO_YEAR, ItemTable
from cofactor.serving.schemas.requests import Choice, LongLists


@dataclass(frozen=True)
class Terms:
    """What the operator decided, whatever is asked."""

    allow: frozenset[str] | None = None  # items that may be listed; None: all
    deny: frozenset[str] = frozenset()  # items that are never listed
    new_items: bool = False  # whether ratings of items that no model knows are taken


EVERYTHING = Terms()


@dataclass(frozen=True, eq=False)
class Shelf:
    """The items of a bundle as the operator lets them be seen."""

    table: ItemTable
    terms: Terms = EVERYTHING

    @cached_property
    def denied(self) -> Mask:
        """(n_items,) true for what the operator never lets be listed."""
        ids, denied = self.table.model.training_data.items, np.zeros(len(self.table.ids), dtype=bool)
        if self.terms.allow is not None:
            denied[:] = True
            denied[_known(ids, self.terms.allow)] = False
        denied[_known(ids, self.terms.deny)] = True
        return denied

    @cached_property
    def hidden(self) -> Mask:
        """(n_items,) true for what is not listed where nothing is filtered: it is denied, or nobody rated it."""
        return self.denied | ~self.table.rankable

    def hidden_by(self, choice: Choice) -> Mask:
        """(n_items,) true for what a request leaves out.

        Candidates are listed though nobody rated them. Raises BadData for a genre or a candidate that is unknown.
        """
        if not filters(choice):
            return self.hidden
        candidates = choice.candidates if isinstance(choice, LongLists) else []
        chosen = self._among(candidates) if candidates else ~self.hidden
        if choice.genre:
            chosen &= self._of_any(choice.genre)
        if choice.without_genre:
            chosen &= ~self._of_any(choice.without_genre)
        if choice.year_from is not None:
            chosen &= self.table.year >= choice.year_from
        if choice.year_to is not None:
            chosen &= (self.table.year <= choice.year_to) & (self.table.year != NO_YEAR)
        ids = self.table.model.training_data.items
        if choice.allow:
            allowed = np.zeros(len(chosen), dtype=bool)
            allowed[_known(ids, choice.allow)] = True
            chosen &= allowed
        if choice.deny:
            chosen[_known(ids, choice.deny)] = False
        return ~chosen

    def _among(self, candidates: Iterable[str]) -> Mask:
        ids, chosen = self.table.model.training_data.items, np.zeros(len(self.table.ids), dtype=bool)
        for one in candidates:
            chosen[known_item(ids, one)] = True
        return chosen & ~self.denied

    def _of_any(self, genres: Iterable[str]) -> Mask:
        """(n_items,) of any of these genres, written in whatever case."""
        found = np.zeros(len(self.table.ids), dtype=bool)
        for asked in genres:
            names = self.table.genre_named.get(asked.casefold())
            if names is None:
                raise self._unknown_genre(asked)
            for name in names:
                found |= self.table.of_genre[name]
        return found

    def _unknown_genre(self, asked: str) -> BadData:
        by_fold = self.table.genre_named
        near = [by_fold[one][0] for one in difflib.get_close_matches(asked.casefold(), by_fold, 3, cutoff=0.5)]
        some = near or list(self.table.of_genre)[:5]
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(some)}"
        return BadData(f"unknown genre {asked!r}", hint if some else "the items of this model have no genres")


def known_item(ids: Vocabulary, item: str) -> int:
    """The row of an item named in a request; BadData where the model does not know it."""
    if item not in ids:
        unknown = ids.unknown_id(item)
        raise BadData(unknown.message, unknown.hint)
    return ids.row(item)


def filters(choice: Choice) -> bool:
    """Whether a request leaves anything out."""
    return bool(
        (isinstance(choice, LongLists) and choice.candidates)
        or choice.genre
        or choice.without_genre
        or choice.allow
        or choice.deny
        or choice.year_from is not None
        or choice.year_to is not None
    )


def _known(ids: Vocabulary, named: Collection[str]) -> Rows:
    """The rows of those ids that the model knows."""
    rows = ids.rows(list(named))
    return rows[rows >= 0]
