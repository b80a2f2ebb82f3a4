"""Ratings in one SQLite file, without set-up, for any number of threads and processes on one machine.

The file has a write-ahead log with synchronous=FULL: a commit returns when its frames in FILE-wal are synced. Threads
that append at the same time share a commit (see `group_commit`); processes take turns. Each thread that reads has a
connection of its own, and no lock is shared between readers and writers.

Only SQLite opens the file: closing another descriptor of it would release the locks of the whole process.
"""

import logging
import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import apsw

from cofactor.errors import BadData, CofactorError, Unavailable
from cofactor.feedback.group_commit import GroupCommit
from cofactor.feedback.sqlite_connection import (
    ReaderPool,
    StoreFiles,
    connect,
    interrupted_at,
    open_checked,
    switch_to_log,
    sync_folder,
    translate,
    wait_until,
)
from cofactor.feedback.sqlite_erasure import erase_user
from cofactor.feedback.sqlite_schema import create_table, is_empty
from cofactor.feedback.store import (
    TIMEOUT,
    EventRow,
    LatestEvents,
    Mark,
    Pair,
    RatingChange,
    RatingEvent,
    RatingStore,
    check_storable,
    digest_id,
    is_utf8,
    latest_events,
)

T = TypeVar("T")

READ_TIMEOUT = 0.1  # seconds that a reader waits for a lock: writers never hold one that readers need
BLOCKED = 5.0  # seconds for which reads do not count as fast after one met a lock
FETCH_ROWS = 10_000  # at a time
MANY = 10_000  # users, from which on all notes are read
CHANGES_KEPT = 10_000  # changes after which a process that did not follow them reads everything again

GIVEN = "CREATE TEMP TABLE given (user TEXT, item TEXT, rating REAL, time INTEGER) STRICT"  # the rows of a commit
PUT_GIVEN = "INSERT INTO given VALUES (?, ?, ?, ?)"
UPSERT = "INSERT OR REPLACE INTO feedback SELECT user, item, rating, time FROM given"
COUNT_KEPT = (
    "SELECT count(*) FROM given CROSS JOIN feedback AS kept ON kept.user = given.user AND kept.item = given.item "
    "WHERE kept.rating IS given.rating AND kept.time = given.time"
)
PRUNE = f"DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - {CHANGES_KEPT}"
SELECT_USER = (
    "SELECT user, item, rating, time FROM feedback WHERE user = ? ORDER BY item"  # the order of the primary key
)
SELECT_RATINGS = "SELECT item, rating FROM feedback WHERE user = ?"
SELECT_PAIR = "SELECT user, item, rating, time FROM feedback WHERE user = ? AND item = ?"
SELECT_COUNT = "SELECT events FROM user_counts WHERE user = ?"
SELECT_ALL = "SELECT user, item, rating, time FROM feedback ORDER BY user, item"
SELECT_NUMBER = "SELECT seq FROM sqlite_sequence WHERE name = 'changes'"
SELECT_CHANGES = "SELECT user, item, existed, before, after FROM changes WHERE number > ? ORDER BY number"
TIME = itemgetter(3)

log = logging.getLogger("cofactor.feedback")


