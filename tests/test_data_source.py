"""DATA opened in Python as on the command line: known names, files, splits, synthetic ratings, feedback."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cofactor.data import data_source
from cofactor.data.data_source import DataSource
from cofactor.data.datasets import locations
from cofactor.data.exporting.export import export
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.split import Split, save_split, split
from cofactor.data.splitting.time_windows import split_at_time
from cofactor.data.synthetic.generate import generate_from_recipe
from cofactor.data.synthetic.ground_truth import SyntheticRecipe
from cofactor.errors import BadData, SplitMismatch, Unavailable
from cofactor.experiments.training_split import open_training_split, training_recipe
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent
from tests.toys import noise


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> Ratings:
    """Few synthetic ratings in place of the 120,000 of the demo."""
    made = generate_from_recipe(SyntheticRecipe(20, 10, 5, 0, "uniform", 2, 0.5))
    monkeypatch.setattr(data_source, "demo_ratings", lambda: made)
    return made.ratings


def write_csv(path: Path, n: int = 40) -> Path:
    rows = [f"{i % 8},{i // 8},{1 + i % 5},{100 + i}" for i in range(n)]
    path.write_text("\n".join(["user,item,rating,time", *rows]) + "\n")
    return path


def test_synthetic_ratings_go_by_their_name_and_by_the_former_one(small_demo: Ratings, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "synthetic").mkdir()  # a folder of that name is given as ./synthetic
    for source in (DataSource(), DataSource("synthetic"), DataSource("made")):
        assert source.is_synthetic
        assert source.name == "synthetic"
        assert not source.is_split()
        assert source.split_folders() == []
        np.testing.assert_array_equal(source.read().value, small_demo.value)
        with pytest.raises(BadData, match="no such data: synthetic"):
            source.path()
    assert not DataSource("./synthetic").is_synthetic


def test_a_known_name_is_looked_for_in_the_folder_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    source = DataSource("ml-100k", folder)
    with pytest.raises(Unavailable, match="ml-100k is not in") as raised:
        source.path()
    assert raised.value.hint == f"cofactor fetch ml-100k --data-folder {folder}"
    monkeypatch.setenv("COFACTOR_DATA", str(folder))
    assert DataSource("ml-100k").folder == folder
    with pytest.raises(Unavailable) as raised:
        source.path()
    assert raised.value.hint == "cofactor fetch ml-100k"
    for place in (Path("ml-100k"), folder / "ml-100k.zip", folder / "ml-100k"):
        place.mkdir(parents=True)
        assert source.path() == place


def test_the_default_folder_is_that_of_the_user_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COFACTOR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert locations.default_data_folder() == tmp_path / "cofactor"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert locations.default_data_folder() == Path.home() / ".cache" / "cofactor"


def test_a_path_that_is_not_there_suggests_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no such data: ml-10k") as raised:
        DataSource("ml-10k").path()
    assert raised.value.hint.startswith("did you mean ml-10")
    with pytest.raises(BadData, match="no such data") as raised:
        DataSource(str(tmp_path / "zzz")).path()
    assert raised.value.hint.startswith("a file, a folder, or one of ml-100k")


def test_a_file_is_read_and_split_by_its_recipe(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "r.csv")
    source = DataSource(str(file))
    assert source.name == "r.csv"
    opened = source.open()
    assert isinstance(opened, Ratings)
    parts, recipe = source.open_split()
    assert recipe == SplitRecipe()
    assert parts.fingerprint == split(opened, seed=0).fingerprint
    recipe = SplitRecipe("last", test=0.5, validation=0)
    parts, returned = source.open_split(recipe)
    assert returned == recipe
    assert parts.fingerprint == split(opened, "last", validation=0).fingerprint
    cut = SplitRecipe(cut=120, validation=0.25)
    assert source.open_split(cut)[0].fingerprint == split_at_time(opened, 120, validation=0.25).fingerprint


@pytest.mark.parametrize("saved", [save_split, export])
def test_a_saved_split_is_opened_and_is_no_table_of_ratings(saved, tmp_path: Path) -> None:
    parts = split(noise(10, 10, 60), seed=3)
    saved(parts, tmp_path / "s")
    source = DataSource(str(tmp_path / "s"))
    assert source.is_split()
    assert source.split_folders() == []
    opened = source.open()
    assert isinstance(opened, Split)
    assert opened.fingerprint == parts.fingerprint
    again, recipe = source.open_split(SplitRecipe(seed=9))
    assert (again.fingerprint, recipe) == (parts.fingerprint, None)
    with pytest.raises(BadData, match="is already split"):
        source.read()
    for more in ({"ratings_from": "x.db"}, {"user_features": Path("u.csv")}, {"item_features": Path("i.csv")}):
        with pytest.raises(BadData, match="is already split, and its"):
            DataSource(str(tmp_path / "s"), **more).load_split()


def test_splits_in_a_folder_are_in_natural_order(tmp_path: Path) -> None:
    for name in ("fold-10", "fold-9", "2", "fold-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "split.json").write_text("{}")
    source = DataSource(str(tmp_path))
    assert [folder.name for folder in source.split_folders()] == ["2", "fold-1", "fold-9", "fold-10"]
    assert source.subfolder("fold-9").is_split()
    with pytest.raises(BadData, match="holds 4 splits"):
        source.read()


def test_ratings_of_a_store_are_merged_in(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "r.csv")
    with closing(open_store(str(tmp_path / "kept.db"))) as store:
        store.append([RatingEvent("new", "0", 5.0, 200), RatingEvent("0", "0", None, 201)])
    ratings = DataSource(str(file), ratings_from=str(tmp_path / "kept.db")).read()
    assert ratings.origin is not None
    counts = ratings.origin.feedback
    assert counts is not None
    assert (counts.name, counts.added, counts.replaced, counts.taken_back) == ("kept.db", 1, 0, 1)
    assert "new" in ratings.users
    assert ratings.origin.remarks()[-1] == "from kept.db: 1 added, 0 replaced, 1 deleted"


def test_the_split_of_a_model_is_opened_again_or_refused(tmp_path: Path) -> None:
    source = DataSource(str(write_csv(tmp_path / "r.csv")))
    recipe = {"kind": "per-user", "seed": 4, "test": 0.2, "validation": 0.2, "cut": None}
    wanted = SplitRecipe(**recipe).split(source.read())
    manifest = {"split": wanted.fingerprint, "notes": {"split_recipe": recipe}}
    assert open_training_split(manifest, source).fingerprint == wanted.fingerprint
    with pytest.raises(SplitMismatch, match="was trained on split"):
        open_training_split(manifest | {"notes": {}}, source)
    assert open_training_split({"split": None, "notes": {}}, source).kind == "random"
    assert training_recipe({"notes": {"split_recipe": None}}) == SplitRecipe()
