"""Ratings merged with those that users gave while a model was served: the last event on a pair counts."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from cofactor.arrays import Array, Floats, Mask, Times
from cofactor.data.align_vocabularies import align
from cofactor.data.kind import value_range
from cofactor.data.origin import FeedbackCounts, Origin
from cofactor.data.ratings import Ratings, find_step
from cofactor.data.remove_users import without_users
from cofactor.data.stated_scale import Scale, find_outside
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, error_context
from cofactor.feedback.catalogue import check_catalogue
from cofactor.feedback.open_store import display_name, existing_store
from cofactor.ids import normalize_id

MOST_WIDER = 10  # times the range of the ratings, or the highest: a scale of such a range is another one
ROUNDING = 1e-3  # of a step: float32 has no tenths


def merge_feedback(ratings: Ratings, address: str, *, scale: Scale | None = None) -> Ratings:
    """`ratings` merged with the events in a feedback store: a file, or a postgresql:// address.

    Users whom the store has forgotten are left out of `ratings`, with their ids and features; what they rated
    afterwards is merged as the ratings of new users. See `merge_events` for the rules, and for `scale`. Raises BadData
    where there is no store at the address, it holds ratings of another catalogue, or a value that the kind of the
    ratings does not have, and Unavailable where the store cannot be reached.
    """
    with closing(existing_store(address)) as store:
        check_catalogue(store.titles(), ratings.titles_by_id(), display_name(address), "these ratings")
        last_note, identity = store.last_note(), store.identity
        forgotten = store.forgotten(ratings.users.ids.tolist()) if last_note else {}
        # Of ids that differ in their normal form only, as in stores of earlier versions, the last event counts.
        events = list({(normalize_id(one.user), normalize_id(one.item)): one for one in store.all_events()}.values())
    values = np.array([np.nan if event.rating is None else event.rating for event in events], dtype=np.float64)
    times = np.array([event.time for event in events], dtype=np.int64)
    users, items = [event.user for event in events], [event.item for event in events]
    left = without_users(ratings, forgotten)
    merged = merge_events(left, display_name(address), users, items, values, times, scale=scale)
    if not last_note or merged.origin is None or merged.origin.feedback is None:
        return merged
    counts = replace(merged.origin.feedback, forgotten=len(forgotten), store=identity, last_note=last_note)
    return replace(merged, origin=replace(merged.origin, feedback=counts))


def merge_events(
    ratings: Ratings,
    name: str,
    users: Sequence[str],
    items: Sequence[str],
    values: Floats | Array,
    times: Times,
    *,
    scale: Scale | None = None,
) -> Ratings:
    """`ratings` merged with m events in (m,) columns, at most one on each pair of user and item.

    A value replaces the rating of its pair, or adds one; NaN deletes it. New users and items take their place in the
    natural order of ids, without titles, genres or features. Ratings that stay keep their order, and new ones follow
    in the order given. Times are left out where the ratings have none. The step changes, or is None, where a value lies
    between two steps. A count may be any number from 0, and a pair has the value 1.

    name: the name of the store, for messages and for `origin.feedback`, which counts the changes.
    scale: that of the ratings, where it is stated; a value outside is left out then. A scale that is only that of the
        values found grows to hold the values of the store: a model of a wider scale has accepted them.
    Raises BadData for a value that the kind of the ratings does not have, or that is evidently on another scale.
    """
    values = np.asarray(values, dtype=np.float32)
    rates, outside, widened = ~np.isnan(values), np.zeros(len(values), dtype=bool), None
    if ratings.kind != "ratings" or (scale is None and _are_on_another_scale(ratings, values[rates])):
        _check_values(ratings, name, users, items, values, rates)
    elif scale is not None:
        outside = rates & find_outside(values, scale)
    elif (rates & find_outside(values, ratings.scale)).any():
        ratings = _widen(ratings, values[rates])
        widened = ratings.scale
    known = np.array([u in ratings.users and i in ratings.items for u, i in zip(users, items, strict=True)], dtype=bool)
    # Deleting a rating that does not exist changes nothing.
    use: list[int] = np.flatnonzero((rates | known) & ~outside).tolist()
    rates = rates[use]
    with error_context(name):  # an id that does not follow the rule, from an earlier version
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
    changes = int(added.sum()), int(replaced.sum()), int((there & ~rates).sum())
    counts = FeedbackCounts(name, *changes, outside=int(outside.sum()), widened=widened)
    return replace(
        before,
        scale=(0.0, 0.0) if before.kind == "counts" else before.scale,  # the highest count may change
        user=np.concatenate((before.user[keep], later.user[added])),
        item=np.concatenate((before.item[keep], later.item[added])),
        value=np.concatenate((value[keep], later.value[added])),
        time=None if time is None or later.time is None else np.concatenate((time[keep], later.time[added])),
        origin=replace(ratings.origin or Origin("memory", len(ratings)), feedback=counts),
    )


def _are_on_another_scale(ratings: Ratings, values: Floats | Array) -> bool:
    """Whether a value is so far from the ratings that both cannot be on one scale, as 80 and stars from 1 to 5."""
    low, high = ratings.scale
    reach = MOST_WIDER * max(high - low, abs(high))
    return bool(((values < high - reach) | (values > low + reach)).any())


def _widen(ratings: Ratings, values: Floats | Array) -> Ratings:
    """The ratings on the scale of these and other values."""
    low, high = min(ratings.scale[0], float(values.min())), max(ratings.scale[1], float(values.max()))
    return replace(ratings, scale=(low, high), step=find_step(np.concatenate((ratings.value, values))))


def _check_values(
    ratings: Ratings, name: str, users: Sequence[str], items: Sequence[str], values: Floats | Array, rates: Mask
) -> None:
    low, high = map(np.float32, value_range(ratings.kind, ratings.scale))
    off = np.flatnonzero(rates & ((values < low) | (values > high)))
    if len(off):
        n = int(off[0])
        raise BadData(
            f"{name}: user {users[n]!r} rated item {items[n]!r} {values[n]:g}, outside the scale {low:g} to {high:g}",
            "delete that rating from the store, or give the ratings that it belongs to",
        )


def _table(ratings: Ratings, users: list[str], items: list[str], values: Array, times: Array) -> Ratings:
    """The events as ratings, in the order given; an event that deletes has the lowest value of the scale."""
    known_users, known_items = Vocabulary.of(users, "user"), Vocabulary.of(items, "item")
    scale, step, stars = ratings.scale, ratings.step, values[~np.isnan(values)]
    on_step = step is not None and np.allclose(stars / step, np.round(stars / step), rtol=0, atol=ROUNDING)
    return Ratings(
        known_users,
        known_items,
        known_users.rows(users),
        known_items.rows(items),
        np.where(np.isnan(values), np.float32(scale[0]), values),
        None if ratings.time is None else times,
        scale=scale,
        step=step if on_step else None,
        kind=ratings.kind,
    )


def _places(before: Ratings, later: Ratings) -> Array:
    """(m,) row of `before` that has the same pair as each row of `later`; -1 where there is none."""
    old, new = ((one.user.astype(np.int64) << 32) | one.item for one in (before, later))
    order = np.argsort(old, kind="stable")
    at = np.minimum(np.searchsorted(old, new, sorter=order), max(len(old) - 1, 0))
    return np.where(old[order[at]] == new, order[at], -1) if len(old) else np.full(len(new), -1)
