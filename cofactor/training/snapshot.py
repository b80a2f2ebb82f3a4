"""Trainings that stop after an epoch and go on as if they had not."""

from collections.abc import Mapping

import numpy as np

from cofactor.arrays import Array
from cofactor.errors import BadArtifact, BadHyperparameter
from cofactor.training.epoch import Snapshot

HINT = "go on with the trainer, hyperparameters and ratings that it was made with"


def copy_arrays(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """What a snapshot holds of arrays that training goes on to change."""
    return {name: array.copy() for name, array in arrays.items()}


def restore_arrays(snapshot: Snapshot, arrays: Mapping[str, Array], trainer: str) -> int:
    """Writes a snapshot into the arrays of a training; the number of its epoch.

    Raises BadArtifact where it has other arrays, or of other shapes or types.
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
    """Raises BadArtifact where a snapshot's arrays are not of the names, shapes and types of these."""
    for name in sorted(snapshot.arrays.keys() ^ arrays.keys()):
        what = "lacks" if name in arrays else "has an unknown"
        raise BadArtifact(f"{trainer} cannot go on from a snapshot that {what} {name[:60]!r}", HINT)
    for name, array in arrays.items():
        found = snapshot.arrays[name]
        if (found.shape, found.dtype) != (array.shape, array.dtype):
            told = f"{name!r} is {found.dtype} {found.shape}, not {array.dtype} {array.shape}"
            raise BadArtifact(f"{trainer} cannot go on from a snapshot whose {told}", HINT)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise BadArtifact(f"{trainer} cannot go on from a snapshot whose {name!r} is not finite", HINT)
