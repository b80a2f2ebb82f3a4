"""Reads the manifest of an export and checks the exported ratings against it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from cofactor.data.kind import Kind
from cofactor.data.origin import Origin
from cofactor.data.ratings import Ratings
from cofactor.data.reading.meaning.value_notes import note_values
from cofactor.errors import BadData

FORMAT = "cofactor export 1"
MANIFEST = "cofactor-export.json"  # a name that other programs do not use
MAX_BYTES = 16 << 20  # of a manifest, which lists its shards
CHANGED_HINT = f"copy or export it again; where it was changed on purpose, remove {MANIFEST}"


def is_export(path: Path) -> bool:
    """Whether a folder is an export."""
    return (path / MANIFEST).is_file()


def is_exported_split(path: Path) -> bool:
    """Whether a folder is the export of a split."""
    return is_export(path) and "parts" in read_manifest(path)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export; raises BadData where it cannot be read or has another format."""
    file = folder / MANIFEST
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise BadData(f"{file} cannot be read: {e}", CHANGED_HINT) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadData(f"{file} is not of the format {FORMAT!r}", CHANGED_HINT)
    return manifest


def with_manifest(ratings: Ratings, folder: Path) -> Ratings:
    """Ratings read from an export with their scale, step and split; raises BadData where they do not match."""
    manifest = read_manifest(folder)
    _check(folder, len(ratings), manifest.get("ratings"), "ratings")
    try:
        low, high = map(float, manifest["scale"])
        step = None if manifest["step"] is None else float(manifest["step"])
        split = None if manifest["split"] is None else str(manifest["split"])
        kind = manifest.get("values", "ratings")
        if not (np.isfinite([low, high, step or 1]).all() and (step is None or step > 0)):
            raise ValueError("numbers that are not finite")
        if kind not in get_args(Kind):
            raise ValueError("an unknown kind of values")
    except (KeyError, TypeError, ValueError) as e:
        raise BadData(f"{folder / MANIFEST} has no usable scale, step, kind or split: {e}", CHANGED_HINT) from None
    if low > ratings.value.min() or high < ratings.value.max():
        message = f"{folder}: ratings from {ratings.value.min():g} to {ratings.value.max():g}"
        raise BadData(f"{message}, but a scale from {low:g} to {high:g} in {MANIFEST}", CHANGED_HINT)
    origin = ratings.origin if kind == ratings.kind else _without_notes_on_values(ratings)
    return replace(ratings, scale=(low, high), step=step, split=split, kind=kind, origin=origin)


def _without_notes_on_values(ratings: Ratings) -> Origin | None:
    """The origin without the notes on values that were read as of another kind than they are."""
    if ratings.origin is None:
        return None
    on_values = set(note_values(ratings.value, ratings.time, ratings.kind))
    return replace(ratings.origin, notes=tuple(one for one in ratings.origin.notes if one not in on_values))


def check_records(folder: Path, found: Mapping[str, int]) -> None:
    """Raises BadData where shards have another number of records than the manifest of their folder says.

    A shard that was cut off after a whole record is a valid TFRecord file: only the number of records shows it.
    """
    if not is_export(folder):
        return
    stated = read_manifest(folder).get("records")
    if not isinstance(stated, dict) or not all(isinstance(stated.get(name), int) for name in found):
        raise BadData(f"{folder / MANIFEST} does not say how many records are in {next(iter(found))}", CHANGED_HINT)
    where = folder / next(iter(found)) if len(found) == 1 else folder
    _check(where, sum(found.values()), sum(stated[name] for name in found), "records")


def _check(where: Path, found: int, stated: object, noun: str) -> None:
    if found != stated:
        raise BadData(f"{where}: {found:,} {noun}, but {stated!r} by {MANIFEST}", CHANGED_HINT)
