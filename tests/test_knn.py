"""Item neighbourhoods against Koren's and Surprise's formulas, and on real ratings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.datasets.published_splits import movielens_split
from cofactor.data.ratings import Ratings, make_histories
from cofactor.errors import BadArtifact, CofactorError
from cofactor.models.base import Model
from cofactor.models.scoring import ScoringModel
from cofactor.models.similarity import NeighbourModel, SimilarityModel
from cofactor.models.top_n.recommendations import single_history
from cofactor.saved.model_folder import load, save
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.knn import KNN
from tests.toys import noise

RATINGS = noise(40, 25, 500)


def residuals(ratings: Ratings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Baselines, what they leave, and where there is a rating, (n_users, n_items) each."""
    there = ratings.by_user().toarray() != 0
    baseline = Baseline().fit(ratings).score_rows(np.arange(len(ratings.users))).astype(np.float64)
    return baseline, np.where(there, ratings.by_user().toarray() - baseline, 0), there


def similarities(x: np.ndarray, there: np.ndarray, shrinkage: float, min_support: int) -> np.ndarray:
    """Koren's shrunk Pearson correlation around baselines, one pair after the other."""
    n_items = x.shape[1]
    s = np.zeros((n_items, n_items))
    for i in range(n_items):
        for j in range(n_items):
            both = there[:, i] & there[:, j]
            norm = np.sqrt(np.sum(x[both, i] ** 2) * np.sum(x[both, j] ** 2))
            if i != j and both.sum() >= min_support and norm > 0:
                s[i, j] = np.sum(x[both, i] * x[both, j]) / norm * both.sum() / (both.sum() + shrinkage)
    return np.maximum(s, 0)


@pytest.mark.parametrize(("k", "sharpness", "pull", "min_support"), [(24, 1.0, 0.0, 1), (5, 2.0, 0.1, 3)])
def test_predictions_are_those_of_the_formula(k: int, sharpness: float, pull: float, min_support: int) -> None:
    trainer = KNN(n_neighbours=k, shrinkage=10.0, sharpness=sharpness, pull=pull, min_support=min_support)
    scores = trainer.fit(RATINGS).score_rows(np.arange(40))
    baseline, x, there = residuals(RATINGS)
    s = similarities(x, there, 10.0, min_support)
    for user, item in [(0, 0), (3, 7), (11, 23), (38, 5), (39, 2), (4, 24)]:
        near = [j for j in np.argsort(-s[item], kind="stable")[:k] if there[user, j] and s[item, j] > 0]
        weight = s[item, near] ** sharpness
        wanted = baseline[user, item]
        if near:
            wanted += weight @ x[user, near] / (pull + weight.sum())
        assert scores[user, item] == pytest.approx(wanted, abs=1e-4)


def test_cosine_scores_are_sums_of_cosines() -> None:
    model = KNN(similarity="cosine", n_neighbours=4, shrinkage=0.0).fit(RATINGS)
    X = (RATINGS.by_user().toarray() != 0).astype(float)
    norms = np.sqrt(X.sum(axis=0))
    cosine = X.T @ X / np.maximum(np.outer(norms, norms), 1e-12) * (1 - np.eye(25))
    for item in range(25):
        cosine[item, np.argsort(-cosine[item], kind="stable")[4:]] = 0  # row i: the neighbours of i
    users = np.flatnonzero(X.any(axis=1))
    np.testing.assert_allclose(model.score_rows(users), X[users] @ cosine.T, atol=1e-5)
    assert (model.scale, model.sparse.nnz) == (None, np.count_nonzero(cosine))
    history, items = RATINGS.by_user()[[3]], np.arange(25)
    np.testing.assert_allclose(model.attributions(history, items), Model.attributions(model, history, items), atol=1e-5)
    found = {int(line.item): line.score for line in model.similar_items("7", 25)}
    assert found == pytest.approx({j: cosine[7, j] for j in np.flatnonzero(cosine[7])}, abs=1e-6)


@pytest.mark.parametrize("similarity", ["cosine", "pearson-baseline"])
def test_any_number_of_threads_finds_the_same(similarity: str) -> None:
    one, five = (KNN(similarity=similarity, threads=n).fit(RATINGS).arrays() for n in (1, 5))
    for name in one:
        np.testing.assert_array_equal(one[name], five[name])