class SqliteStore(RatingStore):
    """A store in an existing file."""

    def __init__(self, path: Path, deadline: float | None = None) -> None:
        """Raises BadData if there is no file, BadArtifact if it belongs to another application, has a newer version or
        is damaged, and Unavailable if it cannot be opened for writing within TIMEOUT."""
        check_name(path)
        self.path = path.absolute()
        if not self.path.exists():
            raise BadData(f"there is no store of ratings in {path}", "cofactor serve --store FILE creates it")
        deadline = time.monotonic() + TIMEOUT if deadline is None else deadline
        self._blocked_until = 0.0
        try:
            self._writing = open_checked(self.path, deadline)
            self._writing.execute(f"PRAGMA temp_store = MEMORY; {GIVEN}")
            self._salt, self._identity = (bytes(self._setting(name)) for name in ("salt", "identity"))
        except (apsw.Error, UnicodeDecodeError) as error:
            raise translate(path, error) from error
        self._readers = ReaderPool(self._open_reader, self._close_connection)
        self._files = StoreFiles(self.path)
        sync_folder(self.path)
        self._unpruned = 0
        self._commits = GroupCommit(self._commit, shared=apsw.BusyError)

    @classmethod
    def create(cls, path: Path) -> "SqliteStore":
        """The store in a file, created if there is none."""
        check_name(path)
        whole, deadline = path.absolute(), time.monotonic() + TIMEOUT
        if not whole.parent.is_dir():
            make = f"mkdir -p {shlex.quote(str(path.parent))}"
            raise Unavailable(f"the folder {path.parent} for the store of ratings does not exist", make)
        try:
            with closing(connect(whole, deadline, apsw.SQLITE_OPEN_CREATE)) as connection:
                if is_empty(connection):
                    switch_to_log(connection, deadline)
                    create_table(connection)
        except apsw.Error as error:
            raise translate(path, error) from error
        return cls(path, deadline)

    @property
    def fast_reads(self) -> bool:
        return time.monotonic() >= self._blocked_until

    @property
    def identity(self) -> str:
        return self._identity.hex()

    # Events

    def append(self, events: Sequence[RatingEvent]) -> None:
        if not events:
            return
        error = self._commits.submit(latest_events(events), time.monotonic() + TIMEOUT)
        if error is not None:
            raise self._translate(error) from error

    def events_of(self, user: str) -> list[RatingEvent]:
        if not is_utf8(user):  # no stored id is
            return []
        rows: list[Any] = self._read(lambda connection: connection.execute(SELECT_USER, (user,)).fetchall())
        rows.sort(key=TIME, reverse=True)  # stable, and many times faster than sorting in SQLite
        return [RatingEvent(*row) for row in rows]

    def ratings_of(self, user: str) -> dict[str, float | None]:
        if not is_utf8(user):
            return {}
        rows: list[Any] = self._read(lambda connection: connection.execute(SELECT_RATINGS, (user,)).fetchall())
        return dict(rows)

    def events_at(self, pairs: Collection[Pair]) -> dict[Pair, RatingEvent]:
        storable = [pair for pair in pairs if is_utf8(pair[0]) and is_utf8(pair[1])]
        rows: list[Any] = self._read(lambda c: c.executemany(SELECT_PAIR, storable).fetchall())
        return {(user, item): RatingEvent(user, item, *rest) for user, item, *rest in rows}

    def counts_of(self, users: Collection[str]) -> dict[str, int]:
        storable = [user for user in users if is_utf8(user)]

        def counts(connection: apsw.Connection) -> dict[str, int]:
            return {user: int(connection.execute(SELECT_COUNT, (user,)).get or 0) for user in storable}

        return {**dict.fromkeys(users, 0), **self._read(counts)}

    def count(self) -> int:
        return int(self._read(lambda c: c.execute("SELECT coalesce(sum(events), 0) FROM user_counts").get))

    # Changes

    def snapshot(self) -> tuple[Mark, Iterator[list[EventRow]]]:
        rows = self._snapshot()
        return next(rows), rows  # type: ignore[arg-type,return-value]

    def changes_since(self, mark: Mark) -> tuple[Mark, list[RatingChange] | None]:
        since = int(mark[0])

        def changes(connection: apsw.Connection) -> tuple[int, list[Any]]:
            last = int(connection.execute(SELECT_NUMBER).get or 0)
            if last == since or not 0 < last - since <= CHANGES_KEPT:
                return last, []
            connection.execute("BEGIN")  # so that both are of one snapshot
            try:
                return int(connection.execute(SELECT_NUMBER).get), connection.execute(
                    SELECT_CHANGES, (since,)
                ).fetchall()
            finally:
                connection.execute("COMMIT")

        last, rows = self._read(changes)
        if len(rows) != last - since:  # removed events count as changes, but have no rows
            return (last,), None
        return (last,), [RatingChange(user, item, bool(existed), *both) for user, item, existed, *both in rows]

    # People who are forgotten

    def forget(self, user: str) -> int:
        check_storable("user", user)
        try:
            self._files.check()
            return erase_user(self.path, user, digest_id(self._salt, user))
        except Exception as error:
            raise self._translate(error) from error

    def forgotten(self, users: Collection[str]) -> dict[str, int]:
        digests = {digest_id(self._salt, user): user for user in users if is_utf8(user)}

        def notes(connection: apsw.Connection) -> list[Any]:
            if len(digests) > MANY:
                return connection.execute("SELECT digest, number FROM forgotten").fetchall()
            keys = [(digest,) for digest in digests]
            return connection.executemany("SELECT digest, number FROM forgotten WHERE digest = ?", keys).fetchall()

        return {digests[digest]: number for digest, number in self._read(notes) if digest in digests}

    def last_note(self) -> int:
        return int(self._read(lambda c: c.execute("SELECT coalesce(max(number), 0) FROM forgotten").get))

    # Titles

    @property
    def name(self) -> str:
        return self.path.name

    def titles(self) -> dict[str, str]:
        rows: list[Any] = self._read(lambda c: c.execute("SELECT item, title FROM titles").fetchall())
        return dict(rows)

    def replace_titles(self, titles: Mapping[str, str]) -> None:
        deadline = time.monotonic() + TIMEOUT
        rows = [(item, title) for item, title in titles.items() if is_utf8(item) and is_utf8(title)]
        try:
            with closing(self._connect(deadline)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM titles")
                connection.executemany("INSERT INTO titles VALUES (?, ?)", rows)
                connection.execute("COMMIT")
        except (apsw.Error, Unavailable) as error:
            raise self._translate(error) from error

    def close(self) -> None:
        if not self._commits.close(TIMEOUT):
            log.error("%s: its disk hangs; the last ratings may not have been stored", self.path)
            return  # the connection is in use
        self._readers.close()
        self._close_connection(self._writing)

    # Writing

    def _commit(self, batches: Sequence[LatestEvents], deadline: float) -> None:
        merged: LatestEvents = {}
        for batch in batches:
            merged.update(batch)
        rows = [(user, item, *event) for (user, item), event in merged.items()]
        wait_until(self._writing, deadline)
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            with interrupted_at(self._writing, deadline):
                self._writing.executemany(PUT_GIVEN, rows)
                self._writing.execute(UPSERT)
                self._check_kept(len(rows))
                self._prune(len(rows))
                self._writing.execute("DELETE FROM given")
            self._writing.execute("COMMIT")
        finally:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
        self._files.check()

    def _check_kept(self, n_rows: int) -> None:
        """Raises Unavailable if a trigger of somebody else discarded or changed a row."""
        lost = n_rows - int(self._writing.execute(COUNT_KEPT).get)
        if lost:
            hint = "a trigger in the database discards or changes them: remove it; no rating was stored"
            raise Unavailable(f"{self.path.name} did not keep {lost:,} of {n_rows:,} ratings", hint)

    def _prune(self, n_changes: int) -> None:
        self._unpruned += n_changes
        if self._unpruned > CHANGES_KEPT // 10:
            self._writing.execute(PRUNE)
            self._unpruned = 0

    # Reading

    def _read(self, query: Callable[[apsw.Connection], T]) -> T:
        try:
            with self._readers.connection() as connection:
                return query(connection)
        except (apsw.Error, UnicodeDecodeError, InterruptedError, Unavailable) as error:
            if isinstance(error, apsw.BusyError):
                self._blocked_until = time.monotonic() + BLOCKED
            raise self._translate(error) from error

    def _snapshot(self) -> Iterator[Mark | list[EventRow]]:
        """The mark of the snapshot, once it is taken, and then every event."""
        fetched: list[EventRow] = []
        try:
            with closing(self._connect(time.monotonic() + TIMEOUT)) as connection:
                connection.execute("BEGIN")
                number = int(connection.execute(SELECT_NUMBER).get or 0)  # the snapshot is that of this moment
                rows: Any = connection.execute(SELECT_ALL)
                yield (number,)
                while True:
                    fetched = []
                    fetched.extend(islice(rows, FETCH_ROWS))  # keeps the rows before one that cannot be read
                    if not fetched:
                        return
                    yield fetched
        except UnicodeDecodeError as error:
            told = self._translate(error)
            after = f" after user {fetched[-1][0]!r}, item {fetched[-1][1]!r}" if fetched else ""
            raise type(told)(f"{told.message}{after}", told.hint) from error
        except (apsw.Error, Unavailable) as error:
            raise self._translate(error) from error

    def _open_reader(self) -> apsw.Connection:
        return self._connect(time.monotonic() + READ_TIMEOUT)

    def _connect(self, deadline: float) -> apsw.Connection:
        """A further connection. Another file of the same name is not touched: closing it would remove the log of this
        one, and answers would come from both."""
        self._files.check()
        return connect(self.path, deadline)

    def _setting(self, name: str) -> Any:
        return self._writing.execute("SELECT value FROM settings WHERE name = ?", (name,)).get

    def _close_connection(self, connection: apsw.Connection) -> None:
        with suppress(apsw.Error):
            if not self._files.are_unchanged:  # closing would remove the log of the file now there
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()

    def _translate(self, error: Exception) -> CofactorError:
        """An error of an operation, which may reach a client of the service: it names the file without its folder."""
        told = translate(self.path.name, error)
        log.warning("%s: %s: %s", self.path, type(error).__name__, error)
        return told


def check_name(path: Path) -> None:
    """Raises BadData for a path that SQLite cannot open because it is not UTF-8."""
    if not is_utf8(str(path)):
        raise BadData(f"the path of the store {str(path)!r} is not UTF-8", "name a file in UTF-8")
