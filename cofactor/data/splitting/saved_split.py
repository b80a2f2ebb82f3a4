"""A saved split is a folder of Parquet files that any tool can read, and a manifest that says what they are.

split.json           kind, seed, fingerprint, counts, scale, kind of the values, origin, SHA-256 of every file
train.parquet        user, item: ids · rating · timestamp, where there are times · user_row, item_row, in row order
validation.parquet
test.parquet
users.parquet        id by row
items.parquet        id, title, genres by row
user.features.parquet, item.features.parquet   where there are features: row, feature, value
features.parquet     names and encodings of features (see `feature_encoding_file`)
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from scipy.sparse import csr_array

from cofactor import atomic_folders
from cofactor.arrays import Array
from cofactor.data import feature_encoding_file
from cofactor.data.duckdb_connection import table_write_errors
from cofactor.data.features import Features
from cofactor.data.origin import FeedbackCounts, Origin
from cofactor.data.parquet import read_parquet, write_parquet
from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadData
from cofactor.output_checks import check_free_space, check_output_folder, real_path, write_errors

FORMAT = "cofactor split 1"
MANIFEST = "split.json"
ROW_BYTES = 2  # of a rating on disk, at least: compressed
FEATURES = {"user": "user.features.parquet", "item": "item.features.parquet"}
_TEXTS = {"titles": "title", "genres": "genres"}  # a field of Ratings and its column


def write_parts(path: Path, parts: Mapping[str, Ratings], facts: Mapping[str, Any]) -> None:
    """Writes parts with the same vocabularies, and facts about them, to a folder, completely or not at all.

    Raises BadData where the path is something other than a saved split, or cannot be written.
    """
    with write_errors(path, BadData):
        target = real_path(path, BadData)
    if path.exists() and not (path / MANIFEST).is_file() and not _is_empty_folder(path):
        raise BadData(f"{path} exists and is not a saved split", "choose another name; nothing was overwritten")
    check_output_folder(path, BadData)
    rows = sum(len(part) for part in parts.values())
    check_free_space(path, ROW_BYTES * rows, f"a split of {rows:,} ratings", BadData)
    working = atomic_folders.temporary_path(target)
    try:
        with table_write_errors(path):
            working.mkdir(parents=True)
            _fill(working, parts, facts)
            atomic_folders.replace_folder(working, target)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def read_parts(path: Path, names: Sequence[str]) -> tuple[dict[str, Ratings], dict[str, Any]]:
    """The parts of these names, and the manifest; the digest of every file is checked before it is read.

    Raises BadArtifact naming the file that is missing, damaged, or not what the manifest says.
    """
    manifest = _manifest(path)
    featured = [name.removesuffix(".parquet") for name in FEATURES.values() if name in manifest["files"]]
    more = (*featured, "features") if featured else ()
    files = {name: path / f"{name}.parquet" for name in (*names, "users", "items", *more)}
    for file in files.values():
        _check_digest(file, manifest)
    common = _described(path / MANIFEST, manifest) | _vocabularies(files["users"], files["items"])
    if featured:
        common |= _read_features(path, {noun: len(common[f"{noun}s"]) for noun in FEATURES})
    return {name: _ratings(files[name], manifest, common) for name in names}, manifest


def _fill(folder: Path, parts: Mapping[str, Ratings], facts: Mapping[str, Any]) -> None:
    whole = next(iter(parts.values()))
    user_ids, item_ids = _shortest(whole.users.ids), _shortest(whole.items.ids)
    write_parquet(folder / "users.parquet", {"id": whole.users.ids})
    texts = {column: getattr(whole, name) for name, column in _TEXTS.items() if getattr(whole, name) is not None}
    known = {column: _texts([text or "" for text in given]) for column, given in texts.items()}
    write_parquet(folder / "items.parquet", {"id": whole.items.ids, **known})
    _write_features(folder, whole)
    for name, part in parts.items():
        columns = {"user": user_ids[part.user], "item": item_ids[part.item], "rating": part.value}
        if part.time is not None:
            columns["timestamp"] = part.time
        write_parquet(folder / f"{name}.parquet", {**columns, "user_row": part.user, "item_row": part.item})
    manifest = {
        "format": FORMAT,
        **facts,
        "counts": {name: len(part) for name, part in parts.items()},
        "users": len(whole.users),
        "items": len(whole.items),
        "scale": list(whole.scale),
        "step": whole.step,
        "values": whole.kind,
        "origin": _write_origin(whole.origin),
        "files": {file.name: atomic_folders.sha256(file) for file in sorted(folder.glob("*.parquet"))},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_features(folder: Path, whole: Ratings) -> None:
    given = {noun: getattr(whole, f"{noun}_features") for noun in FEATURES}
    features: dict[str, Features] = {noun: one for noun, one in given.items() if one is not None}
    for noun, one in features.items():
        matrix = one.matrix
        row = np.repeat(np.arange(len(one), dtype=np.int32), np.diff(matrix.indptr))
        columns = {"row": row, "feature": matrix.indices.astype(np.int32), "value": matrix.data}
        write_parquet(folder / FEATURES[noun], columns)
    if features:
        feature_encoding_file.write_encodings(folder / feature_encoding_file.FILE, features)


def _read_features(path: Path, n_rows: Mapping[str, int]) -> dict[str, Features]:
    """Features by their field of Ratings."""
    try:
        recipes = feature_encoding_file.read_encodings(path / feature_encoding_file.FILE)
    except duckdb.Error as e:
        raise BadArtifact(f"{path / feature_encoding_file.FILE} cannot be read: {e}", "make the split again") from None
    found = {}
    for noun, recipe in recipes.items():
        file = path / FEATURES[noun]
        try:
            columns = _columns(file)
            where = columns["row"], columns["feature"]
            matrix = csr_array((columns["value"], where), shape=(n_rows[noun], len(recipe[0])))
        except (KeyError, TypeError, ValueError) as e:
            raise BadArtifact(f"{file} holds no features of {noun}s: {e}", "make the split again") from None
        found[f"{noun}_features"] = feature_encoding_file.decode_features(recipe, matrix)
    return found


def _manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise BadArtifact(f"no split at {path}", "`cofactor split` makes one")
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadArtifact(f"{path} has no {MANIFEST}", "it is not a saved split, or an incomplete one") from None
    except (OSError, ValueError) as e:
        raise BadArtifact(f"{path / MANIFEST} cannot be read: {e}", "make the split again") from None
    well_formed = isinstance(manifest, dict) and all(isinstance(manifest.get(k), dict) for k in ("files", "counts"))
    if not well_formed or manifest.get("format") != FORMAT:
        raise BadArtifact(f"{path / MANIFEST} is not of the format {FORMAT!r}", "make the split again")
    found: dict[str, Any] = manifest
    return found


def _check_digest(file: Path, manifest: dict[str, Any]) -> None:
    expected = manifest["files"].get(file.name)
    if not file.is_file():
        raise BadArtifact(f"{file} is missing", "the folder is incomplete: make the split again")
    if atomic_folders.sha256(file) != expected:
        raise BadArtifact(f"{file} is not the file that was saved: its SHA-256 differs", "make the split again")


def _described(file: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Scale, step, kind of values and origin, which all parts share. Splits of earlier versions hold ratings."""
    try:
        low, high = manifest["scale"]
        return {
            "scale": (float(low), float(high)),
            "step": manifest["step"],
            "kind": manifest.get("values", "ratings"),
            "origin": _read_origin(manifest["origin"]),
        }
    except (KeyError, TypeError, ValueError) as e:
        raise BadArtifact(f"{file} has no usable scale, step or origin: {e}", "make the split again") from None


