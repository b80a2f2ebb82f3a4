"""Recommendations and explanations with ids and titles, and the histories of ratings that queries start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.data.ratings import TrainingData, make_histories
from cofactor.errors import BadData


@dataclass(frozen=True)
class RatingEffect:
    """A rating in a user's history and its effect on the score of a recommended item."""

    item: str
    title: str
    rating: float
    effect: float  # score with this rating minus score without it


@dataclass(frozen=True)
class Recommendation:
    """A recommended item, its score (in the data's units if it is a predicted rating), and the ratings behind it."""

    item: str
    title: str
    genres: str
    score: float
    because: tuple[RatingEffect, ...] = ()


RatingEffects = tuple[RatingEffect, ...]


def recommendations(
    training_data: TrainingData, items: Rows, scores: Floats, because: Sequence[RatingEffects] = ()
) -> list[Recommendation]:
    """The recommendations for (n,) item rows, best first."""
    lines = []
    for place, item in enumerate(items.tolist()):
        genres = "" if training_data.genres is None else training_data.genres[item] or ""
        reasons = because[place] if because else ()
        lines.append(
            Recommendation(
                training_data.items.ids[item], training_data.title(item), genres, float(scores[place]), reasons
            )
        )
    return lines


def strongest(
    training_data: TrainingData, history: csr_array, effects: Doubles, strength: Doubles, n: int
) -> RatingEffects:
    """The n ratings of a (1, n_items) history with the highest positive `strength`; ties: the lower row first."""
    order = np.argsort(-strength, kind="stable")[:n]
    order = order[(strength[order] > 0) & (strength[order] < np.inf)]
    return tuple(
        RatingEffect(training_data.items.ids[item], training_data.title(item), float(rating), float(effect))
        for item, rating, effect in zip(history.indices[order], history.data[order], effects[order], strict=True)
    )


def training_history(training_data: TrainingData, user_id: str) -> csr_array:
    """(1, n_items) training ratings of a user; raises UnknownId."""
    return single_history(*training_data.rated(training_data.users.row(user_id)), len(training_data.items))


def single_history(items: Rows, ratings: Floats, n_items: int) -> csr_array:
    """(1, n_items) history of (h,) item rows, ascending, and their ratings."""
    return csr_array((ratings, items, np.array([0, len(items)])), shape=(1, n_items))


def history_from_ratings(training_data: TrainingData, ratings: Mapping[str, float]) -> csr_array:
    """(1, n_items) history of ratings by item id; raises UnknownId, and BadData for a rating outside the scale."""
    for item_id, value in ratings.items():
        check_rating(training_data, item_id, value)
    return make_histories(
        [{training_data.items.row(i): float(value) for i, value in ratings.items()}], len(training_data.items)
    )


def check_rating(training_data: TrainingData, item_id: str, rating: float) -> None:
    """Raises BadData for a rating outside the scale."""
    lowest, highest = training_data.scale
    if not lowest <= rating <= highest:  # NaN fails both comparisons
        shown = f"the rating of item {str(item_id)[:60]!r} is {rating}"
        raise BadData(shown, f"ratings are from {lowest:g} to {highest:g}")


def leave_one_out(history: csr_array, places: Array) -> csr_array:
    """(m, n_items): a (1, n_items) history of h ratings without the one at each of (m,) places of 0 … h-1."""
    others = np.arange(history.nnz - 1)
    remaining = others + (others >= places[:, None])
    indptr = np.arange(len(places) + 1) * len(others)
    ratings = history.data[remaining].ravel(), history.indices[remaining].ravel(), indptr
    return csr_array(ratings, shape=(len(places), history.shape[1]))
