"""Storing, deleting and listing the ratings of users."""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Floats, Rows
from cofactor.errors import BadData, Unavailable
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.models.top_n.list_filters import known_item
from cofactor.models.top_n.recommendations import check_rating
from cofactor.serving.item_table import ItemTable, JsonObject
from cofactor.serving.lists.filters import OperatorRules
from cofactor.serving.lists.rounding import round_rating
from cofactor.serving.ratings.forgotten_users import NOBODY, ForgottenUsers
from cofactor.serving.ratings.user_history import unknown_user
from cofactor.serving.schemas.requests import GivenRating, Page, RatingsBody

MAX_EVENTS = 10_000  # events of one user in a store: each list of the user reads them all


@dataclass(frozen=True, eq=False)
class RatingsWriter:
    """The ratings that a service collects for one model."""

    table: ItemTable
    rules: OperatorRules
    store: RatingStore | None
    forgotten: ForgottenUsers = NOBODY

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
        _check_numbers(store, {user: of_items.keys() for user, of_items in events.items()})
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

    def ratings(self, user: str, page: Page) -> JsonObject:
        """The number of a user's ratings, a page of them, and how many events the model was not trained on: first the
        ratings of the store, the latest first, then those of training. Raises UnknownId for an unknown user."""
        training_data = self.table.model.training_data
        events = [] if self.store is None else self.store.events_of(user)
        row = self.forgotten.trained_row(training_data, user)
        if not events and row is None:
            raise unknown_user(training_data, user, forgotten=self.forgotten)
        trained = {} if row is None else _as_dict(*training_data.rated(row))
        listed: list[tuple[int | str, float, int | None, str]] = []
        waiting = 0
        for event in events:
            item = training_data.items.find(event.item)
            before = None if item is None else trained.pop(item, None)
            waiting += before != (None if event.rating is None else float(np.float32(event.rating)))
            if event.rating is not None:
                listed.append((event.item if item is None else item, event.rating, event.time, "service"))
        listed += [(item, round_rating(rating), None, "training") for item, rating in trained.items()]
        return {
            "total": len(listed),
            "waiting": waiting,
            "ratings": [
                {**self._item(item), "rating": rating, "time": seconds, "source": source}
                for item, rating, seconds, source in listed[page.offset : page.offset + page.n]
            ],
        }

    def forget(self, user: str) -> JsonObject:
        """Erases a user from the store; for the model, the user is unknown from then on."""
        store, row = self._require_store(), self.forgotten.trained_row(self.table.model.training_data, user)
        return {"forgotten": store.forget(user), "trained": row is not None}

    def _item(self, item: int | str) -> JsonObject:
        """An item by its row, or by its id if the model does not have it."""
        if isinstance(item, int):
            return self.table.item(item)
        return {"item": item, "title": item, "genres": [], "year": None, "new_item": True}

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
        event = store.events_at([(user, item)]).get((user, item))
        if event is not None:
            return event.rating is not None
        training_data = self.table.model.training_data
        row, column = self.forgotten.trained_row(training_data, user), training_data.items.find(item)
        return row is not None and column is not None and column in training_data.rated(row)[0]


def _as_dict(items: Rows, ratings: Floats) -> dict[int, float]:
    return dict(zip(items.tolist(), ratings.tolist(), strict=True))


def _check_numbers(store: RatingStore, rated: Mapping[str, Collection[str]]) -> None:
    """Raises BadData if a store would hold too many events of one of the users, by the items that each rates now."""
    counts = store.counts_of(rated)
    close = [user for user, items in rated.items() if counts[user] + len(items) > MAX_EVENTS]
    again = Counter(user for user, _ in store.events_at([(user, item) for user in close for item in rated[user]]))
    for user in close:
        if counts[user] + len(rated[user]) - again[user] > MAX_EVENTS:
            shown = f"user {user[:60]!r} has {counts[user]:,} ratings in the store, which holds at most {MAX_EVENTS:,}"
            raise BadData(f"{shown} of one", "train a model with the ratings of the store, and start a new store")
