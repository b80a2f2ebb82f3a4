"""The ratings of a user: those of the training data, updated with the events of a store."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Rows
from cofactor.data.ratings import TrainingData
from cofactor.errors import BadData, UnknownId
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import check_rating, single_history
from cofactor.serving.filters import known_item
from cofactor.serving.forgotten_users import NOBODY, ForgottenUsers
from cofactor.serving.schemas.requests import Rated

POPULAR_INSTEAD = "Or ask with stranger=popular for the most rated items"
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class UserHistory:
    """(h,) item rows, ascending, and their ratings; `user` is the row of a user whose ratings are those of the training
    data, otherwise None."""

    items: Rows
    ratings: Floats
    user: int | None = None

    @property
    def source(self) -> str:
        return "folded-in" if self.user is None else "trained"

    def sparse(self, n_items: int) -> csr_array:
        return single_history(self.items, self.ratings, n_items)

    def scores(self, model: Model) -> Floats:
        """(n_items,) unclipped scores, in a new array: those of the trained user, or of the folded-in history."""
        if self.user is None:
            scores = model.fold_in_scores(self.sparse(len(model.training_data.items)))
        else:
            scores = model.scores(np.array([self.user], dtype=np.int32))
        row: Floats = scores[0]
        return row

    def digest_parts(self) -> tuple[object, ...]:
        """The history, for the digest of a list. A user row is enough for ratings of the training data, which the
        version of the model determines."""
        return ("trained", self.user) if self.user is not None else (self.items.tobytes(), self.ratings.tobytes())


_NOTHING = UserHistory(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))


def load_history(
    training_data: TrainingData, store: RatingStore | None, user: str, forgotten: ForgottenUsers = NOBODY
) -> UserHistory | None:
    """The ratings of a user; None for an unknown user, and for one whose ratings are all deleted.

    A rating of the store replaces one of the training data, and a deletion removes it. Items that are not in the model
    are ignored; ratings outside its scale, which another model may have had, are clipped to it. A user of the
    vocabulary who never had a rating counts as trained: the model has a list for them. The trained ratings of a user
    who was forgotten do not count.
    """
    events, row = [] if store is None else store.events_of(user), forgotten.trained_row(training_data, user)
    if not events and row is None:
        return None
    items, ratings = (_NOTHING.items, _NOTHING.ratings) if row is None else training_data.rated(row)
    if events:
        trained = dict(zip(items.tolist(), ratings.tolist(), strict=True))
        updated = _apply_events(training_data, trained, events)
        if row is None or updated != trained:
            return _make_history(updated) if updated else None
    return UserHistory(items, ratings, row)


def history_from_request(training_data: TrainingData, rated: Sequence[Rated]) -> UserHistory:
    """The ratings in a request; raises BadData for an unknown item, an item rated twice, or a rating off the scale."""
    found: dict[int, float] = {}
    for one in rated:
        item = known_item(training_data.items, one.item)
        if item in found:
            raise BadData(f"item {one.item!r} is rated twice", "rate each item once")
        check_rating(training_data, one.item, one.rating)
        found[item] = one.rating
    return _make_history(found)


def unknown_user(
    training_data: TrainingData, user: str, alternative: str = "", forgotten: ForgottenUsers = NOBODY
) -> UnknownId:
    """The error for a user without ratings; `alternative`: what the client may ask for instead."""
    shown = user[:LONGEST_SHOWN]
    if forgotten.count() and forgotten.among([user, *training_data.users.similar_ids(user)]):
        return UnknownId(f"unknown user {shown!r}", alternative or "the user has no ratings")
    if user in training_data.users:
        return UnknownId(f"all ratings of user {shown!r} are deleted", f"rate an item first. {alternative}".strip())
    unknown = training_data.users.unknown_id(user)
    hint = unknown.hint if unknown.hint.endswith("?") or not alternative else f"{unknown.hint}."
    return UnknownId(unknown.message, f"{hint} {alternative}".strip())


def _apply_events(
    training_data: TrainingData, trained: dict[int, float], events: Sequence[RatingEvent]
) -> dict[int, float]:
    """Ratings by item row, updated with events."""
    (lowest, highest), found = training_data.scale, dict(trained)
    for event in events:
        if event.item not in training_data.items:
            continue
        item = training_data.items.row(event.item)
        if event.rating is None:
            found.pop(item, None)
        else:
            found[item] = float(np.float32(min(max(event.rating, lowest), highest)))
    return found


def _make_history(rated: dict[int, float]) -> UserHistory:
    items = sorted(rated)
    return UserHistory(np.array(items, dtype=np.int32), np.array([rated[one] for one in items], dtype=np.float32))
