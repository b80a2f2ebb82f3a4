"""One store for one catalogue: a model of other items is refused, a model of the same items with more data is not."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import cofactor
from cofactor.data.merge_feedback import merge_feedback
from cofactor.feedback.catalogue import MAX_RECORDED, OtherCatalogue, check_catalogue, record_catalogue, sample_titles
from cofactor.feedback.open_store import open_store
from cofactor.feedback.sqlite import SqliteStore
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.model_registry import BadCandidate, ModelRegistry
from cofactor.serving.server_config import ServerConfig
from tests.conftest import Run
from tests.small_service import TITLES, MemoryStore, model, ratings

FILMS = {str(n): title for n, title in enumerate(["Star Wars (1977)", "Casablanca", "Matrix, The", "Alien", "Heat"])}
OTHERS = {str(n): title for n, title in enumerate(["Dune", "Emma", "Ulysses", "It", "Kim", "She"])}
RATED = RatingEvent("u", "1", 4.0, 1)


@pytest.mark.parametrize(
    ("titles", "accepted"),
    [
        (FILMS, True),
        ({**FILMS, "9": "Dune"}, True),
        ({**FILMS, "1": "Casablanca (1942)", "2": "The Matrix (1999)", "3": "ALIEN"}, True),
        ({**FILMS, "1": "Emma"}, True),
        ({**FILMS, "1": "Emma", "3": "It"}, False),
        (OTHERS, False),
        ({item: f"Film {n}" for n, item in enumerate(FILMS)}, False),
        ({"a": "Dune"}, True),
        ({}, True),
    ],
    ids=["same", "more", "corrected", "one", "two", "other", "numbered", "other ids", "none"],
)
def test_titles_may_be_corrected_but_not_be_others(titles: Mapping[str, str], accepted: bool) -> None:
    if accepted:
        check_catalogue(FILMS, titles, "r.db", "m")
    else:
        with pytest.raises(OtherCatalogue, match=r"r\.db holds ratings of another catalogue than m"):
            check_catalogue(FILMS, titles, "r.db", "m")


def test_numbered_titles_of_other_items_are_others() -> None:
    numbered = {str(n): f"Film {n}" for n in range(50)}
    with pytest.raises(OtherCatalogue, match="50 of 50 titles differ; item '0' is 'Film 0' in the store, and 'Film 1'"):
        check_catalogue(numbered, {str(n): f"Film {n + 1}" for n in range(50)}, "r.db", "m")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RatingStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "sqlite":
        return SqliteStore.create(tmp_path / "r.db")
    return open_store(request.getfixturevalue("postgres").new_schema())


def test_a_store_follows_its_catalogue(store: RatingStore) -> None:
    record_catalogue(store, {"first": OTHERS})
    record_catalogue(store, {"first": FILMS})
    assert store.titles() == FILMS, "a store without ratings takes any catalogue"
    store.append([RATED])
    for wrong in ({"next": OTHERS}, {"same": FILMS, "next": OTHERS}):
        with pytest.raises(OtherCatalogue, match="the model next"):
            record_catalogue(store, wrong)
    more = {**FILMS, "1": "Casablanca (1942)", "9": "Brazil"}
    record_catalogue(store, {"same": FILMS, "more": more})
    assert store.titles() == more
    record_catalogue(store, {"untitled": {}})
    assert store.titles() == more
    store.close()


def test_models_that_do_not_belong_together_are_refused_before_anybody_rates() -> None:
    store = MemoryStore()
    with pytest.raises(OtherCatalogue, match="the model books"):
        record_catalogue(store, {"films": FILMS, "books": OTHERS})
    assert store.titles() == {}


def test_of_a_large_catalogue_the_same_items_are_recorded() -> None:
    titles = {f"item {n}": f"title {n}" for n in range(MAX_RECORDED + 5_000)}
    some = sample_titles(titles)
    assert len(some) == MAX_RECORDED
    more = sample_titles({**titles, **{f"new {n}": "new" for n in range(5_000)}})
    assert len(some.keys() & more.keys()) > 0.8 * MAX_RECORDED
    assert sample_titles({"1": "", "2": "x"}) == {"2": "x"}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Saved models of the same items, of more items, and of other items with the same ids."""
    other = {item: f"Another film, {'xyz' * n}" for n, item in enumerate(TITLES)}
    of = {"same": TITLES, "more": {**TITLES, "new": "A new film (2026)"}, "other": other}
    found = {name: tmp_path / name for name in of}
    for name, titles in of.items():
        cofactor.save(model(ratings(titles=titles)), found[name])
    return found


def config(store: Path, **models: Path) -> ServerConfig:
    return ServerConfig(models=tuple(models.items()), store=str(store))


def test_a_service_refuses_a_model_of_another_catalogue(tmp_path: Path, folders: dict[str, Path]) -> None:
    first = ModelRegistry.open(config(tmp_path / "r.db", m=folders["same"]))
    first.service().store.append([RATED])
    first.close()
    ModelRegistry.open(config(tmp_path / "r.db", m=folders["more"])).close()
    with pytest.raises(OtherCatalogue, match=r"r\.db holds ratings of another catalogue than the model m"):
        ModelRegistry.open(config(tmp_path / "r.db", m=folders["other"]))
    ModelRegistry.open(config(tmp_path / "other.db", m=folders["other"])).close()


def test_a_reload_refuses_a_model_of_another_catalogue(tmp_path: Path, folders: dict[str, Path]) -> None:
    registry = ModelRegistry.open(config(tmp_path / "r.db", m=folders["same"]))
    registry.warm_up()
    registry.service().store.append([RATED])
    version = registry.service().version
    for name, refused in (("other", True), ("more", False)):
        folders["same"].rename(tmp_path / f"before {name}")
        folders[name].rename(folders["same"])
        if refused:
            with pytest.raises(BadCandidate, match="another catalogue"):
                registry.reload()
            assert registry.service().version == version
        else:
            assert registry.reload()["changed"]
    registry.close()


def test_the_next_training_refuses_ratings_of_another_catalogue(tmp_path: Path, run: Run) -> None:
    store = SqliteStore.create(tmp_path / "r.db")
    store.append([RatingEvent("x", "50", 3.0, 1)])
    store.replace_titles(TITLES)
    store.close()
    merge_feedback(ratings(), str(tmp_path / "r.db"))
    renamed = {item: f"Film, {'abc' * n}" for n, item in enumerate(TITLES)}
    with pytest.raises(OtherCatalogue, match="these ratings"):
        merge_feedback(ratings(titles=renamed), str(tmp_path / "r.db"))
    cofactor.save(model(ratings(titles=renamed)), "renamed")
    accepted = run("ratings", str(tmp_path / "r.db"), "--titles-of", "renamed", "--json")
    assert json.loads(accepted.stdout) == {"store": "r.db", "titles": len([one for one in renamed.values() if one]) + 1}
    merge_feedback(ratings(titles=renamed), str(tmp_path / "r.db"))
    assert run("ratings", str(tmp_path / "r.db"), "--titles-of", "nowhere").exit_code == 2


def test_the_titles_of_a_model_are_by_id() -> None:
    loaded = LoadedModel(model(), {})
    found = loaded.model.training_data.titles_by_id()
    assert found["50"] == "Star Wars (1977)"
    assert "9" not in found, "an empty title is none"
    assert np.all([isinstance(one, str) for one in found.values()])
