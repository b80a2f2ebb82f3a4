"""Copies standard input, or another stream of bytes, to a file, since a table is read more than once."""

import os
import shutil
import sys
from pathlib import Path
from typing import IO, Any

from cofactor.data.reading.containers.compressed_files import copy_bounded
from cofactor.errors import BadData

STANDARD_INPUT = "-"
NAME = "standard input"


def is_stream(source: object) -> bool:
    """Whether a source is "-", a pipe, or a stream that is open for reading."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source) == STANDARD_INPUT or _is_pipe(Path(source))
    return callable(getattr(source, "read", None)) and not hasattr(source, "columns")


def _is_pipe(path: Path) -> bool:
    try:
        return path.is_fifo()
    except OSError:  # of a name that is too long; reading it says so
        return False


def copy_stream(source: object, working: Path) -> Path:
    """Copies the bytes of a stream to a file in the folder `working`.

    Raises BadData for a stream of text, a terminal, and more bytes than are free on the disk.
    """
    if isinstance(source, str | os.PathLike) and os.fspath(source) != STANDARD_INPUT:
        with Path(source).open("rb") as pipe:
            return copy_stream(pipe, working)
    stream: Any = sys.stdin.buffer if isinstance(source, str | os.PathLike) else source
    if isinstance(stream.read(0), str):
        raise BadData("a stream of text", "open the file for bytes: open(FILE, 'rb')")
    if stream is sys.stdin.buffer and sys.stdin.isatty():
        raise BadData("no ratings on standard input", "send a table, as in: cat ratings.csv | cofactor train svd -")
    target = working / NAME
    binary: IO[bytes] = stream
    copy_bounded(binary, target, shutil.disk_usage(working).free)
    return target
