"""Forgetting a person: nothing is left in the files, in answers, or in the next training."""

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import psycopg
import pytest

from cofactor.data.merge_feedback import merge_feedback
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, Unavailable, UnknownId
from cofactor.feedback import sqlite_erasure
from cofactor.feedback.open_store import existing_store, open_store
from cofactor.feedback.sqlite import SqliteStore
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.saved.model_folder import load, load_manifest
from cofactor.serving.schemas import responses
from cofactor.serving.schemas.requests import (
    BatchBody,
    ListQuery,
    Page,
    RatingsBody,
    RecoQuery,
    SimilarUsersQuery,
)
from cofactor.serving.service import RecommendationService
from tests.conftest import Run
from tests.small_service import MemoryStore, bundle

GONE, STAYS = "somebody@example.org", "another@example.org"
ITEM = "an item that only one has rated"


def events(user: str, n: int = 300) -> list[RatingEvent]:
    return [RatingEvent(user, str(item), 4.0, 1_700_000_000 + item) for item in range(n)]


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "ratings.db")
    found: str = request.getfixturevalue("postgres").new_schema()
    return found


@pytest.fixture
def store(address: str) -> Iterator[RatingStore]:
    opened = open_store(address)
    yield opened
    opened.close()


def test_all_events_of_a_user_are_gone_and_those_of_others_stay(store: RatingStore) -> None:
    store.append([*events(GONE), *events(STAYS), RatingEvent(GONE, ITEM, None, 1)])
    assert store.last_note() == 0
    assert store.forgotten([GONE]) == {}
    assert store.forget(GONE) == 301
    assert store.events_of(GONE) == []
    assert store.counts_of([GONE, STAYS]) == {GONE: 0, STAYS: 300}
    assert len(list(store.all_events())) == store.count() == 300
    assert store.forgotten([GONE, STAYS, "\ud800"]) == {GONE: store.last_note()}
    first = store.last_note()
    store.append([RatingEvent(GONE, "1", 2.0, 1)])
    assert [one.rating for one in store.events_of(GONE)] == [2.0], "a new person"
    assert store.forgotten([GONE]) == {GONE: first}
    assert store.forget(GONE) == 1
    assert store.forget("nobody") == 0
    assert store.forgotten([GONE])[GONE] > first
    assert store.forgotten([f"{n}" for n in range(10_001)] + ["nobody"]) == {"nobody": store.last_note()}


def test_an_id_in_another_form_is_forgotten_with_its_normal_form(store: RatingStore) -> None:
    store.append([RatingEvent("e\u0301", "1", 4.0, 1), RatingEvent("\u00e9", "1", 4.0, 1)])
    assert store.forget("e\u0301") == 2
    assert set(store.forgotten(["\u00e9"])) == {"\u00e9"}


def test_no_byte_of_a_forgotten_user_is_left_in_any_file(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path / "ratings.db")
    for turn in range(4):  # rows that are replaced leave bytes in free space, too
        for user in (GONE, STAYS, *(f"user {n}" for n in range(20))):
            store.append([RatingEvent(user, f"{ITEM} {n}", float(turn), n) for n in range(100)])
    store.append([RatingEvent(GONE, "secret item", 1234567.125, 7_654_321)])

    def found(what: bytes) -> list[str]:
        return [file.name for file in tmp_path.iterdir() if what in file.read_bytes()]

    assert found(GONE.encode())
    store.forget(GONE)
    assert found(STAYS.encode()), "the others are still there"
    rating = b"\x41\x32\xd6\x87\x20\x00\x00\x00"  # 1234567.125
    for trace in (GONE.encode(), b"secret item", rating):
        assert found(trace) == []
    store.close()
    assert found(GONE.encode()) == []
    again = SqliteStore(tmp_path / "ratings.db")
    assert again.forgotten([GONE]) == {GONE: 1}
    again.close()


