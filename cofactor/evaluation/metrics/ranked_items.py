"""Where relevant items stand: in whole rankings, and among the first k of them for several k at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Array, Doubles, Mask, Rows


@dataclass(frozen=True, eq=False)
class Ranked:
    """Where each user's relevant items stand among that user's candidates."""

    user: Array  # (r,) 0 … n_users-1, ascending; every user has one relevant item at least
    rank: Rows  # (r,) 1 is the top; candidates of equal score go by item row
    mid_rank: Doubles | None  # (r,) candidates of equal score share the mean of their ranks; None: not counted
    candidates: Array  # (n_users,) how many items were ranked
    rating: Doubles | None = None  # (r,) what the user gave the item; None: not kept
    popular: Rows | None = None  # (r,) its rank were the candidates ordered by popularity; None: not counted

    @cached_property
    def relevant(self) -> Array:
        """(n_users,) relevant items of each user, R."""
        return np.bincount(self.user, minlength=len(self.candidates))

    def sum(self, values: Doubles | Mask) -> Doubles:
        """(n_users,) sum of (r,) values over each user's relevant items."""
        return np.asarray(np.bincount(self.user, values, minlength=len(self.candidates)), dtype=np.float64)

    @cached_property
    def found(self) -> Array:
        """(r,) relevant items down to this one's rank, itself included: 1 for the first of its user, 2, …"""
        return self._places(self.rank)

    @cached_property
    def best_rank(self) -> Array:
        """(r,) the rank of each relevant item in the best order there is: by rating, the highest first."""
        assert self.rating is not None, "graded gains need to know the ratings"
        return self._places(-self.rating)

    def users(self, first: int, last: int) -> "Ranked":
        """The same of the users first … last-1 alone."""
        here = slice(*np.searchsorted(self.user, (first, last)).tolist())
        mid_rank = None if self.mid_rank is None else self.mid_rank[here]
        rating = None if self.rating is None else self.rating[here]
        popular = None if self.popular is None else self.popular[here]
        candidates = self.candidates[first:last]
        return Ranked(self.user[here] - first, self.rank[here], mid_rank, candidates, rating, popular)

    def _places(self, key: Array) -> Array:
        """(r,) 1, 2, … within each user, by rising (r,) keys."""
        order = np.lexsort((key, self.user))
        first = np.cumsum(self.relevant) - self.relevant
        places = np.empty(len(order), dtype=np.int64)
        places[order] = 1 + np.arange(len(order)) - np.repeat(first, self.relevant)
        return places


@dataclass(frozen=True, eq=False)
class Cut:
    """Rankings cut off behind the first k, for several k at once. Everything has a row for each user."""

    ranked: Ranked
    k: Array  # (n_k,) ascending, one at least

    @classmethod
    def at(cls, ranked: Ranked, *k: int) -> "Cut":
        return cls(ranked, np.array(k, dtype=np.int64))

    @cached_property
    def relevant(self) -> Array:
        """(n_users, 1) relevant items of each user, R."""
        return self.ranked.relevant[:, None]

    @cached_property
    def hits(self) -> Doubles:
        """(n_users, n_k) relevant items among the first k."""
        return self.sum(1.0, self.ranked.rank)

    def sum(self, values: Doubles | float, place: Array) -> Doubles:
        """(n_users, n_k) the sum of (r,) values over those relevant items whose (r,) place is at most k.

        Every value is added once, to the first k that reaches its place; running sums over the k do the rest.
        """
        inside = place <= self.k[-1]
        cell = self.ranked.user[inside] * len(self.k) + np.searchsorted(self.k, place[inside])
        shape = len(self.ranked.candidates), len(self.k)
        added = np.bincount(cell, np.broadcast_to(values, place.shape)[inside], minlength=shape[0] * shape[1])
        total: Doubles = np.cumsum(added.reshape(shape), axis=1, dtype=np.float64)
        return total
