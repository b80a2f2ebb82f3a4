"""The graph filter against the dense matrices it never makes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings, make_histories
from cofactor.errors import BadArtifact
from cofactor.models import filter as models
from cofactor.models.base import Model
from cofactor.models.filter import FilterModel
from cofactor.saved.model_folder import load, save
from cofactor.trainers import filter as trainers
from cofactor.trainers.filter import Filter, leading_eigenvectors
from tests.toys import noise

RATINGS = noise(50, 30, 700)


def dense(ratings: Ratings, trainer: Filter) -> tuple[np.ndarray, np.ndarray]:
    """X, and f(R̃ᵀR̃) from all of its eigenvectors."""
    X = (ratings.by_user().toarray() != 0).astype(np.float64)
    users, items = np.maximum(X.sum(axis=1), 1), np.maximum(X.sum(axis=0), 1)
    R = X * users[:, None] ** -trainer.user_power * items**-trainer.item_power
    values, V = np.linalg.eigh(R.T @ R)
    values, V = values[::-1], V[:, ::-1]
    share = values / values[0]
    response = values.copy()
    k = min(trainer.rank, np.count_nonzero(share > 1e-5))
    response[:k] = values[0] * ((share + trainer.low_pass) * np.exp(-trainer.sharpening * share))[:k]
    return X, (V * response) @ V.T


@pytest.fixture(params=["table", "walk"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the table of pairs and without."""
    if request.param == "walk":
        monkeypatch.setattr(trainers, "MAX_PAIRS", -1)
        monkeypatch.setattr(trainers, "item_pairs", lambda positives, power, limit: PAIRS(positives, power, -1))
    return str(request.param)


PAIRS = trainers.item_pairs


@pytest.mark.parametrize("options", [{}, {"rank": 0}, {"user_power": 0.5, "item_power": 0.5, "rank": 7}])
def test_scores_are_those_of_the_dense_filter(either: str, options: dict[str, float]) -> None:
    trainer = Filter(sweeps=30, **options)
    model = trainer.fit(RATINGS)
    assert (model.table is None) == (either == "walk")
    X, K = dense(RATINGS, trainer)
    raised = np.maximum(X.sum(axis=0), 1) ** trainer.item_power
    wanted = (X / raised) @ K * raised
    users = np.flatnonzero(X.any(axis=1))
    np.testing.assert_allclose(model.score_rows(users), wanted[users], rtol=1e-3, atol=1e-4 * abs(wanted).max())


def test_explanations_and_similar_items(either: str) -> None:
    model = Filter(sweeps=30).fit(RATINGS)
    _, K = dense(RATINGS, Filter())
    history, items = RATINGS.by_user()[[3]], np.arange(30)
    effects = model.attributions(history, items)
    np.testing.assert_allclose(effects.sum(axis=0), model.score_rows(np.array([3]))[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(effects, Model.attributions(model, history, items), atol=1e-4 * abs(effects).max())
    wanted = K[4] / np.sqrt(K[4, 4] * np.diag(K).clip(1e-12))
    np.testing.assert_allclose(model.similarity_to_row(4)[:29], wanted[:29], atol=1e-3)
    assert model.similarity_to_row(4)[29] == -np.inf, "item 29 has no ratings"


@given(st.integers(1, 200))
@settings(max_examples=10, deadline=None)
def test_users_scored_in_small_blocks_are_the_same(at_a_time: int) -> None:
    arrays = Filter().fit(RATINGS).arrays()
    arrays = {name: array for name, array in arrays.items() if name not in ("starts", "columns", "pairs")}
    model = FilterModel.from_arrays(RATINGS.training_data, None, arrays)
    whole = model.score_rows(np.arange(50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "MOST_EDGES", at_a_time)
        np.testing.assert_array_equal(model.score_rows(np.arange(50)), whole)


def test_who_has_nothing_gets_the_most_rated(either: str) -> None:
    scores = Filter().fit(RATINGS).fold_in_scores(make_histories([{}, {3: 5.0}], 30))
    np.testing.assert_array_equal(scores[0], RATINGS.training_data.item_counts)
    assert scores[1, 29] == 0


def test_leading_eigenvectors_are_found() -> None:
    rng = np.random.default_rng(0)
    graph = RATINGS.by_user()
    graph.data = rng.random(graph.nnz).astype(np.float32)
    values, vectors = leading_eigenvectors(graph, 5, 20, 1, 2)
    whole = np.linalg.eigvalsh((graph.T @ graph).toarray())[::-1]
    np.testing.assert_allclose(values, whole[:5], rtol=1e-4)
    np.testing.assert_allclose((graph.T @ graph) @ vectors, vectors * values, atol=1e-2 * values[0])
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-5)


def test_any_number_of_threads_gives_the_same_arrays() -> None:
    one, five = (Filter(threads=n).fit(RATINGS).arrays() for n in (1, 5))
    for name in one:
        np.testing.assert_array_equal(one[name], five[name])


def test_what_is_saved_is_mapped_and_checked(tmp_path: Path) -> None:
    model = Filter().fit(RATINGS)
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert np.shares_memory(loaded.table.data, loaded.pairs)
    arrays = {name: np.asarray(array) for name, array in model.arrays().items()}
    for name in ("starts", "columns", "pairs"):
        with pytest.raises(BadArtifact, match="incomplete"):
            FilterModel.from_arrays(RATINGS.training_data, None, {n: a for n, a in arrays.items() if n != name})
    arrays["columns"] = arrays["columns"][::-1].copy()
    with pytest.raises(BadArtifact, match="not a matrix"):
        FilterModel.from_arrays(RATINGS.training_data, None, arrays)
