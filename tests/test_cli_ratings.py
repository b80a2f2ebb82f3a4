"""From the command line: train, rate, look at the ratings, and train again with them."""

import csv
import io
import json
from pathlib import Path

import pytest

from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent
from cofactor.feedback.summary import StoreSummary
from cofactor.report.text.ratings import describe_event, store_facts
from cofactor.saved.model_folder import load, load_manifest
from tests.conftest import Run
from tests.postgres import Server

NEW = [RatingEvent("new user", str(item), 5.0, 2_000_000_000 + item) for item in range(1, 21)]
SAID = [*NEW, RatingEvent("1", "new item", 3.5, 7), RatingEvent("1", "1", None, 8), RatingEvent("nobody", "1", None, 9)]


def rate(address: str, words: list[RatingEvent] = SAID) -> None:
    store = open_store(address)
    store.append(words)
    store.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = (f"{u},{i},{1 + u * i % 5},{u + i}\n" for u in range(1, 41) for i in range(1, 31) if (u + i) % 3 != 1)
    (tmp_path / "r.csv").write_text("user,item,rating,time\n" + "".join(rows))
    return tmp_path / "r.csv"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_who_rated_while_serving_is_known_after_the_next_training(
    kind: str, data: Path, run: Run, request: pytest.FixtureRequest
) -> None:
    server: Server | None = request.getfixturevalue("postgres") if kind == "postgres" else None
    address = server.new_schema() if server else "kept.db"
    name = "postgresql:///postgres" if server else "kept.db"
    assert run("train", "baseline", data, "-o", "m").exit_code == 0
    assert run("recommend", "m", "new user").exit_code == 2
    rate(address)
    done = run("train", "baseline", data, "-o", "m", "--ratings-from", address)
    assert done.exit_code == 0, done.stderr
    assert f"from {name}: 21 added, 0 replaced, 1 deleted" in done.stderr
    assert "pa55word" not in done.stderr
    assert run("recommend", "m", "new user").exit_code == 0
    manifest, model = load_manifest("m"), load("m")
    counts = {"name": name, "added": 21, "replaced": 0, "taken_back": 1}
    assert manifest["notes"]["read"]["ratings_from"] == counts
    assert {"new user"} <= set(model.training_data.users.ids)
    assert {"new item"} <= set(model.training_data.items.ids)
    assert "pa55word" not in Path("m/manifest.json").read_text() + Path("m/README.md").read_text()
    assert run("evaluate", "m", data).exit_code == 2, "the ratings alone are another split"
    measured = run("evaluate", "m", data, "--ratings-from", address, "--json")
    assert json.loads(measured.stdout)["metrics"]["rmse"] == pytest.approx(manifest["metrics"]["rmse"])


def test_a_split_keeps_what_came_in_until_it_was_made(data: Path, run: Run) -> None:
    rate("kept.db")
    made = json.loads(run("split", data, "--ratings-from", "kept.db", "-o", "parts", "--json").stdout)["splits"][0]
    assert made["read"]["ratings_from"]["added"] == 21
    rate("kept.db", [RatingEvent("later", "1", 3.0, 1)])
    trained = json.loads(run("train", "baseline", "parts", "-o", "m", "--json").stdout)
    assert trained["split"] == made["fingerprint"]
    assert load_manifest("m")["notes"]["read"]["ratings_from"] == made["read"]["ratings_from"]
    refused = run("train", "baseline", "parts", "--ratings-from", "kept.db")
    assert refused.exit_code == 2
    assert "is already split" in refused.stderr
    assert "cofactor split" in refused.stderr


def test_what_cannot_be_merged_is_named(data: Path, run: Run) -> None:
    assert (
        "there is no store of ratings in typo.db" in run("train", "baseline", data, "--ratings-from", "typo.db").stderr
    )
    assert not Path("typo.db").exists()
    rate("kept.db", [RatingEvent("1", "2", 90.0, 1)])
    refused = run("train", "baseline", data, "--ratings-from", "kept.db")
    assert refused.exit_code == 2
    assert "kept.db: user '1' rated item '2' 90, outside the scale 1 to 5" in refused.stderr
    assert "--published" in run("split", data, "--published", "--ratings-from", "kept.db").stderr


def test_a_person_looks_at_the_ratings(run: Run) -> None:
    rate("kept.db")
    told = dict(line.split("  ", 1) for line in run("ratings", "kept.db").stdout.splitlines())
    assert {key: value.strip() for key, value in told.items()} == {
        "store": "kept.db", "ratings": "21", "taken back": "2", "users": "3", "items": "21",
        "newest": "2033-05-18 03:33:40 UTC: user new user rated 5 item 20",
    }  # fmt: skip
    document = json.loads(run("ratings", "kept.db", "--json").stdout)
    assert document["newest"] == {"user": "new user", "item": "20", "rating": 5.0, "time": 2_000_000_020}
    assert (document["ratings"], document["taken_back"]) == (21, 2)
    rows = list(csv.DictReader(io.StringIO(run("ratings", "kept.db", "--csv").stdout)))
    assert len(rows) == 23
    assert rows[0] == {"user": "1", "item": "1", "rating": "", "time": "8"}
    assert rows[1] == {"user": "1", "item": "new item", "rating": "3.5", "time": "7"}


def test_an_empty_store_has_no_newest(run: Run) -> None:
    open_store("kept.db").close()
    assert json.loads(run("ratings", "kept.db", "--json").stdout)["newest"] is None
    assert "newest" not in run("ratings", "kept.db").stdout
    assert run("ratings", "kept.db", "--csv").stdout == "user,item,rating,time\n"
    assert run("ratings", "kept.db", "--csv", "--json").exit_code == 2
    assert run("ratings", "nothing.db").exit_code == 2


def test_the_summary_of_a_store_names_the_last_of_its_newest_events() -> None:
    events = [RatingEvent("1", "a", 4.0, 9), RatingEvent("1", "b", None, 9), RatingEvent("2", "a", 3.0, 8)]
    summary = StoreSummary.from_events(events)
    assert summary == StoreSummary(ratings=2, deletions=1, users=2, items=2, newest=events[1])
    assert store_facts(summary)["newest"] == "1970-01-01 00:00:09 UTC: user 1 deleted item b"
    assert StoreSummary.from_events([]) == StoreSummary(0, 0, 0, 0, None)
    assert "newest" not in store_facts(StoreSummary.from_events([]))
    assert describe_event(RatingEvent("1", "a", 4.0, 1 << 62)).startswith(f"{1 << 62} s since 1970: user 1 rated 4")
