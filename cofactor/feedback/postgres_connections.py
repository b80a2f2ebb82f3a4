"""Connections to the PostgreSQL database of a store, with deadlines that do not depend on the server.

At a deadline, this side shuts the socket down, so that an operation ends also when the server is frozen.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from cofactor.errors import BadArtifact, CofactorError, Unavailable
from cofactor.feedback.socket_deadlines import SocketDeadlines
from cofactor.feedback.store import TIMEOUT

try:
    import psycopg
    from psycopg import pq
    from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
except ImportError as missing:
    raise Unavailable(
        "a store of ratings in PostgreSQL needs psycopg, which is not installed", "pip install 'cofactor[postgres]'"
    ) from missing

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

MAX_CONNECTIONS = 8  # of each process
LONG_TIMEOUT = 600.0  # seconds for each step of reading or changing the whole store
SERVER_SHARE = 0.9  # of a deadline after which the server itself gives up, so that the connection can be used again

# Asynchronous commits may lose ratings; a stricter setting of the operator is left as it is.
SYNCHRONOUS_COMMIT = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
TIMEOUTS = (
    "SELECT set_config('statement_timeout', %(limit)s, false), "
    "set_config('idle_in_transaction_session_timeout', %(limit)s, false)"  # a frozen process must not hold locks
)

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # silent unless the service logs
log = logging.getLogger("cofactor.feedback")


class Connections:
    """The connections of one process to a database."""

    def __init__(self, address: str, name: str) -> None:
        """address: with its secrets. name: without, for messages. Nothing connects before `open_pool` or `opening`."""
        self.name, self._address = name, address
        self._deadlines = SocketDeadlines()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            address,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=MAX_CONNECTIONS,
            open=False,
            configure=self._configure,
            timeout=TIMEOUT,
            reconnect_timeout=TIMEOUT,  # after that the next request tries again
        )

    def open_pool(self) -> None:
        self._pool.open()

    def close(self) -> None:
        self._pool.close(timeout=TIMEOUT)

    def query(self, query: Callable[[Connection], T]) -> T:
        """Runs a query over a connection of the pool. A lost connection is replaced and the query repeated: every query
        may run twice without harm."""
        deadline = time.monotonic() + TIMEOUT
        with translated(self.name):
            while True:
                connection = None
                try:
                    with (
                        self._pool.connection(max(0.0, deadline - time.monotonic())) as connection,
                        self._deadlines.limit(connection.fileno(), deadline),
                    ):
                        return query(connection)
                except psycopg.OperationalError as error:
                    if time.monotonic() >= deadline:
                        raise TimeoutError from error
                    if connection is None or not connection.broken:
                        raise

    def transaction(self, change: Callable[[Connection], object]) -> None:
        """Runs a change as one transaction. Raises Unavailable, which says whether the change is undone, at the
        deadline."""
        committing = False

        def run(connection: Connection) -> None:
            nonlocal committing
            committing = False
            connection.execute("BEGIN")
            try:
                change(connection)
                committing = True
                connection.execute("COMMIT")
            finally:
                if connection.pgconn.transaction_status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
                    connection.execute("ROLLBACK")

        try:
            self.query(run)
        except Unavailable as error:
            if committing and isinstance(error.__cause__, TimeoutError | psycopg.OperationalError):
                hint = "whether the ratings were stored is not known: send them again"
                raise Unavailable(error.message, hint) from error
            raise

    def _configure(self, connection: Connection) -> None:
        with self._deadlines.limit(connection.fileno(), time.monotonic() + TIMEOUT):
            configure(connection)

    @contextmanager
    def opening(self, seconds: float) -> Iterator[Connection]:
        """A connection of its own to open the store; errors say to the operator what the server says."""
        with _translated_for_operator(self.name), self.single(seconds) as connection:
            yield connection

    @contextmanager
    def single(self, seconds: float) -> Iterator[Connection]:
        """A connection of its own, for operations that may take longer than one of the pool."""
        with (
            translated(self.name),
            psycopg.connect(self._address, autocommit=True) as connection,
            self._deadlines.limit(connection.fileno(), time.monotonic() + seconds),
        ):
            configure(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[tuple[Connection, Callable[[], AbstractContextManager[None]]]]:
        """A connection of its own for reading the whole store, and a deadline for each step of that."""
        with translated(self.name), psycopg.connect(self._address, autocommit=True) as connection:
            with self._deadlines.limit(connection.fileno(), time.monotonic() + TIMEOUT):
                configure(connection)
            yield connection, lambda: self._deadlines.limit(connection.fileno(), time.monotonic() + LONG_TIMEOUT)


def configure(connection: Connection) -> None:
    connection.execute(SYNCHRONOUS_COMMIT)
    connection.execute(TIMEOUTS, {"limit": f"{int(TIMEOUT * SERVER_SHARE * 1000)}ms"})


def fetch_value(connection: Connection, query: str, *parameters: Any) -> Any:
    """The single value that a query returns."""
    found = connection.execute(query, parameters or None).fetchone()
    return found[0] if found else None


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turns errors of PostgreSQL into messages that may reach a client of the service: the log has the details."""
    try:
        yield
    except (psycopg.Error, PoolTimeout, PoolClosed, TimeoutError, UnicodeDecodeError) as error:
        log.warning("%s: %s: %s", name, type(error).__name__, _first_line(error))
        raise _translate(name, error) from error


@contextmanager
def _translated_for_operator(name: str) -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        cause = error.__cause__
        if not isinstance(cause, psycopg.OperationalError) or isinstance(cause, psycopg.errors.QueryCanceled):
            raise
        raise Unavailable(f"{name}: {_first_line(cause)}", "look at the server; no rating was stored") from cause


def _translate(name: str, error: Exception) -> CofactorError:
    if isinstance(error, PoolClosed):
        return Unavailable(f"{name} is closed", "the service is stopping")
    if isinstance(error, PoolTimeout):
        return Unavailable(f"{name} does not answer", "is the server running? No rating was stored")
    if isinstance(error, psycopg.errors.QueryCanceled | TimeoutError):
        return Unavailable(f"{name} took more than {TIMEOUT:g} s", "it is locked or busy; no rating was stored")
    if isinstance(error, UnicodeDecodeError):
        hint = "an id or a title in it was written by another program: delete that row, or restore a backup"
        return BadArtifact(f"{name} contains text that is not UTF-8", hint)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = "GRANT CREATE, USAGE ON SCHEMA … TO the database user of the service, which then owns the table"
        return Unavailable(f"{name}: {_first_line(error)}", hint)
    if isinstance(error, psycopg.OperationalError):
        return Unavailable(f"{name} cannot be reached", "is the server running? No rating was stored")
    return Unavailable(f"{name}: {_first_line(error)}", "look at the server; no rating was stored")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
