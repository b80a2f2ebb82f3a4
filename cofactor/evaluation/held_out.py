"""Test ratings as rows of a model, after checking that the model was not trained on them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Mask, Rows, Times
from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings, TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, SplitMismatch


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Test ratings with the rows of a model's users and items, ordered by the test's rows, which is the same for all
    models.

    Ids that are unknown to the model get rows after its own, in the test's order, and are treated as users and items
    without history: rows from `len(training_data.users)` and `len(training_data.items)` on.
    """

    training_data: TrainingData
    user: Rows  # (n,) the test's user rows, ascending
    item: Rows  # (n,) the test's item rows, ascending within a user
    value: Floats  # (n,)
    model_user: Rows  # (n,) the model's rows
    model_item: Rows  # (n,)
    unknown_users: int
    unknown_items: int
    time: Times | None = None  # (n,) seconds since 1970
    kind: Kind = "ratings"  # of the values

    @property
    def n_items(self) -> int:
        """The number of items in the catalogue, plus the unknown ones."""
        return len(self.training_data.items) + self.unknown_items

    @cached_property
    def start(self) -> Array:
        """(n_test_users + 1,) index of each test user's first rating."""
        edges = np.flatnonzero(np.diff(self.user, prepend=-1, append=-1))
        return edges.astype(np.int64)

    @cached_property
    def user_number(self) -> Array:
        """(n,) 0 … n_test_users-1: the position of each rating's user among the test users."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    @cached_property
    def cold_user(self) -> Mask:
        """(n,) whether the rating's user has no training rating."""
        counts = np.append(self.training_data.user_counts, np.zeros(self.unknown_users, dtype=np.int32))
        return np.asarray(counts[self.model_user] == 0)

    @cached_property
    def cold_item(self) -> Mask:
        """(n,) whether the rating's item has no training rating."""
        counts = np.append(self.training_data.item_counts, np.zeros(self.unknown_items, dtype=np.int32))
        return np.asarray(counts[self.model_item] == 0)

    def counts(self) -> dict[str, int]:
        """Numbers of ratings, users and items, and how many are cold; unknown ones are also counted as cold."""
        return {
            "ratings": len(self.value),
            "users": len(self.start) - 1,
            "items": len(np.unique(self.item)),
            "cold_users": len(np.unique(self.user[self.cold_user])),
            "cold_items": len(np.unique(self.item[self.cold_item])),
            "cold_ratings": int(np.count_nonzero(self.cold_user | self.cold_item)),
            "unknown_users": self.unknown_users,
            "unknown_items": self.unknown_items,
        }


def hold_out(test: Ratings, training_data: TrainingData) -> HeldOut:
    """The test ratings as rows of a model with this training data.

    Raises SplitMismatch if the model was trained on another split or on a test pair, and BadData if the test is empty
    or holds a pair twice.
    """
    if len(test) == 0:
        raise BadData("no test ratings to evaluate on", "give the split a larger test part")
    if test.split is not None and training_data.split is not None and test.split != training_data.split:
        raise SplitMismatch(
            f"the model was trained on split {training_data.split[:12]}, "
            f"and the test ratings are of split {test.split[:12]}",
            "training rows of another split may be test rows of this one: train on the split that you evaluate on",
        )
    if test.split is not None and test.split == training_data.split and test.scale != training_data.scale:
        (low, high), (lowest, highest) = training_data.scale, test.scale
        raise SplitMismatch(
            f"the model was trained on ratings from {low:g} to {high:g}, these are from {lowest:g} to {highest:g}",
            "the split is the same but the ratings differ: evaluate on ratings of the same scale as in training",
        )
    order = np.lexsort((test.item, test.user))
    user, item = test.user[order], test.item[order]
    model_user, unknown_users = _translate_rows(user, test.users, training_data.users)
    model_item, unknown_items = _translate_rows(item, test.items, training_data.items)
    time = None if test.time is None else test.time[order]
    rows, unknown = (user, item, test.value[order], model_user, model_item), (unknown_users, unknown_items)
    held_out = HeldOut(training_data, *rows, *unknown, time, test.kind)
    _check_pairs(held_out, test)
    return held_out


def _translate_rows(rows: Rows, ids: Vocabulary, known: Vocabulary) -> tuple[Rows, int]:
    """The rows in `known`, with unknown ids after its own; and the number of unknown ids."""
    if ids == known:
        return rows, 0
    used, where = np.unique(rows, return_inverse=True)
    found = known.rows(ids.ids[used])
    unknown = found < 0
    n_unknown = int(np.count_nonzero(unknown))
    found[unknown] = len(known) + np.arange(n_unknown)
    return found[where], n_unknown


def _check_pairs(held_out: HeldOut, test: Ratings) -> None:
    again = np.flatnonzero((np.diff(held_out.user) == 0) & (np.diff(held_out.item) == 0))
    if len(again):
        raise BadData(
            f"{len(again):,} pairs occur twice in the test ratings, {_format_pair(held_out, test, again[0])} among them"
        )
    leaked = np.flatnonzero(_find_training_pairs(held_out))
    if len(leaked):
        pair = _format_pair(held_out, test, leaked[0])
        raise SplitMismatch(
            f"the model was trained on {len(leaked):,} of the {len(test):,} test ratings, {pair} among them",
            "metrics on training ratings are too optimistic: train without the test ratings",
        )


def _find_training_pairs(held_out: HeldOut) -> Mask:
    """(n,) whether the pair is in the training ratings: the element-wise product of two sparse patterns."""
    n_users, n_items = held_out.training_data.interactions.shape
    known = (held_out.model_user < n_users) & (held_out.model_item < n_items)
    number = np.flatnonzero(known) + 1  # from 1, because a stored 0 would vanish
    cells = (held_out.model_user[known], held_out.model_item[known])
    asked = csr_array((number, cells), shape=(n_users, n_items))
    history = held_out.training_data.interactions
    pattern = csr_array((np.ones(history.nnz, dtype=np.int8), history.indices, history.indptr), shape=history.shape)
    rated = np.zeros(len(held_out.value), dtype=bool)
    rated[asked.multiply(pattern).data - 1] = True
    return rated


def _format_pair(held_out: HeldOut, test: Ratings, at: int) -> str:
    return f"user {test.users.ids[held_out.user[at]]!r} and item {test.items.ids[held_out.item[at]]!r}"
