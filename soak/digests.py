"""Correct the digests of a damaged folder, as anybody with write access to the folder can do."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import orjson

from cofactor.saved import manifest as manifests
from cofactor.saved.safetensors import DTYPES
from cofactor.saved.training_data import ARRAYS

NAMES = {"F32": "float32", "F64": "float64", "I32": "int32", "I64": "int64"}
assert NAMES.keys() == DTYPES.keys()


def sign_again(files: Mapping[str, Any], original: Mapping[str, bytes], *, arrays: bool) -> dict[str, Any]:
    """Returns the files with a manifest whose sizes and digests match the changed files, its own digest included.

    With `arrays`, the manifest's entries for arrays match their file as well. A manifest that cannot be parsed stays
    as it is.
    """
    try:
        content = json.loads(files[manifests.NAME], object_pairs_hook=_unique)
        for name, entry in content["files"].items():
            if isinstance(data := files.get(name), bytes) and data is not original[name]:
                entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        if arrays and files[ARRAYS] is not original[ARRAYS]:
            content["arrays"] = describe_arrays(files[ARRAYS])
        content["sha256"] = manifests.digest(orjson.loads(json.dumps(content)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return dict(files)
    return {**files, manifests.NAME: json.dumps(content).encode(errors="surrogatepass")}


def describe_arrays(data: bytes) -> dict[str, Any]:
    """The manifest's entries for the arrays in a file, read from the file's header."""
    length = int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        start, stop = entry["data_offsets"]
        digest = hashlib.sha256(data[8 + length + start : 8 + length + stop]).hexdigest()
        found[name] = {"dtype": NAMES.get(entry["dtype"], entry["dtype"]), "shape": entry["shape"], "sha256": digest}
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)
