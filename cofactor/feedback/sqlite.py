"""Ratings in one SQLite file, without set-up, for any number of threads and processes on one machine.

The file has a write-ahead log with synchronous=FULL: a commit returns when its frames in FILE-wal are synced. Threads
that append at the same time share a commit (see `group_commit`); processes take turns.

Only SQLite opens the file: closing another descriptor of it would release the locks of the whole process.
"""

import os
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Any

import apsw

from cofactor.errors import BadArtifact, BadData, CofactorError, Unavailable
from cofactor.feedback.group_commit import GroupCommit
from cofactor.feedback.store import LatestEvents, RatingEvent, RatingStore, latest_events

APPLICATION = int.from_bytes(b"cofF")  # in the header of the file, at byte 68
VERSION = 1
BUSY_TIMEOUT = 5.0  # seconds to wait for other processes
CHECKED_BYTES = 64 << 20  # size up to which a whole file is checked when it is opened: half a second

SCHEMA = (
    "CREATE TABLE feedback (user TEXT NOT NULL, item TEXT NOT NULL, rating REAL, time INTEGER NOT NULL, "
    "PRIMARY KEY (user, item)) STRICT, WITHOUT ROWID"
)
UPSERT = "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?)"
SELECT_USER = (
    "SELECT user, item, rating, time FROM feedback WHERE user = ? ORDER BY item"  # the order of the primary key
)
SELECT_ALL = "SELECT user, item, rating, time FROM feedback ORDER BY user, item"
TIME = itemgetter(3)

RESTORE = "it was not changed; replace it with a backup, or name another file"


class SqliteStore(RatingStore):
    """A store in an existing file."""

    fast_reads = True

    def __init__(self, path: Path) -> None:
        """Raises BadData if there is no file, BadArtifact if it belongs to another application, has a newer version or
        is damaged, and Unavailable if it cannot be opened for writing."""
        self.path = path.absolute()
        if not self.path.exists():
            raise BadData(f"there is no store of ratings in {path}", "cofactor serve --store FILE creates it")
        try:
            self._writing = _open_checked(self.path)
            self._reading = _open_checked(self.path)
        except apsw.Error as error:
            raise _translate(self.path, error) from error
        self._reader, self._read_lock = self._reading.cursor(), Lock()
        self._files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        self._inodes = self._find_inodes()
        _sync_folder(self.path)
        self._commits = GroupCommit(self._commit, shared=apsw.BusyError)

    @classmethod
    def create(cls, path: Path) -> "SqliteStore":
        """The store in a file, created if there is none."""
        whole = path.absolute()
        if not whole.parent.is_dir():
            make = f"mkdir -p {shlex.quote(str(path.parent))}"
            raise Unavailable(f"the folder {path.parent} for the store of ratings does not exist", make)
        try:
            with closing(_connect(whole, apsw.SQLITE_OPEN_CREATE)) as connection:
                if _is_empty(connection):
                    _create_table(connection)
        except apsw.Error as error:
            raise _translate(whole, error) from error
        return cls(path)

    def append(self, events: Sequence[RatingEvent]) -> None:
        if not events:
            return
        error = self._commits.submit(latest_events(events))
        if error is not None:
            raise _translate(self.path, error) from error

    def events_of(self, user: str) -> list[RatingEvent]:
        try:
            with self._read_lock:
                rows: list[Any] = self._reader.execute(SELECT_USER, (user,)).fetchall()
        except UnicodeEncodeError:  # a lone surrogate, which no stored id has
            return []
        except apsw.Error as error:
            raise _translate(self.path, error) from error
        rows.sort(key=TIME, reverse=True)  # stable, and many times faster than sorting in SQLite
        return [RatingEvent(*row) for row in rows]

    def all_events(self) -> Iterator[RatingEvent]:
        rows = self._snapshot()
        next(rows)  # takes the snapshot
        return rows  # type: ignore[return-value]

    def count(self) -> int:
        try:
            with self._read_lock:
                return int(self._reader.execute("SELECT count(*) FROM feedback").get)
        except apsw.Error as error:
            raise _translate(self.path, error) from error

    def close(self) -> None:
        self._commits.close()
        with self._read_lock:
            for connection in (self._reading, self._writing):
                with suppress(apsw.Error):
                    if self._find_inodes() != self._inodes:  # closing would remove the log of the file now there
                        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                    connection.close()

    def _commit(self, batches: Sequence[LatestEvents]) -> None:
        rows = ((user, item, *event) for batch in batches for (user, item), event in batch.items())
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            self._writing.executemany(UPSERT, rows)
            self._writing.execute("COMMIT")
        finally:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
        if self._find_inodes() != self._inodes:
            raise Unavailable(
                f"{self.path} was moved, removed or replaced while in use", "put it back, or restart the service"
            )

    def _find_inodes(self) -> list[tuple[int, int] | None]:
        """Device and inode of the database and its log: SQLite goes on writing to a file that was removed."""
        found: list[tuple[int, int] | None] = []
        for file in self._files:
            try:
                status = os.stat(file)  # noqa: PTH116  # a third of the time of Path.stat
                found.append((status.st_dev, status.st_ino))
            except OSError:
                found.append(None)
        return found

    def _snapshot(self) -> Iterator[RatingEvent | None]:
        """None once the snapshot is taken, and then every event."""
        try:
            with closing(_connect(self.path)) as connection:
                rows: Any = connection.execute(SELECT_ALL)
                first = rows.fetchone()  # the snapshot is that of this moment
                yield None
                for row in chain([first] if first else [], rows):
                    yield RatingEvent(*row)
        except apsw.Error as error:
            raise _translate(self.path, error) from error


