"""`cofactor export` and what it writes as DATA of the other commands."""

import json
from pathlib import Path

import pytest

from cofactor.data.exporting.export_manifest import MANIFEST
from cofactor.saved.model_folder import load_manifest
from tests.conftest import Run

LINES = [f"u{user},film {item},{(1 + user * item % 10) / 2},{user + item}" for user in range(30) for item in range(20)]


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "ratings.csv").write_text("\n".join(["user,item,rating,time", *LINES]) + "\n")
    return "ratings.csv"


@pytest.mark.parametrize(
    ("options", "files"),
    [
        (["--shards", "3"], [f"part-{n:05}-of-00003.tfrecord" for n in range(3)]),
        (["--per-shard", "20", "--compress", "gzip"], [f"part-{n:05}-of-00002.tfrecord.gz" for n in range(2)]),
        (["--format", "csv"], ["ratings.csv"]),
        (["--format", "csv", "--compress", "gzip"], ["ratings.csv.gz"]),
        (["--format", "parquet"], ["ratings.parquet"]),
    ],
)
def test_what_is_exported_trains_as_before(
    table: str, run: Run, tmp_path: Path, options: list[str], files: list[str]
) -> None:
    done = run("export", table, "-o", "new/out", *options)
    assert (done.exit_code, done.stdout) == (0, "new/out\n")
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted([MANIFEST, *files])
    assert f"600 ratings into {len(files) + 1} files" in done.stderr
    assert run("train", "baseline", "new/out", "-o", "a", "--kind", "last").exit_code == 0
    assert run("train", "baseline", table, "-o", "b", "--kind", "last").exit_code == 0
    assert load_manifest(tmp_path / "a")["split"] == load_manifest(tmp_path / "b")["split"]


def test_csv_is_the_table_itself(table: str, run: Run, tmp_path: Path) -> None:
    assert run("export", table, "-o", "out", "--format", "csv").exit_code == 0
    assert (tmp_path / "out" / "ratings.csv").read_text() == (tmp_path / table).read_text()


def test_an_exported_split_is_the_split(table: str, run: Run, tmp_path: Path) -> None:
    assert run("split", table, "-o", "parts").exit_code == 0
    assert run("train", "baseline", "parts", "-o", "model").exit_code == 0
    said = json.loads(run("export", "parts", "-o", "out", "--shards", "2", "--json").stdout)
    assert said["split"] == load_manifest(tmp_path / "model")["split"]
    assert said["ratings"] == {"train": 486, "validation": 54, "test": 60}
    assert len(said["files"]) == 1 + 3 * (1 + 2)
    assert run("evaluate", "model", "out", "--json").stdout == run("evaluate", "model", "parts", "--json").stdout
    assert run("export", "out", "-o", "again", "--format", "parquet").exit_code == 0
    assert run("evaluate", "model", "again").exit_code == 0
    refused = run("split", "out")
    assert refused.exit_code == 2
    assert "is already split" in refused.stderr


def test_features_of_other_names(run: Run, table: str) -> None:
    assert run("export", table, "-o", "out").exit_code == 0
    done = run("train", "baseline", "out", "--column", "rating=stars")
    assert done.exit_code == 2
    assert "no column 'stars' among item_ids, ratings, times, user_id" in done.stderr
    assert run("train", "baseline", "out", "--column", "time=", "-o", "model").exit_code == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-3], "record 15 (byte "),
        (lambda data: data[:500] + b"?" + data[501:], "record 2 (byte "),
        (lambda data: b"<html>not here</html>", "record 1 (byte 0): the checksum of its length is wrong"),
    ],
)
def test_a_damaged_shard_is_one_line_with_a_hint(
    run: Run, table: str, tmp_path: Path, damage: object, said: str
) -> None:
    assert run("export", table, "-o", "out", "--shards", "2").exit_code == 0
    path = tmp_path / "out" / "part-00001-of-00002.tfrecord"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    for source in ("out", path):
        done = run("train", "baseline", source)
        assert done.exit_code == 2
        first, blank, last = done.stderr.splitlines()
        assert first.startswith("error: ")
        assert f"part-00001-of-00002.tfrecord: {said}" in first
        assert blank == ""
        assert last.startswith("hint: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "csv", "--shards", "2"], "shards are for tfrecord"),
        (["--format", "parquet", "--compress", "gzip"], "parquet files are compressed"),
        (["--shards", "2", "--per-shard", "3"], "both a number of shards"),
        (["--shards", "0"], "not in the range"),
        (["--shards", "100000"], "100,000 shards"),
        (["--format", "json"], "'json' is not one of"),
        (["-o", "ratings.csv"], "it is a file, not a folder"),
    ],
)
def test_an_export_that_cannot_be(run: Run, table: str, arguments: list[str], said: str) -> None:
    done = run("export", table, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_what_the_page_says_to_type_works(run: Run) -> None:
    from tests.pages import blocks
    from tests.test_docs import type_in

    assert type_in("docs/tfrecord.md", run) == 4
    pytest.importorskip("torch")
    (block,) = (one for one in blocks("docs/tfrecord.md", "python") if "torch" in one)
    known: dict[str, object] = {}
    exec(compile(block, "docs/tfrecord.md", "exec"), known)
    assert known["matrix"].shape == (len(known["ids"]), len(known["ratings"].items))  # type: ignore[attr-defined,arg-type]


def test_real_ratings_there_and_back(real_data: Path, run: Run) -> None:
    folder = ("--data-folder", str(real_data))
    assert run("export", "ml-latest-small", *folder, "--compress", "gzip", "-o", "out").exit_code == 0
    original, back = (
        json.loads(run("split", *source, "--kind", "time", "-o", "parts", "--json").stdout)["splits"][0]
        for source in (("ml-latest-small", *folder), ("out",))
    )
    assert original["fingerprint"] == back["fingerprint"]
    assert original["read"]["rows"] == back["read"]["rows"] == 100_836