def test_a_reader_delays_the_erasure_of_the_log_which_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_erasure, "LOG_TIMEOUT", 0.1)
    store = SqliteStore.create(tmp_path / "ratings.db")
    store.append(events(GONE))
    reader = apsw.Connection(str(tmp_path / "ratings.db"))
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM feedback").get == 300
    with pytest.raises(Unavailable, match="still in the log") as told:
        store.forget(GONE)
    assert "again" in told.value.hint
    assert store.events_of(GONE) == []
    reader.close()
    assert store.forget(GONE) == 0
    assert all(GONE.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    store.close()


def test_a_disk_without_room_to_write_the_file_anew_is_named_and_erasing_can_be_repeated(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path / "ratings.db")
    store.append(events(GONE, 3))
    for user in range(30):
        store.append(events(f"user {user}"))
    store.forget("nobody")  # moves everything from the log into the file
    size, limits = (tmp_path / "ratings.db").stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))  # bytes: of each file that is written
    try:
        with pytest.raises(Unavailable, match="the ratings are deleted, but their bytes are still in") as told:
            store.forget(GONE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "again when its disk has room" in told.value.hint
    assert store.events_of(GONE) == []
    assert store.forgotten([GONE])
    assert store.forget(GONE) == 0
    store.close()
    assert all(GONE.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_no_table_of_the_database_has_the_user(postgres) -> None:
    address = postgres.new_schema()
    store = open_store(address)
    store.append([*events(GONE, 5), *events(STAYS, 5)])
    store.forget(GONE)
    with psycopg.connect(address) as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        for (table,) in connection.execute(names).fetchall():
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # type: ignore[call-overload]
            assert GONE.encode() not in b" ".join(
                bytes(cell) for row in rows for cell in row if isinstance(cell, bytes)
            )
        dead = "SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = to_regclass('cofactor_feedback')"
        assert connection.execute(dead).fetchone() == (0,)
    store.close()


# The service ----------------------------------------------------------------------------------------------------------


def refusals(answers: RecommendationService, user: str) -> list[Callable[[], object]]:
    return [
        lambda: answers.recommendations(user, ListQuery()),
        lambda: answers.ratings(user, Page()),
        lambda: answers.reco(RecoQuery(UsrID=user)),
        lambda: answers.similar_users(user, SimilarUsersQuery()),
    ]


def test_the_service_knows_nothing_of_a_forgotten_user() -> None:
    answers = RecommendationService(bundle(), store=MemoryStore())
    answers.rate(RatingsBody(ratings=[{"user": "40", "item": "1", "rating": 4.0}]))
    assert answers.ratings("40", Page())["total"] == 2
    done = answers.forget_user("40")
    responses.Forgotten.model_validate(done, strict=True)
    assert (done["user"], done["forgotten"], done["trained"]) == ("40", 1, True)
    for ask in refusals(answers, "40"):
        with pytest.raises(UnknownId, match="unknown user '40'") as told:
            ask()
        assert "40" not in told.value.hint.replace("stranger", "")
    assert answers.batch(BatchBody(users=["40"]))["lists"][0]["problem"]["detail"] == "unknown user '40'"
    assert "40" not in [one["user"] for one in answers.users(Page(n=100))["users"]]
    assert "40" not in [one["user"] for one in answers.similar_users("7", SimilarUsersQuery(n=100))["similar"]]
    assert answers.delete_rating("40", "50")["taken_back"] is False
    assert answers.forget_user("40")["trained"] is False


def test_a_forgotten_user_is_answered_like_one_who_never_existed() -> None:
    store = MemoryStore()
    answers = RecommendationService(bundle(), store=store)
    before = {user: refused(answers, user) for user in ("7x", "41", "nobody at all")}
    assert "7" in before["7x"][1]
    answers.forget_user("7")
    for user in ("7", "7x", "70"):
        detail, hint = refused(answers, user)
        assert detail == f"unknown user {user!r}"
        assert "7" not in hint
        assert hint.startswith(("did you mean ", "the model knows "))
    assert {user: refused(answers, user) for user in ("41", "nobody at all")} == {
        user: before[user] for user in ("41", "nobody at all")
    }


def refused(answers: RecommendationService, user: str) -> tuple[str, str]:
    with pytest.raises(UnknownId) as told:
        answers.recommendations(user, ListQuery())
    return told.value.message, told.value.hint


def test_somebody_who_rates_again_is_a_new_person() -> None:
    answers = RecommendationService(bundle(), store=MemoryStore())
    answers.forget_user("40")
    answers.rate(RatingsBody(ratings=[{"user": "40", "item": "3", "rating": 2.0}]))
    assert [one["item"] for one in answers.ratings("40", Page())["ratings"]] == ["3"], "without the one of training"
    assert answers.recommendations("40", ListQuery())["source"] == "folded-in"


def test_a_model_that_followed_the_note_serves_the_new_person() -> None:
    store = MemoryStore()
    store.forget("40")
    followed = {"notes": {"read": {"ratings_from": {"store": store.identity, "last_note": 1}}}}
    answers = RecommendationService(bundle(**followed), store=store)
    assert answers.recommendations("40", ListQuery())["source"] == "trained"
    answers.forget_user("40")
    with pytest.raises(UnknownId):
        answers.recommendations("40", ListQuery())
    for other in ({"store": "another", "last_note": 9}, {"store": store.identity, "last_note": "9"}, 9):
        odd = RecommendationService(bundle(notes={"read": {"ratings_from": other}}), store=store)
        with pytest.raises(UnknownId):
            odd.recommendations("40", ListQuery())


# The next training ----------------------------------------------------------------------------------------------------


def test_a_forgotten_user_is_left_out_of_the_data(address: str) -> None:
    store = open_store(address)
    store.append(events(GONE, 2))
    store.forget(GONE)
    store.append([RatingEvent("new", "1", 3.0, 9)])
    store.close()
    before = Ratings.of([GONE, GONE, STAYS], ["1", "2", "1"], [5.0, 4.0, 3.0], [1, 2, 3])
    merged = merge_feedback(before, address)
    assert merged.users.ids.tolist() == [STAYS, "new"]
    assert merged.items.ids.tolist() == ["1", "2"]
    assert merged.value.tolist() == [3.0, 3.0]
    assert merged.scale == before.scale
    assert merged.origin is not None
    record = merged.origin.as_record()["ratings_from"]
    assert (record["forgotten"], record["added"], record["last_note"]) == (1, 1, 1)
    assert merged.origin.remarks()[-1].endswith("1 added, 0 replaced, 0 deleted, 1 forgotten user left out")


def test_who_rates_again_is_in_the_next_training_without_the_former_ratings(address: str) -> None:
    store = open_store(address)
    store.forget(GONE)
    store.append([RatingEvent(GONE, "3", 1.0, 9)])
    store.close()
    merged = merge_feedback(Ratings.of([GONE, STAYS], ["1", "3"], [5.0, 1.0]), address)
    of_user = merged.item[merged.user == merged.users.row(GONE)]
    assert merged.items.ids[of_user].tolist() == ["3"]


def test_from_the_command_line(tmp_path: Path, run: Run) -> None:
    rows = (f"{u},{i},{1 + u * i % 5},{u + i}\n" for u in range(1, 31) for i in range(1, 21) if (u + i) % 3 != 1)
    (tmp_path / "r.csv").write_text("user,item,rating,time\n" + "".join(rows))
    store = open_store("kept.db")
    store.append([RatingEvent("7", "2", 3.0, 1), RatingEvent("new", "2", 3.0, 1)])
    store.close()
    assert run("train", "baseline", "r.csv", "-o", "before").exit_code == 0
    told = run("ratings", "kept.db", "--forget", " 7 ", "--json")
    assert json.loads(told.stdout) == {"store": "kept.db", "user": "7", "forgotten": 1}
    assert "--ratings-from" in told.stderr
    assert "forgotten  0" in run("ratings", "kept.db", "--forget", "7").stdout
    for wrong in ("\udcff", "", "."):
        refused = run("ratings", "kept.db", "--forget", wrong)
        assert (refused.exit_code, "bug" in refused.stderr) == (2, False)
    assert run("ratings", "kept.db", "--forget", "7", "--csv").exit_code == 2
    done = run("train", "baseline", "r.csv", "-o", "after", "--ratings-from", "kept.db")
    assert "1 forgotten user left out" in done.stderr
    assert "7" in load("before").training_data.users
    assert "7" not in load("after").training_data.users
    assert all(b'"7"' not in file.read_bytes() for file in Path("after").glob("*.json"))
    kept = existing_store("kept.db")
    record = load_manifest("after")["notes"]["read"]["ratings_from"]
    assert (record["store"], record["last_note"]) == (kept.identity, kept.last_note())
    kept.close()


def test_an_id_that_no_store_can_hold_cannot_be_forgotten(store: RatingStore) -> None:
    with pytest.raises(BadData, match="user id"):
        store.forget("\ud800")
