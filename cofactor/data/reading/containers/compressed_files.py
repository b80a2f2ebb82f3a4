"""Unpacks single files that are compressed with gzip, bzip2, xz or Zstandard. Their sizes are not trusted."""

import bz2
import gzip
import lzma
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from cofactor.data.reading.containers.zip_files import CHUNK, CUT, MAX_BYTES, MAX_COMPRESSION, SMALL
from cofactor.errors import BadData

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".tgz", ".tbz2", ".txz", ".tzst")
MOST_OF_DEFLATE = 1032  # bytes that a byte of gzip can unpack to
ERRORS = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstd.ZstdError)


def find_compression(path: Path) -> str | None:
    """gzip, bzip2, xz or zstd by the first bytes of a file; None for a file that is not compressed."""
    with path.open("rb") as file:
        head = file.read(6)
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


def open_compressed(path: Path) -> IO[bytes]:
    """The unpacked bytes of a file as a stream, or its bytes where it is not compressed."""
    match find_compression(path):
        case "gzip":
            return cast(IO[bytes], gzip.open(path))
        case "bzip2":
            return cast(IO[bytes], bz2.open(path))
        case "xz":
            return cast(IO[bytes], lzma.open(path))
        case "zstd":
            return cast(IO[bytes], zstd.open(path))
        case _:
            return path.open("rb")


@contextmanager
def decompression_errors(path: Path) -> Iterator[None]:
    """Turns an error of a damaged file into BadData."""
    try:
        yield
    except ERRORS as error:
        raise BadData(f"a {find_compression(path)} file that is cut short or damaged ({error})", CUT) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise BadData(f"a {find_compression(path)} file that is damaged ({error})", CUT) from None  # of bz2


def decompress(path: Path, target: Path, max_bytes: int = MAX_BYTES) -> Path:
    """Unpacks a compressed file to the file `target`.

    Raises BadData for a damaged file, for more than `max_bytes` bytes or the free disk space, and for a file that
    unpacks to more than MAX_COMPRESSION times its size.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with decompression_errors(path), open_compressed(path) as packed:
        copy_bounded(packed, target, min(max_bytes, max(SMALL, MAX_COMPRESSION * path.stat().st_size)))
    return target


def check_size_unpacked(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Raises BadData where `decompress` would, but for the free disk space: for a file that is unpacked row by row."""
    packed_bytes = path.stat().st_size
    most = min(max_bytes, max(SMALL, MAX_COMPRESSION * packed_bytes))
    if packed_bytes * MOST_OF_DEFLATE <= SMALL:
        return
    unpacked = 0
    with decompression_errors(path), open_compressed(path) as file:
        while n := len(file.read(CHUNK)):
            unpacked += n
            if unpacked > most:
                raise BadData(f"it unpacks to more than {most:,} bytes", "unpack it yourself, if you trust it")


def copy_bounded(source: IO[bytes], target: Path, max_bytes: int) -> None:
    """Copies a stream to a new file; raises BadData for more bytes than `max_bytes` or than are free on the disk."""
    written, free = 0, shutil.disk_usage(target.parent).free
    with target.open("xb") as file:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > max_bytes:
                raise BadData(f"it unpacks to more than {max_bytes:,} bytes", "unpack it yourself, if you trust it")
            if written > free:
                raise BadData(f"it unpacks to more than the {free:,} bytes that are free", "free some disk space")
            file.write(chunk)


def plain_file_name(name: str) -> str:
    """The name of a file without the suffix of its compression; ".tgz" becomes ".tar"."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            plain = name[: -len(suffix)]
            return f"{plain}.tar" if suffix[1] == "t" else plain
    return name
