"""Taking ratings, taking them back, and showing what somebody has rated."""

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, Unavailable
from cofactor.feedback.store import Feedback, Store
from cofactor.models.top_n.recommendations import check_rating
from cofactor.serving.filters import Terms, known_item
from cofactor.serving.item_table import ItemTable
from cofactor.serving.schemas.requests import GivenRating, Page, RatingsBody
from cofactor.serving.user_history import stranger

Answer = dict[str, Any]
MOST_OF_ONE = 10_000  # pairs of one user that a store is to keep: each of their lists reads them all
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters and halves of characters


@dataclass(frozen=True, eq=False)
class Desk:
    """Where ratings are handed in, of one bundle."""

    table: ItemTable
    terms: Terms
    store: Store | None

    def rate(self, asked: RatingsBody) -> int:
        """Takes all ratings or none; how many there are, each pair counted once. They are safe when this returns.

        Raises BadData for one that cannot be taken, Unavailable without a store.
        """
        store, now = self._open(), int(time.time())
        words: dict[str, dict[str, Feedback]] = {}
        for one in asked.ratings:
            self._check(one)
            word = Feedback(one.user, one.item, one.rating, now if one.time is None else one.time)
            words.setdefault(one.user, {})[one.item] = word
        for user, of_items in words.items():
            _check_room(store, user, of_items.keys())
        taken = [word for of_items in words.values() for word in of_items.values()]
        store.put(taken)
        return len(taken)

    def take_back(self, user: str, item: str) -> bool:
        """Whether there was such a rating, of training or since; then it is void when this returns.

        Where there was none nothing is kept, so that asking for anything does not fill a store.
        """
        store = self._open()
        if not self._is_rated(user, item, store):
            return False
        store.put([Feedback(user, item, None, int(time.time()))])
        return True

    def ratings(self, user: str, asked: Page) -> tuple[int, list[Answer]]:
        """How many ratings of a user there are, and a page of them: those that came in since, the latest first, then
        those of training; of items that the model does not know, none. Raises UnknownId for somebody unheard of."""
        training_data = self.table.model.training_data
        words = [] if self.store is None else self.store.of(user)
        if not words and user not in training_data.users:
            raise stranger(training_data, user)
        listed: list[tuple[int, float, int | None, str]] = []
        said = set()
        for word in words:
            if word.item not in training_data.items:
                continue
            row = training_data.items.row(word.item)
            said.add(row)
            if word.rating is not None:
                listed.append((row, word.rating, word.time, "service"))
        if user in training_data.users:
            items, ratings = training_data.rated(training_data.users.row(user))
            trained = zip(items.tolist(), ratings.tolist(), strict=True)
            listed += [(row, rating, None, "training") for row, rating in trained if row not in said]
        page = listed[asked.offset : asked.offset + asked.n]
        return len(listed), [
            {**self.table.item(row), "rating": rating, "time": when, "source": source}
            for row, rating, when, source in page
        ]

    def _open(self) -> Store:
        if self.store is None:
            raise Unavailable("this service takes no ratings", "start it with --store FILE")
        return self.store

    def _check(self, one: GivenRating) -> None:
        training_data = self.table.model.training_data
        _check_id(training_data.users, one.user)
        if not self.terms.new_items:
            known_item(training_data.items, one.item)
        _check_id(training_data.items, one.item)
        check_rating(training_data, one.item, one.rating)

    def _is_rated(self, user: str, item: str, store: Store) -> bool:
        for word in store.of(user):
            if word.item == item:
                return word.rating is not None
        training_data = self.table.model.training_data
        if user not in training_data.users or item not in training_data.items:
            return False
        return training_data.items.row(item) in training_data.rated(training_data.users.row(user))[0]


def _check_room(store: Store, user: str, items: Collection[str]) -> None:
    """Raises BadData where a store would keep more of a user than it is to."""
    known = {word.item for word in store.of(user)}
    if len(known.union(items)) > MOST_OF_ONE:
        said = f"user {user[:60]!r} has {len(known):,} ratings here, and {MOST_OF_ONE:,} is the most"
        raise BadData(said, "train a model with them, and begin a new store")


def _check_id(known: Vocabulary, one: str) -> None:
    """Raises BadData for an id that is new and could not be shown."""
    if one not in known and UNPRINTABLE.search(one):
        shown = UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", one)[:60]
        raise BadData(f"{known.noun} {shown!r} has a control character in its id", "ids are printable text")
