"""What is served is one thing: its version follows its content, and it shows nothing that is not for everybody."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.artifact import save
from cofactor.serving.bundle import Bundle
from cofactor.serving.titles import Titles, fold
from tests.serving import NOBODY_RATED, TITLES, bundle, model, ratings


def test_a_saved_model_opens_with_its_manifest_and_scores_alike(tmp_path):
    save(model(), tmp_path / "m", trainer="svd", hyperparameters={"rank": 9}, metrics={"rmse": 0.9})
    opened = Bundle.open(tmp_path / "m")
    assert opened.card["trainer"] == "svd"
    assert opened.card["metrics"] == {"rmse": 0.9}
    users = np.arange(3, dtype=np.int32)
    assert np.array_equal(opened.model.scores(users), model().scores(users))


def test_a_version_names_the_content_wherever_it_lies(tmp_path):
    save(model(), tmp_path / "one", trainer="svd")
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    save(model(mean=3.5), tmp_path / "other", trainer="svd")
    one, copy, other = (Bundle.open(tmp_path / name).version for name in ("one", "copy", "other"))
    assert one == copy != other
    assert len(one) == 12


def test_the_card_shows_the_public_part_of_a_manifest():
    card = bundle(notes={"path": "/home/somebody"}, packages={"numpy": "2"}, metrics={"rmse": 1.0}).card
    assert card["metrics"] == {"rmse": 1.0}
    assert not {"notes", "packages"} & card.keys()
    assert (card["users"], card["items"], card["scale"], card["step"]) == (8, 9, [0.5, 5.0], 0.5)


@pytest.fixture(scope="module")
def titles():
    return Titles(ratings().catalog)


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


@given(st.text(max_size=20), st.integers(1, 5))
def test_a_search_finds_what_a_naive_one_finds(query, n):
    catalog = ratings().catalog
    naive = [
        row
        for row in range(len(catalog.items))
        if all(word in fold(catalog.title(row)) for word in fold(query).split())
    ]
    listed = Titles(catalog).search(query, n)
    assert len(listed) == len(set(listed)) == min(n, len(naive))
    assert set(listed) <= set(naive)
