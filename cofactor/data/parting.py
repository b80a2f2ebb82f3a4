"""Which rating goes to which part of a split: by lot, by time, or each user's last. Without sorting them all."""

from collections.abc import Sequence

import numpy as np

from cofactor.arrays import Array, Mask
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData

TRAIN, VALIDATION, TEST = range(3)


def share_of(n: int, share: float) -> int:
    """⌊n · share⌋ of the decimal that was written: 0.29 of 100 is 29, though 0.29 * 100 is 28.999999999999996."""
    return int(round(n * share, 6))


def at_random(n: int, seed: int, test: float, validation: float) -> Array:
    """(n,) the part of each of n rows, drawn from a permutation: its end is the test part."""
    order = np.random.default_rng(seed).permutation(n)
    first_test = n - share_of(n, test)
    first_validation = first_test - share_of(first_test, validation)
    part = np.zeros(n, dtype=np.int8)
    part[order[first_validation:first_test]] = VALIDATION
    part[order[first_test:]] = TEST
    return part


def by_time(ratings: Ratings, test: float, validation: float) -> Array:
    """(n,) the part of each rating: the latest of all are the test part. Raises BadData without times."""
    if ratings.time is None:
        raise BadData("these ratings have no times to split by", "split at random, or by the last rating of each user")
    part = np.zeros(len(ratings), dtype=np.int8)
    n_test = share_of(len(ratings), test)
    n_held_out = n_test + share_of(len(ratings) - n_test, validation)
    part[_latest(ratings, n_held_out)] = VALIDATION
    part[_latest(ratings, n_test)] = TEST
    return part


def _latest(ratings: Ratings, n: int) -> Array:
    """Row numbers of the n latest ratings; only those at the cut are put in order."""
    time = ratings.time
    if n == 0 or time is None:
        return np.empty(0, dtype=np.int64)
    cut = np.partition(time, len(time) - n)[len(time) - n]
    later, tied = np.flatnonzero(time > cut), np.flatnonzero(time == cut)
    in_order = tied[np.lexsort((ratings.item[tied], ratings.user[tied]))]
    return np.concatenate((later, in_order[len(in_order) - (n - len(later)) :]))


def last_of_users(ratings: Ratings, held_out: Sequence[int]) -> Array:
    """(n,) the part of each rating: each user's latest is in the first of `held_out`, the one before in the next."""
    enough = np.bincount(ratings.user, minlength=len(ratings.users)) > len(held_out)
    part = np.zeros(len(ratings), dtype=np.int8)
    for number in held_out:
        part[_latest_of_users(ratings, (part == TRAIN) & enough[ratings.user])] = number
    return part


def _latest_of_users(ratings: Ratings, among: Mask) -> Array:
    """Row numbers of each user's latest rating among some."""
    left = np.flatnonzero(among)
    for column in (ratings.time, ratings.item) if ratings.time is not None else ():
        highest = np.full(len(ratings.users), np.iinfo(np.int64).min)
        np.maximum.at(highest, ratings.user[left], column[left].astype(np.int64))
        left = left[column[left] == highest[ratings.user[left]]]
    last = np.full(len(ratings.users), -1)
    np.maximum.at(last, ratings.user[left], left)
    return last[last >= 0]
