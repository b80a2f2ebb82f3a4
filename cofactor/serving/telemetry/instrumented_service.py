"""A recommendation service and a store that report their work, for the metrics of a service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

from cofactor.feedback.delegating_store import DelegatingStore
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.serving.item_table import JsonObject
from cofactor.serving.schemas.requests import BatchBody, FoldedBody, ListBody, ListQuery
from cofactor.serving.service import RecommendationService
from cofactor.serving.user_scores import UserScores

T = TypeVar("T")

APPEND, READ = "put", "of"  # the label of an operation of the store, as dashboards know it


def ignore(*_: Any) -> None:
    """A callback that does nothing."""


@dataclass
class ListCounter:
    """Reports the source of each list once it is `open`: the lists made during the warm-up do not count."""

    report: Callable[[str], None]
    open: bool = False

    def __call__(self, source: str) -> None:
        if self.open:
            self.report(source)


@dataclass(frozen=True)
class InstrumentedService(RecommendationService):
    """Reports the source of each list: a trained vector, a folded-in history, or the most rated items."""

    lists: ListCounter = field(default_factory=lambda: ListCounter(ignore))

    def recommendations(self, user: str, asked: ListQuery | ListBody, scored: UserScores | None = None) -> JsonObject:
        answer = super().recommendations(user, asked, scored)
        self.lists(answer["source"])
        return answer

    def recommendations_for_ratings(self, asked: FoldedBody) -> JsonObject:
        answer = super().recommendations_for_ratings(asked)
        self.lists(answer["source"])
        return answer

    def batch(self, asked: BatchBody) -> JsonObject:
        answer = super().batch(asked)
        for one in answer["lists"]:
            if "source" in one:
                self.lists(one["source"])
        return answer


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
