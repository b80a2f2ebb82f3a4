"""Test ratings in a model's rows, once it is certain that the model has not seen them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Mask, Rows, Times
from cofactor.data.ratings import Ratings, TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, SplitMismatch


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Test ratings over a model's catalogue, in the order of the test's own rows: the same for every model.

    Test ids that the model does not know get rows behind its own, in the test's order, so that they take part as users
    and items without history do: rows from `len(training_data.users)` and `len(training_data.items)` on.
    """

    training_data: TrainingData
    user: Rows  # (n,) the test's own user rows, ascending
    item: Rows  # (n,) the test's own item rows, ascending within a user
    value: Floats  # (n,)
    model_user: Rows  # (n,) the model's rows
    model_item: Rows  # (n,)
    unknown_users: int
    unknown_items: int
    time: Times | None = None  # (n,) seconds since 1970

    @property
    def n_items(self) -> int:
        """Every item of the catalogue, and the unknown ones."""
        return len(self.training_data.items) + self.unknown_items

    @cached_property
    def start(self) -> Array:
        """(n_test_users + 1,) where each test user's ratings begin."""
        edges = np.flatnonzero(np.diff(self.user, prepend=-1, append=-1))
        return edges.astype(np.int64)

    @cached_property
    def user_number(self) -> Array:
        """(n,) 0 … n_test_users-1: the number among the test users of each rating's user."""
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
        """How many there are of what, the cold ones apart; the unknown are among the cold."""
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
    """The test ratings in the rows of a model with this catalogue.

    Raises SplitMismatch where the model is of another split or was trained on a pair of the test, and BadData where the
    test is empty or holds a pair twice.
    """
    if len(test) == 0:
        raise BadData("no test ratings to measure with", "give the split a larger test part")
    if test.split is not None and training_data.split is not None and test.split != training_data.split:
        raise SplitMismatch(
            f"the model was trained on split {training_data.split[:12]}, "
            f"and the test ratings are of split {test.split[:12]}",
            "another split's training rows may be this one's test rows: train on the split that you evaluate on",
        )
    if test.split is not None and test.split == training_data.split and test.scale != training_data.scale:
        (low, high), (lowest, highest) = training_data.scale, test.scale
        raise SplitMismatch(
            f"the model was trained on ratings from {low:g} to {high:g}, these are from {lowest:g} to {highest:g}",
            "the same pairs with other ratings: measure on the ratings it was trained on",
        )
    order = np.lexsort((test.item, test.user))
    user, item = test.user[order], test.item[order]
    model_user, unknown_users = _translate_rows(user, test.users, training_data.users)
    model_item, unknown_items = _translate_rows(item, test.items, training_data.items)
    time = None if test.time is None else test.time[order]
    held = HeldOut(
        training_data, user, item, test.value[order], model_user, model_item, unknown_users, unknown_items, time
    )
    _check_pairs(held, test)
    return held


def _translate_rows(rows: Rows, ids: Vocabulary, known: Vocabulary) -> tuple[Rows, int]:
    """The rows in `known`, those of unknown ids behind its own; and how many ids are unknown."""
    if ids == known:
        return rows, 0
    used, where = np.unique(rows, return_inverse=True)
    found = known.rows(ids.ids[used])
    unknown = found < 0
    n_unknown = int(np.count_nonzero(unknown))
    found[unknown] = len(known) + np.arange(n_unknown)
    return found[where], n_unknown


def _check_pairs(held: HeldOut, test: Ratings) -> None:
    again = np.flatnonzero((np.diff(held.user) == 0) & (np.diff(held.item) == 0))
    if len(again):
        raise BadData(f"{len(again):,} pairs stand twice in the test, {_format_pair(held, test, again[0])} among them")
    leaked = np.flatnonzero(_find_training_pairs(held))
    if len(leaked):
        pair = _format_pair(held, test, leaked[0])
        raise SplitMismatch(
            f"the model was trained on {len(leaked):,} of the {len(test):,} test ratings, {pair} among them",
            "a figure on rows a model has seen says nothing: train on ratings without the test's",
        )


def _find_training_pairs(held: HeldOut) -> Mask:
    """(n,) whether the training ratings hold the pair: the two sparse patterns multiplied cell by cell."""
    n_users, n_items = held.training_data.interactions.shape
    known = (held.model_user < n_users) & (held.model_item < n_items)
    number = np.flatnonzero(known) + 1  # not 0, so that each cell says which rating it is
    cells = (held.model_user[known], held.model_item[known])
    asked = csr_array((number, cells), shape=(n_users, n_items))
    history = held.training_data.interactions
    pattern = csr_array((np.ones(history.nnz, dtype=np.int8), history.indices, history.indptr), shape=history.shape)
    rated = np.zeros(len(held.value), dtype=bool)
    rated[asked.multiply(pattern).data - 1] = True
    return rated


def _format_pair(held: HeldOut, test: Ratings, at: int) -> str:
    return f"user {test.users.ids[held.user[at]]!r} and item {test.items.ids[held.item[at]]!r}"
