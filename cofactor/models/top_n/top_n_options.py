"""What a caller asks of a top-N list."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cofactor.errors import BadData
from cofactor.models.checks import check_length, check_n
from cofactor.models.top_n.list_filters import NO_FILTERS, ListFilters, make_filters


@dataclass(frozen=True)
class TopNOptions:
    """Length, filters and explanations of a list; see `Model.recommend`."""

    n: int = 10
    include_seen: bool = False
    diversity: float = 0.0
    why: int = 0
    filters: ListFilters = NO_FILTERS

    @classmethod
    def of(
        cls,
        n: int,
        include_seen: bool = False,
        diversity: float = 0.0,
        why: int = 0,
        filters: Mapping[str, object] | None = None,
    ) -> "TopNOptions":
        """The options of arguments; raises BadData for one that is out of bounds, of another type or unknown."""
        check_n(n)
        if not isinstance(diversity, int | float | np.integer | np.floating) or not 0 <= diversity <= 1:
            raise BadData(f"diversity is {diversity!r}", "give a number from 0, by score alone, to 1")
        if not isinstance(include_seen, bool | np.bool_):
            raise BadData(f"include_seen is {include_seen!r}", "it is True or False")
        if not isinstance(why, int | np.integer) or isinstance(why, bool):
            raise BadData(f"why is {why!r}", "it is the number of ratings that explain each item")
        made = make_filters(filters) if filters else NO_FILTERS
        return cls(check_length(int(n)), bool(include_seen), float(diversity), check_length(int(why)), made)

    @property
    def excludes_seen(self) -> bool:
        """Whether items that the user has rated are left out: not if they are seen or named as candidates."""
        return not self.include_seen and self.filters.candidates is None
