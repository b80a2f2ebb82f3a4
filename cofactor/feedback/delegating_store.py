"""A store that passes every call on to another one: the base of stores that add something to some calls."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from cofactor.feedback.store import EventRow, Mark, Pair, RatingChange, RatingEvent, RatingStore


class DelegatingStore(RatingStore):
    """Passes every call on; a subclass overrides those to which it adds something."""

    def __init__(self, store: RatingStore) -> None:
        self._store = store

    @property
    def fast_reads(self) -> bool:
        return self._store.fast_reads

    def append(self, events: Sequence[RatingEvent]) -> None:
        self._store.append(events)

    def events_of(self, user: str) -> list[RatingEvent]:
        return self._store.events_of(user)

    def ratings_of(self, user: str) -> dict[str, float | None]:
        return self._store.ratings_of(user)

    def events_at(self, pairs: Collection[Pair]) -> dict[Pair, RatingEvent]:
        return self._store.events_at(pairs)

    def counts_of(self, users: Collection[str]) -> dict[str, int]:
        return self._store.counts_of(users)

    def all_events(self) -> Iterator[RatingEvent]:
        return self._store.all_events()

    def count(self) -> int:
        return self._store.count()

    def snapshot(self) -> tuple[Mark, Iterator[list[EventRow]]]:
        return self._store.snapshot()

    def changes_since(self, mark: Mark) -> tuple[Mark, list[RatingChange] | None]:
        return self._store.changes_since(mark)

    def forget(self, user: str) -> int:
        return self._store.forget(user)

    def forgotten(self, users: Collection[str]) -> dict[str, int]:
        return self._store.forgotten(users)

    def last_note(self) -> int:
        return self._store.last_note()

    @property
    def identity(self) -> str:
        return self._store.identity

    @property
    def name(self) -> str:
        return self._store.name

    def titles(self) -> dict[str, str]:
        return self._store.titles()

    def replace_titles(self, titles: Mapping[str, str]) -> None:
        self._store.replace_titles(titles)

    def close(self) -> None:
        self._store.close()
