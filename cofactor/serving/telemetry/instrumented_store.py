"""A rating store that reports its work, for the metrics of a service."""

from collections.abc import Callable, Sequence
from time import perf_counter

from cofactor.feedback.delegating_store import DelegatingStore
from cofactor.feedback.store import RatingEvent, RatingStore

APPEND, READ = "put", "of"  # the label of an operation of the store, as dashboards know it


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
        start = perf_counter()
        try:
            events = self._store.events_of(user)
        except Exception:
            self._report(READ, perf_counter() - start, 0, True)
            raise
        self._report(READ, perf_counter() - start, 0, False)
        return events
