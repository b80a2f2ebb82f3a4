"""Durable ratings: what both stores promise, with threads, processes, restarts and kills."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from cofactor.errors import BadData, Unavailable
from cofactor.feedback.open_store import display_name, existing_store, open_store
from cofactor.feedback.store import RatingEvent, RatingStore
from tests.postgres import Server

NewAddress = Callable[[], str]
ODD = [
    "'; DROP TABLE feedback; --",
    "a/b",
    "%",
    "_",
    "é",
    "e\u0301",
    "漢字",
    "\U0001f3ac",
    "\uffff",
    "\0",
    "a\0b",
    " x ",
    "\n",
    "ß" * 200,
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)

# Writes batches of three words, item after item, and says which item the last word of each was about.
WRITER = """
import sys
from itertools import count
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent
address, user, batches = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(address)
for number in range(batches) if batches else count():
    store.append([RatingEvent(user, str(3 * number + k), float(number), number) for k in range(3)])
    print(3 * number + 2, flush=True)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> NewAddress:
    """Makes addresses of stores that are not there yet."""
    numbers = count()
    if request.param == "sqlite":
        return lambda: str(tmp_path / f"{next(numbers)}.db")
    server: Server = request.getfixturevalue("postgres")
    return server.new_schema


@pytest.fixture
def address(new_address: NewAddress) -> str:
    return new_address()


@pytest.fixture
def store(address: str) -> Iterator[RatingStore]:
    opened = open_store(address)
    yield opened
    opened.close()


def word(item: str = "1", rating: float | None = 4.0, time: int = 100, user: str = "u") -> RatingEvent:
    return RatingEvent(user, item, rating, time)


def test_the_last_word_on_a_pair_counts_whatever_its_time(store: RatingStore) -> None:
    store.append([word(rating=1.0), word("2"), word(rating=2.0, time=50)])
    assert store.events_of("u") == [word("2"), word(rating=2.0, time=50)]
    store.append([word(rating=None, time=10)])
    assert store.events_of("u") == [word("2"), word(rating=None, time=10)]
    store.append([word(rating=3.5, time=5)])
    assert store.events_of("u")[-1] == word(rating=3.5, time=5)
    assert store.count() == 2


def test_what_a_user_said_comes_latest_first_and_everything_by_user_and_item(store: RatingStore) -> None:
    said = [
        word("10", time=1),
        word("9", time=2),
        word("é", time=1),
        word("\U0001f3ac", time=1),
        word("\uffff", time=1),
    ]
    store.append([*said, word("2", user="10"), word("1", user="9"), word("1", user="10")])
    assert store.events_of("u") == [said[1], said[0], said[2], said[4], said[3]]
    assert [(one.user, one.item) for one in store.all_events()] == [
        ("10", "1"), ("10", "2"), ("9", "1"), ("u", "10"), ("u", "9"), ("u", "é"), ("u", "\uffff"), ("u", "\U0001f3ac")
    ]  # fmt: skip


def test_nobody_has_said_anything_yet(store: RatingStore) -> None:
    assert store.events_of("u") == store.events_of("") == store.events_of("\ud800") == []
    assert list(store.all_events()) == []
    assert store.count() == 0
    store.append([])
    assert store.count() == 0


@pytest.mark.parametrize("id_", ODD)
def test_any_text_is_an_id(id_: str, store: RatingStore) -> None:
    store.append([word(id_, user=id_), word("other", user=id_)])
    assert store.events_of(id_) == [word(item, user=id_) for item in sorted((id_, "other"))]
    assert [one.item for one in store.all_events()] == sorted((id_, "other"))


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (word(rating=float("nan")), "nan"),
        (word(rating=float("inf")), "inf"),
        (word("\ud800"), "item id"),
        (word(user=""), "user id"),
        (word(time=1 << 63), "time"),
    ],
)
def test_a_word_that_cannot_be_kept_is_refused_and_the_others_with_it(
    bad: RatingEvent, named: str, store: RatingStore
) -> None:
    with pytest.raises(BadData, match=named):
        store.append([word("2"), bad, word("3")])
    assert store.count() == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT, st.none() | st.floats(allow_nan=False, allow_infinity=False), st.integers(-(1 << 63), (1 << 63) - 1))
def test_what_was_put_comes_back_as_it_was(store: RatingStore, id_: str, rating: float | None, time: int) -> None:
    said = RatingEvent(id_, id_, rating, time)
    store.append([said])
    assert said in store.events_of(id_)


def test_everything_is_as_it_stood_when_asked_and_need_not_be_read_to_the_end(store: RatingStore) -> None:
    store.append([word(str(n)) for n in range(3)])
    asked = store.all_events()
    store.append([word("1", rating=None), word("9")])
    assert [one.rating for one in asked] == [4.0, 4.0, 4.0]
    for _ in range(30):  # more than there are connections
        store.all_events()
        assert len(list(islice(store.all_events(), 2))) == 2
    store.append([word("8")])
    assert store.count() == 5


def test_two_stores_at_one_address_are_one(store: RatingStore, address: str) -> None:
    other = open_store(address)
    other.append([word()])
    assert store.events_of("u") == [word()]
    other.close()
    store.append([word(rating=None)])
    store.close()
    again = existing_store(address)
    assert again.events_of("u") == [word(rating=None)]
    again.close()


