"""The number and the mean of the ratings of each item, which follow the ratings that a store collects.

An item's count is that of the training data, plus the pairs of user and item that only the store has, minus the
training ratings that were deleted since. A model that was trained with the ratings of the store counts none twice.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from threading import Event, Lock, Thread

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.data.ratings import TrainingData
from cofactor.errors import CofactorError
from cofactor.feedback.store import Mark, RatingChange, RatingStore
from cofactor.serving.rounding import round_score

SCANNED = 10_000  # events of the store that are counted at a time
PATIENCE = 0.02  # seconds that a request waits for the changes of a store that is not read in microseconds
RETRY = 5.0  # seconds after a failure in which the store is not asked again

log = logging.getLogger("cofactor.serving")


@dataclass(frozen=True, eq=False)
class ItemCounts:
    """The counts at one moment. As long as nothing changes, `RatingCounts.current` returns the same object."""

    counts: Rows  # (n_items,) number of ratings
    sums: Doubles  # (n_items,) sum of the ratings
    new_items: Mapping[str, int]  # the number of ratings of each item that the model does not have
    by_popularity: Rows  # (n_items,) rows by descending number of ratings, then by row

    def mean(self, row: int) -> float | None:
        """The mean rating of an item; None without ratings."""
        return round_score(float(self.sums[row] / self.counts[row])) if self.counts[row] else None


class RatingCounts:
    """The counts of one model and the events of its store. A request that asks for them waits for nobody."""

    def __init__(self, training_data: TrainingData, trained: ItemCounts, store: RatingStore | None) -> None:
        """trained: the counts of the training data alone."""
        self._training_data, self._store = training_data, store
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
            self._mark, events = store.snapshot()
            states = (RatingChange(one.user, one.item, False, None, one.rating) for one in events)
            self._now = self._changed(self._trained, states)
        elif changes:
            self._now = self._changed(self._now, iter(changes))

    def _changed(self, before: ItemCounts, changes: Iterator[RatingChange]) -> ItemCounts:
        counts, sums, new_items = before.counts.copy(), before.sums.copy(), dict(before.new_items)
        while chunk := list(islice(changes, SCANNED)):
            self._add(chunk, counts, sums, new_items)
        return ItemCounts(counts, sums, new_items, _merge_order(before, counts))

    def _add(self, changes: list[RatingChange], counts: Rows, sums: Doubles, new_items: dict[str, int]) -> None:
        training_data = self._training_data
        users = training_data.users.rows([one.user for one in changes])
        items = training_data.items.rows([one.item for one in changes])
        after, before = self._values(one.after for one in changes), self._values(one.before for one in changes)
        first = ~np.array([one.existed for one in changes], dtype=bool)
        before[first] = _trained_ratings(training_data, users[first], items[first])
        known = items >= 0
        np.add.at(counts, items[known], _present(after)[known] - _present(before)[known])
        np.add.at(sums, items[known], np.nan_to_num(after)[known] - np.nan_to_num(before)[known])
        for place in np.flatnonzero(~known).tolist():
            item = changes[place].item
            count = new_items.pop(item, 0) + int(_present(after)[place] - _present(before)[place])
            if count > 0:
                new_items[item] = count

    def _values(self, ratings: Iterable[float | None]) -> Doubles:
        """Ratings within the scale of the model; NaN where there is none."""
        lowest, highest = self._training_data.scale
        values = np.array([np.nan if one is None else one for one in ratings], dtype=np.float64)
        return np.clip(values, lowest, highest)


def _merge_order(before: ItemCounts, counts: Rows) -> Rows:
    """(n_items,) rows by descending count, then by row, from an order in which only a few counts have changed."""
    changed = np.flatnonzero(counts != before.counts)
    same = before.by_popularity[(counts == before.counts)[before.by_popularity]]
    n_items = len(counts)
    keys, of_changed = (rows.astype(np.int64) - counts[rows].astype(np.int64) * n_items for rows in (same, changed))
    changed, of_changed = changed[np.argsort(of_changed)], np.sort(of_changed)
    order: Rows = np.insert(same, np.searchsorted(keys, of_changed), changed).astype(np.int32)
    return order


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
