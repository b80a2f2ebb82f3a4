"""Checks of the snapshot that a training resumes from."""

from collections.abc import Mapping

import numpy as np

from cofactor.arrays import Array
from cofactor.errors import BadArtifact, BadHyperparameter
from cofactor.training.epoch import Snapshot

HINT = "resume with the same trainer, hyperparameters and ratings"


def cannot_resume(trainer: str) -> BadHyperparameter:
    """The error of a trainer that trains in one step and is given a snapshot to resume from."""
    return BadHyperparameter(f"{trainer} trains in one step and cannot be resumed", "train it again from the start")


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
