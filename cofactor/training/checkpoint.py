"""A checkpoint in a folder: the state of a training after an epoch, and the best model so far.

checkpoint.json         the training, its epochs so far, and the file, dtype, shape and SHA-256 of every array
arrays-N.safetensors    the arrays: `state.…`, for the next epoch, and `best.…`, those of the best model

A process may be killed at any moment of writing: new arrays go into a file of a new name, and `checkpoint.json` is
replaced in one step when they are on the disk. Files that it no longer names are removed after that. An array that is
the same object as in the last checkpoint is not written again.

Reading checks everything in the folder, and maps the arrays into memory.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from cofactor import atomic_folders
from cofactor.arrays import Array
from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadHyperparameter, SplitMismatch
from cofactor.folder_lock import LOCK, reserve_folder
from cofactor.output_checks import check_output_folder, write_errors
from cofactor.saved import manifest, safetensors

FORMAT, VERSION = "cofactor checkpoint", 1
NAME, REFIT = "checkpoint.json", "refit"
ARRAYS = re.compile(r"arrays-(\d{1,9})\.safetensors")
MAX_BYTES = 64 << 20
FIELDS: dict[str, type] = {
    "format": str,
    "version": int,
    "training": dict,  # what has to be the same to resume
    "epochs": list,  # the metrics of each
    "model": dict,  # the kind of the best model, and the number of its epoch
    "notes": dict,  # other data for later runs
    "complete": bool,  # whether the training has ended
    "arrays": dict,  # name -> file, dtype, shape, sha256
    "sha256": str,  # of everything above
}
OTHER_FILES = (NAME, REFIT, atomic_folders.partial_name(NAME), LOCK)
HINT = "remove the folder to train from the beginning"
RESUME = "the last checkpoint is kept, and --resume continues from it; "


class NotFinite(BadArtifact):
    """An array of a checkpoint holds NaN or an infinity."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after one of its epochs."""

    training: Mapping[str, Any]
    epochs: Sequence[Mapping[str, Any]]
    model: Mapping[str, Any]
    state: Mapping[str, Array]
    best: Mapping[str, Array]
    notes: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = False


