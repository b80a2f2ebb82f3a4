"""What is served is one thing: its version follows its content, and it shows nothing that is not for everybody."""

import itertools
import shutil
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.errors import BadArtifact
from cofactor.saved import model_folder
from cofactor.saved.model_folder import save
from cofactor.serving.item_table import ItemTable
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.search.text_folding import fold
from cofactor.serving.search.title_search import TitleSearch
from tests.small_service import NOBODY_RATED, TITLES, bundle, model, ratings


def test_a_saved_model_opens_with_its_manifest_and_scores_alike(tmp_path):
    save(model(), tmp_path / "m", trainer="svd", hyperparameters={"rank": 9}, metrics={"rmse": 0.9})
    opened = LoadedModel.open(tmp_path / "m")
    assert opened.card["trainer"] == "svd"
    assert opened.card["metrics"] == {"rmse": 0.9}
    users = np.arange(3, dtype=np.int32)
    assert np.array_equal(opened.model.score_rows(users), model().score_rows(users))


def test_a_version_names_the_content_wherever_it_lies(tmp_path):
    save(model(), tmp_path / "one", trainer="svd")
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    save(model(mean=3.5), tmp_path / "other", trainer="svd")
    one, copy, other = (LoadedModel.open(tmp_path / name).version for name in ("one", "copy", "other"))
    assert one == copy != other
    assert len(one) == 12


@pytest.mark.parametrize("times", [1, 3, 100])
def test_a_model_replaced_while_it_is_read_is_read_again_and_never_taken_for_one(tmp_path, monkeypatch, times):
    save(model(), tmp_path / "m", trainer="svd")
    inner, means = model_folder._load, iter(np.linspace(3.1, 4.0, times))

    def load_and_replace(folder, manifest, between_blocks):
        loaded = inner(folder, manifest, between_blocks)
        for mean in itertools.islice(means, 1):
            save(model(mean=float(mean)), folder, trainer="svd")
        return loaded

    monkeypatch.setattr(model_folder, "_load", load_and_replace)
    if times == 100:  # nothing ever stands still there
        with pytest.raises(BadArtifact, match="replaced"):
            LoadedModel.open(tmp_path / "m")
    else:
        opened = LoadedModel.open(tmp_path / "m")
        assert opened.model.mean == model_folder.load(tmp_path / "m").mean


def test_a_folder_that_is_away_for_a_moment_is_waited_for(tmp_path):
    save(model(), tmp_path / "m", trainer="svd")
    (tmp_path / "m").rename(tmp_path / "aside")
    back = threading.Timer(0.1, lambda: (tmp_path / "aside").rename(tmp_path / "m"))
    back.start()
    assert LoadedModel.open(tmp_path / "m").card["trainer"] == "svd"
    back.join()


def test_the_card_shows_the_public_part_of_a_manifest():
    card = bundle(notes={"path": "/home/somebody"}, packages={"numpy": "2"}, metrics={"rmse": 1.0}).card
    assert card["metrics"] == {"rmse": 1.0}
    assert not {"notes", "packages"} & card.keys()
    assert (card["users"], card["items"], card["scale"], card["step"]) == (8, 9, [0.5, 5.0], 0.5)


@pytest.fixture(scope="module")
def titles():
    table = ItemTable(model())
    return TitleSearch(table.titles, table.by_popularity)


def found(titles, query, n=10):
    ids = ratings().items.ids
    return [str(ids[row]) for row in titles.search(query, n)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("star wars", "50"),
        ("STAR WARS (1977)", "50"),
        ("amelie", "a/b"),
        ("Amélie", "a/b"),
        ("cité enfants", "1"),
        ("the matrix", "4"),
        ("攻殻", "2"),
        ("<script>", "3"),
        ("9", "9"),
    ],
)
def test_a_title_is_found_without_its_case_accents_and_order(titles, query, first):
    assert first in found(titles, query)[:1] or (query == "9" and first in found(titles, query))


def test_titles_that_begin_with_the_query_come_first(titles):
    assert found(titles, "star") == ["50", "x y"]
    assert found(titles, "s")[:2] == ["50", "x y"]


def test_no_query_lists_the_most_rated_and_nothing_is_listed_twice(titles):
    every = found(titles, "", 100)
    assert sorted(every) == sorted([*TITLES, NOBODY_RATED])
    assert every[-1] == NOBODY_RATED
    assert found(titles, "no such words") == []
    assert len(found(titles, "a", 3)) == 3


@settings(deadline=None)
@given(st.text(max_size=20), st.integers(1, 5))
def test_a_search_finds_what_a_naive_one_finds(titles, query, n):
    training_data = ratings().training_data
    naive = [
        row
        for row in range(len(training_data.items))
        if all(word in fold(training_data.title(row)) for word in fold(query).split())
    ]
    listed = titles.search(query, n)
    assert len(listed) == len(set(listed)) == min(n, len(naive))
    assert set(listed) <= set(naive)


def test_a_card_tells_the_course_of_a_training_and_nothing_that_is_none():
    curve = [{"epoch": 1, "train": 0.95, "validation": None}, {"epoch": 2, "train": 0.9, "validation": 0.93}]
    told = bundle(notes={"curve": curve, "curve_metric": "RMSE", "best_epoch": 2}).card
    assert (told["curve"], told["curve_metric"], told["best_epoch"]) == (curve, "RMSE", 2)
    odd = [{"epoch": "1"}, 7, None, {"epoch": 3, "train": "low", "validation": float("nan")}]
    for notes in (None, [], {"curve": "up"}, {"curve": odd, "curve_metric": ["RMSE"], "best_epoch": "two"}):
        told = bundle(notes=notes).card
        assert told["curve"] in ([], [{"epoch": 3, "train": None, "validation": None}])
        assert (told["curve_metric"], told["best_epoch"]) == ("", None)
