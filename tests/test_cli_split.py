"""Splitting and generating from the command line."""

import json
from pathlib import Path

import pytest

from cofactor.data.splitting.split import load_split
from tests.conftest import Run


def test_a_split_is_saved_with_its_fingerprint(run: Run, tmp_path: Path) -> None:
    done = run("split", "--kind", "last", "-o", "new/parts", "--json")
    (said,) = json.loads(done.stdout)["splits"]
    made = load_split(tmp_path / "new" / "parts")
    assert said["fingerprint"] == made.fingerprint
    assert (said["train"], said["validation"], said["test"]) == tuple(map(len, made.parts.values()))
    assert said["kind"] == "last"


def test_the_default_split_is_the_one_that_train_makes(run: Run) -> None:
    parts = json.loads(run("split", "--json").stdout)["splits"][0]
    assert parts["folder"] == "splits/synthetic"
    assert json.loads(run("train", "popularity", "--json").stdout)["split"] == parts["fingerprint"]


def test_folds_share_out_every_rating(run: Run, tmp_path: Path) -> None:
    done = run("split", "--folds", "4", "-o", "folds")
    assert done.exit_code == 0
    made = [load_split(tmp_path / "folds" / f"fold-{number}") for number in range(1, 5)]
    assert sum(len(one.test) for one in made) == sum(map(len, made[0].parts.values())) == 120_000
    assert len({one.fingerprint for one in made}) == 4
    assert len(done.stdout.splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--folds", "1"], "not in the range"),
        (["--folds", "4", "--published"], "one of --folds and --published"),
        (["--test-share", "1"], "not in the range"),
        (["--test-share", "nan"], "not a finite number"),
        (["--kind", "best"], "'best' is not one of"),
        (["--seed", "-1"], "a seed of -1"),
        (["--folds", "3", "--seed", "-1"], "a seed of -1"),
        (["--folds", "3", "--kind", "time"], "--kind has no effect with --folds"),
        (["--folds", "3", "--test-share", ".2"], "--test-share has no effect with --folds"),
        ([".", "--published", "--bad-rows", "skip"], "--bad-rows has no effect with --published"),
        ([".", "--published"], "has no u1.base"),
    ],
)
def test_a_split_that_cannot_be(arguments: list[str], said: str, run: Run) -> None:
    done = run("split", *arguments)
    assert done.exit_code == 2
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert said in error


def test_generated_ratings_are_a_file_that_says_how_good_a_model_can_be(run: Run, tmp_path: Path) -> None:
    done = run("generate", "--users", "1e2", "--items", "50", "--per-user", "1_0", "-o", "new/r.parquet", "--json")
    document = json.loads(done.stdout)
    assert document["rows"] == 1_000
    assert 0.4 < document["best_rmse"] < 0.7
    assert (tmp_path / "new" / "r.parquet").is_file()
    assert Path(document["items"]).is_file()
    again = run("generate", "--users", "100", "--items", "50", "--per-user", "10", "-o", "again.parquet")
    assert again.stdout == "again.parquet\n"
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "new" / "r.parquet").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--items", "10", "--per-user", "20"], "20 ratings per user of 10 items"),
        (["-o", "ratings.xlsx"], "cannot write ratings.xlsx"),
    ],
)
def test_ratings_that_cannot_be_made(arguments: list[str], said: str, run: Run) -> None:
    done = run("generate", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr.splitlines()[0]
    assert "hint: " in done.stderr
