"""Assigns ratings to the parts of a split: at random, by time, or a share or one rating of each user."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from cofactor.arrays import Array, Mask, Times
from cofactor.data.dates import format_time
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
    """(n,) part of each rating: the latest ratings are the test part, the latest of the others the validation part.

    A part begins at the change from one time to the next that is nearest to its share. Raises BadData without times,
    and as `nearest_change` does.
    """
    times = np.sort(_times(ratings))
    return _parts_from(ratings, nearest_change(times, share_count(len(times), test), "test"), times, validation)


def by_cut(ratings: Ratings, cut: int, validation: float) -> Array:
    """(n,) part of each rating: those from `cut` on, in seconds since 1970, are the test part."""
    times = np.sort(_times(ratings))
    return _parts_from(ratings, int(np.searchsorted(times, cut)), times, validation)


def by_windows(ratings: Ratings, n: int, test: float, validation: float) -> Iterator[Array]:
    """Yields the (n_ratings,) parts of each of n windows; ratings after a window are UNUSED.

    Windows begin and end at changes of the time, see `nearest_change`.
    """
    times = np.sort(_times(ratings))
    size = share_count(len(times), test)
    starts = [nearest_change(times, size * number, f"window {n + 1 - number}", size) for number in range(n, 0, -1)]
    if len({*starts, len(times)}) <= n:
        raise _one_time(times, starts[-1], "a window")
    for start, stop in pairwise([*starts, len(times)]):
        part = _parts_from(ratings, start, times, validation)
        if stop < len(times):
            part[_times(ratings) >= times[stop]] = UNUSED
        yield part


def nearest_change(times: Times, n_last: int, name: str, most: int | None = None) -> int:
    """The position at which the last n_last of (n,) ascending times begin, or the nearest where the time changes.

    name: of the part that begins there, for errors. Raises BadData where the part would change by more than half of
    `most` ratings (by default, of the part), and where all times are equal.
    """
    wanted = len(times) - n_last
    if wanted in (0, len(times)):
        return wanted
    first, behind = (int(np.searchsorted(times, times[wanted], side)) for side in ("left", "right"))
    start = first if wanted - first <= behind - wanted else behind
    start = behind if start == 0 else first if start == len(times) else start
    if start in (0, len(times)) or abs(start - wanted) > (most or n_last) / 2:
        raise _one_time(times, wanted, f"the {name} part" if most is None else name)
    return start


def _one_time(times: Times, position: int, name: str) -> BadData:
    """The error of a part that would begin within ratings of the same time."""
    same = int(np.count_nonzero(times == times[position]))
    number = "all" if same == len(times) else f"{same:,}"
    return BadData(
        f"{name} would begin within {number} ratings of the same time, {format_time(times[position].item())}",
        "split at random, or use times that tell the ratings apart",
    )


def _times(ratings: Ratings) -> Times:
    if ratings.time is None:
        raise BadData("these ratings have no times to split by", "split at random, or by the last rating of each user")
    return ratings.time


def _parts_from(ratings: Ratings, start: int, times: Times, validation: float) -> Array:
    """(n,) part of each rating: from position `start` of the sorted times on test, and the latest before it
    validation."""
    time, part = _times(ratings), np.zeros(len(ratings), dtype=np.int8)
    held_back = nearest_change(times[:start], share_count(start, validation), "validation")
    if held_back < start:
        part[time >= times[held_back]] = VALIDATION
    if start < len(times):
        part[time >= times[start]] = TEST
    return part


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
