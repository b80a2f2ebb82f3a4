"""Ratings in memory, and what a model keeps of its training ratings."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial, reduce
from html import escape
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Mask, Rows, Strings, Times
from cofactor.control_characters import escape_controls
from cofactor.data.dates import as_datetimes, format_span
from cofactor.data.features import Features
from cofactor.data.kind import Kind, check_values, describe_values, value_range, values_noun
from cofactor.data.origin import Origin
from cofactor.data.tables.html_table import html_table
from cofactor.data.tables.tabular import ColumnTable, Tabular
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, check_whole

MAX_VALUES, MAX_STEPS_PER_VALUE = 201, 20  # of a scale with steps, and steps per value
ROUNDING = 1e-4  # share of the highest value: smaller remainders are rounding errors


@dataclass(frozen=True, eq=False)
class Ratings(Tabular):
    """Ratings as parallel columns over a vocabulary of users and one of items; immutable, and checked on creation.

    kind says what a value is: "ratings" on a scale, higher is better; "counts", how often or how strongly a user
    interacted with an item, finite and at least 0; or "pairs", interactions without a value, each value 1. Scale and
    step have a meaning for ratings only.

    A pair of user and item occurs once: readers keep its latest rating. The vocabularies may have users and items
    without ratings: `where` keeps them, so that a row number means the same in train and test.
    """

    users: Vocabulary
    items: Vocabulary
    user: Rows  # (n,)
    item: Rows  # (n,)
    value: Floats  # (n,) in the scale of the data
    time: Times | None = None  # (n,) seconds since 1970: int64, or float64 where one has a part of a second
    scale: tuple[float, float] = (0.0, 0.0)  # lowest and highest possible value; (0, 0): taken from `value`
    step: float | None = None  # between neighbouring values (1 for stars, 0.5 for half stars); None: continuous
    titles: Strings | None = None  # (n_items,)
    genres: Strings | None = None  # (n_items,) "Comedy|Drama"
    split: str | None = None  # fingerprint of the split that these ratings are a part of
    part: str | None = None  # which part that is: "train", "validation" or "test"
    origin: Origin | None = None
    user_features: Features | None = None  # of n_users rows
    item_features: Features | None = None  # of n_items rows
    kind: Kind = "ratings"

    def __post_init__(self) -> None:
        for name, dtype in (("user", np.int32), ("item", np.int32), ("value", np.float32), ("time", None)):
            column = getattr(self, name)
            if column is None:
                continue
            column = _check_times(column) if name == "time" else np.ascontiguousarray(column, dtype=dtype)
            if column.shape != (len(self.user),):
                raise BadData(f"{column.size:,} values of {name} for {len(self.user):,} ratings")
            object.__setattr__(self, name, _frozen(column))
        for name, vocabulary in (("user", self.users), ("item", self.items)):
            rows = getattr(self, name)
            if len(rows) and (rows.min() < 0 or rows.max() >= len(vocabulary)):
                raise BadData(
                    f"a rating of {name} row {_first_outside(rows, len(vocabulary))}; there are {len(vocabulary):,}"
                )
        if not np.isfinite(self.value).all():
            where = int(np.flatnonzero(~np.isfinite(self.value))[0])
            raise BadData(f"rating {where:,} is {self.value[where]}", "ratings are finite numbers")
        check_values(self.kind, self.value)
        for name in ("titles", "genres"):
            column = getattr(self, name)
            if column is not None and column.shape != (len(self.items),):
                raise BadData(f"{len(column):,} {name} for {len(self.items):,} items")
        for name, vocabulary in (("user", self.users), ("item", self.items)):
            features = getattr(self, f"{name}_features")
            if features is not None and len(features) != len(vocabulary):
                raise BadData(f"features of {len(features):,} {name}s for {len(vocabulary):,}")
        if self.scale == (0.0, 0.0) and len(self.value):
            object.__setattr__(self, "scale", (float(self.value.min()), float(self.value.max())))
            object.__setattr__(self, "step", find_step(self.value))

    @classmethod
    def of(
        cls,
        users: Sequence[str] | Array,
        items: Sequence[str] | Array,
        values: Sequence[float] | Array,
        times: Sequence[float] | Array | None = None,
        *,
        kind: Kind = "ratings",
    ) -> "Ratings":
        """Ratings from parallel columns of ids, values and times.

        Of a repeated pair, the latest rating is kept, with counts the sum of all.
        """
        user_ids, item_ids = [str(u) for u in users], [str(i) for i in items]
        known_users, known_items = Vocabulary.of(user_ids, "user"), Vocabulary.of(item_ids, "item")
        user, item = known_users.rows(user_ids), known_items.rows(item_ids)
        lengths = {"users": len(user), "items": len(item), "values": len(values)}
        if len(set(lengths.values())) > 1:
            raise BadData(
                f"{', '.join(f'{n:,} {name}' for name, n in lengths.items())}", "give one of each for a rating"
            )
        try:
            value = np.asarray(values, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise BadData(f"the values are no numbers: {error}", "give a number for each rating") from None
        time = None if times is None else _check_times(np.asarray(times))
        keep = latest_row_of_each_pair(user, item, time)
        summed = kind == "counts" and len(keep) < len(value)
        if summed:
            check_values(kind, value)
            value = _sums_of_pairs(user, item, value)
        return cls(
            known_users,
            known_items,
            user[keep],
            item[keep],
            value[keep],
            None if time is None else time[keep],
            origin=Origin(
                "memory", rows=len(user), duplicates=len(user) - len(keep), repeats="sum" if summed else "latest"
            ),
            kind=kind,
        )

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"<{len(self):,} {values_noun(self.kind)}, {len(self.users):,} users, {len(self.items):,} items>"

    def __str__(self) -> str:
        """The summary, and below it where the ratings came from, with the notes of the reader."""
        return "\n  ".join([self.summary(), *map(escape_controls, self.notes())])

    def notes(self) -> list[str]:
        """The columns that were read, and what the reader left out, changed or noted, in a line each."""
        return [] if self.origin is None else self.origin.describe()

    def summary(self) -> str:
        """The values, days and features in one line, as in "5 ratings from 1 to 5 by 2 users on 3 items"."""
        values = describe_values(len(self), self.kind, self.scale)
        days = f", {format_span(self.time)}" if self.time is not None and len(self.time) else ""
        parts = [f"{values} by {len(self.users):,} users on {len(self.items):,} items{days}"]
        for noun, features in (("user", self.user_features), ("item", self.item_features)):
            if features is not None:
                parts.append(f"{len(features.names):,} feature{'s' * (len(features.names) != 1)} of {noun}s")
        return "; ".join(parts)

    def titles_by_id(self) -> dict[str, str]:
        """The titles of the items that have one, by item id."""
        return {} if self.titles is None else _titles_by_id(self.items, self.titles)

    def origin_record(self) -> dict[str, Any] | None:
        """`Origin.as_record` of the origin; None where it is not known."""
        return None if self.origin is None else self.origin.as_record()

    def where(self, mask: Mask | Array | slice) -> "Ratings":
        """The ratings that a mask or row numbers select, with the same vocabularies and scale."""
        return replace(
            self,
            user=self.user[mask],
            item=self.item[mask],
            value=self.value[mask],
            time=None if self.time is None else self.time[mask],
        )

    def by_user(self) -> csr_array:
        """(n_users, n_items) float32 matrix, sorted by item; a stored zero is a rating of zero."""
        return make_csr(self.user, self.item, self.value, (len(self.users), len(self.items)))

    def by_item(self) -> csr_array:
        """(n_items, n_users) float32 matrix, sorted by user."""
        return make_csr(self.item, self.user, self.value, (len(self.items), len(self.users)))

    def columns(self) -> dict[str, Array]:
        """(n,) columns user and item (ids), rating, and time (seconds since 1970) where there are times.

        Counts are in a column `count` instead, and pairs have no values, so that `cofactor.read` reads the same.
        """
        columns: dict[str, Array] = {"user": self.users.ids[self.user], "item": self.items.ids[self.item]}
        if self.kind != "pairs":
            columns["count" if self.kind == "counts" else "rating"] = self.value
        if self.time is not None:
            columns["time"] = self.time
        return columns

    def head(self, n: int = 5) -> ColumnTable:
        """The first n rows of `columns`, times as datetime64, with the titles if known; shown as a table."""
        check_whole("n", n, "the number of rows")
        first = self.where(slice(max(0, n)))
        columns = first.columns()
        if first.time is not None:
            columns["time"] = as_datetimes(first.time)
        if self.titles is not None:
            columns["title"] = self.titles[first.item]
        return ColumnTable(columns)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(escape_controls(note))}</li>" for note in self.notes())
        return html_table(self.head().columns(), self.summary()) + (f"<ul>{notes}</ul>" if notes else "")

    @cached_property
    def training_data(self) -> "TrainingData":
        """What a model trained on these ratings keeps of them."""
        return TrainingData(
            self.users,
            self.items,
            self.by_user(),
            self.scale,
            self.step,
            self.titles,
            self.genres,
            self.split,
            self.user_features,
            self.item_features,
            self.kind,
        )


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a model keeps of its training data: ids, ratings, kind, scale, titles, genres, features and the split."""

    users: Vocabulary
    items: Vocabulary
    interactions: csr_array  # (n_users, n_items) float32: the training ratings
    scale: tuple[float, float]
    step: float | None = None
    titles: Strings | None = None  # (n_items,)
    genres: Strings | None = None  # (n_items,)
    split: str | None = None
    user_features: Features | None = None  # of n_users rows
    item_features: Features | None = None  # of n_items rows
    kind: Kind = "ratings"

    def __repr__(self) -> str:
        values = describe_values(self.interactions.nnz, self.kind, self.scale)
        return f"<training data: {values} by {len(self.users):,} users on {len(self.items):,} items>"

    @cached_property
    def item_counts(self) -> Rows:
        """(n_items,) number of training ratings of each item."""
        return np.bincount(self.interactions.indices, minlength=len(self.items)).astype(np.int32)

    @cached_property
    def user_counts(self) -> Rows:
        """(n_users,) number of training ratings of each user."""
        counts: Rows = np.diff(self.interactions.indptr).astype(np.int32)
        return counts

    @property
    def value_range(self) -> tuple[float, float]:
        """The lowest and the highest value that a user may give, see `value_range`."""
        return value_range(self.kind, self.scale)

    def rated(self, user: int) -> tuple[Rows, Floats]:
        """(h,) item rows, ascending, and (h,) training ratings of a user row."""
        start, stop = self.interactions.indptr[user : user + 2].tolist()
        return self.interactions.indices[start:stop], self.interactions.data[start:stop]

    def titles_by_id(self) -> dict[str, str]:
        """The titles of the items that have one, by item id."""
        return {} if self.titles is None else _titles_by_id(self.items, self.titles)

    def title(self, item: int) -> str:
        """The title of an item row, or its id where it has no title."""
        title = "" if self.titles is None else self.titles[item]
        return str(title or self.items.ids[item])