def test_where_nothing_was_kept_yet_nothing_is_made_for_a_reader(new_address: NewAddress) -> None:
    address = new_address()
    for _ in range(2):
        with pytest.raises(BadData, match=r"no (store|table) of ratings"):
            existing_store(address)
    assert not list(Path(address).parent.glob("*.db*"))


def test_a_closed_store_says_so(store: RatingStore) -> None:
    store.close()
    store.close()
    for ask in (lambda: store.events_of("u"), lambda: store.append([word()]), store.count):
        with pytest.raises(Unavailable):
            ask()


def test_threads_that_write_and_read_at_once(store: RatingStore) -> None:
    together, failed = Barrier(8), []

    def write(user: str) -> None:
        together.wait()
        try:
            for number in range(12):
                mine, common = [word(str(n), rating=number, user=user) for n in range(5)], word(rating=number)
                random.Random(number).shuffle(mine)
                store.append([*mine, common, word("2", rating=number)] if user < "4" else [word("2"), common, *mine])
                assert [one.rating for one in store.events_of(user)] == [number] * 5
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=write, args=(str(user),)) for user in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert store.count() == 8 * 5 + 2
    assert {one.rating for one in store.all_events() if one.user != "u"} == {11.0}


def test_processes_that_open_a_new_store_and_write_at_once(address: str) -> None:
    writers = [_writer(address, str(user), 10) for user in range(4)]
    said = [writer.communicate(timeout=30)[0] for writer in writers]
    assert [one.split()[-1] for one in said] == ["29"] * 4
    store = existing_store(address)
    assert store.count() == 4 * 30
    store.close()


def test_every_acknowledged_word_outlives_a_kill(address: str) -> None:
    chance, acknowledged = random.Random(0), {}
    open_store(address).close()
    for turn in range(5 if address.endswith(".db") else 1):  # of four processes each
        writers = {f"{turn}-{user}": _writer(address, f"{turn}-{user}", 0) for user in range(4)}
        for writer in writers.values():
            assert writer.stdout is not None
            writer.stdout.readline()
        time.sleep(chance.random() * 0.1)
        for user, writer in writers.items():
            writer.kill()
            said = writer.communicate(timeout=30)[0].split("\n")[:-1]  # a line that is cut off is none
            acknowledged[user] = int(said[-1]) if said else 2
    store = existing_store(address)
    for user, last in acknowledged.items():
        kept = {int(one.item): one for one in store.events_of(user)}
        assert set(range(last + 1)) <= set(kept)
        assert len(kept) % 3 == 0, "a batch is there whole or not at all"
        assert all(one.rating == one.time == item // 3 for item, one in kept.items())
    store.close()


def _writer(address: str, user: str, batches: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, address, user, str(batches)], stdout=subprocess.PIPE, text=True
    )


IDS = st.sampled_from(["1", "2", "10", "é", "\0", "\U0001f3ac"])
WORDS = st.builds(RatingEvent, IDS, IDS, st.none() | st.floats(-1e300, 1e300), st.integers(0, 5))


class LikeADictionary(RuleBasedStateMachine):
    """Any calls in any order, also to a store that was closed and opened again."""

    new_address: NewAddress

    @initialize()
    def begin(self) -> None:
        self.address = self.new_address()
        self.store, self.known = open_store(self.address), {}

    @rule(words=st.lists(WORDS, max_size=8))
    def put(self, words: list[RatingEvent]) -> None:
        self.store.append(words)
        self.known.update({(one.user, one.item): one for one in words})

    @rule(words=st.lists(WORDS, max_size=3))
    def put_what_is_refused(self, words: list[RatingEvent]) -> None:
        with pytest.raises(BadData):
            self.store.append([*words, word(rating=float("nan"))])

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = open_store(self.address)

    @rule(user=IDS)
    def of(self, user: str) -> None:
        said = sorted((one for one in self.known.values() if one.user == user), key=lambda one: (-one.time, one.item))
        assert self.store.events_of(user) == said

    @invariant()
    def everything(self) -> None:
        assert list(self.store.all_events()) == [self.known[pair] for pair in sorted(self.known)]
        assert self.store.count() == len(self.known)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


def test_a_store_is_like_a_dictionary(new_address: NewAddress, request: pytest.FixtureRequest) -> None:
    machine = type("Machine", (LikeADictionary,), {"new_address": staticmethod(new_address)})
    examples = 12 if "sqlite" in request.node.name else 3
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=15, deadline=None))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("kept/ratings.db", "ratings.db"),
        ("sqlite:////var/lib/ratings.db", "ratings.db"),
        ("postgresql://me:se@c:r/et@host:5432/films?password=secret", "postgresql://host:5432/films"),
        ("postgres:///films?host=/run", "postgres:///films"),
    ],
)
def test_an_address_is_told_without_its_secrets(address: str, told: str) -> None:
    assert display_name(address) == told


@pytest.mark.parametrize("address", ["", "mysql://host/films", "https://host", "a\0b", "sqlite:///"])
def test_an_address_of_no_kind_is_refused(address: str) -> None:
    with pytest.raises(BadData, match="no store of ratings"):
        open_store(address)
