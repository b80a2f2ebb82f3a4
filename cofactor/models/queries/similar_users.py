"""The users most similar to a user."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cofactor.models.queries.record_list import RecordList
from cofactor.models.scoring import ScoringModel
from cofactor.models.top_n.selection import EXCLUDED, top_n


@dataclass(frozen=True)
class UserNeighbour:
    """A user, their similarity to another, and how many items they have rated: in all, and of those of the other."""

    user: str
    score: float
    ratings: int
    common: int


class UserNeighbours(RecordList[UserNeighbour]):
    """The users most similar to another, the most similar first."""

    record = UserNeighbour


def find_similar_users(
    model: ScoringModel, row: int | None, history: csr_array, n: int, *, without: int | None = None
) -> UserNeighbours:
    """The n users most similar to the user with a (1, n_items) history; row: that of a user whose ratings are those of
    the training data. Leaves out the row `without`, and users without training ratings."""
    training_data = model.training_data
    similarity = model.similarity_to_user_row(row, history)
    hidden = training_data.user_counts == 0
    if without is not None:
        hidden[without] = True
    similarity[hidden] = EXCLUDED
    rated = np.zeros(len(training_data.items), dtype=bool)
    rated[history.indices] = True
    rows, scores = top_n(similarity, n)
    return UserNeighbours(
        UserNeighbour(
            str(training_data.users.ids[user]),
            score,
            int(training_data.user_counts[user]),
            int(np.count_nonzero(rated[training_data.rated(user)[0]])),
        )
        for user, score in zip(rows.tolist(), scores.tolist(), strict=True)
    )
