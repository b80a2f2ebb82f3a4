"""Ratings in a PostgreSQL database, for services on several machines.

A batch is a transaction, which returns when the server has synced its log; the server shares one sync among
transactions that commit at the same time. Ids are stored as UTF-8 bytes, so that they sort by code point. The view
cofactor_ratings shows them as text.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cofactor.errors import BadArtifact, BadData, Unavailable
from cofactor.feedback import postgres_schema as schema
from cofactor.feedback.postgres_address import parse_address
from cofactor.feedback.postgres_connections import (
    LONG_TIMEOUT,
    Connection,
    Connections,
    fetch_value,
    log,
    translated,
)
from cofactor.feedback.store import (
    TIMEOUT,
    EventRow,
    Mark,
    Pair,
    RatingChange,
    RatingEvent,
    RatingStore,
    check_storable,
    digest_id,
    is_utf8,
    latest_events,
    without_password,
)
from cofactor.ids import normalize_id

LOCK = int.from_bytes(b"cofF")  # advisory lock, held while the tables are created
FETCH_ROWS = 10_000  # at a time
MANY = 10_000  # users, from which on all notes are read
VACUUM_TIMEOUT = 60.0  # seconds


class PostgresStore(RatingStore):
    """A store in an existing table of a database."""

    fast_reads = False

    def __init__(self, address: str) -> None:
        """Raises BadData for an invalid address or if there is no table, BadArtifact if the table of that name has
        another format, and Unavailable if the server does not answer or would lose ratings in a power failure."""
        self._shown = without_password(address)
        self._connections, self._unpruned = Connections(parse_address(address), self._shown), 0
        with self._connections.opening(TIMEOUT) as connection:
            if not _has_table(connection, self._shown):
                raise BadData(f"{self._shown} has no table of ratings", "cofactor serve --store ADDRESS creates it")
            self._complete = bool(fetch_value(connection, schema.IS_COMPLETE))
            self._salt, self._identity = _settings(connection) if self._complete else (b"", b"")
        self._connections.open_pool()

    @classmethod
    def create(cls, address: str) -> "PostgresStore":
        """The store in a database; tables that are missing are created."""
        name = without_password(address)
        connections = Connections(parse_address(address), name)
        with connections.opening(TIMEOUT) as connection:
            complete = _has_table(connection, name) and fetch_value(connection, schema.IS_COMPLETE)
        if not complete:
            _create_tables(connections, name)
        return cls(address)

    @property
    def identity(self) -> str:
        return self._identity.hex()

    # Events

    def append(self, events: Sequence[RatingEvent]) -> None:
        if not events:
            return
        rows = sorted((user.encode(), item.encode(), *rest) for (user, item), rest in latest_events(events).items())
        columns = [list(column) for column in zip(*rows, strict=True)]  # sorted, so that two batches cannot deadlock
        self._connections.transaction(lambda connection: self._put(connection, columns))
        self._prune(len(rows))

    def events_of(self, user: str) -> list[RatingEvent]:
        if not is_utf8(user):  # no stored id is
            return []
        rows = self._connections.query(lambda c: c.execute(schema.SELECT_USER, [user.encode()], binary=True).fetchall())
        with translated(self._shown):
            return [RatingEvent(user, item.decode(), rating, time) for item, rating, time in rows]

    def ratings_of(self, user: str) -> dict[str, float | None]:
        if not is_utf8(user):
            return {}
        rows = self._connections.query(
            lambda c: c.execute(schema.SELECT_RATINGS, [user.encode()], binary=True).fetchall()
        )
        with translated(self._shown):
            return {item.decode(): rating for item, rating in rows}

    def events_at(self, pairs: Collection[Pair]) -> dict[Pair, RatingEvent]:
        storable = [pair for pair in pairs if is_utf8(pair[0]) and is_utf8(pair[1])]
        columns = [[user.encode() for user, _ in storable], [item.encode() for _, item in storable]]
        rows = self._connections.query(lambda c: c.execute(schema.SELECT_PAIRS, columns, binary=True).fetchall())
        decoded = [(user.decode(), item.decode(), rest) for user, item, *rest in rows]
        return {(user, item): RatingEvent(user, item, *rest) for user, item, rest in decoded}

    def counts_of(self, users: Collection[str]) -> dict[str, int]:
        keys = {user.encode(): user for user in users if is_utf8(user)}
        rows = self._connections.query(lambda c: c.execute(schema.SELECT_COUNTS, [list(keys)], binary=True).fetchall())
        return {**dict.fromkeys(users, 0), **{keys[user]: events for user, events in rows}}

    def count(self) -> int:
        return int(
            self._connections.query(
                lambda connection: fetch_value(connection, "SELECT count(*) FROM cofactor_feedback")
            )
        )

    # Changes

    def snapshot(self) -> tuple[Mark, Iterator[list[EventRow]]]:
        rows = self._snapshot()
        return next(rows), rows  # type: ignore[arg-type,return-value]

    def changes_since(self, mark: Mark) -> tuple[Mark, list[RatingChange] | None]:
        since, last_number, last_removals = mark
        rows = self._connections.query(
            lambda c: c.execute(schema.SELECT_CHANGES, {"since": since, "last": last_number}, binary=True).fetchall()
        )
        snapshot, last, removals, pruned = rows[0][:4]
        here: Mark = (snapshot, last, removals)
        behind = pruned > 0 and int(last_number) - schema.IN_FLIGHT < pruned
        if removals != last_removals or behind or len(rows) > schema.CHANGES_KEPT:
            return here, None
        with translated(self._shown):
            changes = [row[5:] for row in rows if row[4] is not None]
            return here, [RatingChange(user.decode(), item.decode(), *rest) for user, item, *rest in changes]

    # People who are forgotten

    def forget(self, user: str) -> int:
        """Erases the events from the tables. VACUUM frees their space, and the server overwrites it in time."""
        check_storable("user", user)
        self._complete_tables()
        ids = [one.encode() for one in (user, normalize_id(user))]
        note = {"digest": digest_id(self._salt, user), "time": int(time.time())}
        with self._connections.single(TIMEOUT) as connection, connection.transaction():
            deleted = connection.execute(schema.DELETE_USER, [ids]).rowcount
            connection.execute(schema.DELETE_CHANGES, [ids])
            for statement in schema.NOTE:
                connection.execute(statement, note)
            left = fetch_value(connection, schema.COUNT_USER, ids)
            if left or not fetch_value(connection, schema.IS_NOTED, note["digest"]):
                raise Unavailable(f"{left:,} ratings could not be deleted", "a trigger in the database keeps them")
        with self._connections.single(VACUUM_TIMEOUT) as connection:
            connection.execute("SET statement_timeout = 0")
            connection.execute(schema.VACUUM)
        return deleted

    def forgotten(self, users: Collection[str]) -> dict[str, int]:
        if not self._complete:
            return {}
        digests = {digest_id(self._salt, user): user for user in users if is_utf8(user)}
        select, keys = "SELECT digest, number FROM cofactor_forgotten", [list(digests)]
        if len(digests) <= MANY:
            rows = self._connections.query(lambda c: c.execute(f"{select} WHERE digest = ANY(%s)", keys).fetchall())
        else:
            rows = self._connections.query(lambda c: c.execute(select).fetchall())
        return {digests[digest]: number for digest, number in rows if digest in digests}

    def last_note(self) -> int:
        select = "SELECT coalesce(max(number), 0) FROM cofactor_forgotten"
        return int(self._connections.query(lambda connection: fetch_value(connection, select))) if self._complete else 0

    # Titles

    @property
    def name(self) -> str:
        return self._shown

    def titles(self) -> dict[str, str]:
        if not self._complete:
            return {}
        rows = self._connections.query(
            lambda c: c.execute("SELECT item, title FROM cofactor_titles", binary=True).fetchall()
        )
        with translated(self._shown):
            return {item.decode(): title.decode() for item, title in rows}

    def replace_titles(self, titles: Mapping[str, str]) -> None:
        self._complete_tables()
        put = (
            "WITH former AS (DELETE FROM cofactor_titles WHERE NOT item = ANY(%s)) INSERT INTO cofactor_titles "
            "SELECT * FROM unnest(%s::bytea[], %s::bytea[]) ON CONFLICT (item) DO UPDATE SET title = EXCLUDED.title"
        )
        rows = sorted((i.encode(), title.encode()) for i, title in titles.items() if is_utf8(i) and is_utf8(title))
        items = [item for item, _ in rows]
        columns = [items, items, [title for _, title in rows]]
        self._connections.query(lambda connection: connection.execute(put, columns))

    def close(self) -> None:
        self._connections.close()

    def _put(self, connection: Connection, columns: list[list[Any]]) -> None:
        """Writes events and reads them back; raises Unavailable if a trigger discarded or changed some."""
        connection.execute(schema.UPSERT, columns)
        lost = len(columns[0]) - int(fetch_value(connection, schema.COUNT_KEPT, *columns))
        if lost:
            hint = "a trigger in the database discards or changes them: remove it; no rating was stored"
            raise Unavailable(f"{self._shown} did not keep {lost:,} of {len(columns[0]):,} ratings", hint)

    def _prune(self, n_changes: int) -> None:
        self._unpruned += n_changes
        if self._unpruned > schema.CHANGES_KEPT // 10:
            self._unpruned = 0
            try:
                self._connections.transaction(lambda c: [c.execute(statement) for statement in schema.PRUNE])
            except Unavailable as error:
                log.warning("%s: old changes were not removed: %s", self._shown, error.message)

    def _complete_tables(self) -> None:
        """Creates the tables that a store of an earlier cofactor lacks."""
        if not self._complete:
            _create_tables(self._connections, self._shown)
            with self._connections.opening(TIMEOUT) as connection:
                self._salt, self._identity = _settings(connection)
            self._complete = True

    def _snapshot(self) -> Iterator[Mark | list[EventRow]]:
        """The mark of the snapshot, once it is taken, and then every event."""
        with self._connections.reading() as (connection, limited):
            with limited():
                connection.execute("SET statement_timeout = 0")  # reading a large store takes longer
                connection.execute("SET idle_in_transaction_session_timeout = 0")
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                mark = connection.execute(schema.SELECT_MARK).fetchone() if self._complete else None
                rows = connection.cursor("snapshot", binary=True)
                rows.execute(schema.SELECT_ALL)
            try:
                yield (mark or ("", 0, 0))[:3]
                while True:
                    with limited():
                        fetched = rows.fetchmany(FETCH_ROWS)
                    if not fetched:
                        return
                    yield [(user.decode(), item.decode(), rating, seconds) for user, item, rating, seconds in fetched]
            finally:
                with limited():
                    rows.close()


def _settings(connection: Connection) -> tuple[bytes, bytes]:
    found: dict[str, bytes] = dict(connection.execute("SELECT name, value FROM cofactor_settings").fetchall())
    return bytes(found["salt"]), bytes(found["identity"])


def _create_tables(connections: Connections, name: str) -> None:
    with connections.opening(LONG_TIMEOUT) as connection:
        connection.execute("SET statement_timeout = 0")  # counting the events of a large store takes longer
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # before the transaction, which then sees new tables
        with connection.transaction():
            if not _has_table(connection, name):
                for statement in schema.SCHEMA:
                    connection.execute(statement)
            if not fetch_value(connection, schema.IS_COMPLETE):  # another process may have completed them
                for statement in schema.completing_statements():
                    connection.execute(statement)


def _has_table(connection: Connection, name: str) -> bool:
    """Whether the table exists; raises BadArtifact if it has another format, and Unavailable if the server does not
    sync its log."""
    found = connection.execute(
        "SELECT current_setting('fsync'), to_regclass('cofactor_feedback') IS NOT NULL, "
        "obj_description(to_regclass('cofactor_feedback'), 'pg_class')"
    ).fetchone()
    fsync, exists, comment = found or ("", False, None)
    if fsync == "off":
        raise Unavailable(
            f"the server of {name} runs with fsync = off", "set it to on: a power failure would lose ratings"
        )
    if exists and comment != schema.FORMAT:
        raise BadArtifact(
            f"the table cofactor_feedback in {name} has the format {comment!r}, not {schema.FORMAT!r}",
            "upgrade cofactor, or name another database or schema; nothing was changed",
        )
    return bool(exists)
