"""The ratings of a user: those of the training data, updated with the events of a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Rows
from cofactor.data.ratings import TrainingData
from cofactor.errors import BadData, UnknownId
from cofactor.feedback.store import RatingStore
from cofactor.models.base import Model
from cofactor.models.top_n.list_filters import known_item
from cofactor.models.top_n.recommendations import check_rating, single_history
from cofactor.serving.ratings.forgotten_users import NOBODY, ForgottenUsers
from cofactor.serving.schemas.requests import Rated

POPULAR_INSTEAD = "Or ask with stranger=popular for the most rated items"
LONGEST_SHOWN = 60
SUGGESTED, MAX_FORGOTTEN = 3, 20  # similar ids; those that are looked at in addition, because some may be forgotten


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
            scores = model.score_rows(np.array([self.user], dtype=np.int32))
        row: Floats = scores[0]
        return row

    def digest_parts(self) -> tuple[object, ...]:
        """The history, for the digest of a list. A user row is enough for ratings of the training data, which the
        version of the model determines."""
        return ("trained", self.user) if self.user is not None else (self.items.tobytes(), self.ratings.tobytes())


_NOTHING = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)


def load_history(
    training_data: TrainingData, store: RatingStore | None, user: str, forgotten: ForgottenUsers = NOBODY
) -> UserHistory | None:
    """The ratings of a user; None for an unknown user, and for one whose ratings are all deleted.

    A rating of the store replaces one of the training data, and a deletion removes it. Items that are not in the model
    are ignored; ratings outside its scale, which another model may have had, are clipped to it (of pairs, to 1). A user
    of the vocabulary who never had a rating counts as trained: the model has a list for them. The trained ratings of a
    user who was forgotten do not count.
    """
    changes = {} if store is None else store.ratings_of(user)
    row = forgotten.trained_row(training_data, user)
    if not changes and row is None:
        return None
    trained = UserHistory(*(_NOTHING if row is None else training_data.rated(row)), row)
    if not changes:
        return trained
    updated = _apply_changes(training_data, trained, changes)
    if row is not None and _is_same(updated, trained):
        return trained
    return updated if len(updated.items) else None


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
    """The error for a user without ratings; `alternative`: what the client may ask for instead.

    A forgotten user has the error of a user who never existed, and is suggested to nobody.
    """
    users, known = training_data.users, user in training_data.users
    gone = forgotten.among([user]) if known else set()
    if known and not gone:
        detail = f"all ratings of user {user[:LONGEST_SHOWN]!r} are deleted"
        return UnknownId(detail, f"rate an item first. {alternative}".strip())
    near = users.similar_ids(user, SUGGESTED + MAX_FORGOTTEN if forgotten.count() else SUGGESTED)
    gone |= forgotten.among(near)
    unknown = users.unknown_id(user, [one for one in near if one not in gone][:SUGGESTED])
    hint = unknown.hint if unknown.hint.endswith("?") or not alternative else f"{unknown.hint}."
    return UnknownId(unknown.message, f"{hint} {alternative}".strip())


def _apply_changes(
    training_data: TrainingData, before: UserHistory, changes: Mapping[str, float | None]
) -> UserHistory:
    """A history in which ratings by item id replace those of the same items; None deletes one."""
    rows = training_data.items.rows(list(changes))
    given = np.array([np.nan if one is None else one for one in changes.values()], dtype=np.float64)
    clipped: Floats = np.clip(given, *training_data.value_range).astype(np.float32)[rows >= 0]
    rows, places = np.unique(rows[rows >= 0], return_index=True)  # two ids of one normal form are one item
    values: Floats = clipped[places]
    stay, rated = ~np.isin(before.items, rows), ~np.isnan(values)
    items = np.concatenate((before.items[stay], rows[rated])).astype(np.int32)
    ratings: Floats = np.concatenate((before.ratings[stay], values[rated]))
    order = np.argsort(items)
    return UserHistory(items[order], ratings[order])


def _is_same(one: UserHistory, other: UserHistory) -> bool:
    return np.array_equal(one.items, other.items) and np.array_equal(one.ratings, other.ratings)


def _make_history(rated: dict[int, float]) -> UserHistory:
    items = sorted(rated)
    return UserHistory(np.array(items, dtype=np.int32), np.array([rated[one] for one in items], dtype=np.float32))