@dataclass
class CheckpointFolder:
    """A folder that holds the latest checkpoint of a training."""

    folder: Path
    _kept: dict[str, tuple[Array, dict[str, Any]]] = field(default_factory=dict)  # by name: the array, and where it is

    def prepare(self, *, resume: bool = True) -> None:
        """Creates the folder.

        Raises BadArtifact where it cannot be written or holds something else, and where it holds a checkpoint that is
        not to be resumed.
        """
        check_output_folder(self.folder)
        with write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for one in self.folder.iterdir():
                if one.name not in OTHER_FILES and not ARRAYS.fullmatch(one.name):
                    message = f"{self.folder} holds {one.name[:60]!r}, which does not belong to a checkpoint"
                    raise BadArtifact(message, "choose another folder, or remove the file")
        if not resume and self.holds_one():
            hint = "resume it (--resume, or resume=True), or remove the folder"
            raise BadArtifact(f"there is a checkpoint in {self.folder}", hint)

    @contextmanager
    def reserve(self, *, resume: bool) -> Iterator[None]:
        """Prepares the folder, and keeps other trainings from it within the context.

        Raises what `prepare` raises, and InUse where another training has it.
        """
        with reserve_folder(self.folder, "training"):
            self.prepare(resume=resume)
            yield

    def holds_one(self) -> bool:
        """Whether there is a checkpoint, damaged or not."""
        return (self.folder / NAME).exists()

    def write(self, checkpoint: Checkpoint) -> None:
        """Replaces the last checkpoint.

        Raises NotFinite where arrays are not finite, and BadArtifact where the disk does not take them; the last
        checkpoint stays then.
        """
        with write_errors(self.folder, hint=RESUME if self.holds_one() else ""):
            try:
                self._write(checkpoint)
            except OSError:
                self._remove_others()
                raise

    def _write(self, checkpoint: Checkpoint) -> None:
        state = {f"state.{name}": array for name, array in checkpoint.state.items()}
        best = {f"best.{name}": array for name, array in checkpoint.best.items()}
        kept = {name: self._kept[name] for name, array in (state | best).items() if self._is_kept(name, array)}
        fresh = [{name: array for name, array in part.items() if name not in kept} for part in (state, best)]
        for name, array in chain(*(part.items() for part in fresh)):
            _check_finite(self.folder, name, array)
        for part in fresh:  # in a file each: they are replaced at different times
            kept |= self._write_arrays(part)
        content = {
            "format": FORMAT,
            "version": VERSION,
            "training": dict(checkpoint.training),
            "epochs": [dict(one) for one in checkpoint.epochs],
            "model": dict(checkpoint.model),
            "notes": dict(checkpoint.notes),
            "complete": checkpoint.complete,
            "arrays": {name: entry for name, (_, entry) in kept.items()},
        }
        plain = orjson.loads(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
        plain["sha256"] = manifest.digest(plain)
        atomic_folders.write_file(self.folder / NAME, orjson.dumps(plain, option=orjson.OPT_INDENT_2))
        self._kept = kept
        self._remove_others()

    def read(self) -> Checkpoint:
        """Reads the checkpoint; raises BadArtifact that names what is wrong."""
        content = _content(self.folder / NAME)
        arrays = self._read_arrays(content["arrays"])
        self._kept = {name: (array, content["arrays"][name]) for name, array in arrays.items()}
        state, best = (
            {name.removeprefix(part): array for name, array in arrays.items() if name.startswith(part)}
            for part in ("state.", "best.")
        )
        told = {name: content[name] for name in ("training", "epochs", "model", "notes", "complete")}
        return Checkpoint(**told, state=state, best=best)

    def _is_kept(self, name: str, array: Array) -> bool:
        return name in self._kept and self._kept[name][0] is array

    def _write_arrays(self, arrays: Mapping[str, Array]) -> dict[str, tuple[Array, dict[str, Any]]]:
        if not arrays:
            return {}
        there = [int(found[1]) for path in self.folder.iterdir() if (found := ARRAYS.fullmatch(path.name))]
        file = f"arrays-{max(there, default=0) + 1}.safetensors"
        digests = safetensors.write(self.folder / file, arrays)
        return {
            name: (
                array,
                {"file": file, "dtype": str(array.dtype), "shape": list(array.shape), "sha256": digests[name]},
            )
            for name, array in arrays.items()
        }

    def _read_arrays(self, described: Mapping[str, Mapping[str, Any]]) -> dict[str, Array]:
        files: dict[str, dict[str, Array]] = {}
        arrays = {}
        for name, entry in described.items():
            path = self.folder / entry["file"]
            if path.name not in files:
                if path.is_symlink() or not path.is_file():
                    raise _bad(path, "is missing")
                try:
                    files[path.name] = safetensors.read(path)
                except BadArtifact as error:
                    raise BadArtifact(error.message, HINT) from None
            array = files[path.name].get(name)
            if array is None or entry["dtype"] != str(array.dtype) or entry["shape"] != list(array.shape):
                raise _bad(path, f"does not hold {name[:60]!r} as {NAME} describes it")
            if entry["sha256"] != hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest():
                raise _bad(path, f"holds other numbers in {name[:60]!r} than it was written with")
            _check_finite(path, name, array)
            arrays[name] = array
        return arrays

    def _remove_others(self) -> None:
        named = {entry["file"] for _, entry in self._kept.values()}
        for path in self.folder.iterdir():
            if ARRAYS.fullmatch(path.name) and path.name not in named:
                path.unlink(missing_ok=True)


def check_same_training(folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises an error that names the difference where a checkpoint is of another training than the one wanted.

    A training is described by its `trainer`, `hyperparameters` (by name), and whatever else has to be the same.
    """
    hint = "resume it with the command that began it, or give this training a folder of its own"
    if there.get("trainer") != wanted["trainer"]:
        raise BadHyperparameter(f"{folder} is of trainer {there.get('trainer')}, not {wanted['trainer']}", hint)
    before, now = there.get("hyperparameters"), wanted["hyperparameters"]
    before = before if isinstance(before, dict) else {}
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            message = f"{folder} is of a training with {name} {before.get(name)}, not {now.get(name)}"
            raise BadHyperparameter(message, hint)
    for name in [*wanted, *there]:
        if there.get(name) != wanted.get(name):
            was, is_ = (str(one.get(name))[:12] for one in (there, wanted))
            raise SplitMismatch(f"{folder} is of a training with {name} {was}, not {is_}", hint)


def digest_ratings(parts: Iterable[Ratings]) -> str:
    """Hex SHA-256 of the ratings as training sees them: ids, rows in their order, values, times, features and kind."""
    whole = hashlib.sha256()

    def add(array: Array | None) -> None:
        plain = np.empty(0) if array is None else np.ascontiguousarray(array)
        whole.update(f"{plain.dtype.str} {plain.shape};".encode())
        whole.update(plain.reshape(-1).view(np.uint8).data)

    for part in parts:
        for vocabulary in (part.users, part.items):
            whole.update(orjson.dumps(vocabulary.ids.tolist()))
        for column in (part.user, part.item, part.value, part.time):
            add(column)
        for features in (part.user_features, part.item_features):
            whole.update(orjson.dumps(None if features is None else list(features.names)))
            for one in (
                () if features is None else (features.matrix.indptr, features.matrix.indices, features.matrix.data)
            ):
                add(one)
        if part.kind != "ratings":
            whole.update(part.kind.encode())
    return whole.hexdigest()


def _content(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise _bad(path, f"is not a file of at most {MAX_BYTES:,} bytes")
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise _bad(path, f"is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _bad(path, "is not a cofactor checkpoint")
    if content.get("version") != VERSION:
        shown = str(content.get("version"))[:20]
        raise BadArtifact(f"{path} is of format version {shown}; this cofactor reads {VERSION}", HINT)
    for name in content.keys() ^ FIELDS.keys():
        raise _bad(path, f"{'lacks' if name in FIELDS else 'has an unknown field'} {name[:60]!r}")
    for name, kind in FIELDS.items():
        if not isinstance(content[name], kind):
            raise _bad(path, f"has a {name!r} that is a {type(content[name]).__name__}")
    if content["sha256"] != manifest.digest(content):
        raise _bad(path, "was changed after it was written: its digest differs")
    for name, entry in content["arrays"].items():
        if not isinstance(entry, dict) or entry.keys() != {"file", "dtype", "shape", "sha256"}:
            raise _bad(path, f"describes {name[:60]!r} in an unknown way")
        if not isinstance(entry["file"], str) or not ARRAYS.fullmatch(entry["file"]):
            raise _bad(path, f"names a file that is not its own for {name[:60]!r}")
    if not content["epochs"] or not all(isinstance(one, dict) for one in content["epochs"]):
        raise _bad(path, "has no epochs")
    return content


def _check_finite(path: Path, name: str, array: Array) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NotFinite(
            f"{path} holds other than finite numbers in {name[:60]!r}", f"the checkpoint is damaged: {HINT}"
        )


def _bad(path: Path, message: str) -> BadArtifact:
    return BadArtifact(f"{path} {message}", f"the checkpoint is damaged: {HINT}")
