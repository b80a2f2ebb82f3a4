"""Damage to saved models: changed bytes, false headers and manifests, unexpected tables, and files of other kinds.

A damage changes the files of one folder in place and depends on a random number generator alone. Things that are not
plain files are tags, listed in ODD; `soak.odd_files` writes them to disk.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from soak.parquet_tables import odd_table

Rng = np.random.Generator
Files = dict[str, Any]  # bytes by name, or a tag of ODD
Damage = Callable[[Files, Rng], str]  # returns a short description

NO_BOMBS: Mapping[str, bytes] = {}
MANIFEST, ARRAYS = "manifest.json", "model.safetensors"
ODD = ("missing", "fifo", "folder", "socket", "device", "link", "dangling", "itself", "hole", "hardlink")
MARKS = [
    b"\0",
    b"\xff",
    b"\x80",
    b"\x7f",
    b"\0\0\0\x80",
    b"\xff" * 4,
    b"\xff" * 8,
    b"\0" * 7 + b"\x80",
    b"PAR1",
    b"NaN",
]
SIZES = [0, 1, 7, 8, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 53, (1 << 60) - 1, 1 << 62, (1 << 63) - 1, 1 << 64]
NUMBERS = [*SIZES, -1, -(1 << 31), -(1 << 63), 10**400, 0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf")]
TEXTS = ["", "x", "\0", "\ud800", "ä🎬", "../../etc/passwd", "/etc/passwd", "C:\\x", "a" * 100_000, "users.parquet"]
VALUES = [None, True, False, *NUMBERS, *TEXTS, [], {}, [[]], {"": {}}, [0] * 3000, ["id"], {"users": 1}]
FLOATS = [0, -0.0, 1, -1, 1e-45, 1e-20, 1e9, 1e18, -1e18, 3e38, -3e38, np.inf, -np.inf, np.nan, 16777217]
WHOLES = [0, 1, -1, 2, 19, 20, 21, 30, 31, 250, 1 << 20, (1 << 31) - 1, -(1 << 31)]


def bytes_of_a_file(files: Files, rng: Rng) -> str:
    """Makes one to eight changes to the bytes of a file, anywhere or near its end, where Parquet has its footer."""
    name = choose(rng, sorted(files))
    data = files[name]
    done = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 4, 8]))):
        change = choose(rng, CHANGES)
        near_end = name.endswith(".parquet") and rng.random() < 0.7
        at = int(rng.integers(max(0, len(data) - 400) if near_end else 0, len(data) + 1))
        data = change(data, at, rng)
        done.append(change.__name__.strip("_"))
    files[name] = data
    return f"{name}: {', '.join(done)}"


def header_of_arrays(files: Files, rng: Rng) -> str:
    """Falsifies offsets, shapes, types, names or the length of the header of the arrays."""
    length = int.from_bytes(files[ARRAYS][:8], "little")
    header, body = json.loads(files[ARRAYS][8 : 8 + length]), files[ARRAYS][8 + length :]
    name = choose(rng, sorted(header))
    what = choose(rng, ["offsets", "shape", "dtype", "name", "twice", "deep", "claim", "any", "more", "swap"])
    entry = header[name]
    if what == "offsets":
        entry["data_offsets"][int(rng.integers(2))] = choose(rng, [*NUMBERS, -8, 4, len(body)])
    elif what == "shape":
        entry["shape"] = choose(rng, [[], [0], [-1], [1 << 31, 1 << 31], [0, 1 << 59], [1] * 9, entry["shape"][::-1]])
    elif what == "dtype":
        entry["dtype"] = choose(rng, ["F32", "F64", "I32", "I64", "F16", "BOOL", "O", "", None, ["F32"], "f32" * 99])
    elif what == "name":
        header[choose(rng, [*TEXTS, "__metadata__", "history.data", "history.more", "layers.0.bias"])] = header.pop(
            name
        )
    elif what == "any":
        header = change_json(header, rng)
    elif what == "more":
        header[choose(rng, TEXTS)] = {"dtype": "F32", "shape": [0], "data_offsets": [len(body), len(body)]}
    elif what == "swap":
        other = choose(rng, sorted(header))
        header[name], header[other] = header[other], header[name]
    text = json.dumps(header)
    if what == "twice":
        text = text[:-1] + f", {json.dumps(name)}: {json.dumps(entry)}}}"
    elif what == "deep":
        text = choose(rng, ["[" * 100_000, '{"a":' * 100_000, f'{{"a": {"[" * 900}{"]" * 900}}}'])
    raw = text.encode(errors="surrogatepass")
    claim = int(choose(rng, [n for n in SIZES if n < 1 << 64])) if what == "claim" else len(raw)
    files[ARRAYS] = claim.to_bytes(8, "little") + raw + body
    return f"header of arrays: {what}"


def numbers_of_an_array(files: Files, rng: Rng) -> str:
    """Writes numbers that no training produces into an array that stays valid otherwise."""
    length = int.from_bytes(files[ARRAYS][:8], "little")
    header = json.loads(files[ARRAYS][8 : 8 + length])
    name = choose(rng, sorted(one for one in header if one != "__metadata__"))
    dtype = np.dtype({"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}[header[name]["dtype"]])
    data = bytearray(files[ARRAYS])
    start, stop = (8 + length + one for one in header[name]["data_offsets"])
    array = np.frombuffer(data, dtype, (stop - start) // dtype.itemsize, start)
    if len(array):
        what = choose(rng, ["one", "one", "few", "all", "scaled", "shuffled", "bits"])
        known = WHOLES if dtype.kind == "i" else FLOATS
        with np.errstate(all="ignore"):
            if what in ("one", "few"):
                array[rng.integers(0, len(array), 1 if what == "one" else 5)] = np.array(choose(rng, known)).astype(
                    dtype
                )
            elif what == "all":
                array[:] = np.array(choose(rng, known)).astype(dtype)
            elif what == "scaled":
                array[:] = (array * np.array(choose(rng, [-1, 2, 1e6, 1e15, 1e30, 1e-30]))).astype(dtype)
            elif what == "shuffled":
                rng.shuffle(array)
            else:
                raw = np.frombuffer(data, np.uint8, stop - start, start)
                raw[rng.integers(0, len(raw), 3)] = rng.integers(0, 256, 3)
    files[ARRAYS] = bytes(data)
    return f"numbers of {name}"


def manifest(files: Files, rng: Rng) -> str:
    """Changes a value, a key, the order or the depth of the manifest."""
    content = json.loads(files[MANIFEST])
    what = choose(rng, ["value"] * 6 + ["twice", "deep", "long", "text"])
    if what == "value":
        for _ in range(int(rng.choice([1, 1, 2]))):
            content = change_json(content, rng)
    files[MANIFEST] = json.dumps(content).encode(errors="surrogatepass")
    if what == "twice":
        key = choose(rng, sorted(content)) if isinstance(content, dict) else "kind"
        files[MANIFEST] = files[MANIFEST].replace(b"{", f'{{"{key}": {json.dumps(choose(rng, TEXTS))}, '.encode(), 1)
    elif what == "deep":
        times = int(choose(rng, [100, 1025, 100_000, 1_000_000]))
        files[MANIFEST] = files[MANIFEST].replace(
            b'"notes": {', b'"notes": {"a":' + b"[" * times + b"]" * times + b",", 1
        )
    elif what == "long":
        files[MANIFEST] += b" " * int(choose(rng, [1, 4 << 20, 20 << 20]))
    elif what == "text":
        files[MANIFEST] = choose(rng, [b"", b"null", b"[]", b"\xef\xbb\xbf" + files[MANIFEST], b"[" * 4_000_000])
    return f"manifest: {what}"


def table(files: Files, rng: Rng, bombs: Mapping[str, bytes] = NO_BOMBS) -> str:
    """Replaces a table of ids or features with one of other types, rows, texts or sizes."""
    name = choose(rng, [one for one in sorted(files) if one.endswith(".parquet")])
    what, files[name] = odd_table(rng, bombs)
    return f"{name}: {what}"


def kind_of_file(files: Files, rng: Rng) -> str:
    """Replaces a file with something that is not a plain file, or adds a file."""
    if rng.random() < 0.2:
        name = choose(
            rng, ["model.pkl", ".hidden", "x" * 255, "ä", "new\nline", "features.parquet", "manifest.json.part"]
        )
        files[name] = choose(rng, [b"", b"cos\nsystem\n(S'true'\ntR.", *ODD[1:7]])
        return f"{name!r} added to the model"
    name, tag = choose(rng, sorted(files)), choose(rng, ODD)
    files[name] = tag
    return f"{name} is {tag}"


def mixed(files: Files, rng: Rng) -> str:
    """Applies two kinds of damage, one after the other."""
    first = choose(rng, [numbers_of_an_array, manifest, table])(files, rng)
    return f"{first}; {choose(rng, [numbers_of_an_array, table, bytes_of_a_file])(files, rng)}"


DAMAGES: list[tuple[Damage, float]] = [  # with their probabilities
    (bytes_of_a_file, 0.36),
    (numbers_of_an_array, 0.2),
    (manifest, 0.16),
    (header_of_arrays, 0.12),
    (table, 0.08),
    (kind_of_file, 0.04),
    (mixed, 0.04),
]


def damage_folder(files: Files, rng: Rng, bombs: Mapping[str, bytes]) -> str:
    """Applies one kind of damage, drawn by the probabilities; returns a description."""
    damage = DAMAGES[int(rng.choice(len(DAMAGES), p=[share for _, share in DAMAGES]))][0]
    return table(files, rng, bombs) if damage is table else damage(files, rng)


# Bytes ---------------------------------------------------------------------------------------------------------------


def _flip(data: bytes, at: int, rng: Rng) -> bytes:
    at = min(at, len(data) - 1)
    return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :] if data else data


def _overwrite(data: bytes, at: int, rng: Rng) -> bytes:
    mark = choose(rng, MARKS)
    return data[:at] + mark + data[at + len(mark) :]


def _any_byte(data: bytes, at: int, rng: Rng) -> bytes:
    return data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :]


def _insert(data: bytes, at: int, rng: Rng) -> bytes:
    return data[:at] + rng.bytes(int(rng.choice([1, 2, 8, 100]))) + data[at:]


def _cut_out(data: bytes, at: int, rng: Rng) -> bytes:
    return data[:at] + data[at + int(rng.choice([1, 2, 8, 100])) :]


def _truncate(data: bytes, at: int, rng: Rng) -> bytes:
    return data[:at]


def _repeat(data: bytes, at: int, rng: Rng) -> bytes:
    return data[: at + int(rng.integers(1, 200))] + data[at:]


def _blank(data: bytes, at: int, rng: Rng) -> bytes:
    n = int(rng.integers(1, 64))
    return data[:at] + bytes(n) + data[at + n :]


CHANGES = [_flip, _flip, _any_byte, _any_byte, _overwrite, _insert, _cut_out, _truncate, _repeat, _blank]

# Trees of JSON -------------------------------------------------------------------------------------------------------


def change_json(tree: Any, rng: Rng) -> Any:
    """Replaces, removes, renames, copies or slightly changes one node of a tree."""
    holders = [(holder, key) for holder, key in _places(tree)]
    if not holders:
        return deepcopy(choose(rng, VALUES))
    holder, key = choose(rng, holders)
    what = choose(rng, ["value", "value", "value", "nudge", "remove", "rename", "borrow"])
    old = holder[key]
    if what == "nudge" and isinstance(old, int | float) and abs(old) < 1e300:
        holder[key] = choose(rng, [old + 1, old - 1, -old, old * 2, float(old), str(old), [old]])
    elif what == "remove":
        del holder[key]
    elif what == "rename" and isinstance(holder, dict):
        holder[choose(rng, TEXTS)] = holder.pop(key)
    elif what == "borrow":
        other, at = choose(rng, holders)
        holder[key] = json.loads(json.dumps(other.get(at) if isinstance(other, dict) else other[at]))
    else:
        holder[key] = deepcopy(choose(rng, VALUES))  # a copy, because later changes may modify it
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def choose(rng: Rng, among: Any) -> Any:
    return among[int(rng.integers(len(among)))]
