"""A saved model is a folder that `ls` and `cat` can explain; loading it runs no code from it.

manifest.json      what it is, and dtype, shape and SHA-256 of every array and file
model.safetensors  the arrays of the model, and of the training ratings as history.indptr, .indices, .data; features of
                   users and items, where there are, likewise as features.user and features.item
users.parquet      ids by row
items.parquet      ids, titles and genres by row
features.parquet   what the features mean, where there are
README.md          a card a person can read
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np

from cofactor import atomic_folders
from cofactor.arrays import Array, Strings
from cofactor.data import feature_encoding_file
from cofactor.data.duckdb_connection import first_line
from cofactor.data.features import Features
from cofactor.data.parquet import max_text, read_small_parquet, write_parquet
from cofactor.data.ratings import TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadData, CofactorError
from cofactor.machine import package_versions
from cofactor.models.base import Model
from cofactor.models.kinds import KINDS
from cofactor.saved import manifest as manifests
from cofactor.saved import safetensors
from cofactor.saved.model_card import card

ARRAYS, USERS, ITEMS, CARD = "model.safetensors", "users.parquet", "items.parquet", "README.md"
FILES = (ARRAYS, USERS, ITEMS, CARD)
OPTIONAL = (feature_encoding_file.FILE,)
FEWEST_BYTES = 4  # that the arrays hold for a user or an item, whatever the kind
HISTORY, FEATURES = "history", {"user": "features.user", "item": "features.item"}


def save(
    model: Model,
    path: str | Path,
    *,
    trainer: str = "",
    hyperparameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    created: datetime | None = None,
    **notes: Any,
) -> None:
    """Writes a model as a folder, all or nothing: beside it first, synced, then renamed to its place.

    A saved model that stands there is replaced. Raises BadArtifact where something else stands there, or the model
    could not be loaded again (training that diverged leaves NaN).
    """
    if KINDS.get(model.kind) is not type(model):
        raise BadArtifact(f"models of kind {model.kind!r} cannot be saved", f"known are {', '.join(KINDS)}")
    model.from_arrays(model.training_data, model.scale, model.arrays())  # the checks of loading
    check_place(path)
    target = Path(os.path.realpath(path))
    working = atomic_folders.temporary_path(target)
    content = _described(model) | {
        "created": (created or datetime.now(UTC)).isoformat(timespec="seconds"),
        "trainer": trainer,
        "hyperparameters": dict(hyperparameters or {}),
        "metrics": dict(metrics or {}),
        "notes": notes,
    }
    try:
        with _taken_by_the_disk(path):
            working.mkdir()
            _write(model, working, content, target.name)
            atomic_folders.replace_folder(working, target)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def check_place(path: str | Path) -> None:
    """Raises BadArtifact where a model could not be saved as `path`: better known before a training than after it.

    Makes the folder that it would lie in.
    """
    target = Path(os.path.realpath(path))
    with _taken_by_the_disk(path):
        _check_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=target.parent):
            pass


@contextmanager
def _taken_by_the_disk(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error)
        raise BadArtifact(f"cannot write {path}: {what}", "name a folder in a place you may write to") from error


def load(path: str | Path) -> Model:
    """The model of a folder, its arrays mapped into memory; raises BadArtifact that names the culprit."""
    return load_with_manifest(path)[0]


def load_with_manifest(path: str | Path) -> tuple[Model, dict[str, Any]]:
    """The same, and what the model says of itself, both of one moment: a folder that is replaced or changed meanwhile
    is a BadArtifact. What is mapped must not be written over in place afterwards; `save` never does."""
    folder = Path(path)
    with manifests.read_from_the_disk(folder):
        before = _state(folder)
        manifest = load_manifest(folder)
        model = _load(folder, manifest)
        if _state(folder) != before:
            raise BadArtifact(f"{folder} was replaced while it was read", "open it again")
    return model, manifest


def _state(folder: Path) -> tuple[int, int, int]:
    """Another one once the folder is renamed, or a file in it is: there and back again too, which its manifest would
    not show."""
    try:
        there = folder.stat()
    except OSError:  # reading the manifest says what is wrong
        return 0, 0, 0
    return there.st_dev, there.st_ino, there.st_ctime_ns


def load_manifest(path: str | Path) -> dict[str, Any]:
    """What a saved model says of itself, checked."""
    return manifests.read(Path(path) / manifests.NAME)


def _load(folder: Path, manifest: Mapping[str, Any]) -> Model:
    if manifest["kind"] not in KINDS:
        raise BadArtifact(
            f"{folder} is a model of unknown kind {manifest['kind'][:60]!r}", f"known: {', '.join(KINDS)}"
        )
    _check_files(folder, manifest["files"])
    arrays = safetensors.read(folder / ARRAYS)
    _check_arrays(folder, arrays, manifest["arrays"])
    for name, described in manifest["files"].items():
        if atomic_folders.sha256(folder / name) != described["sha256"]:
            raise manifests.bad(folder / name, "was changed after it was written: its digest is another")
    try:
        training_data = _catalog(folder, manifest, arrays)
        scale = None if manifest["scale"] is None else (float(manifest["scale"][0]), float(manifest["scale"][1]))
        return KINDS[manifest["kind"]].from_arrays(training_data, scale, arrays)
    except CofactorError as error:
        raise BadArtifact(f"{folder}: {error.message}", error.hint) from None


def _described(model: Model) -> dict[str, Any]:
    training_data = model.training_data
    return {
        "format": manifests.FORMAT,
        "version": manifests.VERSION,
        "kind": model.kind,
        "scale": model.scale,
        "ratings": {"scale": training_data.scale, "step": training_data.step},
        "split": training_data.split,
        "counts": {
            "users": len(training_data.users),
            "items": len(training_data.items),
            "ratings": training_data.interactions.nnz,
        },
        "packages": package_versions(),
    }


def _write(model: Model, folder: Path, content: dict[str, Any], name: str) -> None:
    training_data = model.training_data
    features = _features(training_data)
    arrays = model.arrays() | safetensors.parts(HISTORY, training_data.interactions)
    for noun, one in features.items():
        arrays |= safetensors.parts(FEATURES[noun], one.matrix)
    _check_numbers(Path(name) / ARRAYS, arrays)
    digests = safetensors.write(folder / ARRAYS, arrays)
    content["arrays"] = {
        name: {"dtype": str(array.dtype), "shape": array.shape, "sha256": digests[name]}
        for name, array in arrays.items()
    }
    _write_ids(folder / USERS, training_data.users, {})
    _write_ids(folder / ITEMS, training_data.items, {"title": training_data.titles, "genres": training_data.genres})
    if features:
        feature_encoding_file.write_encodings(folder / feature_encoding_file.FILE, features)
    (folder / CARD).write_text(card(content, name), encoding="utf-8")
    content["files"] = {
        file: {"bytes": (folder / file).stat().st_size, "sha256": atomic_folders.sha256(folder / file)}
        for file in (*FILES, *(OPTIONAL if features else ()))
    }
    manifests.write(folder / manifests.NAME, content)


def _features(training_data: TrainingData) -> dict[str, Features]:
    both = {"user": training_data.user_features, "item": training_data.item_features}
    return {noun: features for noun, features in both.items() if features is not None}


def _write_ids(path: Path, vocabulary: Vocabulary, more: Mapping[str, Strings | None]) -> None:
    columns: dict[str, Array] = {"row": np.arange(len(vocabulary), dtype=np.int32), "id": vocabulary.ids}
    columns |= {name: column for name, column in more.items() if column is not None}
    texts = (one for column in columns.values() if column.dtype == object for one in column if one is not None)
    if sum(map(len, texts)) > max_text(len(vocabulary)):
        raise BadData(f"{path.name} would hold more text than is read again", "shorten ids and titles")
    try:
        write_parquet(path, columns)
    except duckdb.InvalidInputException as error:
        raise BadData(f"{path.name} cannot be written: {first_line(error)}", "ids are Unicode text") from None


def _check_replaceable(target: Path) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    hint = "choose another folder, or remove that one yourself"
    if not target.is_dir():
        raise BadArtifact(f"{target} is a file, not a folder for a model", hint)
    if not manifests.names_a_model(target / manifests.NAME):
        raise BadArtifact(f"{target} holds something that is not a cofactor model", hint)
    for one in target.iterdir():
        if one.name not in (*FILES, *OPTIONAL, manifests.NAME):
            raise BadArtifact(f"{target} holds {one.name[:60]!r} beside a model and is not replaced", hint)


def _check_files(folder: Path, described: Mapping[str, Any]) -> None:
    for name in (described.keys() - set(OPTIONAL)) ^ set(FILES):
        what = "is not described in" if name in FILES else "is no file of a model, but in"
        raise manifests.bad(folder / manifests.NAME, f"is wrong: {name[:60]!r} {what} it")
    for one in sorted(folder.iterdir()):
        if one.name not in (*described, manifests.NAME):
            raise BadArtifact(f"{folder} holds an unknown file {one.name[:60]!r}", "remove it, or save the model again")
    for name in described:
        file = folder / name
        if not file.is_symlink() and not file.exists():
            raise manifests.bad(file, "is missing")
        if not stat.S_ISREG(file.lstat().st_mode):
            raise manifests.bad(file, "is not a plain file")
        if file.stat().st_size != described[name]["bytes"]:
            raise manifests.bad(file, f"is {file.stat().st_size:,} bytes long, not {described[name]['bytes']}")


def _check_arrays(folder: Path, arrays: Mapping[str, Array], described: Mapping[str, Any]) -> None:
    for name in described.keys() ^ arrays.keys():
        raise manifests.bad(folder / ARRAYS, f"and {manifests.NAME} do not both know array {name[:60]!r}")
    for name, array in arrays.items():
        entry = described[name]
        if entry["dtype"] != str(array.dtype) or entry["shape"] != list(array.shape):
            raise manifests.bad(folder / ARRAYS, f"holds {name!r} as {array.dtype} {array.shape}, not as described")
        if entry["sha256"] != hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest():
            raise manifests.bad(folder / ARRAYS, f"holds other numbers in {name!r} than were saved")
    _check_numbers(folder / ARRAYS, arrays)


def _check_numbers(path: Path, arrays: Mapping[str, Array]) -> None:
    """Raises BadArtifact for a number that is finite, but no training leaves: scores made of it might not be."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and manifests.LARGEST < max(array.max(initial=0), -array.min(initial=0)) < np.inf:
            raise manifests.bad(path, f"holds a number in {name!r} that is beyond {manifests.LARGEST:g}")


