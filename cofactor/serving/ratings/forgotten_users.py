"""The users whom a store has forgotten, and whom a model still has from its training.

A model remembers the last note of the store that its training followed (`ratings_from` in its manifest). A note that
came later hides the user of the training: for every request, such a user is unknown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cofactor.data.ratings import TrainingData
from cofactor.feedback.store import RatingStore


@dataclass(frozen=True)
class ForgottenUsers:
    """The forgotten users of one model."""

    store: RatingStore | None = None
    followed: int = 0  # the last note that the training of the model followed

    @classmethod
    def of(cls, store: RatingStore | None, manifest: Mapping[str, Any]) -> "ForgottenUsers":
        """The forgotten users of a model with a manifest, whose notes may contain anything."""
        found: Any = manifest
        for name in ("notes", "read", "ratings_from"):
            found = found.get(name) if isinstance(found, Mapping) else None
        if store is None or not isinstance(found, Mapping) or found.get("store") != store.identity:
            return cls(store)
        note = found.get("last_note")
        return cls(store, note if type(note) is int else 0)

    def among(self, users: Collection[str]) -> set[str]:
        """Those of the users who are to be unknown."""
        if self.store is None or not users:
            return set()
        return {user for user, note in self.store.forgotten(users).items() if note > self.followed}

    def trained_row(self, training_data: TrainingData, user: str) -> int | None:
        """The row of a user of the training; None for an unknown or a forgotten one."""
        row = training_data.users.find(user)
        return None if row is None or self.among([user]) else row

    def count(self) -> int:
        """At most so many users are forgotten."""
        return 0 if self.store is None else max(0, self.store.last_note() - self.followed)


NOBODY = ForgottenUsers()
