"""Groups of test ratings by the activity of the user, the popularity of the item, value, genre and time.

They depend on the test and the training ratings alone, so that they are the same for every model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cofactor.arrays import Array, Strings, Times
from cofactor.data.kind import values_noun
from cofactor.data.ratings import Ratings
from cofactor.evaluation.held_out import HeldOut

RARE_FIRST = (0.05, 0.2, 0.5, 0.8)  # finer for rare users and items, which have few ratings and are most interesting
FIFTHS = (0.2, 0.4, 0.6, 0.8)
MAX_VALUES = 11  # more distinct ratings are grouped: ten half stars are shown one by one, a hundred points are not
MAX_GENRES = 20
SECONDS_A_DAY = 86400


@dataclass(frozen=True, eq=False)
class Grouping:
    """Positions of test ratings by group, in the order of `HeldOut`; no group is empty."""

    by: str
    what: str
    labels: tuple[str, ...]
    members: tuple[Array, ...]  # of each group, ascending
    by_user: bool = False  # whether all ratings of a user are in one group


def groupings(held_out: HeldOut, train: Ratings | None) -> Iterator[Grouping]:
    """Every grouping that the data allow; time since training only if `train` has times. Pairs have no value."""
    values = values_noun(held_out.kind)
    yield _group_by_count("user activity", f"{values} of the user in training", _user_counts(held_out), by_user=True)
    yield _group_by_count("item popularity", f"{values} of the item in training", _item_counts(held_out))
    if held_out.kind != "pairs":
        yield _group_by_value(held_out)
    if held_out.training_data.genres is not None:
        yield _group_by_genre(held_out, held_out.training_data.genres)
    if held_out.time is not None:
        yield _group_by_time(held_out, held_out.time, train)


def round_edges(values: Array, shares: tuple[float, ...]) -> Array:
    """Whole numbers from 1, ascending, near the quantiles at `shares` of (n,) values: of as few digits as keep them
    distinct."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    quantiles = np.maximum(np.quantile(values, shares, method="inverted_cdf"), 1).tolist()
    for digits in (1, 2, 3, 17):
        edges = np.unique([round(float(f"{one:.{digits}g}")) for one in quantiles])
        if len(edges) == len(set(quantiles)):
            break
    return edges


# ---- by counts ------------------------------------------------------------------------------------------------------


def _user_counts(held_out: HeldOut) -> Array:
    """(n,) training ratings of each rating's user."""
    return np.append(held_out.training_data.user_counts, np.zeros(held_out.unknown_users, dtype=np.int32))[
        held_out.model_user
    ]


def _item_counts(held_out: HeldOut) -> Array:
    """(n,) training ratings of each rating's item."""
    return np.append(held_out.training_data.item_counts, np.zeros(held_out.unknown_items, dtype=np.int32))[
        held_out.model_item
    ]


def _group_by_count(by: str, what: str, counts: Array, *, by_user: bool = False) -> Grouping:
    """A group for count 0, and groups of counts up to and including a round number."""
    edges = round_edges(counts[counts > 0], RARE_FIRST)
    group = np.where(counts == 0, 0, 1 + np.searchsorted(edges, counts))
    lows = np.concatenate(([1], edges[:-1] + 1))
    labels = [f"{low:,}–{high:,}" if low < high else f"{low:,}" for low, high in zip(lows, edges, strict=False)]
    last = f"over {edges[-1]:,}" if len(edges) else "1 or more"
    return _make_grouping(by, what, ["none", *labels, last], group, by_user=by_user)


# ---- by value -------------------------------------------------------------------------------------------------------


def _group_by_value(held_out: HeldOut) -> Grouping:
    """One group per value of a scale with few values; otherwise fifths, up to and including a round number."""
    values, group = np.unique(held_out.value, return_inverse=True)
    by = "rating" if held_out.kind == "ratings" else "count"
    if len(values) <= MAX_VALUES:
        return _make_grouping(by, f"the true {by}", [f"{one:g}" for one in values], group)
    low, high = float(values[0]), float(values[-1])
    step = 10 ** np.floor(np.log10(high - low)) / 10
    quantiles = np.quantile(held_out.value, FIFTHS, method="inverted_cdf").astype(np.float64)
    edges = np.unique(np.round(np.round(quantiles / step) * step, 9))
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    labels = [f"up to {edges[0]:g}", *between, f"over {edges[-1]:g}"]
    return _make_grouping(by, f"the true {by}", labels, np.searchsorted(edges, held_out.value))


