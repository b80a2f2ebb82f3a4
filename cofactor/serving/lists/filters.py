"""Filters of items: the rules of the operator and the options of a request, as masks over item rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Mask
from cofactor.models.top_n.list_filters import NO_FILTERS, FilterMasks, ListFilters, find_known
from cofactor.serving.item_table import ItemTable
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
        ids, denied = self.table.training_data.items, np.zeros(len(self.table.ids), dtype=bool)
        if self.rules.allow is not None:
            denied[:] = True
            denied[find_known(ids, self.rules.allow)] = False
        denied[find_known(ids, self.rules.deny)] = True
        return denied

    @cached_property
    def hidden(self) -> Mask:
        """(n_items,) true for the items excluded from a list without filters: denied, or without training ratings."""
        return self.denied | ~self.table.rankable

    def hidden_by(self, options: FilterOptions) -> Mask:
        """(n_items,) true for the items that a request excludes from its list.

        Candidates may be listed even without training ratings. Raises BadData for an unknown genre or candidate.
        """
        return self._masks.hidden_by(list_filters(options))

    @cached_property
    def _masks(self) -> FilterMasks:
        return FilterMasks(self.table, self.hidden, self.denied)


def list_filters(options: FilterOptions) -> ListFilters:
    """The filters of a request."""
    if not has_filters(options):
        return NO_FILTERS
    candidates, genre, allow = (requested(options, name) for name in ("candidates", "genre", "allow"))
    return ListFilters(
        candidates, allow, options.deny, genre, options.without_genre, options.year_from, options.year_to
    )


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
