"""The store in a file: what is refused, what is shared, and what happens when the file or its disk gives way."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, Event, Thread

import apsw
import pytest

from cofactor.errors import BadArtifact, BadData, Unavailable
from cofactor.feedback import sqlite as feedback_sqlite
from cofactor.feedback import sqlite_connection
from cofactor.feedback.group_commit import GroupCommit
from cofactor.feedback.open_store import existing_store, open_store
from cofactor.feedback.sqlite import SqliteStore
from cofactor.feedback.sqlite_schema import APPLICATION, SCHEMA
from cofactor.feedback.store import RatingEvent

WORD = RatingEvent("u", "1", 4.0, 100)
LATER = time.monotonic() + 3600


def words(n: int, user: str = "u") -> list[RatingEvent]:
    return [RatingEvent(user, str(item), 4.0, item) for item in range(n)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ratings.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.create(path)
    yield opened
    opened.close()


def test_a_commit_is_one_sync_of_a_log(store: SqliteStore, path: Path) -> None:
    assert store._writing.execute("PRAGMA synchronous").get == 2, "FULL"
    assert store._writing.execute("PRAGMA journal_mode").get == "wal"
    store.append([WORD])
    assert path.with_name("ratings.db-wal").stat().st_size > 0


def test_the_file_says_what_it_is(store: SqliteStore, path: Path) -> None:
    store.close()
    assert path.read_bytes()[68:72] == b"cofF"
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
        assert other.execute("SELECT strict, wr FROM pragma_table_list WHERE name = 'feedback'").fetchone() == (1, 1)
    other.close()


def test_a_backup_made_while_the_store_is_open_is_a_store(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    store.append(words(50))
    backup_in_another_process = (
        f"import sqlite3; sqlite3.connect({str(path)!r}).execute('VACUUM INTO ?', [{str(tmp_path / 'backup.db')!r}])"
    )
    subprocess.run([sys.executable, "-c", backup_in_another_process], check=True)
    backup = existing_store(str(tmp_path / "backup.db"))
    assert list(backup.all_events()) == list(store.all_events())
    backup.close()


def test_a_history_is_read_in_microseconds(store: SqliteStore) -> None:
    store.append([RatingEvent(str(user), str(item), 3.0, item) for user in range(2000) for item in range(5)])
    taken = []
    for user in range(2000):
        begun = time.thread_time_ns()
        store.events_of(str(user))
        taken.append(time.thread_time_ns() - begun)
    assert sorted(taken)[len(taken) // 2] < 100_000, "ns; about 15,000 where nothing else runs"


# What is no store -----------------------------------------------------------------------------------------------------


def _other(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def _damaged(path: Path, at: int, what: bytes) -> None:
    SqliteStore.create(path).close()
    store = SqliteStore(path)
    store.append(words(2000))
    store.close()
    content = bytearray(path.read_bytes())
    content[at : at + len(what)] = what
    path.write_bytes(content)


NO_STORES = {
    "text": lambda path: path.write_text("user,item,rating\n" * 1000),
    "short": lambda path: path.write_bytes(b"SQLite format 3\0"),
    "other": lambda path: _other(path, "CREATE TABLE feedback (user, item)"),
    "signed": lambda path: _other(path, "PRAGMA application_id = 7"),
    "newer": lambda path: _other(path, SCHEMA, f"PRAGMA application_id = {APPLICATION}", "PRAGMA user_version = 2"),
    "tables": lambda path: _other(path, f"PRAGMA application_id = {APPLICATION}", "PRAGMA user_version = 1"),
    "header": lambda path: _damaged(path, 0, b"\0" * 16),
    "page": lambda path: _damaged(path, 3 * 4096, b"\xff" * 200),
    "truncated": lambda path: (_damaged(path, 0, b""), os.truncate(path, 3 * 4096)),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", NO_STORES)
def test_what_is_no_store_is_named_and_left_as_it_is(kind: str, path: Path) -> None:
    NO_STORES[kind](path)
    before = None if path.is_dir() else path.read_bytes()
    for opened in (open_store, existing_store):
        with pytest.raises(Unavailable if kind == "folder" else BadArtifact, match=r"ratings\.db") as refused:
            opened(str(path))
        assert refused.value.hint
    assert path.is_dir() or path.read_bytes() == before


def test_an_empty_file_becomes_a_store_but_not_for_a_reader(path: Path) -> None:
    path.touch()
    with pytest.raises(BadArtifact, match="empty"):
        existing_store(str(path))
    store = open_store(str(path))
    store.append([WORD])
    store.close()


def test_damage_that_is_met_later_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connection, "CHECKED_BYTES", 0)
    _damaged(path, 20 * 4096, b"\xff" * 200)
    store = SqliteStore(path)
    with pytest.raises(BadArtifact, match=r"ratings\.db is damaged"):
        list(store.all_events())
    store.close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"folder .* does not exist") as refused:
        open_store(str(tmp_path / "a folder" / "r.db"))
    assert refused.value.hint == f"mkdir -p '{tmp_path}/a folder'"
    with pytest.raises(BadData, match="no store of ratings"):
        existing_store(str(tmp_path / "a folder" / "r.db"))


# When the file or its disk gives way ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["ratings.db", "ratings.db-wal"])
def test_nothing_is_acknowledged_once_the_file_is_gone(gone: str, store: SqliteStore, path: Path) -> None:
    store.append([WORD])
    path.with_name(gone).unlink()
    with pytest.raises(Unavailable, match="moved, removed or replaced"):
        store.append([WORD])


def test_a_store_that_was_replaced_leaves_the_new_one_alone(store: SqliteStore, path: Path) -> None:
    store.append(words(10))
    for file in path.parent.glob("ratings.db*"):
        file.unlink()
    new = SqliteStore.create(path)
    new.append([WORD])
    with pytest.raises(Unavailable, match="replaced"):
        store.append(words(5, "other"))
    store.close()
    copied = path.parent / "copy"  # what a power cut would leave: the new file with its log
    copied.mkdir()
    for file in path.parent.glob("ratings.db*"):
        shutil.copy(file, copied)
    again = SqliteStore(copied / path.name)
    assert list(again.all_events()) == [WORD]
    again.close()
    new.close()


def test_a_file_that_took_the_name_of_the_store_is_neither_read_nor_erased(store: SqliteStore, path: Path) -> None:
    store.append(words(10))
    for file in path.parent.glob("ratings.db*"):
        file.rename(file.with_name(f"moved {file.name}"))
    new = SqliteStore.create(path)
    new.append([WORD])
    asks: list[Callable[[], object]] = [
        lambda: store.forget(WORD.user),
        lambda: list(store.all_events()),
        lambda: store.replace_titles({"1": "Toy Story"}),
        lambda: store.events_of(WORD.user),
    ]
    for ask in asks:
        with pytest.raises(Unavailable, match="replaced"):
            ask()
    assert list(new.all_events()) == [WORD]
    assert new.last_note() == 0
    new.close()


def test_a_full_disk_takes_nothing_and_goes_on_when_there_is_room(store: SqliteStore, path: Path) -> None:
    store.append([WORD])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # bytes: of each file that is written
    taken: list[int] = []

    def fill() -> None:
        for number in range(1000):
            store.append(words(20, f"user {number}"))
            taken.append(number)

    try:
        with pytest.raises(Unavailable, match=r"ratings\.db") as told:
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "no rating was stored" in told.value.hint
    assert store.count() == 1 + 20 * len(taken), "what was acknowledged, and nothing of the last"
    store.append(words(20, "last"))
    store.close()
    again = SqliteStore(path)
    assert again.count() == 1 + 20 * (len(taken) + 1)
    again.close()


def test_who_asks_for_too_much_room_is_alone_to_fail(store: SqliteStore) -> None:
    store.append([WORD])
    store._writing.execute(f"PRAGMA max_page_count = {store._writing.execute('PRAGMA page_count').get + 20}")
    outcome = _at_once(store, {"much": words(20_000, "much"), **{name: words(2, name) for name in "abc"}})
    assert isinstance(outcome.pop("much"), Unavailable)
    assert outcome == dict.fromkeys("abc")
    assert store.count() == 1 + 2 * 3


def _at_once(store: SqliteStore, given: dict[str, Sequence[RatingEvent]]) -> dict[str, Exception | None]:
    """Puts all in one commit: they come while another is under way."""
    outcome: dict[str, Exception | None] = {}

    def put(name: str) -> None:
        try:
            store.append(given[name])
            outcome[name] = None
        except Unavailable as error:
            outcome[name] = error

    threads = [Thread(target=put, args=(name,)) for name in given]
    with store._commits.committing:
        for thread in threads:
            thread.start()
        while store._commits._queue.qsize() < len(given) - 1:  # one has been taken out, and waits for its turn
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    return outcome


def test_a_locked_database_is_waited_for_and_then_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_sqlite, "TIMEOUT", 0.2)
    store = SqliteStore.create(path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    begun = time.perf_counter()
    outcome = _at_once(store, {name: words(2, name) for name in "abcdefgh"})
    assert all(isinstance(error, Unavailable) and "locked" in error.message for error in outcome.values())
    assert time.perf_counter() - begun < 1, "all are told after the first has waited"
    assert store.events_of("a") == [], "reading goes on"
    thread = Thread(target=store.append, args=([WORD],))
    thread.start()
    time.sleep(0.05)
    other.execute("COMMIT")
    thread.join()
    assert store.events_of("u") == [WORD]
    other.close()
    store.close()


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """A folder, and this process as a user whom the kernel refuses things."""
    with TemporaryDirectory(prefix="cofactor") as folder:
        Path(folder).chmod(0o755)
        root = os.geteuid() == 0
        if root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


def test_a_file_that_can_only_be_read_is_refused_at_once() -> None:
    with ordinary_user() as folder:
        open_store(str(folder / "r.db")).close()
        (folder / "r.db").chmod(0o444)
        with pytest.raises(Unavailable, match=r"^[^\n]*r\.db is read-only"):  # in the message, not in the hint
            open_store(str(folder / "r.db"))
        open_store(str(folder / "s.db")).close()
        folder.chmod(0o555)
        with pytest.raises(Unavailable, match=r"s\.db"):
            open_store(str(folder / "s.db"))
        with pytest.raises(Unavailable, match=r"new\.db"):
            open_store(str(folder / "new.db"))
        folder.chmod(0o755)


# Group commit ---------------------------------------------------------------------------------------------------------


class Slow:
    """A commit that is held up until it is let go, and fails for what is negative."""

    def __init__(self) -> None:
        self.commits: list[list[int]] = []
        self.begun, self.go = Event(), Event()

    def __call__(self, given: Sequence[int], deadline: float) -> None:
        self.begun.set()
        assert self.go.wait(10)
        if any(one == -2 for one in given):
            raise TimeoutError
        if any(one < 0 for one in given):
            raise ValueError(min(given))
        self.commits.append(list(given))


def _put_behind(slow: Slow, group: GroupCommit[int], given: Sequence[int]) -> dict[int, Exception | None]:
    """Puts 0, and the rest while that is under way."""
    outcome: dict[int, Exception | None] = {}
    threads = [Thread(target=lambda one=one: outcome.update({one: group.submit(one, LATER)})) for one in (0, *given)]
    threads[0].start()
    assert slow.begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    while group._queue.qsize() < len(given):
        time.sleep(0.001)
    slow.go.set()
    group.close(10)
    for thread in threads:
        thread.join(10)
    return outcome


def test_all_who_wait_share_one_commit() -> None:
    slow = Slow()
    assert _put_behind(slow, GroupCommit(slow, TimeoutError), range(1, 9)) == dict.fromkeys(range(9))
    assert [sorted(one) for one in slow.commits] == [[0], list(range(1, 9))]


def test_an_error_of_one_is_not_that_of_the_others() -> None:
    slow = Slow()
    outcome = _put_behind(slow, GroupCommit(slow, TimeoutError), [1, -5, 2])
    assert isinstance(outcome.pop(-5), ValueError)
    assert outcome == {0: None, 1: None, 2: None}
    assert sorted(slow.commits) == [[0], [1], [2]]


def test_an_error_that_trying_again_would_not_mend_is_told_to_all_at_once() -> None:
    slow = Slow()
    outcome = _put_behind(slow, GroupCommit(slow, TimeoutError), [1, -2, 2])
    assert outcome.pop(0) is None
    assert all(isinstance(error, TimeoutError) for error in outcome.values())
    assert slow.commits == [[0]]


def test_nothing_is_taken_after_the_end() -> None:
    committed: list[int] = []
    group = GroupCommit[int](lambda given, _: committed.extend(given), TimeoutError)
    assert group.submit(1, LATER) is None
    group.close(10)
    group.close(10)
    assert isinstance(group.submit(2, LATER), InterruptedError)
    assert committed == [1]


def test_threads_that_put_without_pause_all_get_their_turn() -> None:
    committed: list[int] = []
    group, together = GroupCommit[int](lambda given, _: committed.extend(given), TimeoutError), Barrier(8)

    def put(first: int) -> None:
        together.wait()
        assert [group.submit(first + n, LATER) for n in range(500)] == [None] * 500

    threads = [Thread(target=put, args=(500 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    group.close(10)
    assert sorted(committed) == list(range(4000))
    assert [one for one in committed if one < 500] == list(range(500)), "in the order each came"
