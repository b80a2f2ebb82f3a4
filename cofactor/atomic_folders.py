"""Folders that are there whole or not at all."""

import hashlib
import os
import shutil
from pathlib import Path
from uuid import uuid4


def temporary_path(target: Path) -> Path:
    """A hidden name next to a folder, for what is to take its place."""
    return target.with_name(f".{target.name[:100]}.{uuid4().hex[:12]}.part")


def replace_folder(folder: Path, target: Path) -> None:
    """Syncs a folder and all in it and renames it to its place; one that stood there is put aside, then removed.

    Raises OSError; what stood there then stands there still.
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
    """Writes a file aside, syncs it and renames it to its place, in one step.

    Raises OSError; what stood there then stands there still.
    """
    working = path.with_name(partial_name(path.name))
    working.write_bytes(content)
    _sync(working)
    _sync(path.parent)  # what lies beside it and is spoken of in it is there first
    working.replace(path)
    _sync(path.parent)


def partial_name(name: str) -> str:
    """The name of a file that is being written."""
    return f"{name}.part"


def sha256(file: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
