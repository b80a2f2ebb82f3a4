"""A store answers in time, whatever the server, the disk, another process or a trigger does, and says what was kept."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import apsw
import psycopg
import pytest

from cofactor.errors import BadArtifact, BadData, Unavailable
from cofactor.feedback import postgres_connections, sqlite
from cofactor.feedback.group_commit import GroupCommit, NotStarted, OutcomeUnknown
from cofactor.feedback.open_store import existing_store, open_store
from cofactor.feedback.postgres import PostgresStore
from cofactor.feedback.socket_deadlines import SocketDeadlines
from cofactor.feedback.sqlite import SqliteStore
from cofactor.feedback.store import RatingEvent
from tests.conftest import Run
from tests.postgres import Server

WORD = RatingEvent("u", "1", 4.0, 100)
LIMIT = 0.5  # seconds, in place of 5
SLACK = 1.0  # seconds that a loaded machine may take longer

# Takes a lock of a database and holds it until it is killed.
HOLDER = """
import sys, time, apsw
connection = apsw.Connection(sys.argv[1])
for statement in sys.argv[2:]:
    connection.execute(statement)
print("locked", flush=True)
time.sleep(60)
"""


def seconds(ask: Callable[[], object]) -> tuple[float, Exception | None]:
    begun, error = time.perf_counter(), None
    try:
        ask()
    except Exception as raised:
        error = raised
    return time.perf_counter() - begun, error


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Stops all processes of a server: they answer nothing, and hold their sockets."""
    top = int(Path(server.data, "postmaster.pid").read_text().split()[0])
    found = subprocess.run(["pgrep", "-P", str(top)], capture_output=True, text=True, check=True).stdout.split()
    processes = [top, *map(int, found)]
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def test_a_frozen_server_delays_nobody_longer_than_the_limit(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    address = postgres.new_schema()
    store = open_store(address)
    store.append([WORD])
    monkeypatch.setattr(postgres_connections, "TIMEOUT", LIMIT)
    asks: list[Callable[[], object]] = [
        lambda: store.append([WORD]),
        lambda: store.events_of("u"),
        lambda: store.counts_of(["u"]),
        lambda: store.changes_since(("1:1:", 0, 0)),
        lambda: store.forgotten(["u"]),
        store.count,
    ]
    with frozen(postgres):
        for ask in asks:
            taken, error = seconds(ask)
            assert isinstance(error, Unavailable), "not a bug, and no false answer"
            assert "/" not in error.message.replace("postgresql:///postgres", ""), "no path of the socket"
            assert taken < LIMIT + SLACK
        outcome: list[tuple[float, Exception | None]] = []
        threads = [Thread(target=lambda ask=ask: outcome.append(seconds(ask))) for ask in asks * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(taken for taken, _ in outcome) < LIMIT + SLACK, "also with more threads than connections"
        assert all(isinstance(error, Unavailable) for _, error in outcome)
    monkeypatch.setattr(postgres_connections, "TIMEOUT", 5.0)
    assert store.events_of("u") == [WORD], "as soon as the server runs again"
    store.close()


def test_a_socket_is_shut_down_at_its_deadline_and_no_other() -> None:
    deadlines, (ours, theirs), (other, far) = SocketDeadlines(), socket.socketpair(), socket.socketpair()
    with ours, theirs, other, far:
        with deadlines.limit(other.fileno(), time.monotonic() + 30):
            now = time.monotonic()
            with deadlines.limit(ours.fileno(), now + 0.1):
                assert ours.recv(1) == b"", "nobody has sent anything"
            assert 0.05 < time.monotonic() - now < 0.1 + SLACK
            with deadlines.limit(other.fileno(), time.monotonic() + 30):
                far.send(b"x")
                assert other.recv(1) == b"x"
        with deadlines.limit(other.fileno(), time.monotonic() + 0.05):
            pass
        time.sleep(0.15)
        far.send(b"y")
        assert other.recv(1) == b"y", "the block had ended before the deadline"


@contextmanager
def locked(path: Path, *statements: str) -> Iterator[None]:
    """Another process holds a lock of the file."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), *statements], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield
    finally:
        holder.kill()
        holder.communicate()


def test_a_lock_of_another_process_delays_nobody_longer_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore.create(tmp_path / "r.db")
    store.append([WORD])
    monkeypatch.setattr(sqlite, "TIMEOUT", LIMIT)
    outcome: list[tuple[float, Exception | None]] = []

    def write(delay: float) -> None:
        time.sleep(delay)
        outcome.append(seconds(lambda: store.append([RatingEvent("v", str(delay), 1.0, 1)])))

    with locked(tmp_path / "r.db", "BEGIN IMMEDIATE"):
        threads = [Thread(target=write, args=(n * 0.05,)) for n in range(20)]  # while earlier ones wait
        for thread in threads:
            thread.start()
        assert seconds(lambda: store.events_of("u"))[0] < SLACK
        for thread in threads:
            thread.join()
        assert all(isinstance(error, Unavailable) and str(tmp_path) not in str(error) for _, error in outcome)
        assert max(taken for taken, _ in outcome) < LIMIT + SLACK
    store.append([WORD])
    assert store.count() == 1, "what was given up is not stored later"
    store.close()


def test_a_lock_against_readers_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.db"
    SqliteStore.create(path).close()
    monkeypatch.setattr(sqlite, "TIMEOUT", LIMIT)
    with locked(path, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "CREATE TABLE x (y)"):
        for opened in (open_store, existing_store):
            taken, error = seconds(lambda opened=opened: opened(str(path)))
            assert isinstance(error, Unavailable)
            assert "locked" in error.message
            assert taken < LIMIT + SLACK


def test_readers_that_meet_a_lock_do_not_count_as_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore.create(tmp_path / "r.db")
    assert store.fast_reads

    def busy(connection: apsw.Connection) -> None:
        raise apsw.BusyError

    with pytest.raises(Unavailable, match="locked"):
        store._read(busy)
    assert not store.fast_reads
    monkeypatch.setattr(sqlite, "BLOCKED", 0.0)
    with pytest.raises(Unavailable, match="locked"):
        store._read(busy)
    assert store.fast_reads
    store.close()


def test_a_commit_that_hangs_is_given_up_and_what_waits_is_not_committed() -> None:
    begun, go, committed = Event(), Event(), []

    def commit(batches: list[int], deadline: float) -> None:
        begun.set()
        assert go.wait(10)
        committed.extend(batches)

    group = GroupCommit[int](commit, TimeoutError)
    outcome: dict[int, Exception | None] = {}
    first = Thread(target=lambda: outcome.update({1: group.submit(1, time.monotonic() + 0.2)}))
    first.start()
    assert begun.wait(10)
    taken, _ = seconds(lambda: outcome.update({2: group.submit(2, time.monotonic() + 0.2)}))
    assert taken < 0.2 + SLACK
    first.join()
    assert isinstance(outcome[1], OutcomeUnknown)
    assert isinstance(outcome[2], NotStarted)
    assert group.close(0.05) is False
    go.set()
    assert group.close(10) is True
    assert committed == [1]


# Triggers and other programs ------------------------------------------------------------------------------------------

SWALLOWING = {
    "before": "CREATE TRIGGER t BEFORE INSERT ON feedback WHEN NEW.item = '7' BEGIN SELECT RAISE(IGNORE); END",
    "after": "CREATE TRIGGER t AFTER INSERT ON feedback BEGIN DELETE FROM feedback WHERE item = '7'; END",
    "changing": "CREATE TRIGGER t AFTER INSERT ON feedback BEGIN UPDATE feedback SET rating = 1 WHERE item = '7'; END",
}


@pytest.mark.parametrize("kind", SWALLOWING)
def test_a_trigger_that_discards_or_changes_ratings_is_noticed(kind: str, tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path / "r.db")
    other = apsw.Connection(str(tmp_path / "r.db"))
    other.execute(SWALLOWING[kind])
    with pytest.raises(Unavailable, match=r"r\.db did not keep 1 of 2 ratings") as told:
        store.append([RatingEvent("u", "7", 4.0, 1), RatingEvent("u", "8", 4.0, 1)])
    assert "trigger" in told.value.hint
    assert store.events_of("u") == []
    assert store.count_of("u") == 0
    store.append([RatingEvent("u", "8", 4.0, 1)])
    assert store.count_of("u") == 1
    store.close()
    other.close()


def test_a_trigger_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "TIMEOUT", LIMIT)
    store = SqliteStore.create(tmp_path / "r.db")
    other = apsw.Connection(str(tmp_path / "r.db"))
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    other.execute(f"CREATE TRIGGER t AFTER INSERT ON feedback BEGIN {endless}; END")
    taken, error = seconds(lambda: store.append([WORD]))
    assert isinstance(error, Unavailable)
    assert taken < LIMIT + SLACK
    other.execute("DROP TRIGGER t")
    store.append([WORD])
    assert store.count() == 1
    store.close()
    other.close()


@pytest.mark.parametrize(
    "trigger",
    [
        "CREATE TRIGGER t BEFORE INSERT ON cofactor_feedback FOR EACH ROW WHEN (NEW.item = '7') EXECUTE FUNCTION f()",
        "CREATE TRIGGER t AFTER INSERT ON cofactor_feedback FOR EACH ROW WHEN (NEW.item = '7') EXECUTE FUNCTION g()",
    ],
    ids=["before", "after"],
)
def test_a_trigger_of_a_server_that_discards_ratings_is_noticed(trigger: str, postgres: Server) -> None:
    address = postgres.new_schema()
    store = open_store(address)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
        connection.execute(
            "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN DELETE FROM cofactor_feedback WHERE item = '7'; RETURN NULL; END $$"
        )
        connection.execute(trigger)  # type: ignore[call-overload]
    with pytest.raises(Unavailable, match="did not keep 1 of 2 ratings"):
        store.append([RatingEvent("u", "7", 4.0, 1), RatingEvent("u", "8", 4.0, 1)])
    assert store.events_of("u") == []
    assert store.count_of("u") == 0
    store.append([RatingEvent("u", "8", 4.0, 1)])
    assert store.count_of("u") == 1
    store.close()


@pytest.mark.parametrize("table", ["feedback", "titles"])
def test_text_that_is_not_utf8_is_named(table: str, tmp_path: Path, run: Run) -> None:
    store = SqliteStore.create(tmp_path / "r.db")
    store.append([RatingEvent("a", "1", 4.0, 1)])
    other = apsw.Connection(str(tmp_path / "r.db"))
    values = "('b', CAST(x'ff' AS TEXT), 1.0, 1)" if table == "feedback" else "('1', CAST(x'ff' AS TEXT))"
    other.execute(f"INSERT INTO {table} VALUES {values}")
    other.close()
    asks = (lambda: store.events_of("b"), lambda: list(store.all_events())) if table == "feedback" else (store.titles,)
    for ask in asks:
        with pytest.raises(BadArtifact, match=r"r\.db contains text that is not UTF-8"):
            ask()
    assert store.events_of("a") == [RatingEvent("a", "1", 4.0, 1)]
    store.close()
    if table == "feedback":
        told = run("ratings", str(tmp_path / "r.db"))
        assert (told.exit_code, "bug" in told.stderr) == (2, False)
        assert "after user 'a', item '1'" in told.stderr


def test_text_of_a_server_that_is_not_utf8_is_named(postgres: Server) -> None:
    address = postgres.new_schema()
    store = open_store(address)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(r"INSERT INTO cofactor_feedback VALUES ('b', '\xff', 1, 1)")
    for ask in (lambda: store.events_of("b"), lambda: list(store.all_events())):
        with pytest.raises(BadArtifact, match="text that is not UTF-8"):
            ask()
    store.close()


def test_a_path_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    for opened in (open_store, existing_store):
        with pytest.raises(BadData, match="not UTF-8"):
            opened(str(tmp_path / "\udcff.db"))


def test_no_error_of_an_operation_shows_the_folder(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path / "r.db")
    store.append([WORD])
    (tmp_path / "r.db").unlink()
    asks = (lambda: store.append([WORD]), lambda: list(store.all_events()), lambda: store.forget("u"))
    for ask in asks:
        with pytest.raises((Unavailable, BadData, BadArtifact)) as told:
            ask()
        assert str(tmp_path) not in f"{told.value.message} {told.value.hint}"
    store.close()


# Stores of earlier versions -------------------------------------------------------------------------------------------


def test_a_store_of_an_earlier_version_is_completed(tmp_path: Path) -> None:
    from cofactor.feedback.sqlite_schema import ADDITIONS

    path = tmp_path / "r.db"
    store = SqliteStore.create(path)
    store.append([RatingEvent("a", "1", 4.0, 1), RatingEvent("a", "2", 4.0, 1), RatingEvent("b", "1", None, 1)])
    store.close()
    before = apsw.Connection(str(path))
    for name in reversed(ADDITIONS):
        before.execute(f"DROP {'TRIGGER' if name.startswith('event') else 'TABLE'} {name}")
    before.close()
    first, second = SqliteStore(path), SqliteStore(path)
    assert first.counts_of(["a", "b", "c"]) == {"a": 2, "b": 1, "c": 0}
    assert first.identity == second.identity != ""
    earlier = apsw.Connection(str(path))  # an earlier cofactor, which knows nothing of the other tables
    earlier.execute("INSERT OR REPLACE INTO feedback VALUES ('a', '2', 1, 1), ('c', '9', 2, 2)")
    assert first.counts_of(["a", "b", "c"]) == {"a": 2, "b": 1, "c": 1}
    earlier.execute("DELETE FROM feedback WHERE user = 'a'")
    assert first.counts_of(["a", "b", "c"]) == {"a": 0, "b": 1, "c": 1}
    for one in (earlier, first, second):
        one.close()


def test_a_table_of_an_earlier_version_is_completed(postgres: Server) -> None:
    from cofactor.feedback.postgres_schema import TABLES

    address = postgres.new_schema()
    store = open_store(address)
    store.append([RatingEvent("a", "1", 4.0, 1), RatingEvent("a", "2", 4.0, 1)])
    store.close()
    with psycopg.connect(address, autocommit=True) as connection:
        for name in ("added", "replaced", "removed"):
            connection.execute(f"DROP FUNCTION cofactor_event_{name} CASCADE")  # type: ignore[call-overload]
        for table in TABLES:
            connection.execute(f"DROP TABLE {table}")  # type: ignore[call-overload]
        connection.execute("INSERT INTO cofactor_feedback VALUES ('b', '1', 3, 3)")
    reader = existing_store(address)
    assert len(list(reader.all_events())) == reader.count() == 3
    assert (reader.last_note(), reader.forgotten(["a"]), reader.titles(), reader.identity) == (0, {}, {}, "")
    assert reader.forget("a") == 2
    assert set(reader.forgotten(["a"])) == {"a"}
    reader.close()
    store = open_store(address)
    assert isinstance(store, PostgresStore)
    assert store.counts_of(["a", "b"]) == {"a": 0, "b": 1}
    store.close()
