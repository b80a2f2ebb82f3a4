"""The test ratings of a saved model: the test part of its split, or ratings that it has not learned."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cofactor.data.data_source import DataSource
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.kinds import GIVEN
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.split import Split
from cofactor.errors import BadData, SplitMismatch


def training_recipe(manifest: Mapping[str, Any]) -> SplitRecipe:
    """The recipe recorded in a model's manifest, or the default one where the split was not made in memory."""
    recorded = manifest["notes"].get("split_recipe")
    return SplitRecipe(**recorded) if recorded else SplitRecipe()


def open_training_split(manifest: Mapping[str, Any], source: DataSource) -> Split:
    """The split a saved model was trained on, from that split or from the ratings it was made of.

    Raises SplitMismatch where `source` gives another split.
    """
    split, _ = source.open_split(training_recipe(manifest))
    check_training_split(manifest, split)
    return split


def check_training_split(manifest: Mapping[str, Any], split: Split) -> None:
    """Raises SplitMismatch where a saved model was trained on another split: it may have learned the test ratings."""
    trained_on = manifest["split"]
    if trained_on is not None and split.fingerprint != trained_on:
        raise SplitMismatch(
            f"the model was trained on split {trained_on[:12]}, these data give split {split.fingerprint[:12]}",
            "evaluate it on the split it was trained on: other test ratings may be ratings it has learned",
        )


def select_test_ratings(manifest: Mapping[str, Any], data: Ratings | Split) -> Ratings:
    """The ratings of `data` on which a saved model can be evaluated.

    Of the split it was trained on, or the ratings that this was made of: the test part. Of a split that somebody else
    made: its test part, and of other ratings: all, both without a split, so that the evaluation refuses those that the
    model has learned, pair by pair. Raises SplitMismatch for a split of another kind than the one it was trained on.
    """
    trained_on = manifest["split"]
    if isinstance(data, Split):
        if data.kind == GIVEN and data.fingerprint != trained_on:
            return replace(data.test, split=None, part=None)
        check_training_split(manifest, data)
        return data.test
    recipe = training_recipe(manifest)
    if trained_on is None or recipe.kind == GIVEN:
        return data
    try:
        split = recipe.split(data)
    except BadData:  # they are too few for the recipe, say, so the split was not made of them
        return data
    return split.test if split.fingerprint == trained_on else data


def find_relevant_from(hyperparameters: Mapping[str, Any]) -> float | None:
    """The lowest value of a relevant test item for a model with these hyperparameters: that of a positive in training;
    None where the training did not choose any."""
    found = hyperparameters.get("positive_from")
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


def explain_mismatch(error: SplitMismatch, manifest: Mapping[str, Any], test: Ratings) -> SplitMismatch:
    """The error of ratings of which a saved model has learned some, with what the model was trained on as its hint."""
    trained_on, name = manifest["split"], manifest["notes"].get("data", "its data")
    if test.split is not None or trained_on is None:
        return error
    hint = f"it was trained on split {trained_on[:12]} of {name}, which is not the split that these ratings give; "
    return SplitMismatch(error.message, f"{hint}name that split, or ratings that the model has not learned")
