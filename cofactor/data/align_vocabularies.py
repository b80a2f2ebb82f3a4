"""Puts two tables of ratings on one pair of vocabularies, so that a row number means the same in both."""

from dataclasses import replace

import numpy as np

from cofactor.arrays import Array, Rows
from cofactor.data.features import Features
from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings, find_step
from cofactor.data.vocabulary import Vocabulary, natural_order
from cofactor.errors import BadData

Described = tuple[Vocabulary, Features | None]


def align(train: Ratings, test: Ratings) -> tuple[Ratings, Ratings]:
    """Both tables over the users and items of either, with one scale. Titles and features come from `train` first.

    Pairs beside counts are counts of 1. Raises BadData for ratings beside counts or pairs.
    """
    users = _union(train.users, test.users)
    items = _union(train.items, test.items)
    values = np.concatenate((train.value, test.value))
    whole = Ratings(
        users,
        items,
        *(np.empty(0, dtype=np.int32),) * 2,
        np.empty(0, dtype=np.float32),
        scale=(min(train.scale[0], test.scale[0]), max(train.scale[1], test.scale[1])),
        step=train.step if train.step == test.step else find_step(values),
        kind=_common_kind(train.kind, test.kind),
        titles=_of_items(items, train, test, "titles"),
        genres=_of_items(items, train, test, "genres"),
        user_features=_features(users, (train.users, train.user_features), (test.users, test.user_features)),
        item_features=_features(items, (train.items, train.item_features), (test.items, test.item_features)),
    )
    return reindex(whole, train), reindex(whole, test)


def reindex(whole: Ratings, part: Ratings) -> Ratings:
    """The ratings of `part` with the vocabularies, titles, features and scale of `whole`, which has all of its ids."""
    return replace(
        whole,
        user=_rows_of(part.users, whole.users)[part.user],
        item=_rows_of(part.items, whole.items)[part.item],
        value=part.value,
        time=part.time,
        origin=part.origin,
    )


def _common_kind(train: Kind, test: Kind) -> Kind:
    if train == test:
        return train
    if "ratings" in (train, test):
        message = f"{train} and {test} cannot be parts of the same data"
        raise BadData(message, "read both with the same columns, and both with or without implicit=True")
    return "counts"


def _union(one: Vocabulary, other: Vocabulary) -> Vocabulary:
    return one if one == other else Vocabulary(np.array(natural_order({*one.ids, *other.ids}), dtype=object), one.noun)


def _rows_of(ids: Vocabulary, known: Vocabulary) -> Rows:
    return np.arange(len(ids), dtype=np.int32) if ids == known else known.rows(ids.ids)


def _of_items(items: Vocabulary, train: Ratings, test: Ratings, name: str) -> Array | None:
    found = None
    for one in (test, train):
        column = getattr(one, name)
        if column is not None:
            found = np.full(len(items), "", dtype=object) if found is None else found
            known = np.array([bool(text) for text in column])
            found[_rows_of(one.items, items)[known]] = column[known]
    return found


def _features(known: Vocabulary, train: Described, test: Described) -> Features | None:
    """The features of train; ids that occur only in test have its features where both have the same names."""
    if train[1] is None or test[1] is None:
        (ids, features) = test if train[1] is None else train
        return None if features is None else features.take(ids.rows(known.ids))
    of_train = train[0].rows(known.ids)
    first = train[1].take(of_train)
    if train[0] == test[0] or not np.array_equal(train[1].names, test[1].names):
        return first
    rest = test[1].take(np.where(of_train < 0, test[0].rows(known.ids), -1))
    return replace(first, matrix=first.matrix + rest.matrix)
