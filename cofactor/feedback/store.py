"""Ratings that come in while serving, kept where a power cut does not reach them: the contract, and `open_store`.

A store keeps the latest word on each (user, item) pair: a rating, or that it was taken back. Ids are those of outside;
whether a model knows them is not a store's business, so that a newer model finds the ratings of items it learnt since.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cofactor.errors import BadData

POSTGRES = ("postgresql://", "postgres://")
SQLITE = "sqlite:///"
KINDS = "name a file, or postgresql://USER@HOST/DATABASE"
TIMES = range(-(1 << 63), 1 << 63)  # what a store can keep

Words = dict[tuple[str, str], tuple[float | None, int]]  # (user, item) -> rating, time


@dataclass(frozen=True, slots=True)
class Feedback:
    """One word on one pair. `rating` is None where it was taken back: then one of training is void as well."""

    user: str
    item: str
    rating: float | None
    time: int  # seconds since 1970


class Store(ABC):
    """Durable ratings. May be called from any thread; raises Unavailable where the store is out of reach."""

    brief: bool  # whether `of` takes microseconds, so that the event loop may wait for it

    @abstractmethod
    def put(self, words: Sequence[Feedback]) -> None:
        """Takes all or none; returns when they would survive a power cut. Of a pair the word put last counts."""

    @abstractmethod
    def of(self, user: str) -> list[Feedback]:
        """What a user said, the latest first (by time, then item); empty for somebody unheard of."""

    @abstractmethod
    def all(self) -> Iterator[Feedback]:
        """Everything, by user and item, as it stood when asked; for the next training."""

    @abstractmethod
    def count(self) -> int:
        """How many pairs there is a word on."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of files and connections; calling twice does no harm."""


def open_store(address: str) -> Store:
    """The store at an address, made where there is none: a file, sqlite:///FILE or postgresql://…

    Raises BadData for an address that is neither, BadArtifact for what is there and is no store of ours, or damaged,
    Unavailable where the place is out of reach, or the package for it is not installed. No message holds a password.
    """
    if not is_file(address):
        from cofactor.feedback.postgres import PostgresStore

        return PostgresStore.create(address)
    from cofactor.feedback.sqlite import SqliteStore

    return SqliteStore.create(_file(address))


def existing_store(address: str) -> Store:
    """The same for whoever only reads: raises BadData where there is none, and makes nothing."""
    if not is_file(address):
        from cofactor.feedback.postgres import PostgresStore

        return PostgresStore(address)
    from cofactor.feedback.sqlite import SqliteStore

    return SqliteStore(_file(address))


def is_file(address: str) -> bool:
    """Whether an address is that of a file on this machine."""
    return not address.startswith(POSTGRES)


def shown(address: str) -> str:
    """An address without user, password and options, to be told and noted; of a file the name."""
    if not is_file(address):
        return re.sub(r"//.*@", "//", address).partition("?")[0]
    return _file(address).name


def checked(words: Sequence[Feedback]) -> Words:
    """The last word on each pair; raises BadData for one that a store cannot keep and give back as it is."""
    for word in words:
        for noun, id_ in (("user", word.user), ("item", word.item)):
            if not id_ or not _is_text(id_):
                raise BadData(f"the {noun} id {id_!r} cannot be kept", "an id is text of at least one character")
        if word.rating is not None and not math.isfinite(word.rating):
            raise BadData(f"user {word.user!r} rates item {word.item!r} {word.rating}", "ratings are finite numbers")
        if word.time not in TIMES:
            raise BadData(f"the time {word.time} of a rating of item {word.item!r}", "times are seconds since 1970")
    return {
        (word.user, word.item): (None if word.rating is None else float(word.rating), int(word.time)) for word in words
    }


def _file(address: str) -> Path:
    file = address.removeprefix(SQLITE)
    if not file or "\0" in file or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", file):
        kind = f"of the kind {file.partition(':')[0]}" if "://" in file else f"{file!r}"
        raise BadData(f"no store of ratings can be {kind}", KINDS)
    return Path(file)


def _is_text(id_: str) -> bool:
    """Whether it can be written as UTF-8: a lone surrogate cannot."""
    try:
        id_.encode()
    except UnicodeEncodeError:
        return False
    return True
