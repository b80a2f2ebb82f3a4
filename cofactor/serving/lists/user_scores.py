"""The scores of many trained users at once, in one matrix product."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Floats
from cofactor.models.base import Model

MIN_ITEMS = 8_192  # of a catalogue for which waiting for other users is worth it
MAX_CELLS = 1 << 22  # scores that are computed at a time: 16 MiB


@dataclass(frozen=True, eq=False)
class UserScores:
    """(n_items,) unclipped scores of a user row, in an array that the list of the user may overwrite."""

    user: int
    scores: Floats


def is_scored_with_others(model: Model, user: int) -> bool:
    """Whether a user row is scored together with others: if that is faster, and does not change the user's list."""
    return len(model.training_data.items) >= MIN_ITEMS and model.score_error(user) is not None


def users_per_product(model: Model) -> int:
    """The number of users whose scores are computed at a time."""
    return max(1, MAX_CELLS // max(1, len(model.training_data.items)))


def score_users(model: Model, users: Sequence[int]) -> list[UserScores]:
    """The scores of user rows, which may repeat."""
    scores = model.scores(np.array(users, dtype=np.int32))
    return [UserScores(user, row) for user, row in zip(users, scores, strict=True)]
