"""Ratings that come in while serving, kept where a power cut does not reach them: the contract, and `open_store`.

A store keeps the latest word on each (user, item) pair: a rating, or that it was taken back. Ids are those of outside;
whether a model knows them is not a store's business, so that a newer model finds the ratings of items it learnt since.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


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
