"""What a person has rated: the ratings of training, and over them what they said since."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Rows
from cofactor.data.ratings import TrainingData
from cofactor.errors import BadData, UnknownId
from cofactor.feedback.store import Feedback, Store
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import check_rating, single_history
from cofactor.serving.filters import known_item
from cofactor.serving.schemas.requests import Rated

POPULAR_INSTEAD = "Or ask with stranger=popular for the most rated items"
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class History:
    """(h,) item rows, ascending, and their ratings; `user` is the row of somebody who is as they were trained."""

    items: Rows
    ratings: Floats
    user: int | None = None

    @property
    def source(self) -> str:
        return "folded-in" if self.user is None else "trained"

    def sparse(self, n_items: int) -> csr_array:
        return single_history(self.items, self.ratings, n_items)

    def scores(self, model: Model) -> Floats:
        """(n_items,) unclipped scores, in a new array: of the trained vector, or of the whole history folded in."""
        if self.user is None:
            scores = model.fold_in_scores(self.sparse(len(model.training_data.items)))
        else:
            scores = model.scores(np.array([self.user], dtype=np.int32))
        of_one: Floats = scores[0]
        return of_one

    def decides(self) -> tuple[object, ...]:
        """What of it decides a list, for a digest: ratings of training are those of the user and the version."""
        return ("trained", self.user) if self.user is not None else (self.items.tobytes(), self.ratings.tobytes())


_NOTHING = History(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))


def history_of(training_data: TrainingData, store: Store | None, user: str) -> History | None:
    """What a user has rated; None for somebody of whom nothing is known, or nothing any more.

    A rating of the store replaces one of training, and one taken back removes it. Items that the model does not know
    are passed over; ratings outside its scale, which another model may have had, count as the nearest end of it. A user
    of the vocabulary of whom there never was a rating is as they were trained: the model has a list for them.
    """
    words, known = [] if store is None else store.of(user), user in training_data.users
    if not words and not known:
        return None
    row = training_data.users.row(user) if known else None
    items, ratings = (_NOTHING.items, _NOTHING.ratings) if row is None else training_data.rated(row)
    if words:
        before = dict(zip(items.tolist(), ratings.tolist(), strict=True))
        now = _overlaid(training_data, before, words)
        if row is None or now != before:
            return _history(now) if now else None
    return History(items, ratings, row)


def given_history(training_data: TrainingData, rated: Sequence[Rated]) -> History:
    """The ratings in a request; raises BadData for an item unknown or rated twice, and for a rating off the scale."""
    found: dict[int, float] = {}
    for one in rated:
        item = known_item(training_data.items, one.item)
        if item in found:
            raise BadData(f"item {one.item!r} is rated twice", "rate each item once")
        check_rating(training_data, one.item, one.rating)
        found[item] = one.rating
    return _history(found)


def stranger(training_data: TrainingData, user: str, instead: str = "") -> UnknownId:
    """The error for somebody of whom nothing is known; `instead` is what else may be asked for."""
    if user in training_data.users:
        shown = user[:LONGEST_SHOWN]
        return UnknownId(f"nothing is known of user {shown!r} any more", f"rate something first. {instead}".strip())
    unknown = training_data.users.unknown_id(user)
    hint = unknown.hint if unknown.hint.endswith("?") or not instead else f"{unknown.hint}."
    return UnknownId(unknown.message, f"{hint} {instead}".strip())


def _overlaid(training_data: TrainingData, trained: dict[int, float], words: Sequence[Feedback]) -> dict[int, float]:
    """Ratings by item row, with what was said since in their place."""
    (lowest, highest), found = training_data.scale, dict(trained)
    for word in words:
        if word.item not in training_data.items:
            continue
        item = training_data.items.row(word.item)
        if word.rating is None:
            found.pop(item, None)
        else:
            found[item] = float(np.float32(min(max(word.rating, lowest), highest)))
    return found


def _history(rated: dict[int, float]) -> History:
    items = sorted(rated)
    return History(np.array(items, dtype=np.int32), np.array([rated[one] for one in items], dtype=np.float32))
