"""Ratings in a PostgreSQL database, for services on several machines.

Each statement is a transaction of its own and returns when the server has synced its log; the server shares one sync
among transactions that commit at the same time. Ids are stored as UTF-8 bytes: so any text fits into a database of any
encoding, and ids sort by code point. The view cofactor_ratings shows them as text.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from cofactor.errors import BadArtifact, BadData, Unavailable
from cofactor.feedback.store import RatingEvent, RatingStore, latest_events, without_password

try:
    import psycopg
    from psycopg import conninfo, sql
    from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
except ImportError as missing:
    raise Unavailable(
        "a store of ratings in PostgreSQL needs psycopg, which is not installed", "pip install 'cofactor[postgres]'"
    ) from missing

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

FORMAT = "cofactor feedback 1"  # the comment on the table
LOCK = int.from_bytes(b"cofF")  # advisory lock, held while the table is created
TIMEOUT = 5.0  # seconds for each of: connecting, waiting for a connection, a statement
MAX_CONNECTIONS = 8  # of each process
KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
FETCH_ROWS = 10_000  # at a time

SCHEMA = (
    'CREATE TABLE cofactor_feedback ("user" bytea NOT NULL, item bytea NOT NULL, rating float8, '
    'time bigint NOT NULL, PRIMARY KEY ("user", item))',
    f"COMMENT ON TABLE cofactor_feedback IS '{FORMAT}'",
    'CREATE VIEW cofactor_ratings AS SELECT {} AS "user", {} AS item, rating, time, to_timestamp(time) AS at '
    "FROM cofactor_feedback".format(
        *(
            rf"CASE WHEN position('\x00'::bytea IN {name}) > 0 THEN encode({name}, 'escape') "
            f"ELSE convert_from({name}, 'UTF8') END"
            for name in ('"user"', "item")
        )
    ),
)
UPSERT = (
    "INSERT INTO cofactor_feedback SELECT * FROM unnest(%s::bytea[], %s::bytea[], %s::float8[], %s::bigint[]) "
    'ON CONFLICT ("user", item) DO UPDATE SET rating = EXCLUDED.rating, time = EXCLUDED.time'
)
SELECT_USER = 'SELECT item, rating, time FROM cofactor_feedback WHERE "user" = %s ORDER BY time DESC, item'
SELECT_ALL = 'SELECT "user", item, rating, time FROM cofactor_feedback ORDER BY "user", item'
# Asynchronous commits may lose ratings; a stricter setting of the operator is left as it is.
SYNCHRONOUS_COMMIT = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # silent unless the service logs


class PostgresStore(RatingStore):
    """A store in an existing table of a database."""

    fast_reads = False

    def __init__(self, address: str) -> None:
        """Raises BadData for an invalid address or if there is no table, BadArtifact if the table of that name has
        another format, and Unavailable if the server does not answer or would lose ratings in a power failure."""
        self._address, self._name = _parsed(address), without_password(address)
        with _translated(self._name), _connected(self._address) as connection:
            if not _has_table(connection, self._name):
                raise BadData(f"{self._name} has no table of ratings", "cofactor serve --store ADDRESS creates it")
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._address,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=MAX_CONNECTIONS,
            open=True,
            configure=_configure,
            timeout=TIMEOUT,
            reconnect_timeout=TIMEOUT,  # after that the next request tries again
        )

    @classmethod
    def create(cls, address: str) -> "PostgresStore":
        """The store in a database; its table is created if there is none."""
        with (
            _translated(without_password(address)),
            _connected(_parsed(address)) as connection,
            connection.transaction(),
        ):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            if not _has_table(connection, without_password(address)):
                for statement in SCHEMA:
                    connection.execute(sql.SQL(statement))
        return cls(address)

    def append(self, events: Sequence[RatingEvent]) -> None:
        if not events:
            return
        rows = sorted((user.encode(), item.encode(), *rest) for (user, item), rest in latest_events(events).items())
        columns = [list(column) for column in zip(*rows, strict=True)]  # sorted, so that two batches cannot deadlock
        self._query(lambda connection: connection.execute(UPSERT, columns))

    def events_of(self, user: str) -> list[RatingEvent]:
        try:
            key = user.encode()
        except UnicodeEncodeError:  # a lone surrogate, which no stored id has
            return []
        rows = self._query(lambda connection: connection.execute(SELECT_USER, [key], binary=True).fetchall())
        return [RatingEvent(user, item.decode(), rating, time) for item, rating, time in rows]

    def all_events(self) -> Iterator[RatingEvent]:
        rows = self._snapshot()
        next(rows)  # takes the snapshot
        return rows  # type: ignore[return-value]

    def count(self) -> int:
        (found,) = self._query(lambda c: c.execute("SELECT count(*) FROM cofactor_feedback").fetchone()) or (0,)
        return int(found)

    def close(self) -> None:
        self._pool.close()

    def _query(self, query: Callable[[Connection], T]) -> T:
        """Runs a query over a connection of the pool. A lost connection is replaced and the query repeated: every query
        may run twice without harm."""
        deadline = time.monotonic() + TIMEOUT
        with _translated(self._name):
            while True:
                connection = None
                try:
                    with self._pool.connection() as connection:
                        return query(connection)
                except psycopg.OperationalError:
                    if connection is None or not connection.broken or time.monotonic() > deadline:
                        raise
                    self._pool.check()  # the other connections were lost as well

    def _snapshot(self) -> Iterator[RatingEvent | None]:
        """None once the snapshot is taken, and then every event."""
        with _translated(self._name), _connected(self._address) as connection, connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")  # reading a large store takes longer
            with connection.cursor("snapshot", binary=True) as rows:
                rows.itersize = FETCH_ROWS
                rows.execute(SELECT_ALL)
                yield None
                for user, item, rating, seconds in rows:
                    yield RatingEvent(user.decode(), item.decode(), rating, seconds)


def _connected(address: str) -> Connection:
    connection = psycopg.connect(address, autocommit=True)
    _configure(connection)
    return connection


def _configure(connection: Connection) -> None:
    connection.execute(SYNCHRONOUS_COMMIT)
    connection.execute("SELECT set_config('statement_timeout', %s, false)", [f"{int(TIMEOUT * 1000)}ms"])


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
    if exists and comment != FORMAT:
        raise BadArtifact(
            f"the table cofactor_feedback in {name} has the format {comment!r}, not {FORMAT!r}",
            "upgrade cofactor, or name another database or schema; nothing was changed",
        )
    return bool(exists)


def _parsed(address: str) -> str:
    """The address with timeouts added. An address that libpq would misread is rejected before anything connects: the
    part it takes for a host or a port may belong to a password, and its error message would show it."""
    try:
        given = conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        given = {"port": "unreadable"}
    ports = str(given.get("port") or "5432").split(",")
    misread = "@" in f"{given.get('host', '')}{given.get('dbname', '')}"
    if misread or not all(port.isdigit() for port in ports):
        raise BadData(
            "the address of the PostgreSQL store is invalid",
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with @ : / ? % written as %40 %3A %2F %3F %25",
        )
    timeouts: dict[str, str | int] = {"connect_timeout": int(TIMEOUT), "application_name": "cofactor", **KEEPALIVES}
    return conninfo.make_conninfo(address, **{key: value for key, value in timeouts.items() if key not in given})


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turns errors of PostgreSQL into messages for an operator."""
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        closed = isinstance(error, PoolClosed)
        raise Unavailable(
            f"{name} is closed" if closed else f"{name} does not answer",
            "the service is stopping" if closed else "is the server running? No rating was stored",
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise Unavailable(
            f"{name} took more than {TIMEOUT:g} s", "it is locked or busy; no rating was stored"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        hint = "GRANT CREATE, USAGE ON SCHEMA … TO the database user of the service, which then owns the table"
        raise Unavailable(f"{name}: {_first_line(error)}", hint) from error
    except psycopg.Error as error:
        raise Unavailable(f"{name}: {_first_line(error)}", "look at the server; no rating was stored") from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
