"""Ratings as they were read, amended by what people said since: the newest word on a pair counts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cofactor.arrays import Array, Floats, Mask, Times
from cofactor.data.align_vocabularies import align
from cofactor.data.ratings import FeedbackCounts, Origin, Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData

NEARLY = 1e-3  # of a step: float32 has no tenths


def amended(
    ratings: Ratings, name: str, users: Sequence[str], items: Sequence[str], values: Floats | Array, times: Times
) -> Ratings:
    """`ratings` with m words of (m,) columns, one on each pair: a value replaces the pair's rating or is added, NaN
    takes it back.

    name: what the words are called, for messages and for `origin`, which counts what they changed. Users and items
    that are new stand in the natural order of ids, without titles, genres and features. A pair that stays keeps its
    place, new ones follow in the order given. Times are left out where the ratings have none. The scale stays; there
    is another step, or none, where a value lies between two. Raises BadData for a value outside the scale.
    """
    values = np.asarray(values, dtype=np.float32)
    rates = ~np.isnan(values)
    _check_scale(ratings, name, users, items, values, rates)
    known = np.array([u in ratings.users and i in ratings.items for u, i in zip(users, items, strict=True)], dtype=bool)
    use: list[int] = np.flatnonzero(rates | known).tolist()  # to take back what was never there changes nothing
    rates = rates[use]
    later = _table(ratings, [users[n] for n in use], [items[n] for n in use], values[use], np.asarray(times)[use])
    before, later = align(ratings, later)
    place = _places(before, later)
    there = place >= 0
    value, time = before.value.copy(), None if before.time is None else before.time.copy()
    replaced = there & rates
    value[place[replaced]] = later.value[replaced]
    if time is not None and later.time is not None:
        time[place[replaced]] = later.time[replaced]
    keep = np.ones(len(before), dtype=bool)
    keep[place[there & ~rates]] = False
    added = rates & ~there
    counts = FeedbackCounts(name, int(added.sum()), int(replaced.sum()), int((there & ~rates).sum()))
    return replace(
        before,
        user=np.concatenate((before.user[keep], later.user[added])),
        item=np.concatenate((before.item[keep], later.item[added])),
        value=np.concatenate((value[keep], later.value[added])),
        time=None if time is None or later.time is None else np.concatenate((time[keep], later.time[added])),
        origin=replace(ratings.origin or Origin("memory", len(ratings)), amended=counts),
    )


def _check_scale(
    ratings: Ratings, name: str, users: Sequence[str], items: Sequence[str], values: Floats | Array, rates: Mask
) -> None:
    low, high = map(np.float32, ratings.scale)
    off = np.flatnonzero(rates & ((values < low) | (values > high)))
    if len(off):
        n = int(off[0])
        raise BadData(
            f"{name}: user {users[n]!r} rated item {items[n]!r} {values[n]:g}, outside the scale {low:g} to {high:g}",
            "take it back, or name the ratings that it belongs to",
        )


def _table(ratings: Ratings, users: list[str], items: list[str], values: Array, times: Array) -> Ratings:
    """The words as ratings, in the order given; the value of one that takes back is nobody's."""
    who, what = Vocabulary.of(users, "user"), Vocabulary.of(items, "item")
    scale, step, stars = ratings.scale, ratings.step, values[~np.isnan(values)]
    on_step = step is not None and np.allclose(stars / step, np.round(stars / step), rtol=0, atol=NEARLY)
    return Ratings(
        who,
        what,
        who.rows(users),
        what.rows(items),
        np.where(np.isnan(values), np.float32(scale[0]), values),
        None if ratings.time is None else times,
        scale=scale,
        step=step if on_step else None,
    )


def _places(before: Ratings, later: Ratings) -> Array:
    """(m,) the row of `before` with the pair of each row of `later`, -1 where there is none."""
    old, new = ((one.user.astype(np.int64) << 32) | one.item for one in (before, later))
    order = np.argsort(old, kind="stable")
    at = np.minimum(np.searchsorted(old, new, sorter=order), max(len(old) - 1, 0))
    return np.where(old[order[at]] == new, order[at], -1) if len(old) else np.full(len(new), -1)