def _catalog(folder: Path, manifest: Mapping[str, Any], arrays: dict[str, Array]) -> TrainingData:
    """What the model remembers; its arrays are taken out of those of the file."""
    counts, ratings = manifest["counts"], manifest["ratings"]
    for file, rows in ((USERS, counts["users"]), (ITEMS, counts["items"])):
        if rows * FEWEST_BYTES > (folder / ARRAYS).stat().st_size:  # before so many rows are unpacked
            raise BadArtifact(f"{file} is to have {rows:,} rows, and {ARRAYS} is too short", "save the model again")
    users = _read_ids(folder / USERS, counts["users"], ("id",))
    items = _read_ids(folder / ITEMS, counts["items"], ("id", "title", "genres"))
    history = safetensors.matrix(arrays, HISTORY, (counts["users"], counts["items"]))
    if history.nnz != counts["ratings"]:
        raise BadArtifact(f"the history has {history.nnz:,} ratings, not as described", "save the model again")
    features = _read_features(folder, manifest, arrays)
    lowest, highest = ratings["scale"]
    return TrainingData(
        Vocabulary(users["id"], "user"),
        Vocabulary(items["id"], "item"),
        history,
        (float(lowest), float(highest)),
        ratings["step"],
        items.get("title"),
        items.get("genres"),
        manifest["split"],
        features.get("user"),
        features.get("item"),
    )


def _read_features(folder: Path, manifest: Mapping[str, Any], arrays: dict[str, Array]) -> dict[str, Features]:
    if feature_encoding_file.FILE not in manifest["files"]:
        return {}
    path, rows = folder / feature_encoding_file.FILE, {noun: manifest["counts"][f"{noun}s"] for noun in FEATURES}
    try:
        recipes = feature_encoding_file.read_encodings(path)
    except duckdb.Error as error:
        raise manifests.bad(path, f"cannot be read: {first_line(error)}") from None
    return {
        noun: feature_encoding_file.decode_features(
            recipe, safetensors.matrix(arrays, FEATURES[noun], (rows[noun], len(recipe[0])))
        )
        for noun, recipe in recipes.items()
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
