"""The map of the catalogue: its gradient, its neighbours, and what it does with odd catalogues."""

import time
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.errors import Unavailable
from cofactor.serving import item_map as maps
from cofactor.serving.item_map import (
    SIZES,
    ItemMaps,
    affinities,
    catalogue_map,
    gradient,
    principal,
    rated_vectors,
    spread,
    tsne,
)
from cofactor.serving.loaded_model import LoadedModel
from cofactor.trainers.ease import EASE
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD
from tests.small_service import NOBODY_RATED, model


def divergence(places, similar):
    """KL(P ‖ Q) as the paper writes it, one pair after the other."""
    n = len(places)
    weight = {(i, j): 1 / (1 + ((places[i] - places[j]) ** 2).sum()) for i in range(n) for j in range(n) if i != j}
    total = sum(weight.values())
    return sum(similar[pair] * np.log(similar[pair] / (w / total)) for pair, w in weight.items())


@pytest.fixture(scope="module")
def clusters():
    """Ten groups of twenty in ten dimensions, well apart: more than two components can show."""
    rng = np.random.default_rng(4)
    return np.repeat(rng.normal(size=(10, 10)), 20, axis=0) + 0.15 * rng.normal(size=(200, 10))


def test_the_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    places, similar = rng.normal(size=(9, 2)), affinities(rng.normal(size=(9, 4)), 3.0)
    found, step = gradient(places, similar), 1e-6
    for i in range(9):
        for axis in range(2):
            moved = np.zeros_like(places)
            moved[i, axis] = step
            slope = (divergence(places + moved, similar) - divergence(places - moved, similar)) / (2 * step)
            assert found[i, axis] == pytest.approx(slope, abs=1e-7)


@settings(max_examples=12, deadline=None)
@given(st.integers(8, 40), st.integers(1, 6), st.integers(0, 1000))
def test_similarities_are_symmetric_sum_to_one_and_have_the_perplexity(n, width, seed):
    vectors = np.random.default_rng(seed).normal(size=(n, width))
    similar = affinities(vectors, 3.0)
    np.testing.assert_array_equal(similar, similar.T)
    assert similar.sum() == pytest.approx(1)
    assert (np.diag(similar) == 0).all()
    # the twin: bisect each row alone, with loops
    rows = np.zeros((n, n))
    for i in range(n):
        apart = np.array([((vectors[i] - vectors[j]) ** 2).sum() for j in range(n) if j != i])
        low, high = 0.0, 1e9
        for _ in range(60):
            beta = (low + high) / 2
            p = np.exp(-beta * (apart - apart.min()))
            p /= p.sum()
            entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
            low, high = (beta, high) if entropy > np.log(3.0) else (low, beta)
        rows[i, np.arange(n) != i] = p
    np.testing.assert_allclose(similar, (rows + rows.T) / (2 * n), atol=2e-5)