def _vocabularies(users_file: Path, items_file: Path) -> dict[str, Any]:
    users, items = _columns(users_file), _columns(items_file)
    texts = {name: _texts(items[column]) for name, column in _TEXTS.items() if column in items}
    try:
        known = {"users": Vocabulary(_texts(users["id"]), "user"), "items": Vocabulary(_texts(items["id"]), "item")}
    except KeyError as e:
        raise BadArtifact(f"{users_file.parent}: a table of ids has no column {e}", "make the split again") from None
    except BadData as e:
        raise BadArtifact(f"{users_file.parent}: {e.message}", "make the split again") from None
    return known | texts


def _ratings(file: Path, manifest: dict[str, Any], common: dict[str, Any]) -> Ratings:
    columns = _columns(file, ("user_row", "item_row", "rating", "timestamp"))
    try:
        rows = columns["user_row"], columns["item_row"], columns["rating"]
        part = Ratings(user=rows[0], item=rows[1], value=rows[2], time=columns.get("timestamp"), **common)
    except KeyError as e:
        raise BadArtifact(f"{file} has no column {e}", "make the split again") from None
    except BadData as e:
        raise BadArtifact(f"{file}: {e.message}", "make the split again") from None
    if len(part) != manifest["counts"].get(file.stem):
        raise BadArtifact(f"{file} holds {len(part):,} ratings, not what the manifest says", "make the split again")
    return part


def _columns(file: Path, names: Sequence[str] = ()) -> dict[str, Array]:
    try:
        columns = read_parquet(file, names)
    except duckdb.Error as e:
        raise BadArtifact(f"{file} cannot be read: {e}", "make the split again") from None
    for name, column in columns.items():
        if np.ma.is_masked(column):
            raise BadArtifact(f"{file}: missing values in column {name}", "make the split again")
    return columns


def _shortest(ids: Array) -> Array:
    """Ids as integers where all are plain numbers: a tenth of the size and time, and the same when read back."""
    if all(i.isascii() and i.isdigit() and len(i) <= 18 and str(int(i)) == i for i in ids):
        return ids.astype(np.int64)
    return ids


def _texts(column: Sequence[str] | Array) -> Array:
    return np.array(column, dtype=object)


def _write_origin(origin: Origin | None) -> dict[str, Any] | None:
    """An origin as JSON, without the place of a file on this machine."""
    if origin is None:
        return None
    fields = asdict(replace(origin, rejected_file=None))
    return {**{name: fields[name] for name in fields if name != "feedback"}, "amended": fields["feedback"]}


def _read_origin(saved: Mapping[str, Any] | None) -> Origin | None:
    if saved is None:
        return None
    fields = dict(saved)
    counts = fields.pop("amended", None)
    if counts is not None and counts.get("widened"):
        counts = counts | {"widened": tuple(counts["widened"])}
    feedback = None if counts is None else FeedbackCounts(**counts)
    return Origin(**{**fields, "notes": tuple(fields.get("notes", ())), "feedback": feedback})


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
