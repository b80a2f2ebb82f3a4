"""The split that a saved model was trained on, opened again so that the model can be evaluated on its test part."""

from collections.abc import Mapping
from typing import Any

from cofactor.data.data_source import DataSource
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.split import Split
from cofactor.errors import SplitMismatch


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
