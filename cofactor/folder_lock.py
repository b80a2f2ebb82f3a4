"""A lock on a folder that a process writes to for long: a second process is refused and told who holds it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from cofactor.errors import InUse
from cofactor.output_checks import check_output_folder, new_folders, write_errors

LOCK = ".cofactor.lock"  # in a folder that stays in its place
LONGEST_ENTRY = 1_000  # bytes about the holder


def lock_beside(folder: Path) -> Path:
    """The lock file of a folder that is replaced as a whole."""
    return folder.with_name(f".{folder.name[:100]}.lock")


@contextmanager
def locked(folder: Path, file: Path, activity: str) -> Iterator[None]:
    """Within the context, no other process or thread enters one with the same lock file; the same thread may.

    activity: what the folder is used by, as in "training". Raises InUse with the process that holds the lock. The lock
    ends with its process, however that ends; the file is removed at the end of the context.
    """
    lock = FileLock(file, blocking=False, is_singleton=True, thread_local=True)
    with write_errors(folder):
        try:
            lock.acquire()
        except Timeout:
            raise InUse(f"{folder} is used by another {activity}{_holder(file)}", _hint(activity)) from None
    first = lock.lock_counter == 1
    try:
        if first:
            with suppress(OSError):  # of a full disk: the lock holds without the entry
                file.write_bytes(orjson.dumps(_entry()))
        yield
    finally:
        if first:
            file.unlink(missing_ok=True)  # while the lock is held, so that nobody's new file is removed
        lock.release()


@contextmanager
def reserve_folder(folder: Path, activity: str) -> Iterator[None]:
    """Creates a folder that stays in its place, and keeps others from it within the context, see `locked`.

    Raises BadArtifact where it cannot be written. A new folder to which nothing was written is removed.
    """
    target = check_output_folder(folder)
    with new_folders(target), locked(folder, target / LOCK, activity):
        yield


def _hint(activity: str) -> str:
    return f"wait until that {activity} ends, or name another folder"


def _entry() -> dict[str, str | int]:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {"process": os.getpid(), "machine": socket.gethostname(), "since": now}


def _holder(file: Path) -> str:
    """Who holds a lock, as the end of a sentence; empty where the file does not say so."""
    try:
        with file.open("rb") as stream:
            entry = orjson.loads(stream.read(LONGEST_ENTRY))
        return f": process {int(entry['process'])} on {entry['machine']}, since {entry['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
