"""Ratings without some users, who leave no trace in the vocabulary or the features."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary


def without_users(ratings: Ratings, users: Collection[str]) -> Ratings:
    """`ratings` without the ratings, ids and features of these users; items stay, even without ratings."""
    gone = set(users)
    keep = np.array([user not in gone for user in ratings.users.ids], dtype=bool)
    if keep.all():
        return ratings
    rows = np.cumsum(keep, dtype=np.int32) - 1
    stays = keep[ratings.user]
    features = ratings.user_features
    return replace(
        ratings.where(stays),
        users=Vocabulary(ratings.users.ids[keep], ratings.users.noun),
        user=rows[ratings.user[stays]],
        user_features=None if features is None else features.take(np.flatnonzero(keep).astype(np.int32)),
    )
