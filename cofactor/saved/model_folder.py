"""Saving and loading models. A saved model is a folder of plain data; loading it runs no code from it.

manifest.json      the kind of model, and the dtype, shape and SHA-256 of every array and file
model.safetensors  the arrays of the model; the training ratings as history.indptr, .indices and .data; features of
                   users and items, if there are any, likewise as features.user and features.item
users.parquet      ids by row
items.parquet      ids, titles and genres by row
features.parquet   the encoding of the features, if there are any
README.md          a model card
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cofactor import atomic_folders
from cofactor.arrays import Array
from cofactor.errors import BadArtifact, CofactorError, check_path, check_type
from cofactor.folder_lock import lock_beside, locked
from cofactor.machine import package_versions
from cofactor.models.base import Model
from cofactor.models.kinds import KINDS
from cofactor.models.scoring import Provenance
from cofactor.output_checks import check_free_space, check_output_folder, new_folders, real_path, write_errors
from cofactor.saved import manifest as manifests
from cofactor.saved import safetensors
from cofactor.saved.model_card import write_card
from cofactor.saved.training_data import (
    ARRAYS,
    OPTIONAL,
    interaction_arrays,
    read_training_data,
    write_training_data,
)
from cofactor.saved.verify_folder import (
    CARD,
    FILES,
    BetweenBlocks,
    check_arrays,
    check_digests,
    check_files,
    check_magnitudes,
)


def save(
    model: Model,
    path: str | Path,
    *,
    trainer: str | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    created: datetime | None = None,
    **notes: Any,
) -> None:
    """Saves a model as a folder, completely or not at all: a temporary folder is written, synced and renamed.

    trainer, hyperparameters: how it was trained; by default those that the model knows, as every model of a training
        does. metrics and notes are kept as they are given.

    A saved model at that path is replaced. Raises BadArtifact if the path holds anything else, or if the model could
    not be loaded again (a training that diverged leaves NaN).
    """
    check_type("model", model, Model, "of a Fit, save the model: cofactor.save(fit.model, …)")
    check_path(path)
    for name, given in (("hyperparameters", hyperparameters), ("metrics", metrics)):
        check_type(name, given or {}, Mapping, "give a mapping from names to values")
    check_type("trainer", trainer or "", str, "give its name, as in trainer='svd'")
    if KINDS.get(model.kind) is not type(model):
        raise BadArtifact(f"models of kind {model.kind!r} cannot be saved", f"known kinds: {', '.join(KINDS)}")
    model.from_arrays(model.training_data, model.scale, model.arrays())  # raises what loading would raise
    target = check_place(path)
    working = atomic_folders.temporary_path(target)
    if trainer is None and hyperparameters is None and model.provenance is not None:
        trainer, hyperparameters = model.provenance.trainer, model.provenance.hyperparameters
        notes = {"best_epoch": model.provenance.best_epoch} | notes
    content = _describe(model) | {
        "created": (created or datetime.now(UTC)).isoformat(timespec="seconds"),
        "trainer": trainer or "",
        "hyperparameters": dict(hyperparameters or {}),
        "metrics": dict(metrics or {}),
        "notes": notes,
    }
    with reserve_place(path):
        try:
            with write_errors(path):
                arrays = check_room(model, path)
                working.mkdir()
                _write(model, arrays, working, content, target.name)
                atomic_folders.replace_folder(working, target)
        finally:
            shutil.rmtree(working, ignore_errors=True)


def check_place(path: str | Path) -> Path:
    """The real path of a place for a model; raises BadArtifact if a model could not be saved there. To be called before
    a training, not after it.

    Creates the parent folder.
    """
    with write_errors(path):
        _check_replaceable(real_path(path))
    return check_output_folder(path)


def check_room(model: Model, path: str | Path) -> dict[str, Array]:
    """The arrays to save of a model; raises BadArtifact where the disk of a place has no room for them."""
    arrays = model.arrays() | interaction_arrays(model.training_data)
    check_free_space(path, sum(array.nbytes for array in arrays.values()), "the model")
    return arrays


@contextmanager
def reserve_place(path: str | Path) -> Iterator[None]:
    """Checks a place for a model, and keeps other trainings from it within the context; `save` may write to it.

    Raises what `check_place` raises, and InUse where another training has the place.
    """
    target = check_place(path)
    with new_folders(target.parent), locked(target, lock_beside(target), "training"):
        yield


def load(path: str | Path) -> Model:
    """Loads a model, its arrays mapped into memory; raises BadArtifact with the file at fault."""
    return load_with_manifest(path)[0]


def load_with_manifest(path: str | Path, between_blocks: BetweenBlocks = lambda: None) -> tuple[Model, dict[str, Any]]:
    """A model and its manifest, both of the same moment: a folder that is replaced or changed meanwhile raises
    BadArtifact. The mapped file must not be overwritten in place afterwards; `save` never does that.

    between_blocks: is called between blocks of files that are read; an exception of it ends the loading.
    """
    check_path(path)
    folder = Path(path)
    with manifests.translate_read_errors(folder):
        before = _state(folder)
        manifest = load_manifest(folder)
        model = _load(folder, manifest, between_blocks)
        if _state(folder) != before:
            raise BadArtifact(f"{folder} was replaced while it was read", "open it again")
    return model, manifest


def _state(folder: Path) -> tuple[int, int, int]:
    """Device, inode and change time of a folder. They change when the folder or a file in it is renamed, even if it is
    renamed back, which the manifest would not show."""
    try:
        status = folder.stat()
    except OSError:  # reading the manifest raises the error
        return 0, 0, 0
    return status.st_dev, status.st_ino, status.st_ctime_ns


def load_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest of a saved model, checked."""
    check_path(path)
    return manifests.read(Path(path) / manifests.NAME)


