"""A model small enough to know every answer of, and a client that asks an app without a network."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import httpx
import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.feedback.store import EventRow, Mark, Pair, RatingChange, RatingEvent, RatingStore
from cofactor.models.factor import FactorModel
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.model_registry import ModelRegistry

USERS = ["40", "7", "a/b", "a/explanations/b", "José Ω", "100%", "?x=1#y"]
TITLES = {
    "50": "Star Wars (1977)",
    "1": "Cité des enfants perdus, La (1995)",
    "2": "攻殻機動隊 (1995)",
    "3": "<script>alert('title')</script>",
    "4": "Matrix, The (1999)",
    "a/b": "Amélie (2001)",
    "x y": "Starship Troopers (1997)",
    "9": "",
}
NOBODY_RATED = "unrated"
SCALE = (0.5, 5.0)


def ratings(users: Sequence[str] = USERS, titles: Mapping[str, str] = TITLES) -> Ratings:
    """User row k has rated item row k only, with 4.0; the last user, "everything", has rated every item but one."""
    own, every = np.arange(len(users)), np.arange(len(titles))
    return Ratings(
        Vocabulary(np.array([*users, "everything"], dtype=object), "user"),
        Vocabulary(np.array([*titles, NOBODY_RATED], dtype=object), "item"),
        np.concatenate([own, np.full(len(every), len(users))]),
        np.concatenate([own % len(titles), every]),
        np.repeat(np.float32([4.0, 3.0]), [len(own), len(every)]),
        scale=SCALE,
        step=0.5,
        titles=np.array([*titles.values(), "Never rated"], dtype=object),
        genres=np.array([*("Action|Sci-Fi" for _ in titles), ""], dtype=object),
    )


def model(rated: Ratings | None = None, shift: int = 1, mean: float = 3.0) -> FactorModel:
    """The best item of user row k is item row k + shift, far above the scale; the rest score about the mean."""
    rated = rated or ratings()
    n_users, n_items = len(rated.users), len(rated.items)
    vectors = np.zeros((n_users, n_items), dtype=np.float32)
    vectors[np.arange(n_users), (np.arange(n_users) + shift) % (n_items - 1)] = 9.0
    return FactorModel(
        rated.training_data,
        rated.scale,
        mean,
        np.zeros(n_users, dtype=np.float32),
        np.linspace(0.2, 0.1, n_items, dtype=np.float32),
        vectors,
        np.eye(n_items, dtype=np.float32) + 0.01,
        0.1,
        0.1,
    )


class MemoryStore(RatingStore):
    """The contract of a store, for tests of what is asked of one: as long as the process lives."""

    fast_reads = True
    identity = name = "memory"

    def __init__(self, *words: RatingEvent) -> None:
        self._words: dict[tuple[str, str], RatingEvent] = {}
        self._changes: list[RatingChange | None] = []  # None: after that, everything is to be read again
        self._notes: dict[str, int] = {}
        self._titles: dict[str, str] = {}
        self.append(words)

    def append(self, events: Sequence[RatingEvent]) -> None:
        for word in events:
            old = self._words.get((word.user, word.item))
            before = None if old is None else old.rating
            self._changes.append(RatingChange(word.user, word.item, old is not None, before, word.rating))
            self._words[word.user, word.item] = word

    def events_of(self, user: str) -> list[RatingEvent]:
        own = [word for word in self._words.values() if word.user == user]
        return sorted(own, key=lambda word: (-word.time, word.item))

    def events_at(self, pairs: Collection[Pair]) -> dict[Pair, RatingEvent]:
        return {pair: self._words[pair] for pair in pairs if pair in self._words}

    def counts_of(self, users: Collection[str]) -> dict[str, int]:
        return {user: len(self.events_of(user)) for user in users}

    def count(self) -> int:
        return len(self._words)

    def snapshot(self) -> tuple[Mark, Iterator[list[EventRow]]]:
        words = [self._words[pair] for pair in sorted(self._words)]
        return (len(self._changes),), iter([[(one.user, one.item, one.rating, one.time) for one in words]])

    def changes_since(self, mark: Mark) -> tuple[Mark, list[RatingChange] | None]:
        changes = self._changes[int(mark[0]) :]
        known = [one for one in changes if one is not None]
        return (len(self._changes),), known if len(known) == len(changes) else None

    def forget(self, user: str) -> int:
        own = self.events_of(user)
        for word in own:
            del self._words[word.user, word.item]
        self._changes.append(None)
        self._notes[user] = self.last_note() + 1
        return len(own)

    def forgotten(self, users: Collection[str]) -> dict[str, int]:
        return {user: self._notes[user] for user in users if user in self._notes}

    def last_note(self) -> int:
        return max(self._notes.values(), default=0)

    def titles(self) -> dict[str, str]:
        return dict(self._titles)

    def replace_titles(self, titles: Mapping[str, str]) -> None:
        self._titles = dict(titles)

    def close(self) -> None:
        pass


def bundle(of: Any = None, **manifest: Any) -> LoadedModel:
    return LoadedModel(of or model(), {"trainer": "by hand", **manifest})


def service(of: Any = None) -> ModelRegistry:
    ready = ModelRegistry(bundle(of))
    ready.warm_up()
    return ready


def ask(app: Any, path: str, method: str = "GET", **more: Any) -> httpx.Response:
    """One request, straight to the application."""

    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **more)

    return asyncio.run(one())
