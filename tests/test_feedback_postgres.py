"""The store in PostgreSQL: a server that goes away, is slow, would lose ratings, or holds something else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from cofactor.errors import BadArtifact, BadData, Unavailable
from cofactor.feedback import postgres as feedback_postgres
from cofactor.feedback import postgres_connections
from cofactor.feedback.open_store import existing_store, open_store
from cofactor.feedback.store import RatingEvent
from tests.postgres import Server

WORD = RatingEvent("u", "1", 4.0, 100)
SECRET = "pa55word"


@pytest.fixture
def address(postgres: Server) -> str:
    return postgres.new_schema()


@pytest.fixture
def store(address: str) -> Iterator[feedback_postgres.PostgresStore]:
    opened = open_store(address)
    assert isinstance(opened, feedback_postgres.PostgresStore)
    yield opened
    opened.close()


def _do(address: str, *statements: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def test_the_pool_comes_back_after_a_crash_of_the_server(
    store: feedback_postgres.PostgresStore, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(4) as threads:  # so that several connections are lost
        list(threads.map(lambda user: store.append([RatingEvent(str(user), "1", 3.0, 1)]), range(40)))
    postgres.stop("immediate")
    monkeypatch.setattr(postgres_connections, "TIMEOUT", 0.2)
    for ask in (lambda: store.append([WORD]), lambda: store.events_of("u"), store.count, lambda: store.all_events()):
        with pytest.raises(Unavailable) as told:
            ask()
        assert SECRET not in f"{told.value.message} {told.value.hint}"
    postgres.start()
    monkeypatch.setattr(postgres_connections, "TIMEOUT", 5)
    assert store.count() == 40, "every acknowledged rating is there"
    store.append([WORD])
    postgres.stop("immediate")  # this time nobody asks while it is away
    postgres.start()
    assert store.events_of("u") == [WORD]


def test_a_commit_is_waited_for_whatever_the_server_s_habit(address: str) -> None:
    hasty = open_store(f"{address}%20-csynchronous_commit%3Doff")
    strict = open_store(f"{address}%20-csynchronous_commit%3Dremote_apply")
    for store, expected in ((hasty, "on"), (strict, "remote_apply")):
        assert isinstance(store, feedback_postgres.PostgresStore)
        assert store._connections.query(lambda c: c.execute("SHOW synchronous_commit").fetchone()) == (expected,)
        store.close()


def test_a_server_that_does_not_sync_is_refused(address: str, postgres: Server) -> None:
    _do(postgres.address(), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)")
    try:
        with pytest.raises(Unavailable, match="fsync = off"):
            open_store(address)
    finally:
        _do(postgres.address(), "ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)")


def test_a_locked_table_is_waited_for_and_then_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "TIMEOUT", 0.2)
    store = open_store(address)
    with psycopg.connect(address) as other:
        other.execute("LOCK cofactor_feedback")
        with pytest.raises(Unavailable, match=r"took more than 0\.2 s"):
            store.append([WORD])
    store.append([WORD])
    assert store.count() == 1
    store.close()


def test_batches_about_the_same_pairs_do_not_wait_for_each_other(store: feedback_postgres.PostgresStore) -> None:
    said = [RatingEvent(str(n % 7), str(n), 3.0, 1) for n in range(200)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda turn: store.append(said[:: 1 if turn % 2 else -1]), range(60)))
    assert store.count() == 200


@pytest.mark.parametrize(
    "comment", ["NULL", "'somebody else''s'", "'cofactor feedback 2'"], ids=["none", "another", "newer"]
)
def test_a_table_that_is_not_ours_is_left_alone(address: str, comment: str) -> None:
    _do(address, "CREATE TABLE cofactor_feedback (x int)", f"COMMENT ON TABLE cofactor_feedback IS {comment}")
    for opened in (open_store, existing_store):
        with pytest.raises(BadArtifact, match="cofactor_feedback"):
            opened(address)


def test_who_may_make_no_table_is_told_what_to_grant(address: str) -> None:
    schema = address.rpartition("%3D")[2]
    _do(address, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN", f"GRANT USAGE ON SCHEMA {schema} TO guest")
    try:
        with pytest.raises(Unavailable, match="permission denied") as told:
            open_store(address.replace("//cofactor:", "//guest:"))
        assert told.value.hint.startswith("GRANT CREATE")
    finally:
        _do(address, "DROP OWNED BY guest", "DROP ROLE guest")


def test_people_read_it_as_text(store: feedback_postgres.PostgresStore, address: str) -> None:
    store.append([RatingEvent("José Ω", "a\0b", None, 0), RatingEvent("José Ω", "攻殻機動隊", 4.5, 1)])
    with psycopg.connect(address) as connection:
        asked = 'SELECT "user", item, rating, at::text FROM cofactor_ratings ORDER BY time'
        rows = connection.execute(asked).fetchall()
    assert [row[:3] for row in rows] == [("José Ω", r"a\000b", None), ("José Ω", "攻殻機動隊", 4.5)]
    assert rows[0][3].startswith("1970-01-01")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:pa55word@127.0.0.1:1/films",
        "postgresql://me:pa55word@nobody.invalid/films",
        "postgresql://me:a@pa55word@127.0.0.1:1/films",
        "postgresql://me:a/pa55word@127.0.0.1:1/films",
        "postgresql://me:pa55word/b@127.0.0.1:1/films",
        "postgresql://me:a:pa55word@127.0.0.1:1/films",
        "postgresql://me:12/pa55word@127.0.0.1:1/films",
        "postgresql://me:a?pa55word@127.0.0.1:1/films",
        "postgresql://me:%pa55word@127.0.0.1:1/films",
        "postgresql://127.0.0.1:1/films?user=me&password=pa55word&what=1",
    ],
)
def test_no_error_tells_a_password(address: str) -> None:
    with pytest.raises((Unavailable, BadData)) as told:
        open_store(address)
    assert SECRET not in f"{told.value.message} {told.value.hint}"
    assert told.value.hint
