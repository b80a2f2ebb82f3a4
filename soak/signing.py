"""Digests made right again after a damage: whoever can write to a folder can do the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import orjson

from cofactor.saved import manifest as manifests
from cofactor.saved.model_folder import ARRAYS
from cofactor.saved.safetensors import DTYPES

NAMES = {"F32": "float32", "F64": "float64", "I32": "int32", "I64": "int64"}
assert NAMES.keys() == DTYPES.keys()


def signed(files: Mapping[str, Any], original: Mapping[str, bytes], *, arrays: bool) -> dict[str, Any]:
    """The files with the size and digest of each that is another than in the original, and with the manifest's own.

    arrays: what the manifest says of the arrays too, where their file is another. A manifest that cannot be understood
    stays as it is.
    """
    try:
        content = json.loads(files[manifests.NAME], object_pairs_hook=_unique)
        for name, entry in content["files"].items():
            if isinstance(data := files.get(name), bytes) and data is not original[name]:
                entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        if arrays and files[ARRAYS] is not original[ARRAYS]:
            content["arrays"] = described(files[ARRAYS])
        content["sha256"] = manifests.digest(orjson.loads(json.dumps(content)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return dict(files)
    return {**files, manifests.NAME: json.dumps(content).encode(errors="surrogatepass")}


def described(data: bytes) -> dict[str, Any]:
    """What a manifest says of the arrays in a file, as far as its header can be understood."""
    length = int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        start, stop = entry["data_offsets"]
        digest = hashlib.sha256(data[8 + length + start : 8 + length + stop]).hexdigest()
        found[name] = {"dtype": NAMES.get(entry["dtype"], entry["dtype"]), "shape": entry["shape"], "sha256": digest}
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)
