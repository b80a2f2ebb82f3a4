"""Copies the state of a training into a snapshot, and restores it."""

from collections.abc import Mapping

import numpy as np

from cofactor.arrays import Array
from cofactor.errors import BadArtifact, BadHyperparameter
from cofactor.training.epoch import Snapshot

HINT = "resume with the same trainer, hyperparameters and ratings"


def copy_arrays(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Copies of arrays that later epochs change."""
    return {name: array.copy() for name, array in arrays.items()}


def restore_arrays(snapshot: Snapshot, arrays: Mapping[str, Array], trainer: str) -> int:
    """Writes the arrays of a snapshot into those of a training; returns the number of its epoch.

    Raises BadArtifact where names, shapes or types differ.
    """
    check_arrays(snapshot, arrays, trainer)
    for name, array in arrays.items():
        array[...] = snapshot.arrays[name]
    return snapshot.number


def refuse_snapshot(trainer: str, resume: Snapshot | None) -> None:
    """Raises BadHyperparameter where a trainer that trains in one step is given a snapshot to resume from."""
    if resume is not None:
        raise BadHyperparameter(f"{trainer} trains in one step and cannot be resumed", "train it again from the start")


def check_arrays(snapshot: Snapshot, arrays: Mapping[str, Array], trainer: str) -> None:
    """Raises BadArtifact where the arrays of a snapshot have other names, shapes or types than these."""
    for name in sorted(snapshot.arrays.keys() ^ arrays.keys()):
        what = "lacks" if name in arrays else "has an unknown"
        raise BadArtifact(f"{trainer} cannot resume from a snapshot that {what} {name[:60]!r}", HINT)
    for name, array in arrays.items():
        found = snapshot.arrays[name]
        if (found.shape, found.dtype) != (array.shape, array.dtype):
            difference = f"{name!r} is {found.dtype} {found.shape}, not {array.dtype} {array.shape}"
            raise BadArtifact(f"{trainer} cannot resume from a snapshot whose {difference}", HINT)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise BadArtifact(f"{trainer} cannot resume from a snapshot whose {name!r} is not finite", HINT)
