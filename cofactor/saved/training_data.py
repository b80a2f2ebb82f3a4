"""The training data of a saved model: ids, titles, ratings and features, in the files of its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from cofactor.arrays import Array, Strings
from cofactor.data import feature_encoding_file
from cofactor.data.duckdb_connection import first_line
from cofactor.data.features import Features
from cofactor.data.parquet import max_text, read_small_parquet, write_parquet
from cofactor.data.ratings import TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadData
from cofactor.saved import manifest as manifests
from cofactor.saved import safetensors

ARRAYS, USERS, ITEMS = "model.safetensors", "users.parquet", "items.parquet"
OPTIONAL = (feature_encoding_file.FILE,)
MIN_ROW_BYTES = 4  # that the arrays hold at least for a user or an item, for every kind of model
INTERACTIONS, FEATURES = "history", {"user": "features.user", "item": "features.item"}  # names of saved matrices


def interaction_arrays(training_data: TrainingData) -> dict[str, Array]:
    """The arrays of the training ratings and of the features, by their names in the arrays file."""
    arrays = safetensors.matrix_arrays(INTERACTIONS, training_data.interactions)
    for noun, features in _features_by_noun(training_data).items():
        arrays |= safetensors.matrix_arrays(FEATURES[noun], features.matrix)
    return arrays


def write_training_data(folder: Path, training_data: TrainingData) -> tuple[str, ...]:
    """Writes the ids, the titles, the genres and the encoding of features; returns the names of the files."""
    _write_ids(folder / USERS, training_data.users, {})
    _write_ids(folder / ITEMS, training_data.items, {"title": training_data.titles, "genres": training_data.genres})
    features = _features_by_noun(training_data)
    if features:
        feature_encoding_file.write_encodings(folder / feature_encoding_file.FILE, features)
    return (USERS, ITEMS, *(OPTIONAL if features else ()))


def check_rows(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raises BadArtifact for more users or items than there can be with arrays of that size; reads nothing."""
    for file, rows in ((USERS, manifest["counts"]["users"]), (ITEMS, manifest["counts"]["items"])):
        if rows * MIN_ROW_BYTES > manifest["files"][ARRAYS]["bytes"]:
            message = f"{folder / ARRAYS} is too short for the {rows:,} rows of {file}"
            raise BadArtifact(message, "save the model again")


def read_training_data(folder: Path, manifest: Mapping[str, Any], arrays: dict[str, Array]) -> TrainingData:
    """The training data of a folder; its arrays are removed from `arrays`."""
    counts, ratings = manifest["counts"], manifest["ratings"]
    users = _read_ids(folder / USERS, counts["users"], ("id",))
    items = _read_ids(folder / ITEMS, counts["items"], ("id", "title", "genres"))
    interactions = safetensors.read_matrix(arrays, INTERACTIONS, (counts["users"], counts["items"]))
    if interactions.nnz != counts["ratings"]:
        raise BadArtifact(
            f"the training data has {interactions.nnz:,} ratings, not as described", "save the model again"
        )
    features = _read_features(folder, manifest, arrays)
    lowest, highest = ratings["scale"]
    return TrainingData(
        Vocabulary(users["id"], "user"),
        Vocabulary(items["id"], "item"),
        interactions,
        (float(lowest), float(highest)),
        ratings["step"],
        items.get("title"),
        items.get("genres"),
        manifest["split"],
        features.get("user"),
        features.get("item"),
        ratings.get("kind", "ratings"),
    )


def _features_by_noun(training_data: TrainingData) -> dict[str, Features]:
    both = {"user": training_data.user_features, "item": training_data.item_features}
    return {noun: features for noun, features in both.items() if features is not None}


def _write_ids(path: Path, vocabulary: Vocabulary, more: Mapping[str, Strings | None]) -> None:
    columns: dict[str, Array] = {"row": np.arange(len(vocabulary), dtype=np.int32), "id": vocabulary.ids}
    columns |= {name: column for name, column in more.items() if column is not None}
    texts = (one for column in columns.values() if column.dtype == object for one in column if one is not None)
    if sum(map(len, texts)) > max_text(len(vocabulary)):
        raise BadData(f"{path.name} would hold more text than can be read back", "shorten ids and titles")
    try:
        write_parquet(path, columns)
    except duckdb.InvalidInputException as error:
        raise BadData(f"{path.name} cannot be written: {first_line(error)}", "ids are Unicode text") from None


def _read_features(folder: Path, manifest: Mapping[str, Any], arrays: dict[str, Array]) -> dict[str, Features]:
    if feature_encoding_file.FILE not in manifest["files"]:
        return {}
    path, rows = folder / feature_encoding_file.FILE, {noun: manifest["counts"][f"{noun}s"] for noun in FEATURES}
    try:
        encodings = feature_encoding_file.read_encodings(path)
    except duckdb.Error as error:
        raise manifests.bad(path, f"cannot be read: {first_line(error)}") from None
    return {
        noun: feature_encoding_file.decode_features(
            encoding, safetensors.read_matrix(arrays, FEATURES[noun], (rows[noun], len(encoding[0])))
        )
        for noun, encoding in encodings.items()
    }


def _read_ids(path: Path, n: int, known: Sequence[str]) -> dict[str, Strings]:
    """The text columns of a file of ids, by row."""
    try:
        columns = read_small_parquet(path, {"row": "INTEGER"} | dict.fromkeys(known, "VARCHAR"), n)
    except duckdb.Error as error:
        raise manifests.bad(path, f"cannot be read: {first_line(error)}") from None
    row = columns.pop("row", None)
    if row is None or len(row) != n or not np.array_equal(row, np.arange(n)):
        raise manifests.bad(path, f"does not hold the rows 0 … {n - 1:,} in order")
    if "id" not in columns or np.ma.is_masked(columns["id"]):
        raise manifests.bad(path, "has a row without an id")
    for column in columns.values():
        np.ma.getdata(column)[np.ma.getmaskarray(column)] = None
    return {name: np.ma.getdata(column) for name, column in columns.items()}