def _check_times(time: Times | Array) -> Times:
    """The times as int64, or as float64 where one has a part of a second; raises BadData for one that is not finite."""
    column: Times = np.ascontiguousarray(time)
    if column.dtype.kind != "f":
        return np.ascontiguousarray(column, dtype=np.int64)
    if not np.isfinite(column).all():
        raise BadData(f"time {column[~np.isfinite(column)][0]}", "times are seconds since 1970")
    parts = (column % 1).any()
    return np.ascontiguousarray(column, dtype=np.float64 if parts else np.int64)


def _titles_by_id(items: Vocabulary, titles: Strings) -> dict[str, str]:
    return {item: str(title) for item, title in zip(items.ids.tolist(), titles.tolist(), strict=True) if title}


def make_csr(row: Rows, column: Rows, value: Floats, shape: tuple[int, int]) -> csr_array:
    """A sparse matrix of distinct (row, column) pairs, sorted by column within each row."""
    matrix = csr_array((value, (row, column)), shape=shape)
    matrix.sort_indices()
    return matrix


def latest_row_of_each_pair(user: Rows, item: Rows, time: Times | None) -> Array:
    """Row numbers, ascending, of the latest rating of each (user, item) pair; of equal times, the last row."""
    pair = (user.astype(np.int64) << 32) | item
    order = np.lexsort((pair,)) if time is None else np.lexsort((time, pair))  # stable: later rows come later
    last = np.ones(len(pair), dtype=bool)
    last[:-1] = pair[order][1:] != pair[order][:-1]
    return np.sort(order[last])


