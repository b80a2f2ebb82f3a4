"""Connections to the SQLite file of a store, with deadlines, and the messages for their errors."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from cofactor.errors import BadArtifact, CofactorError, Unavailable
from cofactor.feedback.group_commit import NotStarted, OutcomeUnknown
from cofactor.feedback.sqlite_schema import RESTORE, add_tables, is_empty
from cofactor.feedback.store import TIMEOUT

CHECKED_BYTES = 64 << 20  # size up to which a whole file is checked when it is opened: half a second
STEPS = 100_000  # of SQLite's virtual machine between two looks at the clock: about a millisecond


def connect(path: Path, deadline: float, more_flags: int = 0) -> apsw.Connection:
    """A connection that waits for locks of other processes until `deadline`."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | more_flags)
    wait_until(connection, deadline)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def wait_until(connection: apsw.Connection, deadline: float) -> None:
    """Limits how long statements wait for locks of other processes."""
    connection.set_busy_timeout(max(0, int((deadline - time.monotonic()) * 1000)))


def open_checked(path: Path, deadline: float) -> apsw.Connection:
    """A connection to a store, which is checked."""
    connection = connect(path, deadline)
    if connection.readonly("main"):
        raise Unavailable(f"{path} is read-only", "let the user of this process write to the file and its folder")
    if is_empty(connection):
        raise BadArtifact(f"{path} is an empty database, not a store of ratings", "remove it, or name another file")
    switch_to_log(connection, deadline)
    if path.stat().st_size <= CHECKED_BYTES and (found := connection.execute("PRAGMA quick_check(1)").get) != "ok":
        raise BadArtifact(f"{path} is damaged: {' '.join(str(found).split())[:200]}", RESTORE)
    wait_until(connection, deadline)
    add_tables(connection)
    return connection


def switch_to_log(connection: apsw.Connection, deadline: float) -> None:
    """Switches to a write-ahead log that is synced at each commit. SQLite's busy timeout does not apply to the switch,
    so this waits for other processes."""
    while True:
        try:
            connection.set_busy_timeout(0)
            mode = connection.execute("PRAGMA journal_mode = WAL").get
            break
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise Unavailable(
            f"{connection.filename} cannot have a write-ahead log", "put it on a local disk, not on a network share"
        )
    connection.execute("PRAGMA synchronous = FULL")
    wait_until(connection, deadline)


@contextmanager
def interrupted_at(connection: apsw.Connection, deadline: float) -> Iterator[None]:
    """Interrupts statements of the connection that still compute at the deadline."""
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None)


class ReaderPool:
    """Connections for reading, one for each thread that reads at the same time; no thread waits for another one."""

    def __init__(
        self, open_connection: Callable[[], apsw.Connection], close: Callable[[apsw.Connection], None]
    ) -> None:
        self._open, self._close = open_connection, close
        self._idle: deque[apsw.Connection] = deque()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        if self._closed:
            raise InterruptedError("closed")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open()
        try:
            yield connection
        finally:
            self._idle.append(connection)
            if self._closed:
                self.close()

    def close(self) -> None:
        """Closes the idle connections now, and the others when their threads are done with them."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._close(self._idle.pop())


class StoreFiles:
    """The database and its log as they were when a store was opened: SQLite goes on writing to a file that was removed,
    and opens whatever has its name now."""

    def __init__(self, path: Path) -> None:
        self._name, self._files = path.name, (path, path.with_name(f"{path.name}-wal"))
        self._opened = self._find_inodes()

    @property
    def are_unchanged(self) -> bool:
        """Whether both names still belong to the files that were opened."""
        return self._find_inodes() == self._opened

    def check(self) -> None:
        """Raises Unavailable if they do not."""
        if not self.are_unchanged:
            raise Unavailable(
                f"{self._name} was moved, removed or replaced while in use", "put it back, or restart the service"
            )

    def _find_inodes(self) -> list[tuple[int, int] | None]:
        """Device and inode of each file; None for one that is not there."""
        found: list[tuple[int, int] | None] = []
        for file in self._files:
            try:
                status = os.stat(file)  # noqa: PTH116  # a third of the time of Path.stat
                found.append((status.st_dev, status.st_ino))
            except OSError:
                found.append(None)
        return found


def sync_folder(path: Path) -> None:
    """Syncs the folder, so that the names of the file and its log are on disk; SQLite does so only for new files."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def translate(name: object, error: Exception) -> CofactorError:
    """The error, with a message for an operator that names the store `name`."""
    if isinstance(error, CofactorError):
        return type(error)(error.message, error.hint)
    if isinstance(error, apsw.NotADBError):
        return BadArtifact(f"{name} is not an SQLite database, or is damaged", RESTORE)
    if isinstance(error, UnicodeDecodeError):
        hint = "an id or a title in it was written by another program: delete that row, or restore a backup"
        return BadArtifact(f"{name} contains text that is not UTF-8", hint)
    if isinstance(error, apsw.CorruptError | apsw.SQLError):
        return BadArtifact(f"{name} is damaged: {error}", RESTORE)
    if isinstance(error, apsw.FullError):
        return Unavailable(f"the disk of {name} is full", "free some space on it; no rating was stored")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Unavailable(
            f"{name} is locked by another process", "end that process, or try again later; no rating was stored"
        )
    if isinstance(error, NotStarted | apsw.InterruptError):
        return Unavailable(f"{name} took more than {TIMEOUT:g} s", "its disk is busy; no rating was stored")
    if isinstance(error, OutcomeUnknown):
        hint = "its disk is busy; whether the ratings were stored is not known: send them again"
        return Unavailable(f"{name} took more than {TIMEOUT:g} s", hint)
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        hint = "let the user of this process write to the file and its folder"
        return Unavailable(f"{name} cannot be opened for writing: {error}", hint)
    if isinstance(error, InterruptedError | apsw.ConnectionClosedError | apsw.CursorClosedError):
        return Unavailable(f"{name} is closed", "the service is stopping")
    return Unavailable(f"{name} cannot be read or written: {error}", "check its disk; no rating was stored")
