"""The k-core of ratings: users with enough ratings, of items with enough raters, and nobody else."""

from dataclasses import replace

import numpy as np

from cofactor.arrays import Array, Mask, Rows
from cofactor.data.features import Features
from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData


def k_core(ratings: Ratings, min_ratings: int = 1, min_raters: int = 1) -> Ratings:
    """The largest part of `ratings` in which each user has `min_ratings` and each item `min_raters` ratings or more.

    Users and items with fewer are left out in turn until none is left: leaving an item out takes a rating from its
    users. So are those without any rating. With min_ratings = min_raters = k, this is the k-core of the bipartite graph
    of users and items (Seidman 1983). `origin.notes` counts what was left out.

    Raises BadData for a number below 1, and where nothing is left.
    """
    for name, number in (("min_ratings", min_ratings), ("min_raters", min_raters)):
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
            raise BadData(f"{name} is {number!r}", "give a whole number from 1")
    users, items = _peel(ratings, min_ratings, min_raters)
    reason = _describe(min_ratings, min_raters)
    if not users.any():
        hint = "lower --min-ratings or --min-raters (min_ratings, min_raters)"
        raise BadData(f"no ratings are left without {reason}", hint)
    return ratings if users.all() and items.all() else _select(ratings, users, items, reason)


def _describe(min_ratings: int, min_raters: int) -> str:
    """Which users and items are left out."""
    fewer = [f"users with fewer than {min_ratings:,} ratings"] if min_ratings > 1 else []
    fewer += [f"items with fewer than {min_raters:,} raters"] if min_raters > 1 else []
    return " and ".join(fewer) or "users and items without ratings"


def _peel(ratings: Ratings, min_ratings: int, min_raters: int) -> tuple[Mask, Mask]:
    """Which users and items stay. Each pass looks at the ratings of those that the pass before left out, no others."""
    sides = (
        _RatingsBySide(ratings.user, len(ratings.users), min_ratings),
        _RatingsBySide(ratings.item, len(ratings.items), min_raters),
    )
    rows = (ratings.item, ratings.user)  # of the other side, by rating
    left = np.ones(len(ratings), dtype=bool)
    waiting = [side.too_few() for side in sides]
    while len(waiting[0]) or len(waiting[1]):
        for n, (side, other) in enumerate((sides, sides[::-1])):
            gone = side.take_out(waiting[n])
            gone = gone[left[gone]]
            left[gone] = False
            fewer = other.lose(rows[n][gone])
            waiting[n] = np.empty(0, dtype=np.int64)
            waiting[1 - n] = np.union1d(waiting[1 - n], fewer)
    return sides[0].stays, sides[1].stays


class _RatingsBySide:
    """The users, or the items: how many ratings each has, and which of them stay."""

    def __init__(self, rows: Rows, n: int, least: int) -> None:
        self.least, self.counts = least, np.bincount(rows, minlength=n)
        self.order = np.argsort(rows, kind="stable")
        self.start = np.concatenate(([0], np.cumsum(self.counts)))
        self.stays = np.ones(n, dtype=bool)

    def too_few(self) -> Array:
        return np.flatnonzero(self.counts < self.least)

    def take_out(self, rows: Array) -> Array:
        """Leaves rows out; returns the numbers of their ratings."""
        self.stays[rows] = False
        starts, sizes = self.start[rows], self.start[rows + 1] - self.start[rows]
        places = np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        ratings: Array = self.order[places]
        return ratings

    def lose(self, rows: Rows) -> Array:
        """Takes a rating from each row, as often as it is named; returns those that have too few since."""
        named, times = np.unique(rows, return_counts=True)
        self.counts[named] -= times
        few: Array = named[(self.counts[named] < self.least) & self.stays[named]]
        return few


def _select(ratings: Ratings, users: Mask, items: Mask, reason: str) -> Ratings:
    """The ratings of these users and items, with vocabularies of theirs."""
    keep = users[ratings.user] & items[ratings.item]
    new_user, new_item = np.cumsum(users, dtype=np.int32) - 1, np.cumsum(items, dtype=np.int32) - 1
    n_users, n_items, n_ratings = (int(np.count_nonzero(~mask)) for mask in (users, items, keep))
    note = f"{n_users:,} users, {n_items:,} items and {n_ratings:,} ratings left out: {reason}"
    origin = None if ratings.origin is None else replace(ratings.origin, notes=(*ratings.origin.notes, note))
    return replace(
        ratings.where(keep),
        users=Vocabulary(ratings.users.ids[users], ratings.users.noun),
        items=Vocabulary(ratings.items.ids[items], ratings.items.noun),
        user=new_user[ratings.user[keep]],
        item=new_item[ratings.item[keep]],
        titles=None if ratings.titles is None else ratings.titles[items],
        genres=None if ratings.genres is None else ratings.genres[items],
        user_features=_take(ratings.user_features, users),
        item_features=_take(ratings.item_features, items),
        origin=origin,
    )


def _take(features: Features | None, rows: Mask) -> Features | None:
    return None if features is None else features.take(np.flatnonzero(rows).astype(np.int32))
