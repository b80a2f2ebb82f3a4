"""Verification of a model folder against its manifest: the files, their digests, and the numbers in the arrays."""

import hashlib
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cofactor import atomic_folders
from cofactor.arrays import Array
from cofactor.data import feature_encoding_file
from cofactor.data.parquet import max_parquet_size
from cofactor.errors import BadArtifact
from cofactor.machine import total_memory
from cofactor.saved import manifest as manifests
from cofactor.saved import safetensors
from cofactor.saved.training_data import ARRAYS, ITEMS, OPTIONAL, USERS, check_rows

BetweenBlocks = Callable[[], None]  # is called between blocks of a long calculation, and may raise to end it
MAX_CARD_BYTES = 8 * manifests.MAX_BYTES  # it repeats the manifest, with some escapes
CARD = "README.md"
FILES = (ARRAYS, USERS, ITEMS, CARD)


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raises BadArtifact unless a folder holds exactly the files of its manifest, each a regular file of its size.

    The size of each is also judged by what the manifest says is in it, and that of the arrays by the memory of the
    machine, before a byte of it is read.
    """
    described: Mapping[str, Any] = manifest["files"]
    for name in (described.keys() - set(OPTIONAL)) ^ set(FILES):
        what = "is not described in" if name in FILES else "is no file of a model, but in"
        raise manifests.bad(folder / manifests.NAME, f"is wrong: {name[:60]!r} {what} it")
    for one in folder.iterdir():
        if one.name not in (*described, manifests.NAME):
            raise BadArtifact(f"{folder} holds an unknown file {one.name[:60]!r}", "remove it, or save the model again")
    limits = max_sizes(manifest)
    for name in described:
        file = folder / name
        if not file.is_symlink() and not file.exists():
            raise manifests.bad(file, "is missing")
        if not stat.S_ISREG(file.lstat().st_mode):
            raise manifests.bad(file, "is not a regular file")
        size = file.stat().st_size
        if size != described[name]["bytes"]:
            raise manifests.bad(file, f"is {size:,} bytes long, not {described[name]['bytes']}")
        if size > limits[name]:
            raise manifests.bad(file, f"is {size:,} bytes long; what the manifest describes takes {limits[name]:,}")
    check_rows(folder, manifest)
    memory, size = total_memory(), described[ARRAYS]["bytes"]
    if size > memory:
        found = f"{size / 2**30:.1f} GiB long, this machine has {memory / 2**30:.1f} GiB of memory"
        raise BadArtifact(f"{folder / ARRAYS} is {found}", "open it on a machine with more memory")


def max_sizes(manifest: Mapping[str, Any]) -> dict[str, int]:
    """The bytes that each file of a model may have at most."""
    counts = manifest["counts"]
    return {
        ARRAYS: safetensors.max_size(entry["shape"] for entry in manifest["arrays"].values()),
        USERS: max_parquet_size(counts["users"]),
        ITEMS: max_parquet_size(counts["items"]),
        feature_encoding_file.FILE: max_parquet_size(feature_encoding_file.MAX_FEATURES),
        CARD: MAX_CARD_BYTES,
    }


def check_digests(folder: Path, described: Mapping[str, Any], between_blocks: BetweenBlocks) -> None:
    """Raises BadArtifact for a file whose digest is not that of the manifest."""
    for name, entry in described.items():
        if atomic_folders.sha256(folder / name, between_blocks) != entry["sha256"]:
            raise manifests.bad(folder / name, "was changed after it was written: its digest differs")


def check_arrays(
    folder: Path, arrays: Mapping[str, Array], described: Mapping[str, Any], between_blocks: BetweenBlocks
) -> None:
    """Raises BadArtifact for an array whose type, shape or digest is not that of the manifest."""
    for name in described.keys() ^ arrays.keys():
        raise manifests.bad(folder / ARRAYS, f"and {manifests.NAME} do not both know array {name[:60]!r}")
    for name, array in arrays.items():
        entry = described[name]
        if entry["dtype"] != str(array.dtype) or entry["shape"] != list(array.shape):
            raise manifests.bad(folder / ARRAYS, f"holds {name!r} as {array.dtype} {array.shape}, not as described")
        digest = hashlib.sha256()
        for block in _blocks(array):
            digest.update(block.view(np.uint8).data)
            between_blocks()
        if entry["sha256"] != digest.hexdigest():
            raise manifests.bad(folder / ARRAYS, f"holds other numbers in {name!r} than were saved")
    check_magnitudes(folder / ARRAYS, arrays, between_blocks)


def check_magnitudes(path: Path, arrays: Mapping[str, Array], between_blocks: BetweenBlocks = lambda: None) -> None:
    """Raises BadArtifact for a finite number so large that scores computed with it might overflow."""
    for name, array in arrays.items():
        for block in _blocks(array) if array.dtype.kind == "f" else ():
            if manifests.LARGEST < max(block.max(initial=0), -block.min(initial=0)) < np.inf:
                raise manifests.bad(path, f"holds a number in {name!r} that is beyond {manifests.LARGEST:g}")
            between_blocks()


def _blocks(array: Array) -> Iterator[Array]:
    """The numbers of an array in pieces, without a copy."""
    flat, n = array.reshape(-1), atomic_folders.BLOCK // array.dtype.itemsize
    return (flat[start : start + n] for start in range(0, len(flat), n))