def _open_checked(path: Path) -> apsw.Connection:
    """A connection to a store, which is checked."""
    connection = _connect(path)
    if connection.readonly("main"):
        raise Unavailable(f"{path} is read-only", "let the user of this process write to the file and its folder")
    if _is_empty(connection):
        raise BadArtifact(f"{path} is an empty database, not a store of ratings", "remove it, or name another file")
    _switch_to_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    if path.stat().st_size <= CHECKED_BYTES and (found := connection.execute("PRAGMA quick_check(1)").get) != "ok":
        raise BadArtifact(f"{path} is damaged: {' '.join(str(found).split())[:200]}", RESTORE)
    return connection


def _connect(path: Path, more_flags: int = 0) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | more_flags)
    connection.set_busy_timeout(int(BUSY_TIMEOUT * 1000))
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _is_empty(connection: apsw.Connection) -> bool:
    """Whether a database is empty; raises BadArtifact if it is neither empty nor a store of this version."""
    application, version, tables = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), "
        "(SELECT count(*) FROM sqlite_schema)"
    ).get
    if application == version == tables == 0:
        return True
    path = connection.filename
    if application != APPLICATION:
        raise BadArtifact(f"{path} is a database of another application", "name another file; it was not changed")
    if version != VERSION:
        raise BadArtifact(f"{path} has version {version}; this cofactor reads version {VERSION}", "upgrade cofactor")
    if connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'feedback'").get != SCHEMA:
        raise BadArtifact(f"{path} has no table of ratings of version {VERSION}", RESTORE)
    return False


def _create_table(connection: apsw.Connection) -> None:
    """Turns an empty database into a store, unless another process has done so in the meantime."""
    _switch_to_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    if _is_empty(connection):
        connection.execute(SCHEMA)
        connection.execute(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _switch_to_log(connection: apsw.Connection) -> None:
    """Switches to a write-ahead log. SQLite's busy timeout does not apply here, so this waits for other processes."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
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


def _sync_folder(path: Path) -> None:
    """Syncs the folder, so that the names of the file and its log are on disk; SQLite does so only for new files."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _translate(path: Path, error: Exception) -> CofactorError:
    """The error, with a message for an operator."""
    if isinstance(error, apsw.NotADBError):
        return BadArtifact(f"{path} is not an SQLite database, or is damaged", RESTORE)
    if isinstance(error, apsw.CorruptError | apsw.SQLError):
        return BadArtifact(f"{path} is damaged: {error}", RESTORE)
    if isinstance(error, apsw.FullError):
        return Unavailable(f"the disk of {path} is full", "free some space on it; no rating was stored")
    if isinstance(error, apsw.BusyError):
        return Unavailable(
            f"{path} is locked by another program", f"it did not release the lock in {BUSY_TIMEOUT:g} s: end it"
        )
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        hint = "let the user of this process write to the file and its folder"
        return Unavailable(f"{path} cannot be opened for writing: {error}", hint)
    if isinstance(error, InterruptedError | apsw.ConnectionClosedError | apsw.CursorClosedError):
        return Unavailable(f"{path} is closed", "the service is stopping")
    if isinstance(error, CofactorError):
        return type(error)(error.message, error.hint)
    return Unavailable(f"{path} cannot be read or written: {error}", "check its disk; no rating was stored")
