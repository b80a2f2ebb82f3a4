"""Erasing a person from an SQLite file: from its table, its free pages and its log.

Deleting rows is not enough: SQLite leaves the bytes in free space and in the log. VACUUM writes the whole file anew
from the rows that are left, and a checkpoint that truncates the log removes the former pages from there.
"""

import time
from contextlib import closing
from pathlib import Path

import apsw

from cofactor.errors import Unavailable
from cofactor.feedback.sqlite_connection import connect, wait_until
from cofactor.feedback.store import TIMEOUT
from cofactor.ids import normalize_id

LOG_TIMEOUT = 30.0  # seconds to wait for readers to leave the log; one that trains may read for long
NOTE = "INSERT OR REPLACE INTO forgotten (digest, time) VALUES (?, ?)"


def erase_user(path: Path, user: str, digest: bytes) -> int:
    """Deletes the events of a user, notes the digest, and erases the traces; returns the number of events.

    Raises Unavailable while another process uses the file; if it uses the log, the events are deleted, but not yet
    erased: call this again.
    """
    with closing(connect(path, time.monotonic() + TIMEOUT)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        deleted = _delete_and_note(connection, user, digest)
        wait_until(connection, time.monotonic() + LOG_TIMEOUT)
        try:
            connection.execute("VACUUM")
        except apsw.Error as error:
            detail = f"the ratings are deleted, but their bytes are still in {path.name}: it cannot be written anew"
            hint = "forget the user again when its disk has room for a copy of it, and no other program uses it"
            raise Unavailable(f"{detail}: {error}", hint) from error
        _empty_log(connection, path.name)
    return deleted


def _delete_and_note(connection: apsw.Connection, user: str, digest: bytes) -> int:
    ids = (user, normalize_id(user))
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("DELETE FROM feedback WHERE user IN (?, ?)", ids)
        deleted = connection.changes()
        connection.execute("DELETE FROM changes WHERE user IN (?, ?)", ids)
        connection.execute(NOTE, (digest, int(time.time())))
        left = connection.execute("SELECT count(*) FROM feedback WHERE user IN (?, ?)", ids).get
        noted = connection.execute("SELECT count(*) FROM forgotten WHERE digest = ?", (digest,)).get
        if left or not noted:
            raise Unavailable(f"{left:,} ratings could not be deleted", "a trigger in the database keeps them")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return int(deleted)


def _empty_log(connection: apsw.Connection, name: str) -> None:
    deadline = time.monotonic() + LOG_TIMEOUT
    while True:
        wait_until(connection, min(deadline, time.monotonic() + 1))
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").get
        if not busy:
            return
        if time.monotonic() > deadline:
            hint = "another process reads the store: forget the user again when it has ended"
            raise Unavailable(f"the ratings are deleted, but their bytes are still in the log of {name}", hint)
