"""Files and folders that are written whole or not at all."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from cofactor.output_checks import check_output_file, is_stream, write_errors

BLOCK = 1 << 24  # bytes that are hashed between two looks at whether to go on


def temporary_path(target: Path) -> Path:
    """A hidden path next to `target`, to write to before it replaces `target`."""
    return target.with_name(f".{target.name[:100]}.{uuid4().hex[:12]}.part")


def replace_folder(folder: Path, target: Path) -> None:
    """Syncs `folder` and its files to disk and renames it to `target`; a folder that was there is removed afterwards.

    Raises OSError; `target` is unchanged then.
    """
    for file in (*folder.rglob("*"), folder):
        _sync(file)
    aside = temporary_path(target).with_suffix(".old")
    replaces = target.exists()
    if replaces:
        target.rename(aside)
    try:
        folder.rename(target)
    except BaseException:
        if replaces:
            aside.rename(target)
        raise
    _sync(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Writes a file under another name, syncs it to disk and renames it to `path` in one step.

    Raises OSError; `path` is unchanged then.
    """
    working = path.with_name(partial_name(path.name))
    try:
        working.write_bytes(content)
        _sync(working)
        _sync(path.parent)  # other files in the folder, which the content may name, reach the disk first
        working.replace(path)
    except OSError:
        working.unlink(missing_ok=True)
        raise
    _sync(path.parent)


@contextmanager
def open_text_file(path: Path) -> Iterator[TextIO]:
    """A text file that replaces `path` once it is complete: after an error, `path` is unchanged.

    A device or a pipe is not replaced, but written to. Raises BadArtifact where it cannot be written.
    """
    stream = is_stream(path)
    target = path if stream else check_output_file(path)
    working = target if stream else temporary_path(target)
    try:
        with write_errors(path):
            working.parent.mkdir(parents=True, exist_ok=True)
        with _file_errors(path), working.open("w", newline="", encoding="utf-8") as file:
            yield file
        if not stream:
            with write_errors(path):
                working.replace(target)
    finally:
        if not stream:
            working.unlink(missing_ok=True)


def partial_name(name: str) -> str:
    """The name that a file has while it is being written."""
    return f"{name}.part"


def sha256(file: Path, between_blocks: Callable[[], None] = lambda: None) -> str:
    """The SHA-256 of the bytes of a regular file; an exception of `between_blocks` ends a long calculation.

    Raises OSError, also where the file is replaced by a pipe, which would be waited for.
    """
    digest = hashlib.sha256()
    with open(file, "rb", buffering=0, opener=_open_regular) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            between_blocks()
    return digest.hexdigest()


def _open_regular(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a regular file", path)
    return descriptor


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turns the OSErrors of writing an open file, which name no file, into BadArtifact."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        with write_errors(path):
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
