"""The number and the mean of the ratings of each item, which follow the ratings that a store collects.

An item's count is that of the training data, plus the pairs of user and item that only the store has, minus the
training ratings that were deleted since. A model that was trained with the ratings of the store counts none twice.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from threading import Event, Lock, Thread
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.data.ratings import TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import CofactorError
from cofactor.feedback.store import EventRow, Mark, RatingChange, RatingStore
from cofactor.models.interactions.interaction_weights import InteractionWeights
from cofactor.serving.lists.rounding import round_score

PATIENCE = 0.02  # seconds that a request waits for the changes of a store that is not read in microseconds
RETRY = 5.0  # seconds after a failure in which the store is not asked again

log = logging.getLogger("cofactor.serving")


@dataclass(frozen=True, eq=False)
class ItemCounts:
    """The counts at one moment. As long as nothing changes, `RatingCounts.current` returns the same object."""

    counts: Rows  # (n_items,) number of ratings
    sums: Doubles  # (n_items,) sum of the ratings
    new_items: Mapping[str, int]  # the number of ratings of each item that the model does not have
    by_popularity: Rows  # (n_items,) rows by descending number of positives, then by row
    positives: Rows | None = None  # (n_items,) number of ratings that are positives; None: all are

    @property
    def popularity(self) -> Rows:
        """(n_items,) the numbers by which items are ordered: of positives, or of ratings where all are positives."""
        return self.counts if self.positives is None else self.positives

    def mean(self, row: int) -> float | None:
        """The mean rating of an item; None without ratings."""
        return round_score(float(self.sums[row] / self.counts[row])) if self.counts[row] else None


class _States(NamedTuple):
    """The state of m pairs before and after some events; each has a rating, or NaN for none."""

    items: Sequence[str]  # (m,) ids
    rows: Rows  # (m,) of the items; -1 for a new one
    before: Doubles  # (m,)
    after: Doubles  # (m,)


class RatingCounts:
    """The counts of one model and the events of its store. A request that asks for them waits for nobody."""

    def __init__(
        self,
        training_data: TrainingData,
        trained: ItemCounts,
        store: RatingStore | None,
        weights: InteractionWeights | None = None,
    ) -> None:
        """trained: the counts of the training data alone. weights: which ratings are positives; None: all are."""
        self._training_data, self._store = training_data, store
        self._weights = weights or InteractionWeights()
        self._trained = self._now = trained
        self._mark: Mark | None = None  # None: the whole store is to be read
        self._retry_at = 0.0
        self._refreshing = Lock()  # a request only tries to take it
        self._refreshed = Event()

    def current(self) -> ItemCounts:
        """The counts. They contain what this process stored; where the store takes long to read, or is not read for
        the first time yet, they may lack the latest ratings."""
        store = self._store
        if store is None or time.monotonic() < self._retry_at or not self._refreshing.acquire(blocking=False):
            return self._now
        if self._mark is not None and store.fast_reads:
            self._refresh()
        else:
            self._refreshed.clear()
            Thread(target=self._refresh, name="rating counts", daemon=True).start()
            self._refreshed.wait(PATIENCE)
        return self._now

    def refresh(self) -> None:
        """Reads the changes of the store, also for the first time; for a thread that may wait."""
        if self._store is not None:
            self._refreshing.acquire()
            self._refresh()

    def _refresh(self) -> None:
        """Reads the changes of the store and releases `_refreshing`."""
        try:
            assert self._store is not None
            self._read(self._store)
        except CofactorError as error:
            self._retry_at = time.monotonic() + RETRY
            log.warning("the counts of items do not follow the store: %s", error.message)
        finally:
            self._refreshing.release()
            self._refreshed.set()

    def _read(self, store: RatingStore) -> None:
        changes: list[RatingChange] | None = None
        if self._mark is not None:
            self._mark, changes = store.changes_since(self._mark)
        if changes is None:
            self._mark, chunks = store.snapshot()
            found: dict[str, int] = {}
            self._now = self._changed(self._trained, (self._first_states(rows, found) for rows in chunks))
        elif changes:
            self._now = self._changed(self._now, iter([self._states(changes)]))

    def _first_states(self, rows: list[EventRow], found: dict[str, int]) -> _States:
        users, items, ratings, _ = zip(*rows, strict=True) if rows else ((),) * 4
        return self._make_states(users, items, np.ones(len(rows), dtype=bool), (None,) * len(rows), ratings, found)

    def _states(self, changes: list[RatingChange]) -> _States:
        users, items, existed, before, after = zip(*changes, strict=True)
        return self._make_states(users, items, ~np.array(existed, dtype=bool), before, after, {})

    def _make_states(
        self,
        users: Sequence[str],
        items: Sequence[str],
        first: Mask,
        before: Sequence[float | None],
        after: Sequence[float | None],
        found: dict[str, int],
    ) -> _States:
        data = self._training_data
        rows, values = _rows(data.items, items, found), self._values(before)
        values[first] = _trained_ratings(data, _rows(data.users, list(compress(users, first)), {}), rows[first])
        return _States(items, rows, values, self._values(after))

    def _changed(self, before: ItemCounts, chunks: Iterator[_States]) -> ItemCounts:
        counts, sums, new_items = before.counts.copy(), before.sums.copy(), Counter(before.new_items)
        positives = None if before.positives is None else before.positives.copy()
        for items, rows, old, new in chunks:
            more, known = _present(new) - _present(old), rows >= 0
            if positives is not None:
                np.add.at(positives, rows[known], (self._are_positives(new) - self._are_positives(old))[known])
            np.add.at(counts, rows[known], more[known])
            np.add.at(sums, rows[known], np.nan_to_num(new[known]) - np.nan_to_num(old[known]))
            for place in np.flatnonzero(~known & (more != 0)).tolist():
                new_items[items[place]] += int(more[place])
        order = _merge_order(before, counts if positives is None else positives)
        return ItemCounts(counts, sums, +new_items, order, positives)

    def _are_positives(self, values: Doubles) -> Rows:
        """(m,) 1 for a value that is a positive, 0 for another and for none."""
        weights = self._weights.compute(np.nan_to_num(values).astype(np.float32))
        return ((weights > 0) & ~np.isnan(values)).astype(np.int32)

    def _values(self, ratings: Sequence[float | None]) -> Doubles:
        """Ratings within the scale of the model; NaN where there is none."""
        values: Doubles = np.clip(np.array(ratings, dtype=np.float64), *self._training_data.value_range)
        return values


def _merge_order(before: ItemCounts, counts: Rows) -> Rows:
    """(n_items,) rows by descending count, then by row, from an order in which only a few counts have changed.

    counts: of positives, where they are counted, and of ratings otherwise.
    """
    unchanged = counts == before.popularity
    changed, same = np.flatnonzero(~unchanged), before.by_popularity[unchanged[before.by_popularity]]
    n_items = len(counts)
    keys, of_changed = (rows.astype(np.int64) - counts[rows].astype(np.int64) * n_items for rows in (same, changed))
    changed, of_changed = changed[np.argsort(of_changed)], np.sort(of_changed)
    order: Rows = np.insert(same, np.searchsorted(keys, of_changed), changed).astype(np.int32)
    return order


def _rows(known: Vocabulary, ids: Sequence[str], found: dict[str, int]) -> Rows:
    """(m,) rows of ids, which repeat often; -1 for an unknown one. found: the rows that were looked up before."""
    missing = list(set(ids).difference(found))
    found.update(zip(missing, known.rows(missing).tolist(), strict=True))
    return np.fromiter(map(found.__getitem__, ids), np.int32, len(ids))


def _present(values: Array) -> Rows:
    return (~np.isnan(values)).astype(np.int32)


def _trained_ratings(training_data: TrainingData, users: Rows, items: Rows) -> Floats:
    """(m,) training ratings of pairs of rows, by binary search in the users' histories; NaN where there is none, and
    for rows of -1."""
    history = training_data.interactions
    found: Floats = np.full(len(users), np.nan, dtype=np.float32)
    known: Mask = (users >= 0) & (items >= 0)
    wanted = items[known]
    low, high = history.indptr[users[known]].astype(np.int64), history.indptr[users[known] + 1].astype(np.int64)
    end = high.copy()
    while len(open_ := np.flatnonzero(low < high)):
        middle = (low[open_] + high[open_]) // 2
        less = history.indices[middle] < wanted[open_]
        low[open_[less]], high[open_[~less]] = middle[less] + 1, middle[~less]
    there = low < end
    there[there] = history.indices[low[there]] == wanted[there]
    places = np.flatnonzero(known)[there]
    found[places] = history.data[low[there]]
    return found
