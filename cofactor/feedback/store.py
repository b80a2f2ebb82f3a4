"""Ratings that are collected while a model is served, stored durably: the interface of a store.

A store keeps the latest event of each (user, item) pair: a rating, or the deletion of one. Ids are those of the data. A
store does not check whether a model contains them, so a newer model finds the ratings of items that were added since.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cofactor.errors import BadData

TIMES = range(-(1 << 63), 1 << 63)  # the times that a store can hold

LatestEvents = dict[tuple[str, str], tuple[float | None, int]]  # (user, item) -> rating, time


@dataclass(frozen=True, slots=True)
class RatingEvent:
    """A rating of an item by a user, or its deletion: then `rating` is None, and a rating of the training data is
    deleted as well."""

    user: str
    item: str
    rating: float | None
    time: int  # seconds since 1970


class RatingStore(ABC):
    """Durable ratings. Methods may be called from any thread; they raise Unavailable if the store cannot be reached."""

    fast_reads: bool  # whether `events_of` takes microseconds, so that the event loop may wait for it

    @abstractmethod
    def append(self, events: Sequence[RatingEvent]) -> None:
        """Stores all events or none. When it returns, they survive a power failure. Of several events of one pair, the
        last one appended counts, whatever their times."""

    @abstractmethod
    def events_of(self, user: str) -> list[RatingEvent]:
        """The latest event of each of a user's items, in descending order of time, then by item; empty for an unknown
        user."""

    @abstractmethod
    def all_events(self) -> Iterator[RatingEvent]:
        """The latest event of every pair, by user and item: a snapshot taken at the call."""

    @abstractmethod
    def count(self) -> int:
        """The number of pairs with an event."""

    @abstractmethod
    def close(self) -> None:
        """Closes files and connections; may be called twice."""


def latest_events(events: Sequence[RatingEvent]) -> LatestEvents:
    """The last event of each pair; raises BadData for one that a store could not return unchanged."""
    for event in events:
        for noun, id_ in (("user", event.user), ("item", event.item)):
            if not id_ or not _is_utf8(id_):
                raise BadData(f"the {noun} id {id_!r} cannot be stored", "an id is text of at least one character")
        if event.rating is not None and not math.isfinite(event.rating):
            shown = f"user {event.user!r} rates item {event.item!r} {event.rating}"
            raise BadData(shown, "ratings are finite numbers")
        if event.time not in TIMES:
            shown = f"the time {event.time} of a rating of item {event.item!r} cannot be stored"
            raise BadData(shown, "times are seconds since 1970")
    return {
        (event.user, event.item): (None if event.rating is None else float(event.rating), int(event.time))
        for event in events
    }


def without_password(address: str) -> str:
    """The address of a database without user, password and options."""
    return re.sub(r"//.*@", "//", address).partition("?")[0]


def _is_utf8(id_: str) -> bool:
    """Whether an id can be encoded as UTF-8: a lone surrogate cannot."""
    try:
        id_.encode()
    except UnicodeEncodeError:
        return False
    return True
