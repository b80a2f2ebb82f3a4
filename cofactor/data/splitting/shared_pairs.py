"""Pairs of user and item that two tables of ratings have in common."""

import numpy as np

from cofactor.arrays import Mask
from cofactor.data.ratings import Ratings
from cofactor.errors import CofactorError


def check_disjoint(
    train: Ratings, test: Ratings, names: tuple[str, str], error: type[CofactorError], hint: str
) -> None:
    """Raises an error that counts the pairs of `test` that `train` has too, and names one.

    Both tables have the same users and items. names: what to call the two tables, as ("training", "validation").
    """
    shared = np.flatnonzero(find_shared_pairs(train, test))
    if len(shared) == 0:
        return
    user, item = test.users.ids[test.user[shared[0]]], test.items.ids[test.item[shared[0]]]
    raise error(
        f"{len(shared):,} {names[1]} ratings are {names[0]} ratings too, that of user {user!r} and item {item!r} "
        "among them",
        hint,
    )


def find_shared_pairs(train: Ratings, test: Ratings) -> Mask:
    """(n,) whether the pair of each of n ratings of `test` is in `train`, which has the same users and items."""
    n_items = len(train.items)
    cells = test.user.astype(np.int64) * n_items + test.item
    return np.isin(cells, train.user.astype(np.int64) * n_items + train.item)
