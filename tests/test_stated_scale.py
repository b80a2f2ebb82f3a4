"""The scale of ratings that somebody states, because nobody has used all of it yet."""

import json
from pathlib import Path

import pandas as pd
import pytest

import cofactor
from cofactor.data.data_source import DataSource
from cofactor.errors import BadData
from tests.conftest import Run

ROWS = [(f"u{n % 9}", f"i{n % 8}", 3 + n % 3) for n in range(60)]


@pytest.fixture
def young(tmp_path: Path) -> Path:
    """Ratings of a shop in which nobody has given one or two stars yet."""
    pd.DataFrame(ROWS, columns=["user", "item", "rating"]).to_csv(tmp_path / "young.csv", index=False)
    return tmp_path / "young.csv"


def test_a_stated_scale_is_that_of_ratings_and_models(young: Path) -> None:
    assert cofactor.read(young).scale == (3, 5)
    ratings = cofactor.read(young, scale=(1, 5))
    assert (ratings.scale, ratings.step) == ((1, 5), 1)
    assert cofactor.read(young, scale=(0.5, 5)).step == 0.5
    model = cofactor.Baseline().fit(ratings)
    model.recommend_for_ratings({"i1": 1.0})
    with pytest.raises(BadData, match="0"):
        model.recommend_for_ratings({"i1": 0.0})
    frame = pd.DataFrame(ROWS, columns=["user", "item", "rating"])
    assert cofactor.read(frame, scale=(1, 5)).scale == (1, 5)


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_a_rating_outside_is_a_bad_row(kind: str, tmp_path: Path) -> None:
    table = pd.DataFrame([*ROWS[:7], ("u1", "x", 6.0), ("u2", "x", 0.9)], columns=["user", "item", "rating"])
    source = table if kind == "frame" else tmp_path / f"r.{kind}"
    if kind == "csv":
        table.to_csv(source, index=False)
    elif kind == "parquet":
        table.to_parquet(source)
    with pytest.raises(BadData, match=r"rating '6\.0' is outside the scale 1 to 5.*rating '0\.9' is outside"):
        cofactor.read(source, scale=(1, 5))
    left = cofactor.read(source, scale=(1, 5), bad_rows="skip", rejected=tmp_path / "rejected.csv")
    assert left.origin is not None
    assert (len(left), left.origin.rejected, left.scale) == (7, 2, (1, 5))
    assert "outside the scale 1 to 5" in (tmp_path / "rejected.csv").read_text()


def test_tenths_at_the_ends_are_inside(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("user,item,rating\na,x,0.1\na,y,0.7\n")
    assert cofactor.read(tmp_path / "r.csv", scale=(0.1, 0.7)).scale == (0.1, 0.7)


@pytest.mark.parametrize("scale", [(5, 1), (3, 3), (1,), (1, 2, 3), ("a", "b"), (1, float("inf")), 5])
def test_what_is_no_scale(scale: object, young: Path) -> None:
    with pytest.raises(BadData, match="scale is") as caught:
        cofactor.read(young, scale=scale)  # type: ignore[arg-type]
    assert "--scale 1:5" in caught.value.hint


def test_interactions_have_no_scale(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("user,item\na,x\nb,y\n")
    with pytest.raises(BadData, match="a scale for pairs"):
        cofactor.read(tmp_path / "pairs.csv", scale=(1, 5))
    (tmp_path / "counts.csv").write_text("user,item,rating\na,x,3\nb,y,4\n")
    with pytest.raises(BadData, match="a scale for counts"):
        cofactor.read(tmp_path / "counts.csv", scale=(1, 5), implicit=True)


def test_values_that_are_merged_stay_on_the_scale(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("user,item,rating\na,x,3\na,x,4\nb,y,4\n")
    assert cofactor.read(tmp_path / "r.csv", scale=(1, 5), repeats="mean").scale == (1, 5)
    with pytest.raises(BadData, match="a scale for counts"):
        cofactor.read(tmp_path / "r.csv", scale=(1, 5), repeats="sum")


def test_the_command_line_keeps_the_scale_with_the_model(run: Run, young: Path) -> None:
    done = run("train", "baseline", young, "--scale", "1:5", "-o", "model")
    assert done.exit_code == 0, done.stderr
    assert "evaluate model --scale=1:5" in done.stderr
    assert cofactor.load("model").scale == (1, 5)
    for extra in ((), ("--scale", "1:5")):
        report = json.loads(run("evaluate", "model", young, "-k", "3", "--json", *extra).stdout)
        assert report["split"] == cofactor.load_manifest("model")["split"]
    compared = run("compare", "model", "--on", young, "--json", "-k", "3", "--scale", "1:5")
    assert "--scale 1:5" in json.loads(compared.stdout)["command"]


@pytest.mark.parametrize("text", ["3", "a:b", "1:5:9", ":", "5:1"])
def test_texts_that_are_no_scale(text: str, run: Run, young: Path) -> None:
    done = run("split", young, "--scale", text)
    assert done.exit_code == 2
    assert "hint: " in done.stderr


def test_the_scale_of_a_split_is_fixed(run: Run, young: Path) -> None:
    assert run("split", young, "--scale", "1:5", "-o", "parts").exit_code == 0
    assert cofactor.load_split("parts").test.scale == (1, 5)
    refused = run("train", "baseline", "parts", "--scale", "1:5")
    assert refused.exit_code == 2
    assert "its scale is fixed" in refused.stderr


def test_synthetic_ratings_have_a_scale_as_well() -> None:
    assert DataSource(scale=(0, 10)).read().scale == (0, 10)
    with pytest.raises(BadData, match="outside the scale"):
        DataSource(scale=(2, 3)).read()
