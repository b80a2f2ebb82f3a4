"""Verification of a model folder against its manifest: the files, their digests, and the numbers in the arrays."""

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cofactor import atomic_folders
from cofactor.arrays import Array
from cofactor.errors import BadArtifact
from cofactor.saved import manifest as manifests
from cofactor.saved.training_data import ARRAYS, ITEMS, OPTIONAL, USERS

CARD = "README.md"
FILES = (ARRAYS, USERS, ITEMS, CARD)


def check_files(folder: Path, described: Mapping[str, Any]) -> None:
    """Raises BadArtifact unless a folder holds exactly the files of its manifest, each a regular file of its size."""
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
            raise manifests.bad(file, "is not a regular file")
        if file.stat().st_size != described[name]["bytes"]:
            raise manifests.bad(file, f"is {file.stat().st_size:,} bytes long, not {described[name]['bytes']}")


def check_digests(folder: Path, described: Mapping[str, Any]) -> None:
    """Raises BadArtifact for a file whose digest is not that of the manifest."""
    for name, entry in described.items():
        if atomic_folders.sha256(folder / name) != entry["sha256"]:
            raise manifests.bad(folder / name, "was changed after it was written: its digest differs")


def check_arrays(folder: Path, arrays: Mapping[str, Array], described: Mapping[str, Any]) -> None:
    """Raises BadArtifact for an array whose type, shape or digest is not that of the manifest."""
    for name in described.keys() ^ arrays.keys():
        raise manifests.bad(folder / ARRAYS, f"and {manifests.NAME} do not both know array {name[:60]!r}")
    for name, array in arrays.items():
        entry = described[name]
        if entry["dtype"] != str(array.dtype) or entry["shape"] != list(array.shape):
            raise manifests.bad(folder / ARRAYS, f"holds {name!r} as {array.dtype} {array.shape}, not as described")
        if entry["sha256"] != hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest():
            raise manifests.bad(folder / ARRAYS, f"holds other numbers in {name!r} than were saved")
    check_magnitudes(folder / ARRAYS, arrays)


def check_magnitudes(path: Path, arrays: Mapping[str, Array]) -> None:
    """Raises BadArtifact for a finite number so large that scores computed with it might overflow."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and manifests.LARGEST < max(array.max(initial=0), -array.min(initial=0)) < np.inf:
            raise manifests.bad(path, f"holds a number in {name!r} that is beyond {manifests.LARGEST:g}")
