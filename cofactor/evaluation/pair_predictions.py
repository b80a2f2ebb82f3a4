"""Predictions for pairs of ids, in memory or in a file; unknown ids get the scores of the cold-start rules."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from cofactor.data.reading.pair_file import Pair, read_pairs
from cofactor.models.base import Model
from cofactor.models.posterior import PosteriorModel
from cofactor.models.regression.posterior_layout import is_cold

NO_TIME = np.iinfo(np.int64).min  # before every day of a model


class PairPrediction(NamedTuple):
    """The prediction of a model for a pair of ids."""

    user: str
    item: str
    prediction: float | None  # None if the model has none, such as a ranking score for an unknown item
    deviation: float | None  # standard deviation of the rating around the prediction; None for most kinds of model
    fallback: str  # which of the two has no training ratings: "", "user", "item" or "user+item"


def predict_file(model: Model, path: Path, columns: Mapping[str, str]) -> Iterator[PairPrediction]:
    """The predictions for the pairs in a file (see `read_pairs`), in order; at their times, if the model uses times."""
    for pairs in read_pairs(path, columns, with_times=model.uses_times):
        yield from predict_pairs(model, pairs)


def predict_pairs(model: Model, pairs: Sequence[Pair]) -> Iterator[PairPrediction]:
    """The predictions for pairs of ids, known to the model or not, scored as in `evaluate` and clipped to the scale.

    Cold start: an unknown user counts as a user without ratings; the score of an unknown item is
    `Model.unknown_item_scores`.
    """
    training_data = model.training_data
    user = training_data.users.rows([one.user for one in pairs])
    item = training_data.items.rows([one.item for one in pairs])
    time = np.array([NO_TIME if one.seconds is None else one.seconds for one in pairs], dtype=np.int64)
    cold_user, cold_item = is_cold(user, training_data.user_counts), is_cold(item, training_data.item_counts)
    fallbacks = np.array(["", "user", "item", "user+item"])[cold_user + 2 * cold_item]
    scores = model.predict_rows(user, item, time, unknown=True).tolist()
    predictions = [one if np.isfinite(one) else None for one in scores]
    deviations: Sequence[float | None] = [None] * len(pairs)
    if isinstance(model, PosteriorModel):
        deviations = model.deviation_rows(user, item, time).tolist()
    for pair, one, deviation, fallback in zip(pairs, predictions, deviations, fallbacks.tolist(), strict=True):
        yield PairPrediction(pair.user, pair.item, one, deviation, fallback)


def prediction_columns(model: Model) -> list[str]:
    """The fields of PairPrediction that a model fills."""
    return [name for name in PairPrediction._fields if name != "deviation" or isinstance(model, PosteriorModel)]


def write_predictions(predictions: Iterable[PairPrediction], columns: Sequence[str], file: TextIO) -> dict[str, int]:
    """Writes predictions as CSV with these columns; returns the numbers of pairs and of fallbacks among them."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    counts = {"pairs": 0, "fallback": 0}
    for prediction in predictions:
        cells = (getattr(prediction, name) for name in columns)
        writer.writerow("" if one is None else f"{one:.4f}" if isinstance(one, float) else one for one in cells)
        counts["pairs"] += 1
        counts["fallback"] += bool(prediction.fallback)
    return counts
