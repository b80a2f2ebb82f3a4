"""Folders of models that have changed since the last look, by one `stat` of each manifest."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cofactor.saved import manifest as manifests

Stamp = tuple[int, int, int]  # inode, time of the last change in nanoseconds, bytes


def stamp(folder: Path | str) -> Stamp | None:
    """Inode, modification time and size of a folder's manifest, which differ for another model; None without one."""
    try:
        found = (Path(folder) / manifests.NAME).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class FolderWatcher:
    """Reports the folders whose manifests have changed."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._seen: dict[str, Stamp] = {}

    def changed(self) -> list[str]:
        """The names of the folders that have changed since the last call; at the first call all.

        Each change is reported once, so that a damaged model is tried once. A folder without a manifest is skipped: it
        is being replaced, and the next call finds it.
        """
        found = []
        for name, folder in self._folders.items():
            current = stamp(folder)
            if current is not None and self._seen.get(name) != current:
                self._seen[name] = current
                found.append(name)
        return found


@contextmanager
def every(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    """Within the context a function is called at regular intervals, in a thread of its own; never for 0 seconds."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            call()

    thread = threading.Thread(target=repeat, name="watch", daemon=True)
    if seconds:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if seconds:
            thread.join()
