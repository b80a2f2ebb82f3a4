"""Answers and stores that tell what they do, for the figures of operators."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from cofactor.feedback.store import Feedback, Store
from cofactor.serving.schemas.requests import BatchBody, FoldedBody, ListBody, ListQuery
from cofactor.serving.service import Answer, Answers

PUT, OF = "put", "of"  # what a store is asked while serving


def to_nobody(*_: Any) -> None:
    """Where nobody wants to know."""


@dataclass
class Ear:
    """Somebody who is told, once it matters: requests that a service asks itself count for nobody."""

    tell: Callable[[str], None]
    open: bool = False

    def __call__(self, what: str) -> None:
        if self.open:
            self.tell(what)


@dataclass(frozen=True)
class ObservedAnswers(Answers):
    """Tells what each list rests on: a vector of training, a history folded in, or what most have rated."""

    listed: Ear = field(default_factory=lambda: Ear(to_nobody))

    def recommendations(self, user: str, asked: ListQuery | ListBody) -> Answer:
        answer = super().recommendations(user, asked)
        self.listed(answer["source"])
        return answer

    def recommendations_from(self, asked: FoldedBody) -> Answer:
        answer = super().recommendations_from(asked)
        self.listed(answer["source"])
        return answer

    def batch(self, asked: BatchBody) -> Answer:
        answer = super().batch(asked)
        for one in answer["lists"]:
            if "source" in one:
                self.listed(one["source"])
        return answer


class ObservedStore(Store):
    """Tells how long each question took, how many words went in, and what failed."""

    def __init__(self, store: Store, asked: Callable[[str, float, int, bool], None]) -> None:
        """`asked` is told what was asked, the seconds, the number of words put, and whether it failed."""
        self._store, self._asked = store, asked
        self.brief = store.brief

    def put(self, words: Sequence[Feedback]) -> None:
        start = perf_counter()
        try:
            self._store.put(words)
        except Exception:
            self._asked(PUT, perf_counter() - start, 0, True)
            raise
        self._asked(PUT, perf_counter() - start, len(words), False)

    def of(self, user: str) -> list[Feedback]:
        start = perf_counter()
        try:
            words = self._store.of(user)
        except Exception:
            self._asked(OF, perf_counter() - start, 0, True)
            raise
        self._asked(OF, perf_counter() - start, 0, False)
        return words

    def all(self) -> Iterator[Feedback]:
        return self._store.all()

    def count(self) -> int:
        return self._store.count()

    def close(self) -> None:
        self._store.close()
