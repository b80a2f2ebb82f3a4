"""The contents of a rating store in numbers, and as CSV."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self, TextIO

from cofactor.feedback.store import RatingEvent


@dataclass(frozen=True)
class StoreSummary:
    """How many ratings and deletions a store holds, of how many users and items, and the newest event.

    with closing(existing_store("ratings.db")) as store:
        print(StoreSummary.from_events(store.all_events()))
    """

    ratings: int
    deletions: int
    users: int
    items: int
    newest: RatingEvent | None  # of equal times, the last by user and item; None: the store is empty

    @classmethod
    def from_events(cls, events: Iterable[RatingEvent]) -> Self:
        """The summary of the events of `RatingStore.all_events`."""
        newest, n_events, ratings, users, items = None, 0, 0, set(), set()
        for event in events:
            n_events += 1
            ratings += event.rating is not None
            users.add(event.user)
            items.add(event.item)
            newest = event if newest is None or event.time >= newest.time else newest
        return cls(ratings, n_events - ratings, len(users), len(items), newest)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        newest = None if self.newest is None else asdict(self.newest)
        counts = {"ratings": self.ratings, "taken_back": self.deletions, "users": self.users, "items": self.items}
        return {**counts, "newest": newest}


def write_events(events: Iterable[RatingEvent], file: TextIO) -> None:
    """Writes events as CSV with the columns user, item, rating, time; the rating of a deletion is empty."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("user", "item", "rating", "time"))
    writer.writerows((one.user, one.item, "" if one.rating is None else one.rating, one.time) for one in events)