def test_without_a_neighbour_the_baseline_is_left() -> None:
    model = KNN(min_support=1000).fit(RATINGS)
    np.testing.assert_allclose(
        model.score_rows(np.arange(40)), Baseline().fit(RATINGS).score_rows(np.arange(40)), atol=1e-5
    )
    assert model.similar_items("3") == []
    nobody = KNN().fit(RATINGS).fold_in_scores(make_histories([{}], 25))[0]
    np.testing.assert_allclose(nobody, model.mean + model.item_bias, rtol=1e-6)


def test_a_saved_table_is_mapped_and_checked(tmp_path: Path) -> None:
    model = KNN().fit(RATINGS)
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert (loaded.columns.dtype, loaded.starts.dtype) == (np.int32, np.int32)
    assert np.shares_memory(loaded.sparse.data, loaded.weights)
    assert np.shares_memory(loaded.sparse.indices, loaded.columns)


def broken(name: str, at: int, value: float, dtype: type | None = None) -> dict[str, np.ndarray]:
    arrays = {n: a.copy() for n, a in KNN().fit(RATINGS).arrays().items()}
    arrays[name][at] = value
    arrays[name] = arrays[name].astype(dtype or arrays[name].dtype)
    return arrays


@pytest.mark.parametrize(
    ("arrays", "culprit"),
    [
        (broken("columns", 3, 25), "not a matrix of 25 rows and 25 columns"),
        (broken("columns", 3, -1), "not a matrix"),
        (broken("columns", 1, 0), "not a matrix"),
        (broken("starts", 0, 1), "not a matrix"),
        (broken("starts", 4, 10_000), "not a matrix"),
        (broken("starts", 25, 3), "not a matrix"),
        (broken("weights", 3, -1), "negative weight"),
        (broken("weights", 3, np.nan), "'weights' holds NaN"),
        (broken("weights", 3, 1, np.float64), "'weights' is of float64"),
        (broken("columns", 3, 3, np.float32), "'columns' is of float32"),
        (broken("columns", 3, 3, np.int64), "not a matrix"),
        (broken("item_bias", 3, 3, np.int32), "'item_bias' is of int32"),
        ({n: a for n, a in KNN().fit(RATINGS).arrays().items() if n != "starts"}, "no array 'starts'"),
    ],
)
def test_damaged_tables_are_refused(arrays: dict[str, np.ndarray], culprit: str) -> None:
    with pytest.raises(BadArtifact, match=culprit):
        NeighbourModel.from_arrays(RATINGS.training_data, (0.5, 5.0), arrays)


def test_a_word_says_what_it_does() -> None:
    assert isinstance(KNN(similarity="cosine").fit(RATINGS), SimilarityModel)
    assert KNN(similarity="pearson-baseline").fit(RATINGS).scale == (0.5, 5.0)
    with pytest.raises(CofactorError, match="similarity is 'jaccard'"):
        KNN(similarity="jaccard")  # type: ignore[arg-type]


def test_it_predicts_better_than_surprise(real_data: Path) -> None:
    """ML-100K u1; Surprise's KNNBaseline: .9359."""
    parts = movielens_split(real_data / "ml-100k", "u1", validation=0)
    error = KNN().fit(parts.train).predict_rows(parts.test.user, parts.test.item) - parts.test.value
    assert np.sqrt(np.mean(error**2)) < 0.93


@pytest.mark.parametrize(("pull", "user_l2"), [(0.0, 0.0), (0.5, 3.0)])
@pytest.mark.parametrize("h", [1, 2, 3, 18])
def test_attributions_are_the_changes_of_the_score_without_each_rating(pull: float, user_l2: float, h: int) -> None:
    model = replace(KNN(n_neighbours=6).fit(RATINGS), pull=pull, user_l2=user_l2)
    rated = np.sort(np.random.default_rng(h).choice(25, h, replace=False)).astype(np.int32)
    history = single_history(rated, np.linspace(1, 5, h, dtype=np.float32), 25)
    items = np.array([24, 0, 7, 7], dtype=np.int32)
    effects = model.attributions(history, items)
    np.testing.assert_allclose(effects, ScoringModel.attributions(model, history, items), atol=2e-5)
    assert np.abs(effects).max() > 0.01


def test_attributions_to_a_baseline_are_those_of_its_bias() -> None:
    rates = Baseline().fit(RATINGS)
    history, items = RATINGS.by_user()[[3]], np.arange(25)
    for model in (rates, replace(rates, scale=None), replace(rates, user_l2=0.0)):
        effects = model.attributions(history, items)
        np.testing.assert_allclose(effects, ScoringModel.attributions(model, history, items), atol=1e-5)
