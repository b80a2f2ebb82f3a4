"""Ratings in one SQLite file, with no set-up, for any number of threads and of processes on one machine.

A write-ahead log with synchronous=FULL: a commit returns when its frames in FILE-wal are synced. Words of threads that
wait at the same time share a commit (see `group_commit`); processes take turns.

The file is only ever opened by SQLite: closing another descriptor of it would drop the locks of the whole process.
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
from cofactor.feedback.store import Feedback, Store, Words, checked

APPLICATION = int.from_bytes(b"cofF")  # in the header of the file, at byte 68
VERSION = 1
PATIENCE = 5.0  # seconds to wait for other processes
CHECKED = 64 << 20  # bytes of a file that is read through when it is opened, half a second's worth

SCHEMA = (
    "CREATE TABLE feedback (user TEXT NOT NULL, item TEXT NOT NULL, rating REAL, time INTEGER NOT NULL, "
    "PRIMARY KEY (user, item)) STRICT, WITHOUT ROWID"
)
PUT = "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?)"
OF = "SELECT user, item, rating, time FROM feedback WHERE user = ? ORDER BY item"  # the key's own order
ALL = "SELECT user, item, rating, time FROM feedback ORDER BY user, item"
TIME = itemgetter(3)

RESTORE = "nothing was changed in it; put a backup in its place, or name another file"


class SqliteStore(Store):
    """The store in an existing file."""

    brief = True

    def __init__(self, path: Path) -> None:
        """Raises BadData where there is no file, BadArtifact where it is another application's, of a newer version or
        damaged, Unavailable where it cannot be opened for writing."""
        self.path = path.absolute()
        if not self.path.exists():
            raise BadData(f"no ratings are kept in {path}", "the service makes the file: cofactor serve --store FILE")
        try:
            self._writing = _opened(self.path)
            self._reading = _opened(self.path)
        except apsw.Error as error:
            raise _explained(self.path, error) from error
        self._reader, self._read_lock = self._reading.cursor(), Lock()
        self._files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        self._inodes = self._found()
        _sync_folder(self.path)
        self._commits = GroupCommit(self._commit, shared=apsw.BusyError)

    @classmethod
    def create(cls, path: Path) -> "SqliteStore":
        """The same; an empty store is made where there is no file."""
        whole = path.absolute()
        if not whole.parent.is_dir():
            make = f"mkdir -p {shlex.quote(str(path.parent))}"
            raise Unavailable(f"there is no folder {path.parent} for a store of ratings", make)
        try:
            with closing(_connection(whole, apsw.SQLITE_OPEN_CREATE)) as connection:
                if _is_new(connection):
                    _lay_out(connection)
        except apsw.Error as error:
            raise _explained(whole, error) from error
        return cls(path)

    def put(self, words: Sequence[Feedback]) -> None:
        if not words:
            return
        error = self._commits.put(checked(words))
        if error is not None:
            raise _explained(self.path, error) from error

    def of(self, user: str) -> list[Feedback]:
        try:
            with self._read_lock:
                rows: list[Any] = self._reader.execute(OF, (user,)).fetchall()
        except UnicodeEncodeError:  # a lone surrogate: nobody is called so
            return []
        except apsw.Error as error:
            raise _explained(self.path, error) from error
        rows.sort(key=TIME, reverse=True)  # stable, and many times as fast as SQLite's sorter
        return [Feedback(*row) for row in rows]

    def all(self) -> Iterator[Feedback]:
        rows = self._everything()
        next(rows)  # up to where the snapshot is taken
        return rows  # type: ignore[return-value]

    def count(self) -> int:
        try:
            with self._read_lock:
                return int(self._reader.execute("SELECT count(*) FROM feedback").get)
        except apsw.Error as error:
            raise _explained(self.path, error) from error

    def close(self) -> None:
        self._commits.close()
        with self._read_lock:
            for connection in (self._reading, self._writing):
                with suppress(apsw.Error):
                    if self._found() != self._inodes:  # it would remove the log of whatever is there now
                        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                    connection.close()

    def _commit(self, several: Sequence[Words]) -> None:
        rows = ((user, item, *said) for words in several for (user, item), said in words.items())
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            self._writing.executemany(PUT, rows)
            self._writing.execute("COMMIT")
        finally:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
        if self._found() != self._inodes:
            raise Unavailable(
                f"{self.path} was moved, removed or replaced while it was in use", "put it back, or start again"
            )

    def _found(self) -> list[tuple[int, int] | None]:
        """What stands under the names of the database and its log: SQLite writes on to a file that was removed."""
        found: list[tuple[int, int] | None] = []
        for file in self._files:
            try:
                now = os.stat(file)  # noqa: PTH116  # a third of the time of Path.stat
                found.append((now.st_dev, now.st_ino))
            except OSError:
                found.append(None)
        return found

    def _everything(self) -> Iterator[Feedback | None]:
        try:
            with closing(_connection(self.path)) as connection:
                rows: Any = connection.execute(ALL)
                first = rows.fetchone()  # from here on it is one snapshot
                yield None
                for row in chain([first] if first else [], rows):
                    yield Feedback(*row)
        except apsw.Error as error:
            raise _explained(self.path, error) from error


def _opened(path: Path) -> apsw.Connection:
    """A connection to a store that was checked."""
    connection = _connection(path)
    if connection.readonly("main"):
        raise Unavailable(f"{path} can only be read", "let the user who runs this write to the file and to its folder")
    if _is_new(connection):
        raise BadArtifact(f"{path} is an empty database, no store of ratings", "remove it, or name another file")
    _switch_to_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    if path.stat().st_size <= CHECKED and (found := connection.execute("PRAGMA quick_check(1)").get) != "ok":
        raise BadArtifact(f"{path} is damaged: {' '.join(str(found).split())[:200]}", RESTORE)
    return connection


def _connection(path: Path, more_flags: int = 0) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | more_flags)
    connection.set_busy_timeout(int(PATIENCE * 1000))
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _is_new(connection: apsw.Connection) -> bool:
    """Whether a database is still empty; raises BadArtifact where it is neither that nor a store of this version."""
    application, version, tables = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), "
        "(SELECT count(*) FROM sqlite_schema)"
    ).get
    if application == version == tables == 0:
        return True
    path = connection.filename
    if application != APPLICATION:
        raise BadArtifact(f"{path} is a database of another application", "name another file; it was left as it is")
    if version != VERSION:
        raise BadArtifact(f"{path} is of version {version}, this program knows version {VERSION}", "upgrade cofactor")
    if connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'feedback'").get != SCHEMA:
        raise BadArtifact(f"{path} has no table of ratings of version {VERSION}", RESTORE)
    return False


def _lay_out(connection: apsw.Connection) -> None:
    """Makes a store of an empty database; of several processes that do so at once, the first does it."""
    _switch_to_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    if _is_new(connection):
        connection.execute(SCHEMA)
        connection.execute(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _switch_to_log(connection: apsw.Connection) -> None:
    """For this SQLite does not wait by itself while another process has the file open."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").get
            break
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise Unavailable(
            f"{connection.filename} cannot have a write-ahead log", "keep it on a disk of this machine, not on a share"
        )


