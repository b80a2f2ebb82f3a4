"""Train and test parts that somebody else made: in Python, and on the command line of every command that tests."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import cofactor
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, SplitMismatch
from tests.conftest import Run

Row = tuple[str, str, int]
TRAIN = [(f"u{n % 7}", f"i{n % 6}", 1 + n % 5) for n in range(42)]  # every pair of seven users and six items
TEST = [TRAIN.pop(n) for n in (40, 32, 25, 17, 9, 1)]
NEW = ("visitor", "i0", 5), ("u1", "novelty", 3)


def write(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("user,item,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows))
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return write(tmp_path / "train.csv", TRAIN)


@pytest.fixture
def test(tmp_path: Path) -> Path:
    return write(tmp_path / "held.csv", [*TEST, *NEW])


def table(rows: Sequence[Row]) -> Ratings:
    return Ratings.of(*zip(*rows, strict=True))


def test_frames_and_files_are_parts_like_ratings(train: Path) -> None:
    columns = ["user", "item", "rating"]
    frame, other = pd.DataFrame(TEST, columns=columns), pl.DataFrame(TEST, schema=columns, orient="row")
    parts = cofactor.split(train=table(TRAIN), test=table(TEST))
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (36, 0, 6)
    for test in (frame, other):
        assert cofactor.split(train=train, test=test).fingerprint == parts.fingerprint
    three = cofactor.split(train=table(TRAIN[6:]), test=frame, validation=table(TRAIN[:6]))
    assert [len(part) for part in three.parts.values()] == [30, 6, 6]
    with pytest.raises(BadData, match="test: "):
        cofactor.split(train=train, test=frame.drop(columns="item"))


@pytest.mark.parametrize(
    ("train", "validation", "test", "names"),
    [
        (TRAIN, None, [TRAIN[3], *TEST], "1 test ratings are training ratings"),
        (TRAIN[6:], TRAIN[:6], [*TRAIN[:2], *TEST], "2 test ratings are validation ratings"),
        (TRAIN, TRAIN[:3], TEST, "3 validation ratings are training ratings"),
    ],
)
def test_a_pair_in_two_parts_is_named(
    train: Sequence[Row], validation: Sequence[Row] | None, test: Sequence[Row], names: str
) -> None:
    held_back = None if validation is None else table(validation)
    with pytest.raises(BadData, match=f"{names} too, that of user 'u.' and item 'i.'"):
        cofactor.split(train=table(train), test=table(test), validation=held_back)


def test_split_saves_given_parts(run: Run, train: Path, test: Path, tmp_path: Path) -> None:
    done = run("split", train, "--test", test, "--validation-share", "0.25", "-o", "parts", "--json")
    (said,) = json.loads(done.stdout)["splits"]
    assert (said["kind"], said["train"], said["validation"], said["test"]) == ("given", 27, 9, 8)
    parts = cofactor.load_split(tmp_path / "parts")
    assert set(parts.test.users.ids[parts.test.user]) == {"visitor", *(user for user, _, _ in TEST), "u1"}
    held_back = write(tmp_path / "held back.csv", TRAIN[:6])
    rest = write(tmp_path / "rest.csv", TRAIN[6:])
    done = run("split", rest, "--test", test, "--validation", held_back, "-o", "three", "--json")
    (said,) = json.loads(done.stdout)["splits"]
    assert (said["train"], said["validation"], said["test"]) == (30, 6, 8)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["split", "--test", "held.csv"], "--test needs DATA"),
        (["split", "train.csv", "--validation", "held.csv"], "--validation needs --test"),
        (["split", "train.csv", "--test", "held.csv", "--kind", "time"], "--kind has no effect with --test"),
        (["split", "train.csv", "--test", "held.csv", "--test-share", ".2"], "--test-share has no effect with --test"),
        (["split", "train.csv", "--test", "held.csv", "--cut", "3"], "--cut has no effect with --test"),
        (["split", "train.csv", "--test", "held.csv", "--folds", "3"], "--test has no effect with --folds"),
        (
            ["split", "train.csv", "--test", "held.csv", "--validation", "v.csv", "--validation-share", ".1"],
            "--validation-share has no effect with --validation",
        ),
        (["split", "train.csv", "--test", "train.csv"], "36 test ratings are training ratings too"),
        (["train", "popularity", "parts", "--test", "held.csv"], "parts is already split"),
    ],
)
def test_parts_that_contradict_other_options(
    arguments: list[str], said: str, run: Run, train: Path, test: Path
) -> None:
    if "parts" in arguments:
        run("split", train, "-o", "parts")
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_a_model_is_evaluated_on_any_ratings_that_it_has_not_learned(run: Run, train: Path, test: Path) -> None:
    trained = json.loads(run("train", "baseline", train, "--test", test, "-o", "model", "--json").stdout)
    done = run("evaluate", "model", test, "--json")
    report = json.loads(done.stdout)
    assert report["metrics"]["rmse"] == trained["metrics"]["rmse"]
    assert report["counts"]["ratings"] == 8
    assert (report["counts"]["cold_users"], report["counts"]["cold_items"]) == (1, 1)
    assert "all 8 ratings are test ratings" in done.stderr
    text = run("evaluate", "model", test).stdout
    assert "1 user without training ratings and 1 item without training ratings (cold start)" in text


def test_a_model_of_another_split_is_evaluated_on_held_out_ratings(run: Run, train: Path, test: Path) -> None:
    run("train", "popularity", train, "-o", "model")
    report = json.loads(run("evaluate", "model", test, "-k", "3", "--json").stdout)
    assert (report["split"], report["counts"]["ratings"]) == (None, 8)
    own = json.loads(run("evaluate", "model", train, "-k", "3", "--json").stdout)
    assert (own["split"] is not None, own["counts"]["ratings"]) == (True, 3)


def test_ratings_that_a_model_has_learned_are_refused(run: Run, train: Path, test: Path, tmp_path: Path) -> None:
    run("train", "popularity", train, "--test", test, "-o", "model")
    done = run("evaluate", "model", write(tmp_path / "mixed.csv", [*TRAIN, *TEST]))
    assert done.exit_code == 2
    assert "error: the model was trained on " in done.stderr
    assert "and item 'i" in done.stderr


def test_a_split_of_given_parts_is_a_test_for_any_model(run: Run, train: Path, test: Path) -> None:
    run("split", train, "--test", test, "-o", "parts")
    run("train", "popularity", train, "-o", "model", "--test-share", "0.2")
    report = json.loads(run("evaluate", "model", "parts", "-k", "2", "--json").stdout)
    assert report["counts"]["ratings"] == 8
    run("split", train, "-o", "random")
    other = run("evaluate", "model", "random")
    assert other.exit_code == SplitMismatch.exit_code
    assert "trained on split" in other.stderr


def test_compare_takes_given_parts_and_models_of_other_ratings(run: Run, train: Path, test: Path) -> None:
    run("train", "baseline", train, "-o", "own split")
    run("train", "baseline", train, "--test", test, "-o", "same parts")
    asked = ("compare", "own split", "same parts", "--on", train, "--test", test, "-k", "3", "--json")
    found = json.loads(run(*asked).stdout)
    assert not found["left_out"]
    alone = {name: json.loads(run("evaluate", name, test, "-k", "3", "--json").stdout) for name in asked[1:3]}
    for name, report in alone.items():
        assert found["models"][name]["metrics"]["rmse"] == pytest.approx(report["metrics"]["rmse"])
    without = run("compare", "same parts", "--on", train)
    assert without.exit_code == 2
    assert "name both: DATA --test FILE" in without.stderr


def test_tune_tests_on_given_parts_and_says_how_to_train_with_them(run: Run, train: Path, test: Path) -> None:
    done = run("tune", "baseline", train, "--test", test, "--trials", "1", "--jobs", "1", "--json")
    found = json.loads(done.stdout)
    assert f"--test={test}" in found["command"]
    assert "--kind" not in found["command"]
    assert found["test"] is not None
    trained = run(*found["command"].replace("cofactor ", "", 1).split())
    assert trained.exit_code == 0, trained.stderr


def test_feedback_goes_into_the_train_part_alone(train: Path, test: Path) -> None:
    from cofactor.data.data_source import DataSource

    parts = DataSource(str(train), ratings_from="store.db", test=str(test), bad_rows="skip").given_parts()
    assert parts["train"].ratings_from == "store.db"
    assert parts["test"].ratings_from is None
    assert parts["test"].bad_rows == "skip"


def test_movielens_own_parts_work_on_the_command_line(run: Run, real_data: Path) -> None:
    folder = real_data / "ml-100k"
    run("train", "baseline", folder / "u1.base", "--test", folder / "u1.test", "-o", "model")
    report = json.loads(run("evaluate", "model", folder / "u1.test", "--json").stdout)
    assert (report["counts"]["ratings"], report["counts"]["users"]) == (20_000, 459)
    assert np.isclose(report["metrics"]["rmse"], 0.96, atol=0.02)
