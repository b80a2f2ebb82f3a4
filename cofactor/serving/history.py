"""What a person has rated: the ratings of training, and over them what they said since."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Rows
from cofactor.data.ratings import Catalog
from cofactor.errors import BadData, UnknownId
from cofactor.models.answers import check_rating, one_history
from cofactor.models.base import Model
from cofactor.serving.choice import known_item
from cofactor.serving.feedback import Feedback, Store
from cofactor.serving.requests import Rated

RATHER = "stranger=popular lists the most rated items instead"
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
        return one_history(self.items, self.ratings, n_items)

    def scores(self, model: Model) -> Floats:
        """(n_items,) unclipped scores, in a new array: of the trained vector, or of the whole history folded in."""
        if self.user is not None:
            return model.scores(np.array([self.user], dtype=np.int32))[0]
        return model.scores_from(self.sparse(len(model.catalog.items)))[0]

    def decides(self) -> tuple[object, ...]:
        """What of it decides a list, for a digest: ratings of training are those of the user and the version."""
        return ("trained", self.user) if self.user is not None else (self.items.tobytes(), self.ratings.tobytes())


def history_of(catalog: Catalog, store: Store | None, user: str) -> History:
    """What a user has rated; raises UnknownId for somebody of whom nothing is known.

    A rating of the store replaces one of training, and one taken back removes it. Items that the model does not know
    are passed over; ratings outside its scale, which another model may have had, count as the nearest end of it. A user
    of the vocabulary whom nothing was ever known of is as trained: the model has a list for them.
    """
    words = [] if store is None else store.of(user)
    if user not in catalog.users:
        found = _overlaid(catalog, {}, words)
        if not found:
            raise stranger(catalog, user, bool(words))
        return _history(found)
    row = catalog.users.row(user)
    items, ratings = catalog.rated(row)
    if not words:
        return History(items, ratings, row)
    trained = dict(zip(items.tolist(), ratings.tolist(), strict=True))
    found = _overlaid(catalog, trained, words)
    if found == trained:
        return History(items, ratings, row)
    if not found:
        raise stranger(catalog, user, heard_of=True)
    return _history(found)


def given_history(catalog: Catalog, rated: Sequence[Rated]) -> History:
    """The ratings in a request; raises BadData for an item that is unknown or rated twice, or a rating off the scale."""
    found: dict[int, float] = {}
    for one in rated:
        item = known_item(catalog.items, one.item)
        if item in found:
            raise BadData(f"item {one.item!r} is rated twice", "rate each item once")
        check_rating(catalog, one.item, one.rating)
        found[item] = one.rating
    return _history(found)


def stranger(catalog: Catalog, user: str, heard_of: bool) -> UnknownId:
    """The error for somebody of whom nothing is known."""
    if heard_of:
        return UnknownId(f"nothing is known of user {user[:LONGEST_SHOWN]!r} any more", RATHER)
    unknown = catalog.users.unknown(user)
    return UnknownId(unknown.message, f"{unknown.hint.rstrip('.')}; {RATHER}")


def _overlaid(catalog: Catalog, trained: dict[int, float], words: Sequence[Feedback]) -> dict[int, float]:
    """Ratings by item row, with what was said since in their place."""
    (lowest, highest), found = catalog.scale, dict(trained)
    for word in words:
        if word.item not in catalog.items:
            continue
        item = catalog.items.row(word.item)
        if word.rating is None:
            found.pop(item, None)
        else:
            found[item] = float(np.float32(min(max(word.rating, lowest), highest)))
    return found


def _history(rated: dict[int, float]) -> History:
    items = sorted(rated)
    return History(np.array(items, dtype=np.int32), np.array([rated[one] for one in items], dtype=np.float32))
