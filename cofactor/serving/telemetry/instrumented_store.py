"""A rating store that reports its work, for the metrics of a service."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeVar

from cofactor.feedback.delegating_store import DelegatingStore
from cofactor.feedback.store import RatingEvent, RatingStore

APPEND, READ = "put", "of"  # the label of an operation of the store, as dashboards know it

T = TypeVar("T")


class InstrumentedStore(DelegatingStore):
    """Reports the time of each operation, the number of events appended, and failures."""

    def __init__(self, store: RatingStore, report: Callable[[str, float, int, bool], None]) -> None:
        """`report` is called with the operation, its seconds, the number of events appended, and whether it failed."""
        super().__init__(store)
        self._report = report

    def append(self, events: Sequence[RatingEvent]) -> None:
        start = perf_counter()
        try:
            self._store.append(events)
        except Exception:
            self._report(APPEND, perf_counter() - start, 0, True)
            raise
        self._report(APPEND, perf_counter() - start, len(events), False)

    def events_of(self, user: str) -> list[RatingEvent]:
        return self._timed(lambda: self._store.events_of(user))

    def ratings_of(self, user: str) -> dict[str, float | None]:
        return self._timed(lambda: self._store.ratings_of(user))

    def _timed(self, read: Callable[[], T]) -> T:
        start = perf_counter()
        try:
            found = read()
        except Exception:
            self._report(READ, perf_counter() - start, 0, True)
            raise
        self._report(READ, perf_counter() - start, 0, False)
        return found
