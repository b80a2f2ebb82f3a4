"""The safetensors format: named arrays in one file, as a length, a JSON header, and the bytes of the arrays.

Reading checks everything in the file, maps the arrays into memory and copies none of them.
Source of the format: the section "Format" of the README of huggingface/safetensors.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array
from cofactor.errors import BadArtifact
from cofactor.models import sparse

DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
MAX_HEADER_BYTES = 1 << 20
MAX_ITEM_BYTES = 8  # of one number
MAX_DIMENSIONS = 8
CSR = ("indptr", "indices", "data")  # the arrays of a sparse matrix


def write(path: Path, arrays: Mapping[str, Array]) -> dict[str, str]:
    """Writes and syncs the file; returns the SHA-256 of each array's bytes by name."""
    aligned = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header, start = {}, 0
    for name in aligned:
        array = arrays[name]
        stop = start + array.nbytes
        code = CODES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digests = {}
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in aligned:
            plain = np.ascontiguousarray(arrays[name], dtype=arrays[name].dtype.newbyteorder("<"))
            data = plain.reshape(-1).view(np.uint8).data
            file.write(data)
            digests[name] = hashlib.sha256(data).hexdigest()
        file.flush()
        os.fsync(file.fileno())
    return digests


def read(path: Path) -> dict[str, Array]:
    """Every array by name, read-only and memory-mapped; raises BadArtifact for a malformed file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < 8:
            raise _bad(path, f"is {size} bytes long", "it was truncated")
        length = int.from_bytes(file.read(8), "little")
        if length > min(MAX_HEADER_BYTES, size - 8):
            raise _bad(path, f"claims a header of {length:,} bytes", "it was truncated, or is not a safetensors file")
        header = _header(path, file.read(length))
        places = {name: _place(path, name, entry) for name, entry in header.items() if name != "__metadata__"}
        _check_no_gaps(path, places, size - 8 - length)
        return {name: _mapped(file, 8 + length, place) for name, place in places.items()}


def max_size(shapes: Iterable[Sequence[int]]) -> int:
    """The bytes of a file with arrays of these shapes, at most."""
    return 8 + MAX_HEADER_BYTES + sum(MAX_ITEM_BYTES * math.prod(shape) for shape in shapes)


def matrix_arrays(name: str, matrix: csr_array) -> dict[str, Array]:
    """The arrays of a sparse matrix, by the names under which they are written."""
    index_type = sparse.index_type(matrix.nnz)
    arrays = matrix.indptr.astype(index_type), matrix.indices.astype(index_type), matrix.data
    return {f"{name}.{part}": array for part, array in zip(CSR, arrays, strict=True)}


def read_matrix(arrays: dict[str, Array], name: str, shape: tuple[int, int]) -> csr_array:
    """The sparse matrix of a name, over its arrays, which are removed from `arrays`; every index is checked."""
    if {one for one in arrays if one.startswith(f"{name}.")} != {f"{name}.{part}" for part in CSR}:
        raise BadArtifact(f"the {name} is incomplete", "save the model again")
    indptr, indices, data = (arrays.pop(f"{name}.{part}") for part in CSR)
    return sparse.checked_matrix(f"the {name}", indptr, indices, data, shape)


Place = tuple[np.dtype[Any], tuple[int, ...], int, int]  # dtype, shape, first byte, byte after the last


def _mapped(file: BinaryIO, first: int, place: Place) -> Array:
    dtype, shape, start, stop = place
    if start == stop:  # nothing to map
        return np.empty(shape, dtype)
    return np.asarray(np.memmap(file, dtype, "r", first + start, shape))


def _header(path: Path, text: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        named = dict(pairs)
        if len(named) < len(pairs):
            raise ValueError("it names something twice")
        return named

    try:
        header = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise _bad(path, "has a header that cannot be read", str(error)) from None
    if not isinstance(header, dict):
        raise _bad(path, "has a header that is not an object", "it is not a safetensors file")
    return header


def _place(path: Path, name: str, entry: Any) -> Place:
    shown = repr(name[:60])
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _bad(path, f"describes array {shown} in an unknown way", "it was not written by cofactor")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise _bad(path, f"holds array {shown} of unknown type {str(code)[:20]}", f"known are {', '.join(DTYPES)}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(shape) > MAX_DIMENSIONS or len(offsets) != 2:
        raise _bad(path, f"gives array {shown} an impossible shape or place", "it is damaged")
    dtype = np.dtype(DTYPES[code])
    if offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise _bad(path, f"gives array {shown} {offsets[1] - offsets[0]:,} bytes for shape {shape}", "it is damaged")
    return dtype, tuple(shape), offsets[0], offsets[1]


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 60 for v in values)


def _check_no_gaps(path: Path, places: Mapping[str, Place], size: int) -> None:
    end = 0
    for name, (_, _, start, stop) in sorted(places.items(), key=lambda one: one[1][2:]):
        if start != end:
            raise _bad(path, f"has a gap or an overlap before array {name[:60]!r}", "it is damaged")
        end = stop
    if end != size:
        raise _bad(
            path, f"holds {size:,} bytes of arrays, not the {end:,} it describes", "it was truncated or extended"
        )


def _bad(path: Path, message: str, why: str) -> BadArtifact:
    return BadArtifact(f"{path} {message}", f"{why}: save the model again")