# ---- by genre -------------------------------------------------------------------------------------------------------


def _group_by_genre(held_out: HeldOut, genres: Strings) -> Grouping:
    """The genres with the most test ratings, all other genres together, and items without genre."""
    tested = np.bincount(held_out.model_item, minlength=held_out.n_items)
    items: dict[str, list[int]] = {}
    for item in np.flatnonzero(tested[: len(genres)]).tolist():
        for genre in filter(None, str(genres[item] or "").split("|")):
            items.setdefault(genre, []).append(item)
    ordered = sorted(items, key=lambda genre: (-tested[items[genre]].sum(), genre))
    listed, rest = ordered[:MAX_GENRES], ordered[MAX_GENRES:]
    in_listed, in_any = (_items_with_genres(held_out, items, names) for names in (listed, ordered))
    masks = {genre: _items_with_genres(held_out, items, [genre]) for genre in listed}
    masks |= {"other genres": _items_with_genres(held_out, items, rest) & ~in_listed, "no genre": ~in_any}
    members = {label: np.flatnonzero(mask[held_out.model_item]) for label, mask in masks.items()}
    there = {label: rows for label, rows in members.items() if len(rows)}
    return Grouping("genre", "genre of the item; one may have several", tuple(there), tuple(there.values()))


def _items_with_genres(held_out: HeldOut, items: dict[str, list[int]], genres: list[str]) -> Array:
    """(n_items,) whether an item is in any of the genres."""
    mask = np.zeros(held_out.n_items, dtype=bool)
    for genre in genres:
        mask[items[genre]] = True
    return mask


# ---- by time --------------------------------------------------------------------------------------------------------


def _group_by_time(held_out: HeldOut, time: Times, train: Ratings | None) -> Grouping:
    """How long after training a rating was made where it was made after it, and how old it is where it was not.

    After training: no test rating is older than the last training rating (a cut in time), or none is older than the
    last training rating of its user (the last ratings of each).
    """
    since, newest = "time since training", time.max()
    if train is not None and train.time is not None and len(train):
        until = train.time.max()
        if time.min() >= until:
            return _group_by_days(since, "days from the last training rating to the rating", time - until)
        known = _user_counts(held_out) > 0
        gap = np.full(len(time), -1, dtype=np.result_type(time, train.time))
        gap[known] = time[known] - _last_training_times(held_out, train)[held_out.model_user[known]]
        if known.any() and gap[known].min() >= 0:
            what = "days from the user's last training rating to the rating"
            return _group_by_days(since, what, gap, before="no training rating")
        newest = max(newest, until)
    return _group_by_days("age of the rating", "days from the rating to the newest of all", newest - time)


def _last_training_times(held_out: HeldOut, train: Ratings) -> Times:
    """(n_users,) the time of each user's last training rating; the lowest number for users without one."""
    assert train.time is not None
    rows = (
        np.arange(len(train.users))
        if train.users == held_out.training_data.users
        else held_out.training_data.users.rows(train.users.ids)
    )
    lowest = -np.inf if train.time.dtype.kind == "f" else np.iinfo(np.int64).min
    last = np.full(len(held_out.training_data.users), lowest, dtype=train.time.dtype)
    np.maximum.at(last, rows[train.user], train.time)
    return last


def _group_by_days(by: str, what: str, seconds: Times, before: str = "") -> Grouping:
    """Fifths in whole days, each below a round number; negative times are in the group `before`."""
    days = (seconds // SECONDS_A_DAY).astype(np.int64)
    edges = round_edges(days[seconds >= 0], FIFTHS)
    group = np.where(seconds < 0, 0, 1 + np.searchsorted(edges, days, side="right"))
    between = [f"{low:,}–{high:,} days" for low, high in pairwise(edges)]
    labels = [before, f"under {_format_days(edges[0])}", *between, f"{_format_days(edges[-1])} or more"]
    return _make_grouping(by, what, labels, group)


def _format_days(n: int) -> str:
    return f"{n:,} day" if n == 1 else f"{n:,} days"


def _make_grouping(by: str, what: str, labels: list[str], group: Array, *, by_user: bool = False) -> Grouping:
    """A grouping from (n,) group numbers; empty groups are left out."""
    order = np.argsort(group, kind="stable")
    stops = np.cumsum(np.bincount(group, minlength=len(labels)))
    members = np.split(order, stops[:-1])
    there = [number for number, rows in enumerate(members) if len(rows)]
    return Grouping(by, what, tuple(labels[n] for n in there), tuple(members[n] for n in there), by_user)
