"""Folders of models that have changed since the last look, by one `stat` of each of their files."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cofactor.saved import manifest as manifests
from cofactor.saved.training_data import OPTIONAL
from cofactor.saved.verify_folder import FILES

NAMES = (manifests.NAME, *FILES, *OPTIONAL)
Stamp = tuple[tuple[int, int, int, int] | None, ...]  # of each file: inode, time of the last change, bytes, mode
STOPPING = 1.0  # second that the end of `every` waits for a call that goes on


def stamp(folder: Path | str) -> Stamp | None:
    """Inode, modification time, size and mode of each file, which differ for another model; None without a manifest.

    All files count, not the manifest alone: a folder that is copied slowly may have its manifest before its arrays.
    """
    manifest, *others = (_stamp(Path(folder) / name) for name in NAMES)
    return None if manifest is None else (manifest, *others)


def _stamp(file: Path) -> tuple[int, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


class FolderWatcher:
    """Reports the folders whose files have changed."""

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
def every(seconds: float, call: Callable[[], object]) -> Iterator[None]:
    """Within the context a function is called at regular intervals, in a thread of its own; never for 0 seconds.

    At the end, a call that goes on is waited for no longer than STOPPING; its thread does not keep the process alive.
    """
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
            thread.join(STOPPING)
