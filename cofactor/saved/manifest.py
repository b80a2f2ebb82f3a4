"""The manifest of a saved model, manifest.json: writing it, and reading it with every field checked."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import orjson

from cofactor.data.kind import Kind
from cofactor.errors import BadArtifact, BadData

FORMAT, VERSION = "cofactor model", 1
NAME = "manifest.json"
MAX_BYTES = 4 << 20
VERSION_DIGITS = 12  # hexadecimal: with 48 bits, two models hardly ever share a version by chance
LARGEST = 1e12  # of any number of a model: far above what training produces, and products still fit into float32
FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": str,
    "version": int,
    "created": str,  # time in UTC
    "kind": str,  # of model, see `models.kinds`
    "trainer": str,
    "hyperparameters": dict,
    "metrics": dict,
    "notes": dict,
    "scale": (list, type(None)),  # of the scores; null if the model only ranks
    "ratings": dict,  # scale, step and kind of the training ratings; without a kind they are ratings
    "split": (str, type(None)),  # fingerprint
    "counts": dict,  # users, items, ratings
    "packages": dict,  # versions
    "arrays": dict,  # name -> dtype, shape, sha256
    "files": dict,  # name -> bytes, sha256
    "sha256": str,  # of everything above
}
ARRAY = {"dtype": str, "shape": list, "sha256": str}
FILE = {"bytes": int, "sha256": str}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Writes the manifest with a digest of its content; raises BadData for content that is not plain data, or too
    long."""
    try:
        plain = orjson.loads(orjson.dumps(dict(content), option=orjson.OPT_SERIALIZE_NUMPY))
    except orjson.JSONEncodeError as error:
        raise BadData(
            f"cannot be saved with a model: {error}", "pass names, numbers, text and lists of these"
        ) from None
    written = orjson.dumps(plain | {"sha256": digest(plain)}, option=orjson.OPT_INDENT_2)
    if len(written) > MAX_BYTES:
        message = f"{NAME} would have {len(written):,} bytes, and at most {MAX_BYTES:,} can be read back"
        raise BadData(message, "pass shorter notes")
    path.write_bytes(written)


def compute_version(manifest: Mapping[str, Any]) -> str:
    """A short digest of a manifest, which contains the digests of all other files: the version of a saved model."""
    canonical = orjson.dumps(dict(manifest), option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return hashlib.sha256(canonical).hexdigest()[:VERSION_DIGITS]


def read(path: Path) -> dict[str, Any]:
    """The manifest of a folder, with every field checked; raises BadArtifact for the field at fault."""
    with translate_read_errors(path):
        return _read(path)


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Turns an OSError into BadArtifact: no permission to read, or a folder that is replaced at that moment."""
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error)
        raise BadArtifact(
            f"{error.filename or path} cannot be read: {what}", "check its permissions, or open it again"
        ) from None


def _read(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_file():
        raise _no_model(path.parent)
    if path.stat().st_size > MAX_BYTES:
        raise BadArtifact(f"{path} is larger than {MAX_BYTES:,} bytes", "it was not written by cofactor")
    try:
        manifest = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise bad(path, f"is not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise bad(path, "is not the manifest of a cofactor model")
    if manifest.get("version") != VERSION:
        shown = str(manifest.get("version"))[:20]
        raise BadArtifact(f"{path} has format version {shown}; this cofactor reads {VERSION}", "upgrade cofactor")
    _check(path, manifest)
    return manifest


def names_a_model(path: Path) -> bool:
    """Whether a file is the manifest of a cofactor model, of any version, damaged or not."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
        return False
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def bad(path: Path, message: str) -> BadArtifact:
    return BadArtifact(f"{path} {message}", "the folder is damaged: save the model again")


def digest(content: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the content without the digest itself."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _check(path: Path, manifest: Mapping[str, Any]) -> None:
    for name in manifest.keys() ^ FIELDS.keys():
        raise bad(path, f"{'lacks' if name in FIELDS else 'has an unknown field'} {name[:60]!r}")
    for name, kind in FIELDS.items():
        if not isinstance(manifest[name], kind) or isinstance(manifest[name], bool):
            raise bad(path, f"has a {name!r} that is a {type(manifest[name]).__name__}")
    if manifest["sha256"] != digest(manifest):
        raise bad(path, "was changed after it was written: its digest differs")
    counts, ratings = manifest["counts"], manifest["ratings"]
    if counts.keys() != {"users", "items", "ratings"} or not all(type(n) is int and n >= 0 for n in counts.values()):
        raise bad(path, "has impossible counts")
    known = ratings.keys() | {"kind"} == {"scale", "step", "kind"}
    if not known or not (ratings["step"] is None or _is_number(ratings["step"])):
        raise bad(path, "has an impossible step of ratings")
    if ratings.get("kind", "ratings") not in get_args(Kind):
        raise bad(path, "has an unknown kind of ratings")
    for scale in (ratings["scale"], manifest["scale"] or ratings["scale"]):
        if not isinstance(scale, list) or len(scale) != 2 or not all(map(_is_number, scale)) or scale[0] > scale[1]:
            raise bad(path, "has an impossible scale")
    for entries, fields in (("arrays", ARRAY), ("files", FILE)):
        for name, entry in manifest[entries].items():
            right = isinstance(entry, dict) and entry.keys() == fields.keys() and _are_sizes(entry.get("shape", []))
            if not right or any(type(entry[field]) is not kind for field, kind in fields.items()):
                raise bad(path, f"describes {name[:60]!r} of its {entries} in an unknown way")


def _are_sizes(shape: Any) -> bool:
    """Whether a shape is one of whole numbers that are not negative."""
    return isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _no_model(folder: Path) -> BadArtifact:
    """The error for a folder without a manifest; the hint names the models in it."""
    if not folder.exists():
        return BadArtifact(f"{folder} is not a saved model: there is no such folder", "cofactor train … -o saves one")
    inside = sorted(str(one.parent) for one in folder.glob(f"*/{NAME}"))[:3]
    hint = f"name a model in it: {', '.join(inside)}" if inside else "save one with cofactor train … -o"
    return BadArtifact(f"{folder} is not a saved model: it has no {NAME}", hint)
