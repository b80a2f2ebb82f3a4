"""Tables in several files: parts as Spark, Hive, Hugging Face and Netflix write them."""

import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cofactor.data.reading.containers.zip_files import CHUNK
from cofactor.errors import BadData

PART = re.compile(
    r"(part[-_.]?(r-)?\d+|\d{6}_\d+|.+[-_]\d+[-_]of[-_]\d+|combined_data_\d+|mv_\d{7})([-_.].*)?", re.IGNORECASE
)
VARIABLE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")  # in the names of parts: numbers and identifiers of a run
MAX_PARTS = 50_000


def group_parts(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Tables, each as its files in order; files that are no parts are a table of their own.

    Raises BadData where a numbered part is missing.
    """
    tables: dict[str, list[str]] = {}
    for name in names:
        path = PurePosixPath(name)
        part = PART.fullmatch(path.name) or partition_keys(name)
        folder = "/".join(piece for piece in path.parts[:-1] if "=" not in piece)
        tables.setdefault(f"{folder}/{VARIABLE.sub('#', path.name)}" if part else name, []).append(name)
    for files in tables.values():
        _refuse_missing(files)
    return [tuple(files) for files in tables.values()]


def pattern_of_parts(name: str) -> str:
    """A pattern that the parts of a table match, of the name of one."""
    path = PurePosixPath(name)
    return path.with_name(VARIABLE.sub("*", path.name)).as_posix()


def partition_keys(name: str) -> dict[str, str]:
    """The columns in the names of the folders above a file, as in year=2020/part-0.parquet."""
    pieces = (piece.partition("=") for piece in PurePosixPath(name).parts[:-1])
    return {key: value for key, equals, value in pieces if equals and key}


def join_text_parts(paths: Sequence[Path], into: Path, *, has_header: bool) -> Path:
    """Writes text files one after the other to a file, of their headers that of the first alone.

    Raises BadData where a part has another header than the first.
    """
    with paths[0].open("rb") as file:
        header = file.readline()
    with into.open("xb") as out:
        for number, path in enumerate(paths):
            with path.open("rb") as file:
                if number and has_header and _unquoted(file.readline()) != _unquoted(header):
                    raise BadData(f"{path.name} has another header than {paths[0].name}", "read the parts one by one")
                last = b"\n"
                while chunk := file.read(CHUNK):
                    out.write(chunk)
                    last = chunk[-1:]
                if last != b"\n":
                    out.write(b"\n")
    return into


def _unquoted(line: bytes) -> bytes:
    return line.removeprefix(BOM_UTF8).strip().translate(None, b"\"'")


def _refuse_missing(files: Sequence[str]) -> None:
    numbered = [re.search(r"(\d+)[-_]of[-_](\d+)", PurePosixPath(name).name) for name in files]
    for of in {int(match[2]) for match in numbered if match}:
        present = {int(match[1]) for match in numbered if match and int(match[2]) == of}
        if len(present) < of:
            raise BadData(f"{len(present)} of the {of} parts of {files[0]} are there", "copy all of them")
    if len(files) > MAX_PARTS:
        raise BadData(f"{len(files):,} parts, {MAX_PARTS:,} are allowed", "join some of them")