def test_neighbours_are_kept_and_better_than_by_the_main_components(clusters):
    places = tsne(clusters)
    kept, by_components = (trustworthiness(clusters, one, n_neighbors=10) for one in (places, principal(clusters)))
    assert kept > 0.9
    assert kept > by_components + 0.02
    group = np.arange(200) // 20
    apart = ((places[:, None] - places) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (group[apart.argmin(axis=1)] == group).mean() > 0.98


def test_the_same_model_has_the_same_map(clusters):
    np.testing.assert_array_equal(tsne(clusters), tsne(clusters.copy()))


def test_a_map_holds_the_most_rated_items_within_its_bounds(movies: Ratings):
    fitted = SVD(n_epochs=3).fit(movies)
    rows, places = catalogue_map(fitted, 50)
    counts = fitted.training_data.item_counts
    assert len(rows) == 50 == len(set(rows.tolist()))
    assert counts[rows].min() >= np.sort(counts)[::-1][49]
    assert (np.diff(counts[rows]) <= 0).all()
    assert places.dtype == np.float32
    assert places.shape == (50, 2)
    assert np.abs(places).max() == pytest.approx(1)


@pytest.mark.parametrize("trainer", [Popularity(), EASE()])
def test_a_model_without_vectors_is_mapped_by_its_ratings(trainer, movies: Ratings):
    rows, places = catalogue_map(trainer.fit(movies), 100)
    assert np.isfinite(places).all()
    vectors = rated_vectors(trainer.fit(movies), rows)
    assert trustworthiness(vectors / np.linalg.norm(vectors, axis=1)[:, None], places) > 0.75


def test_vectors_of_ratings_have_the_likeness_of_the_ratings(movies: Ratings, monkeypatch):
    """With all singular values, the vectors' products are those of the centred ratings' columns."""
    fitted = Popularity().fit(movies)
    rows = np.arange(20, dtype=np.int32)
    monkeypatch.setattr(maps, "RANK", 20)
    vectors = rated_vectors(fitted, rows)
    dense = fitted.training_data.interactions.toarray().astype(np.float64)
    rated = dense > 0
    means = dense.sum(axis=1, keepdims=True) / np.maximum(rated.sum(axis=1, keepdims=True), 1)
    centred = np.where(rated, dense - means, 0)[:, :20]
    expected = centred.T @ centred
    assert np.abs(vectors @ vectors.T - expected).max() < np.linalg.eigvalsh(expected)[0] + 1e-6


def test_an_item_that_nobody_rated_or_without_a_vector_is_on_no_map():
    toy = model()
    rows, places = catalogue_map(toy, 100)
    unrated = toy.training_data.items.row(NOBODY_RATED)
    assert unrated not in rows
    assert len(rows) == len(toy.training_data.items) - 1 == len(places)
    vectors = toy.item_vectors.copy()
    vectors[3] = 0
    rows, _ = catalogue_map(replace(toy, item_vectors=vectors), 100)
    assert 3 not in rows


@pytest.mark.parametrize("n_items", [1, 2, 3, 5])
@pytest.mark.parametrize("trainer", [SVD(n_epochs=1, rank=2), Popularity()])
def test_a_tiny_catalogue_has_a_map(n_items, trainer):
    pairs = [(u, i) for u in range(4) for i in range(n_items)]
    fitted = trainer.fit(Ratings.of([f"u{u}" for u, _ in pairs], [f"i{i}" for _, i in pairs], [3.0] * len(pairs)))
    rows, places = catalogue_map(fitted, 1000)
    assert len(rows) == len(places) <= n_items
    assert np.isfinite(places).all()
    assert (np.abs(places) <= 1).all()


def test_nothing_at_all_has_an_empty_map():
    assert spread(np.zeros((0, 2), dtype=np.float32)).shape == (0, 2)
    assert tsne(np.zeros((0, 3))).shape == (0, 2)


def test_a_map_is_made_once_and_a_smaller_one_is_its_beginning(monkeypatch, movies: Ratings):
    made = []
    monkeypatch.setattr(maps, "catalogue_map", lambda model, n: made.append(n) or catalogue_map(model, n))
    fitted, kept = SVD(n_epochs=1).fit(movies), ItemMaps()
    found = {n: kept.get(fitted, n) for n in (10, 40, 100)}
    assert made == [SIZES[0]]
    np.testing.assert_array_equal(found[10][1], found[100][1][:10])
    np.testing.assert_array_equal(found[10][0], found[100][0][:10])


def test_nobody_waits_for_a_map_that_another_makes(monkeypatch, movies: Ratings):
    begun, go_on = Event(), Event()

    def slow(model, n):
        begun.set()
        assert go_on.wait(10)
        return catalogue_map(model, n)

    monkeypatch.setattr(maps, "catalogue_map", slow)
    fitted, kept = SVD(n_epochs=1).fit(movies), ItemMaps()
    first = Thread(target=kept.get, args=(fitted, 10))
    first.start()
    assert begun.wait(10)
    with pytest.raises(Unavailable, match="being computed"):
        kept.get(fitted, 20)
    go_on.set()
    first.join()
    assert len(kept.get(fitted, 20)[0]) == 20


def test_a_map_that_failed_is_tried_again(monkeypatch, movies: Ratings):
    fitted, kept = SVD(n_epochs=1).fit(movies), ItemMaps()
    monkeypatch.setattr(maps, "catalogue_map", lambda model, n: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        kept.get(fitted, 10)
    monkeypatch.undo()
    assert len(kept.get(fitted, 10)[0]) == 10


def test_a_bundle_has_its_own_map(movies: Ratings):
    fitted = SVD(n_epochs=1).fit(movies)
    one, other = LoadedModel(fitted, {}), LoadedModel(SVD(n_epochs=1, seed=1).fit(movies), {})
    assert one.map(20)[1] is not other.map(20)[1]
    assert not np.array_equal(one.map(20)[1], other.map(20)[1])


def test_genres_of_real_films_lie_together(real_data: Path):
    """Ten nearest neighbours share the first genre more often than chance has it, and nobody waits long."""
    ratings = read(real_data / "ml-100k")
    fitted = SVD(n_epochs=20, rank=16).fit(ratings)
    start = time.thread_time()
    rows, places = catalogue_map(fitted, 1000)
    assert time.thread_time() - start < 6
    genre = np.array([ratings.genres[row].split("|")[0] for row in rows])
    apart = ((places[:, None] - places) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    near = apart.argsort(axis=1)[:, :10]
    chance = sum(((genre == one).mean()) ** 2 for one in set(genre))
    assert (genre[near] == genre[:, None]).mean() > 1.35 * chance
