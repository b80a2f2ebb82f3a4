"""Ranks of relevant items: in the whole ranking of each user's candidates, and cut off at several k."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Array, Doubles, Mask, Rows


@dataclass(frozen=True, eq=False)
class RelevantRanks:
    """The rank of each relevant item among the candidates of its user."""

    user: Array  # (r,) 0 … n_users-1, ascending; every user has at least one relevant item
    ranks: Rows  # (r,) 1 is the top; candidates of equal score are ordered by item row
    mid_ranks: Doubles | None  # (r,) candidates of equal score share the mean of their ranks; None: not computed
    n_candidates: Array  # (n_users,) number of items that were ranked
    ratings: Doubles | None = None  # (r,) the user's rating of the item; None: not kept
    popularity_ranks: Rows | None = None  # (r,) rank of the item if candidates were ordered by popularity

    @cached_property
    def n_relevant(self) -> Array:
        """(n_users,) relevant items of each user, R."""
        return np.bincount(self.user, minlength=len(self.n_candidates))

    def sum(self, values: Doubles | Mask) -> Doubles:
        """(n_users,) sum of (r,) values over each user's relevant items."""
        return np.asarray(np.bincount(self.user, values, minlength=len(self.n_candidates)), dtype=np.float64)

    @cached_property
    def n_found(self) -> Array:
        """(r,) relevant items down to this one's rank, itself included: 1 for the first of its user, 2, …"""
        return self._rank_within_users(self.ranks)

    @cached_property
    def ideal_ranks(self) -> Array:
        """(r,) the rank of each relevant item in the ideal order: by rating, the highest first."""
        assert self.ratings is not None, "graded gains need the ratings"
        return self._rank_within_users(-self.ratings)

    def slice_users(self, first: int, last: int) -> "RelevantRanks":
        """The ranks of the users first … last-1 alone."""
        here = slice(*np.searchsorted(self.user, (first, last)).tolist())
        mid_ranks = None if self.mid_ranks is None else self.mid_ranks[here]
        ratings = None if self.ratings is None else self.ratings[here]
        popularity = None if self.popularity_ranks is None else self.popularity_ranks[here]
        n_candidates = self.n_candidates[first:last]
        return RelevantRanks(self.user[here] - first, self.ranks[here], mid_ranks, n_candidates, ratings, popularity)

    def _rank_within_users(self, key: Array) -> Array:
        """(r,) 1, 2, … within each user, by ascending (r,) keys."""
        order = np.lexsort((key, self.user))
        first = np.cumsum(self.n_relevant) - self.n_relevant
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = 1 + np.arange(len(order)) - np.repeat(first, self.n_relevant)
        return ranks


@dataclass(frozen=True, eq=False)
class RanksAtK:
    """Rankings cut off after the first k, for several k at once. Every array has a row for each user."""

    ranks: RelevantRanks
    k: Array  # (n_k,) ascending, at least one

    @classmethod
    def at(cls, ranks: RelevantRanks, *k: int) -> "RanksAtK":
        return cls(ranks, np.array(k, dtype=np.int64))

    @cached_property
    def n_relevant(self) -> Array:
        """(n_users, 1) relevant items of each user, R."""
        return self.ranks.n_relevant[:, None]

    @cached_property
    def hits(self) -> Doubles:
        """(n_users, n_k) relevant items among the first k."""
        return self.sum(1.0, self.ranks.ranks)

    def sum(self, values: Doubles | float, positions: Array) -> Doubles:
        """(n_users, n_k) the sum of (r,) values over those relevant items whose (r,) position is at most k.

        Each value is added once, to the first k that reaches its position; cumulative sums over the k do the rest.
        """
        inside = positions <= self.k[-1]
        cell = self.ranks.user[inside] * len(self.k) + np.searchsorted(self.k, positions[inside])
        shape = len(self.ranks.n_candidates), len(self.k)
        added = np.bincount(cell, np.broadcast_to(values, positions.shape)[inside], minlength=shape[0] * shape[1])
        total: Doubles = np.cumsum(added.reshape(shape), axis=1, dtype=np.float64)
        return total
