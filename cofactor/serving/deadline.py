"""Deadlines: long work checks between its parts whether its time is over, and then ends with an error."""

from contextvars import ContextVar, Token
from math import inf
from time import monotonic

from cofactor.errors import DeadlineExceeded

_ends: ContextVar[float] = ContextVar("ends", default=inf)


class Deadline:
    """A context in which `check_deadline` raises DeadlineExceeded once a number of seconds have passed.

    It applies to the thread (or task) that enters it. An inner deadline cannot extend an outer one.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entered: list[Token[float]] = []

    def __enter__(self) -> None:
        self._entered.append(_ends.set(min(_ends.get(), monotonic() + self._seconds)))

    def __exit__(self, *_: object) -> None:
        _ends.reset(self._entered.pop())


def check_deadline() -> None:
    """Raises DeadlineExceeded if the deadline of this thread has passed; called between the parts of long work."""
    if monotonic() > _ends.get():
        raise DeadlineExceeded(
            "the request took too long and was cancelled", "ask for fewer users or explanations at a time, or later"
        )