def _sync_folder(path: Path) -> None:
    """The names of the file and of its log are on the disk, too: only who makes a file would sync its folder."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _explained(path: Path, error: Exception) -> CofactorError:
    """What went wrong, in words for an operator."""
    if isinstance(error, apsw.NotADBError):
        return BadArtifact(f"{path} is no database of SQLite, or damaged", RESTORE)
    if isinstance(error, apsw.CorruptError | apsw.SQLError):
        return BadArtifact(f"{path} is damaged: {error}", RESTORE)
    if isinstance(error, apsw.FullError):
        return Unavailable(f"no room is left for {path}", "free some space on its disk; nothing was taken")
    if isinstance(error, apsw.BusyError):
        return Unavailable(
            f"{path} is locked by another program", f"it was waited for {PATIENCE:g} s: end that program"
        )
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        hint = "let the user who runs this write to the file and to its folder"
        return Unavailable(f"{path} cannot be opened for writing: {error}", hint)
    if isinstance(error, InterruptedError | apsw.ConnectionClosedError | apsw.CursorClosedError):
        return Unavailable(f"{path} is closed", "the service is stopping")
    if isinstance(error, CofactorError):
        return type(error)(error.message, error.hint)
    return Unavailable(f"{path} is out of reach: {error}", "look at its disk; nothing was taken")
