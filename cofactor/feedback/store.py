"""Ratings that are collected while a model is served, stored durably: the interface of a store.

A store keeps the latest event of each (user, item) pair: a rating, or the deletion of one. Ids are those of the data. A
store does not check whether a model contains them, so a newer model finds the ratings of items that were added since.
"""

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, starmap
from typing import NamedTuple

from cofactor.errors import BadData
from cofactor.ids import normalize_id

TIMES = range(-(1 << 63), 1 << 63)  # the times that a store can hold
TIMEOUT = 5.0  # seconds after which an operation is given up, whatever the file, the disk or the server does

Pair = tuple[str, str]  # user, item
LatestEvents = dict[Pair, tuple[float | None, int]]  # rating, time
EventRow = tuple[str, str, float | None, int]  # user, item, rating, time
Mark = tuple[int | str, ...]  # a moment in the history of a store; only the store itself can read it


@dataclass(frozen=True, slots=True)
class RatingEvent:
    """A rating of an item by a user, or its deletion: then `rating` is None, and a rating of the training data is
    deleted as well."""

    user: str
    item: str
    rating: float | None
    time: int  # seconds since 1970


class RatingChange(NamedTuple):
    """What an event replaced: the pair had no event (`existed` is false), or one with the rating `before`."""

    user: str
    item: str
    existed: bool
    before: float | None
    after: float | None  # None: deleted


class RatingStore(ABC):
    """Durable ratings. Methods may be called from any thread; they raise Unavailable if the store cannot be reached
    within TIMEOUT. Methods about one user take the same time however many ratings the others have."""

    @property
    @abstractmethod
    def fast_reads(self) -> bool:
        """Whether reading takes microseconds for each event at present, so that the event loop may wait for it."""

    # Events

    @abstractmethod
    def append(self, events: Sequence[RatingEvent]) -> None:
        """Stores all events or none. When it returns, they survive a power failure. Of several events of one pair, the
        last one appended counts, whatever their times."""

    @abstractmethod
    def events_of(self, user: str) -> list[RatingEvent]:
        """The latest event of each of a user's items, in descending order of time, then by item; empty for an unknown
        user."""

    def ratings_of(self, user: str) -> dict[str, float | None]:
        """The ratings in `events_of` by item, None for a deleted one, in any order."""
        return {event.item: event.rating for event in self.events_of(user)}

    @abstractmethod
    def events_at(self, pairs: Collection[Pair]) -> dict[Pair, RatingEvent]:
        """The latest event of each of these pairs of user and item that has one; the time for one pair does not depend
        on the number of ratings."""

    @abstractmethod
    def counts_of(self, users: Collection[str]) -> dict[str, int]:
        """The number of pairs with an event of each user; the time for one does not depend on that number."""

    def count_of(self, user: str) -> int:
        """The number of pairs with an event of one user."""
        return self.counts_of([user])[user]

    def all_events(self) -> Iterator[RatingEvent]:
        """The latest event of every pair, by user and item: a snapshot taken at the call."""
        _, rows = self.snapshot()
        return starmap(RatingEvent, chain.from_iterable(rows))

    @abstractmethod
    def count(self) -> int:
        """The number of pairs with an event."""

    # Changes, for counts that follow the events of all processes

    @abstractmethod
    def snapshot(self) -> tuple[Mark, Iterator[list[EventRow]]]:
        """`all_events` as rows, in lists of some thousands, with a mark of the moment, for `changes_since`."""

    @abstractmethod
    def changes_since(self, mark: Mark) -> tuple[Mark, list[RatingChange] | None]:
        """The mark of now, and the changes since another one; those of one pair are in their order. None in place of
        the changes: they are no longer known, because there were very many, or a user was forgotten; take a new
        snapshot."""

    # People who are forgotten

    @abstractmethod
    def forget(self, user: str) -> int:
        """Erases all events of a user, also of the id in normal form, and returns their number. A note stays that the
        user was forgotten, from which the id cannot be read: the next training leaves out the user's ratings in other
        data, too. An event that is appended later is one of a new person."""

    @abstractmethod
    def forgotten(self, users: Collection[str]) -> dict[str, int]:
        """The number of the note on each of these users who was forgotten; a later note has a larger number."""

    @abstractmethod
    def last_note(self) -> int:
        """The number of the last note on a forgotten user; 0 if there is none."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """A random name that this store has wherever it is moved."""

    # The catalogue that the ids belong to

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the store for messages: without folders and passwords."""

    @abstractmethod
    def titles(self) -> dict[str, str]:
        """The titles of items, as `replace_titles` recorded them."""

    @abstractmethod
    def replace_titles(self, titles: Mapping[str, str]) -> None:
        """Records the titles of items, in place of those recorded before."""

    @abstractmethod
    def close(self) -> None:
        """Closes files and connections; may be called twice."""


def latest_events(events: Sequence[RatingEvent]) -> LatestEvents:
    """The last event of each pair; raises BadData for one that a store could not return unchanged."""
    for event in events:
        check_storable("user", event.user)
        check_storable("item", event.item)
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


def check_storable(noun: str, id_: str) -> None:
    """Raises BadData for an id that a store could not return unchanged."""
    if not id_ or not is_utf8(id_):
        raise BadData(f"the {noun} id {id_!r} cannot be stored", "an id is Unicode text of at least one character")


def digest_id(salt: bytes, user: str) -> bytes:
    """The digest under which a forgotten user is noted: the id cannot be read from it."""
    return hashlib.blake2b(normalize_id(user).encode(), key=salt, digest_size=32).digest()


def without_password(address: str) -> str:
    """The address of a database without user, password and options."""
    return re.sub(r"//.*@", "//", address).partition("?")[0]


def is_utf8(id_: str) -> bool:
    """Whether an id can be encoded as UTF-8: a lone surrogate cannot."""
    try:
        id_.encode()
    except UnicodeEncodeError:
        return False
    return True
