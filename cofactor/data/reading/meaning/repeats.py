"""Rows of one pair of user and item become one: the latest, the first, or their sum, number, mean or maximum."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.data.kind import Kind
from cofactor.data.ratings import latest_row_of_each_pair
from cofactor.data.reading.load_rows import EncodedRatings
from cofactor.data.reading.meaning.value_options import Repeats
from cofactor.errors import BadData

DEFAULTS: Mapping[Kind, Repeats] = {"ratings": "latest", "counts": "sum", "pairs": "count"}
HASHES = 1 << 24


class MergedRatings(NamedTuple):
    """Rows of distinct pairs, what their values are, the rule by which rows were merged, and how many were merged."""

    rows: EncodedRatings
    kind: Kind
    rule: Repeats
    merged: int


class _Groups(NamedTuple):
    """The rows of the pairs that repeat."""

    row: Array  # (m,) row numbers, ascending
    group: Array  # (m,) number of the pair of each


def merge_repeats(rows: EncodedRatings, kind: Kind, rule: Repeats | None = None) -> MergedRatings:
    """The rows with one for each pair, in the place of its latest row (its first one for "first").

    `rule` is by default "latest" for ratings, "sum" for counts and "count" for pairs. Of equal times, the last row is
    the latest and the first row the first. The time of a pair is that of the row in whose place it is. Numbers and sums
    of values are counts, except for pairs of which none repeats. Raises BadData for a sum of negative values.
    """
    chosen: Repeats = rule or DEFAULTS[kind]
    if kind == "pairs" and chosen == "sum":
        chosen = "count"
    if chosen == "sum" and len(rows) and rows.value.min() < 0:
        raise BadData(
            f"a value of {rows.value.min():g} cannot be added up", "sums are of counts; or use another rule for repeats"
        )
    groups = _repeated(rows)
    value = np.ones_like(rows.value) if chosen == "count" else rows.value
    if groups is None:
        return MergedRatings(replace(rows, value=value), _kind(kind, chosen, repeated=False), chosen, 0)
    kept, value = _merge(rows, value, groups, chosen)
    mask = np.ones(len(rows), dtype=bool)
    mask[groups.row] = False
    mask[kept] = True
    time = None if rows.time is None else rows.time[mask]
    merged = replace(rows, user=rows.user[mask], item=rows.item[mask], value=value[mask], time=time)
    return MergedRatings(merged, _kind(kind, chosen, repeated=True), chosen, len(rows) - len(merged))


def _kind(kind: Kind, rule: Repeats, *, repeated: bool) -> Kind:
    if rule == "count":
        return "counts" if repeated else "pairs"
    return "counts" if rule == "sum" else kind


def _merge(rows: EncodedRatings, value: Floats, groups: _Groups, rule: Repeats) -> tuple[Array, Floats]:
    """The row numbers that stay of the repeated pairs, and the (n,) values, right in those rows."""
    user, item = rows.user[groups.row], rows.item[groups.row]
    time = None if rows.time is None else rows.time[groups.row]
    if rule == "first":  # the latest, seen from the end
        last = len(groups.row) - 1 - latest_row_of_each_pair(
            user[::-1], item[::-1], None if time is None else -time[::-1]
        )  # fmt: skip
        return groups.row[last], value
    latest = latest_row_of_each_pair(user, item, time)
    kept = groups.row[latest]
    if rule == "latest":
        return kept, value
    value = value.copy()
    value[kept] = _aggregate(value[groups.row], groups.group, rule)[groups.group[latest]]
    return kept, value


def _aggregate(value: Floats, group: Array, rule: Repeats) -> Array:
    """The value of each group."""
    if rule == "max":
        highest = np.full(int(group.max()) + 1, -np.inf, dtype=np.float32)
        np.maximum.at(highest, group, value)
        return highest
    total = np.bincount(group, value.astype(np.float64))
    return total / np.bincount(group) if rule == "mean" else total


def _repeated(rows: EncodedRatings) -> _Groups | None:
    """The rows of pairs that repeat; None where none does. Sorts one 64-bit key per rating."""
    pair = rows.user.astype(np.int64)
    pair <<= 32
    pair |= rows.item
    if (pair[1:] > pair[:-1]).all():  # as in MovieLens' own files
        return None
    ordered = np.sort(pair)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return None
    del ordered
    where = _among(pair, repeated)
    return _Groups(where, np.searchsorted(repeated, pair[where]))


def _among(pair: Array, few: Array) -> Array:
    """Row numbers of the pairs that are in `few`; a table of hashes rules out nearly all others first."""
    hashes = np.zeros(HASHES, dtype=bool)
    hashes[(few ^ (few >> 29)) % HASHES] = True
    likely = np.flatnonzero(hashes[(pair ^ (pair >> 29)) % HASHES])
    return likely[np.isin(pair[likely], few)]
