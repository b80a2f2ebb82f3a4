"""Assigns ratings to the parts of a split: at random, by time, or a share or one rating of each user."""

from collections.abc import Iterator, Sequence

import numpy as np

from cofactor.arrays import Array, Mask, Times
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData

TRAIN, VALIDATION, TEST, UNUSED = range(4)


def share_count(n: int, share: float) -> int:
    """⌊n · share⌋ of the decimal number: 0.29 of 100 is 29, although 0.29 * 100 is 28.999999999999996."""
    return int(round(n * share, 6))


def at_random(n: int, seed: int, test: float, validation: float) -> Array:
    """(n,) part of each of n rows: the end of a random permutation is the test part."""
    order = np.random.default_rng(seed).permutation(n)
    first_test = n - share_count(n, test)
    first_validation = first_test - share_count(first_test, validation)
    part = np.zeros(n, dtype=np.int8)
    part[order[first_validation:first_test]] = VALIDATION
    part[order[first_test:]] = TEST
    return part


def by_time(ratings: Ratings, test: float, validation: float) -> Array:
    """(n,) part of each rating: the latest ratings are the test part. Raises BadData without times."""
    _times(ratings)
    return _latest_in_test(ratings, share_count(len(ratings), test), validation)


def by_cut(ratings: Ratings, cut: int, validation: float) -> Array:
    """(n,) part of each rating: those from `cut` on, in seconds since 1970, are the test part."""
    return _latest_in_test(ratings, int(np.count_nonzero(_times(ratings) >= cut)), validation)


def by_windows(ratings: Ratings, n: int, test: float, validation: float) -> Iterator[Array]:
    """Yields the (n_ratings,) parts of each of n windows; ratings after a window are UNUSED."""
    order = np.lexsort((ratings.item, ratings.user, _times(ratings)))
    size = share_count(len(order), test)
    for start in range(len(order) - n * size, len(order), size):
        part = np.full(len(order), UNUSED, dtype=np.int8)
        part[order[:start]] = TRAIN
        part[order[start - share_count(start, validation) : start]] = VALIDATION
        part[order[start : start + size]] = TEST
        yield part


def _times(ratings: Ratings) -> Times:
    if ratings.time is None:
        raise BadData("these ratings have no times to split by", "split at random, or by the last rating of each user")
    return ratings.time


def _latest_in_test(ratings: Ratings, n_test: int, validation: float) -> Array:
    part = np.zeros(len(ratings), dtype=np.int8)
    part[_latest(ratings, n_test + share_count(len(ratings) - n_test, validation))] = VALIDATION
    part[_latest(ratings, n_test)] = TEST
    return part


def _latest(ratings: Ratings, n: int) -> Array:
    """Row numbers of the n latest ratings; only those with the time of the cut are sorted."""
    time = ratings.time
    if n == 0 or time is None:
        return np.empty(0, dtype=np.int64)
    cut = np.partition(time, len(time) - n)[len(time) - n]
    later, tied = np.flatnonzero(time > cut), np.flatnonzero(time == cut)
    in_order = tied[np.lexsort((ratings.item[tied], ratings.user[tied]))]
    return np.concatenate((later, in_order[len(in_order) - (n - len(later)) :]))


def share_per_user(ratings: Ratings, seed: int, test: float, validation: float) -> Array:
    """(n,) part of each rating: a random share of each user's ratings, rounded to a whole number, is the test part, and
    a share of the others the validation part."""
    counts = np.bincount(ratings.user, minlength=len(ratings.users))
    n_test = np.rint(np.round(counts * test, 6)).astype(np.int64)  # rounded twice, so that an exact half stays a half
    n_validation = np.rint(np.round((counts - n_test) * validation, 6)).astype(np.int64)
    place = _random_positions(ratings, seed)
    part = np.zeros(len(ratings), dtype=np.int8)
    part[place < (n_test + n_validation)[ratings.user]] = VALIDATION
    part[place < n_test[ratings.user]] = TEST
    return part


def one_per_user(ratings: Ratings, seed: int, held_out: Sequence[int]) -> Array:
    """(n,) part of each rating: one random rating of each user is in the first of `held_out`, another in the next.

    Users with no more ratings than that keep all of them in train.
    """
    enough = np.bincount(ratings.user, minlength=len(ratings.users)) > len(held_out)
    place = _random_positions(ratings, seed)
    part = np.zeros(len(ratings), dtype=np.int8)
    for at, number in enumerate(held_out):
        part[(place == at) & enough[ratings.user]] = number
    return part


def _random_positions(ratings: Ratings, seed: int) -> Array:
    """(n,) position, from 0, of each rating among its user's in a random permutation of all ratings."""
    order = np.random.default_rng(seed).permutation(len(ratings))
    order = order[np.argsort(ratings.user[order], kind="stable")]
    counts = np.bincount(ratings.user, minlength=len(ratings.users))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place


def last_per_user(ratings: Ratings, held_out: Sequence[int]) -> Array:
    """(n,) part of each rating: each user's latest is in the first of `held_out`, the one before it in the next."""
    enough = np.bincount(ratings.user, minlength=len(ratings.users)) > len(held_out)
    part = np.zeros(len(ratings), dtype=np.int8)
    for number in held_out:
        part[_latest_of_users(ratings, (part == TRAIN) & enough[ratings.user])] = number
    return part


def _latest_of_users(ratings: Ratings, among: Mask) -> Array:
    """Row numbers of each user's latest rating among those of a mask."""
    left = np.flatnonzero(among)
    for column in (ratings.time, ratings.item) if ratings.time is not None else ():
        highest = np.full(len(ratings.users), column.min(initial=0), dtype=column.dtype)
        np.maximum.at(highest, ratings.user[left], column[left])
        left = left[column[left] == highest[ratings.user[left]]]
    last = np.full(len(ratings.users), -1)
    np.maximum.at(last, ratings.user[left], left)
    return last[last >= 0]