def _load(folder: Path, manifest: Mapping[str, Any], between_blocks: BetweenBlocks) -> Model:
    if manifest["kind"] not in KINDS:
        raise BadArtifact(
            f"{folder} is a model of unknown kind {manifest['kind'][:60]!r}", f"known: {', '.join(KINDS)}"
        )
    check_files(folder, manifest)
    arrays = safetensors.read(folder / ARRAYS)
    check_arrays(folder, arrays, manifest["arrays"], between_blocks)
    check_digests(folder, manifest["files"], between_blocks)
    try:
        training_data = read_training_data(folder, manifest, arrays)
        scale = None if manifest["scale"] is None else (float(manifest["scale"][0]), float(manifest["scale"][1]))
        model = KINDS[manifest["kind"]].from_arrays(training_data, scale, arrays)
    except CofactorError as error:
        raise BadArtifact(f"{folder}: {error.message}", error.hint) from None
    return model.with_provenance(_read_provenance(manifest)) if manifest["trainer"] else model


def _read_provenance(manifest: Mapping[str, Any]) -> Provenance:
    best_epoch = manifest["notes"].get("best_epoch")
    return Provenance(
        manifest["trainer"], manifest["hyperparameters"], best_epoch if isinstance(best_epoch, int) else None
    )


def _describe(model: Model) -> dict[str, Any]:
    training_data = model.training_data
    return {
        "format": manifests.FORMAT,
        "version": manifests.VERSION,
        "kind": model.kind,
        "scale": model.scale,
        "ratings": {"scale": training_data.scale, "step": training_data.step, "kind": training_data.kind},
        "split": training_data.split,
        "counts": {
            "users": len(training_data.users),
            "items": len(training_data.items),
            "ratings": training_data.interactions.nnz,
        },
        "packages": package_versions(),
    }


def _write(model: Model, arrays: Mapping[str, Array], folder: Path, content: dict[str, Any], name: str) -> None:
    check_magnitudes(Path(name) / ARRAYS, arrays)
    digests = safetensors.write(folder / ARRAYS, arrays)
    content["arrays"] = {
        name: {"dtype": str(array.dtype), "shape": array.shape, "sha256": digests[name]}
        for name, array in arrays.items()
    }
    written = write_training_data(folder, model.training_data)
    (folder / CARD).write_text(write_card(content, name), encoding="utf-8")
    content["files"] = {
        file: {"bytes": (folder / file).stat().st_size, "sha256": atomic_folders.sha256(folder / file)}
        for file in (ARRAYS, *written, CARD)
    }
    manifests.write(folder / manifests.NAME, content)


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
