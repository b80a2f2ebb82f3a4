"""Ratings in a PostgreSQL database, for services on several machines.

One statement is one transaction, and returns when the server has synced its log; the server shares a sync between those
who commit at once. Ids are kept as the bytes of their UTF-8: any text fits into a database of any encoding, and their
order is that of code points. The view cofactor_ratings shows them as text.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from cofactor.errors import BadArtifact, BadData, Unavailable
from cofactor.feedback.store import Feedback, Store, checked, shown

try:
    import psycopg
    from psycopg import conninfo, sql
    from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
except ImportError as missing:
    raise Unavailable(
        "ratings are kept in PostgreSQL with psycopg, which is not installed", "pip install 'cofactor[postgres]'"
    ) from missing

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

FORMAT = "cofactor feedback 1"  # the comment on the table
LOCK = int.from_bytes(b"cofF")  # advisory: held while the table is made
PATIENCE = 5.0  # seconds, for each of: connecting, waiting for a connection, a statement
MOST_CONNECTIONS = 8  # of each process
AWAY = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
ROWS = 10_000  # fetched at a time

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
PUT = (
    "INSERT INTO cofactor_feedback SELECT * FROM unnest(%s::bytea[], %s::bytea[], %s::float8[], %s::bigint[]) "
    'ON CONFLICT ("user", item) DO UPDATE SET rating = EXCLUDED.rating, time = EXCLUDED.time'
)
OF = 'SELECT item, rating, time FROM cofactor_feedback WHERE "user" = %s ORDER BY time DESC, item'
ALL = 'SELECT "user", item, rating, time FROM cofactor_feedback ORDER BY "user", item'
# A commit that is not waited for is never good enough; a stricter setting of the operator's stays.
WAITED_FOR = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # for the log of a service, if there is one


class PostgresStore(Store):
    """The store in an existing table of a database."""

    brief = False

    def __init__(self, address: str) -> None:
        """Raises BadData for an address that cannot be read or where there is no table, BadArtifact for a table of the
        name that is not ours, Unavailable where the server does not answer or would lose ratings in a power cut."""
        self._address, self._name = _parsed(address), shown(address)
        with _explained(self._name), _connected(self._address) as connection:
            if not _is_laid_out(connection, self._name):
                raise BadData(f"no ratings are kept in {self._name}", "the service makes the table: --store ADDRESS")
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._address,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=MOST_CONNECTIONS,
            open=True,
            configure=_configure,
            timeout=PATIENCE,
            reconnect_timeout=PATIENCE,  # then whoever asks next tries anew
        )

    @classmethod
    def create(cls, address: str) -> "PostgresStore":
        """The same; the table is made where there is none."""
        with _explained(shown(address)), _connected(_parsed(address)) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            if not _is_laid_out(connection, shown(address)):
                for statement in SCHEMA:
                    connection.execute(sql.SQL(statement))
        return cls(address)

    def put(self, words: Sequence[Feedback]) -> None:
        if not words:
            return
        said = sorted((user.encode(), item.encode(), *rest) for (user, item), rest in checked(words).items())
        columns = [list(column) for column in zip(*said, strict=True)]  # sorted: two batches cannot wait for each other
        self._ask(lambda connection: connection.execute(PUT, columns))

    def of(self, user: str) -> list[Feedback]:
        try:
            asked = user.encode()
        except UnicodeEncodeError:  # a lone surrogate: nobody is called so
            return []
        rows = self._ask(lambda connection: connection.execute(OF, [asked], binary=True).fetchall())
        return [Feedback(user, item.decode(), rating, time) for item, rating, time in rows]

    def all(self) -> Iterator[Feedback]:
        rows = self._everything()
        next(rows)  # up to where the snapshot is taken
        return rows  # type: ignore[return-value]

    def count(self) -> int:
        (found,) = self._ask(lambda c: c.execute("SELECT count(*) FROM cofactor_feedback").fetchone()) or (0,)
        return int(found)

    def close(self) -> None:
        self._pool.close()

    def _ask(self, question: Callable[[Connection], T]) -> T:
        """Asks over a connection of the pool. A lost one is replaced and asked again: no question does harm twice."""
        until = time.monotonic() + PATIENCE
        with _explained(self._name):
            while True:
                connection = None
                try:
                    with self._pool.connection() as connection:
                        return question(connection)
                except psycopg.OperationalError:
                    if connection is None or not connection.broken or time.monotonic() > until:
                        raise
                    self._pool.check()  # the others were lost as well

    def _everything(self) -> Iterator[Feedback | None]:
        with _explained(self._name), _connected(self._address) as connection, connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")  # a training may read for long
            with connection.cursor("everything", binary=True) as rows:
                rows.itersize = ROWS
                rows.execute(ALL)  # from here on it is one snapshot
                yield None
                for user, item, rating, at in rows:
                    yield Feedback(user.decode(), item.decode(), rating, at)


def _connected(address: str) -> Connection:
    connection = psycopg.connect(address, autocommit=True)
    _configure(connection)
    return connection


def _configure(connection: Connection) -> None:
    connection.execute(WAITED_FOR)
    connection.execute("SELECT set_config('statement_timeout', %s, false)", [f"{int(PATIENCE * 1000)}ms"])


def _is_laid_out(connection: Connection, name: str) -> bool:
    """Whether the table is there; raises BadArtifact where it is not of this version, Unavailable where the server
    does not sync."""
    found = connection.execute(
        "SELECT current_setting('fsync'), to_regclass('cofactor_feedback') IS NOT NULL, "
        "obj_description(to_regclass('cofactor_feedback'), 'pg_class')"
    ).fetchone()
    fsync, there, comment = found or ("", False, None)
    if fsync == "off":
        raise Unavailable(f"the server of {name} runs with fsync = off", "set it to on: a power cut would lose ratings")
    if there and comment != FORMAT:
        raise BadArtifact(
            f"the table cofactor_feedback in {name} is not of the format {FORMAT!r} but {comment!r}",
            "upgrade cofactor, or name another database or schema; nothing was changed",
        )
    return bool(there)


def _parsed(address: str) -> str:
    """The address with patience added, as libpq reads it. What libpq misreads may be a part of a password, so that is
    looked for before anything connects and could tell of it."""
    try:
        given = conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        given = {"port": "unreadable"}
    ports = str(given.get("port") or "5432").split(",")
    misread = "@" in f"{given.get('host', '')}{given.get('dbname', '')}"
    if misread or not all(port.isdigit() for port in ports):
        raise BadData(
            "the address of the PostgreSQL store cannot be read",
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, in which @ : / ? % are written %40 %3A %2F %3F %25",
        )
    patience: dict[str, str | int] = {"connect_timeout": int(PATIENCE), "application_name": "cofactor", **AWAY}
    return conninfo.make_conninfo(address, **{key: value for key, value in patience.items() if key not in given})


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Errors of PostgreSQL in words for an operator."""
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        closed = isinstance(error, PoolClosed)
        raise Unavailable(
            f"{name} is closed" if closed else f"{name} does not answer",
            "the service is stopping" if closed else "is the server running? Nothing was taken",
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise Unavailable(f"{name} took more than {PATIENCE:g} s", "it is locked or busy; nothing was taken") from error
    except psycopg.errors.InsufficientPrivilege as error:
        hint = "GRANT CREATE, USAGE ON SCHEMA … TO the user of the service, who then owns the table"
        raise Unavailable(f"{name}: {_first_line(error)}", hint) from error
    except psycopg.Error as error:
        raise Unavailable(f"{name}: {_first_line(error)}", "look at the server; nothing was taken") from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
