"""Model folders with a file that is a hole of any size, which takes no room on the disk."""

import json
import os
from pathlib import Path
from typing import Any

import orjson

from cofactor.saved import manifest as manifests
from cofactor.saved.training_data import ARRAYS

ANY_DIGEST = "0" * 64


def edit_manifest(folder: Path, **changes: Any) -> None:
    """Changes fields of a manifest, by name of a file or of an array for `files` and `arrays`, and its own digest."""
    path = folder / manifests.NAME
    content = orjson.loads(path.read_bytes())
    for field, change in changes.items():
        content[field] = {**content[field], **change}
    content["sha256"] = manifests.digest(content)
    path.write_bytes(orjson.dumps(content))


def make_hole(folder: Path, name: str, size: int) -> None:
    """Extends a file of a model by a hole to `size` bytes; the manifest agrees."""
    os.truncate(folder / name, size)
    edit_manifest(folder, files={name: {"bytes": size, "sha256": ANY_DIGEST}})


def add_empty_array(folder: Path, n: int) -> None:
    """Adds an array of n zeros to a model, as a hole; the manifest agrees, but for the digest of the zeros."""
    path = folder / ARRAYS
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header["hole"] = {"dtype": "F32", "shape": [n], "data_offsets": [len(body), len(body) + 4 * n]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    edit_manifest(folder, arrays={"hole": {"dtype": "float32", "shape": [n], "sha256": ANY_DIGEST}})
    make_hole(folder, ARRAYS, path.stat().st_size + 4 * n)
