"""Storing, deleting and listing the ratings of users."""

import time
from collections.abc import Collection
from dataclasses import dataclass

from cofactor.errors import BadData, Unavailable
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.models.top_n.recommendations import check_rating
from cofactor.serving.filters import OperatorRules, known_item
from cofactor.serving.item_table import ItemTable, JsonObject
from cofactor.serving.schemas.requests import GivenRating, Page, RatingsBody
from cofactor.serving.user_history import unknown_user

MAX_EVENTS = 10_000  # of one user in a store: each list of the user reads them all


@dataclass(frozen=True, eq=False)
class RatingsWriter:
    """The ratings that a service collects for one model."""

    table: ItemTable
    rules: OperatorRules
    store: RatingStore | None

    def rate(self, asked: RatingsBody) -> int:
        """Stores all ratings of a request or none, and returns the number of pairs. They are durable on return.

        Raises BadData for a rating that is not accepted, and Unavailable without a store.
        """
        store, now = self._require_store(), int(time.time())
        events: dict[str, dict[str, RatingEvent]] = {}
        for one in asked.ratings:
            self._check(one)
            event = RatingEvent(one.user, one.item, one.rating, now if one.time is None else one.time)
            events.setdefault(one.user, {})[one.item] = event
        for user, of_items in events.items():
            _check_number(store, user, of_items.keys())
        accepted = [event for of_items in events.values() for event in of_items.values()]
        store.append(accepted)
        return len(accepted)

    def delete_rating(self, user: str, item: str) -> bool:
        """Deletes a rating of the training data or of the store; false if there is none.

        Nothing is stored if there is none, so that such requests cannot fill the store.
        """
        store = self._require_store()
        if not self._is_rated(user, item, store):
            return False
        store.append([RatingEvent(user, item, None, int(time.time()))])
        return True

    def ratings(self, user: str, page: Page) -> tuple[int, list[JsonObject]]:
        """The number of a user's ratings, and a page of them: first those of the store, the latest first, then those of
        training. Ratings of items that are not in the model are left out. Raises UnknownId for an unknown user."""
        training_data = self.table.model.training_data
        events = [] if self.store is None else self.store.events_of(user)
        if not events and user not in training_data.users:
            raise unknown_user(training_data, user)
        listed: list[tuple[int, float, int | None, str]] = []
        changed = set()
        for event in events:
            if event.item not in training_data.items:
                continue
            row = training_data.items.row(event.item)
            changed.add(row)
            if event.rating is not None:
                listed.append((row, event.rating, event.time, "service"))
        if user in training_data.users:
            items, ratings = training_data.rated(training_data.users.row(user))
            trained = zip(items.tolist(), ratings.tolist(), strict=True)
            listed += [(row, rating, None, "training") for row, rating in trained if row not in changed]
        return len(listed), [
            {**self.table.item(row), "rating": rating, "time": seconds, "source": source}
            for row, rating, seconds, source in listed[page.offset : page.offset + page.n]
        ]

    def _require_store(self) -> RatingStore:
        if self.store is None:
            raise Unavailable("this service stores no ratings", "start it with --store FILE")
        return self.store

    def _check(self, one: GivenRating) -> None:
        training_data = self.table.model.training_data
        if not self.rules.new_items:
            known_item(training_data.items, one.item)
        check_rating(training_data, one.item, one.rating)

    def _is_rated(self, user: str, item: str, store: RatingStore) -> bool:
        for event in store.events_of(user):
            if event.item == item:
                return event.rating is not None
        training_data = self.table.model.training_data
        if user not in training_data.users or item not in training_data.items:
            return False
        return training_data.items.row(item) in training_data.rated(training_data.users.row(user))[0]


def _check_number(store: RatingStore, user: str, items: Collection[str]) -> None:
    """Raises BadData if a store would hold too many events of a user."""
    known = {event.item for event in store.events_of(user)}
    if len(known.union(items)) > MAX_EVENTS:
        shown = f"user {user[:60]!r} has {len(known):,} ratings in the store, which holds at most {MAX_EVENTS:,} of one"
        raise BadData(shown, "train a model with the ratings of the store, and start a new store")
