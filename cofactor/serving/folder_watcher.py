"""Which folders of models have changed since they were last looked at: one `stat` of each manifest tells."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cofactor.saved import manifest as manifests

Stamp = tuple[int, int, int]  # inode, time of the last change in nanoseconds, bytes


def stamp(folder: Path | str) -> Stamp | None:
    """What is another number as soon as another model lies in a folder; None where none does."""
    try:
        found = (Path(folder) / manifests.NAME).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class Watch:
    """Remembers what each folder looked like."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._seen: dict[str, Stamp] = {}

    def newer(self) -> list[str]:
        """The names of those that look otherwise than at the last call, at the first one all.

        Each change is told once, so that a damaged model is tried once. A folder without a model is passed over: it
        is being replaced, and the next look finds it.
        """
        found = []
        for name, folder in self._folders.items():
            now = stamp(folder)
            if now is not None and self._seen.get(name) != now:
                self._seen[name] = now
                found.append(name)
        return found


@contextmanager
def every(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    """Within it something is done again and again, in a thread of its own; never for 0 seconds."""
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(seconds):
            do()

    thread = threading.Thread(target=again, name="watch", daemon=True)
    if seconds:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if seconds:
            thread.join()
