"""The scores of many trained users at once, in one matrix product."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Floats
from cofactor.models.base import Model


@dataclass(frozen=True, eq=False)
class UserScores:
    """(n_items,) unclipped scores of a user row, in an array that the list of the user may overwrite."""

    user: int
    scores: Floats


def score_users(model: Model, users: Sequence[int]) -> list[UserScores]:
    """The scores of user rows, which may repeat."""
    scores = model.score_rows(np.array(users, dtype=np.int32))
    return [UserScores(user, row) for user, row in zip(users, scores, strict=True)]
