"""Recommendations and explanations with ids and titles, and the histories of ratings that queries start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.data.ratings import TrainingData, make_histories
from cofactor.data.tables.tabular import ColumnTable, Tabular
from cofactor.errors import BadData, check_type
from cofactor.models.queries.ids import Id, id_text, known_item
from cofactor.models.queries.record_list import RecordList


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


class RatingEffects(RecordList[RatingEffect]):
    """Ratings of a user and their effects on the score of an item, the strongest first."""

    record = RatingEffect


class Recommendations(RecordList[Recommendation]):
    """Recommended or similar items, best first. The table has the columns rank, item, title, genres and score.

    Where there are reasons (`why`), the table has the column because: the rated items, each with its rating, as text.
    """

    record, ranked = Recommendation, True

    def columns(self) -> dict[str, Array]:
        columns = super().columns()
        if any(one.because for one in self):
            columns["because"] = np.array([_shown_reasons(one.because) for one in self], dtype=object)
        return columns


class RecommendationsByUser(dict[str, Recommendations], Tabular):
    """The recommendations of several users by user id, in the order in which they were asked for."""

    def __missing__(self, user_id: Id) -> Recommendations:
        """The list of a user whose id is given as a whole number."""
        if isinstance(user_id, str):
            raise KeyError(user_id)
        return self[id_text(user_id, "user")]

    def __str__(self) -> str:
        return str(ColumnTable(self.columns()))

    def columns(self) -> dict[str, Array]:
        """(n,) columns user, rank, item, title, genres, score and, where there are reasons, because of all lists."""
        lengths = list(map(len, self.values()))
        table = Recommendations(one for listed in self.values() for one in listed).columns()
        table["rank"] = np.array([rank for n in lengths for rank in range(1, n + 1)], dtype=np.int64)
        return {"user": np.repeat(np.array(list(self), dtype=object), lengths)} | table


def recommendations(
    training_data: TrainingData, items: Rows, scores: Floats, because: Sequence[tuple[RatingEffect, ...]] = ()
) -> Recommendations:
    """The recommendations for (n,) item rows, best first."""
    lines = Recommendations()
    for place, item in enumerate(items.tolist()):
        genres = "" if training_data.genres is None else training_data.genres[item] or ""
        reasons = because[place] if because else ()
        lines.append(
            Recommendation(
                training_data.items.ids[item], training_data.title(item), genres, float(scores[place]), reasons
            )
        )
    return lines


def _shown_reasons(because: Sequence[RatingEffect]) -> str:
    return "; ".join(f"{one.title or one.item} ({one.rating:g})" for one in because)


def strongest(
    training_data: TrainingData, history: csr_array, effects: Doubles, strength: Doubles, n: int
) -> tuple[RatingEffect, ...]:
    """The n ratings of a (1, n_items) history with the highest positive `strength`; ties: the lower row first."""
    order = np.argsort(-strength, kind="stable")[:n]
    order = order[(strength[order] > 0) & (strength[order] < np.inf)]
    return tuple(
        RatingEffect(training_data.items.ids[item], training_data.title(item), float(rating), float(effect))
        for item, rating, effect in zip(history.indices[order], history.data[order], effects[order], strict=True)
    )


def training_history(training_data: TrainingData, user: int) -> csr_array:
    """(1, n_items) training ratings of a user row."""
    return single_history(*training_data.rated(user), len(training_data.items))


def single_history(items: Rows, ratings: Floats, n_items: int) -> csr_array:
    """(1, n_items) history of (h,) item rows, ascending, and their ratings."""
    return csr_array((ratings, items, np.array([0, len(items)])), shape=(1, n_items))


def history_from_ratings(training_data: TrainingData, ratings: Mapping[str, float] | Mapping[int, float]) -> csr_array:
    """(1, n_items) history of ratings by item id.

    Raises UnknownId, and BadData for what is no mapping, a rating outside the scale and an item rated twice.
    """
    check_type("ratings", ratings, Mapping, "give a mapping from item ids to ratings, as in {'50': 5.0}")
    rated: dict[int, float] = {}
    for item_id, value in ratings.items():
        row = known_item(training_data, item_id)
        if row in rated:
            raise BadData(f"item {id_text(item_id)!r} is rated twice", "rate each item once")
        check_rating(training_data, id_text(item_id), value)
        rated[row] = float(value)
    return make_histories([rated], len(training_data.items))


def check_rating(training_data: TrainingData, item_id: str, rating: float) -> None:
    """Raises BadData for a rating that is no number or outside the scale; a count is a number from 0, a pair is 1."""
    lowest, highest = training_data.value_range
    number = isinstance(rating, int | float | np.integer | np.floating)
    if not number or not lowest <= rating <= highest:  # NaN fails both comparisons
        shown = f"the rating of item {str(item_id)[:60]!r} is {rating!r}"
        hints = {
            "ratings": f"ratings are from {lowest:g} to {highest:g}",
            "counts": f"the values are counts: numbers from 0 to {highest:g}",
            "pairs": "the values are interactions without a rating: give 1",
        }
        raise BadData(shown, hints[training_data.kind])


def leave_one_out(history: csr_array, places: Array) -> csr_array:
    """(m, n_items): a (1, n_items) history of h ratings without the one at each of (m,) places of 0 … h-1."""
    others = np.arange(history.nnz - 1)
    remaining = others + (others >= places[:, None])
    indptr = np.arange(len(places) + 1) * len(others)
    ratings = history.data[remaining].ravel(), history.indices[remaining].ravel(), indptr
    return csr_array(ratings, shape=(len(places), history.shape[1]))