def _sums_of_pairs(user: Rows, item: Rows, value: Floats) -> Floats:
    """(n,) the sum of the values of each row's pair of user and item."""
    _, pair = np.unique((user.astype(np.int64) << 32) | item, return_inverse=True)
    sums: Floats = np.bincount(pair, value)[pair].astype(np.float32)
    return sums


def find_step(values: Floats) -> float | None:
    """The largest number of which all values are whole multiples; None for a continuous scale.

    A scale is continuous where it has more than 201 different values, or more than 20 steps per value: almost any few
    numbers have a small step in common. Of more than a million values, a million evenly spread ones are examined.
    """
    sample = values if len(values) <= 1_000_000 else values[:: len(values) // 1_000_000]
    distinct = np.unique(sample).astype(np.float64)
    if not 2 <= len(distinct) <= MAX_VALUES:
        return None
    highest = float(np.abs(distinct).max())
    common = reduce(partial(_common_step, least=highest * ROUNDING), np.abs(distinct).tolist())
    step = float(f"{highest / round(highest / common):.7g}")  # the digits that float32 has
    multiples = distinct / step
    few = multiples[-1] - multiples[0] <= MAX_STEPS_PER_VALUE * len(distinct)
    return step if few and np.allclose(multiples, np.round(multiples), rtol=0, atol=1e-3) else None


def _common_step(a: float, b: float, least: float) -> float:
    """The greatest common divisor by Euclid's algorithm, where numbers up to `least` count as zero."""
    while b > least:
        a, b = b, abs(math.remainder(a, b))
    return a


def make_histories(rated: Iterable[dict[int, float]], n_items: int) -> csr_array:
    """(m, n_items) float32 matrix of m histories, each a dictionary of item row -> rating."""
    listed = list(rated)
    rows = [(row, item, value) for row, one in enumerate(listed) for item, value in one.items()]
    user, item, value = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.empty(0),) * 3
    return make_csr(user.astype(np.int32), item.astype(np.int32), value.astype(np.float32), (len(listed), n_items))


def _frozen(column: Array) -> Array:
    view = column.view()
    view.flags.writeable = False
    return view


def _first_outside(rows: Rows, n: int) -> int:
    return int(rows[(rows < 0) | (rows >= n)][0])
