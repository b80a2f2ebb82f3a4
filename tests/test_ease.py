"""EASE against its formula, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings, make_histories
from cofactor.data.reading.read import read
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadHyperparameter, Unavailable
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.base import Model
from cofactor.models.similarity import SimilarityModel
from cofactor.saved.model_folder import load, save
from cofactor.trainers import ease
from cofactor.trainers.ease import EASE
from tests.toys import noise


def textbook(ratings: Ratings, l2: float) -> tuple[np.ndarray, np.ndarray]:
    """X and B in double precision."""
    X = (ratings.by_user().toarray() != 0).astype(np.float64)
    P = np.linalg.inv(X.T @ X + l2 * np.eye(X.shape[1]))
    B = np.eye(len(P)) - P / np.diag(P)
    return X, B


@given(st.integers(0, 99), st.sampled_from([0.5, 20.0, 500.0]))
@settings(max_examples=15, deadline=None)
def test_scores_are_those_of_the_formula(seed: int, l2: float) -> None:
    ratings = noise(60, 35, 900, seed)
    model, (X, B) = EASE(l2=l2).fit(ratings), textbook(ratings, l2)
    known = np.flatnonzero(X.any(axis=1))
    np.testing.assert_allclose(model.score_rows(known), (X @ B)[known], atol=1e-4)
    assert np.diagonal(model.dense).tolist() == [0.0] * 35


def test_more_items_than_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "TILE", 8)
    monkeypatch.setattr(ease, "ITEMS_PER_PART", 3)
    ratings = noise(60, 35, 900)
    models = [EASE(l2=20.0, threads=n).fit(ratings) for n in (1, 5)]
    np.testing.assert_allclose(models[0].dense, textbook(ratings, 20.0)[1], atol=1e-5)
    np.testing.assert_array_equal(models[0].dense, models[1].dense)


def test_an_explanation_is_a_sum_of_weights() -> None:
    ratings = noise(60, 35, 900)
    model = EASE(l2=20.0).fit(ratings)
    history, items = ratings.by_user()[[3]], np.arange(35)
    effects = model.attributions(history, items)
    np.testing.assert_allclose(effects.sum(axis=0), model.score_rows(np.array([3]))[0], atol=1e-6)
    np.testing.assert_allclose(effects, Model.attributions(model, history, items), atol=1e-6)


def test_items_are_as_alike_as_their_partial_correlation() -> None:
    ratings = noise(60, 35, 900)
    X, _ = textbook(ratings, 20.0)
    P = np.linalg.inv(X.T @ X + 20 * np.eye(35))
    wanted = -P[4] / np.sqrt(P[4, 4] * np.diag(P))
    others = np.arange(35) != 4
    np.testing.assert_allclose(EASE(l2=20.0).fit(ratings).similarity_to_row(4)[others], wanted[others], atol=1e-5)


def test_who_has_nothing_gets_the_most_rated() -> None:
    ratings = noise()
    scores = EASE().fit(ratings).fold_in_scores(make_histories([{}, {3: 5.0}], 20))
    np.testing.assert_array_equal(scores[0], ratings.training_data.item_counts)
    assert abs(scores[1]).max() < 1


def test_no_room_is_said_before_it_starts() -> None:
    ids = np.arange(400_000).astype(str).astype(object)
    users, items = Vocabulary(ids[:1], "user"), Vocabulary(ids, "item")
    with pytest.raises(Unavailable, match=r"400,000 × 400,000 items needs 596\.0 GiB") as caught:
        EASE().fit(Ratings(users, items, [0], [0], [1.0]))
    assert "filter or knn" in caught.value.hint


def test_what_cannot_be_inverted_is_an_error() -> None:
    twice = Ratings.of(["a", "a", "b", "b"], ["x", "y", "x", "y"], [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(BadHyperparameter, match="cannot be inverted") as caught:
        EASE(l2=0.0).fit(twice)
    assert "l2" in caught.value.hint


def test_a_saved_model_is_mapped(tmp_path: Path) -> None:
    save(EASE().fit(noise()), tmp_path / "m")
    dense = load(tmp_path / "m").dense
    while isinstance(dense.base, np.ndarray) and not isinstance(dense, np.memmap):
        dense = dense.base
    assert isinstance(dense, np.memmap)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"dense": np.zeros((20, 20), np.float32), "starts": np.zeros(21, np.int32), "columns": np.empty(0, np.int32)}
        | {"weights": np.empty(0, np.float32)},
        {"starts": np.zeros(21, np.int32), "columns": np.empty(0, np.int32)},
    ],
)
def test_weights_are_dense_or_sparse(arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(BadArtifact, match="either dense or sparse"):
        SimilarityModel.from_arrays(noise().training_data, None, arrays)


def test_lists_of_real_ratings(real_data: Path) -> None:
    """ML-1M, a fifth of everybody's held out: the most rated items have an NDCG@10 of .2."""
    ratings = read(real_data / "ml-1m" / "ratings_no_timestamps.csv")
    order = np.lexsort((np.random.default_rng(0).random(len(ratings)), ratings.user))
    counts = ratings.training_data.user_counts
    place = np.arange(len(ratings)) - np.repeat(np.cumsum(counts) - counts, counts)
    test = order[place < np.round(0.2 * counts)[ratings.user[order]]]
    train = np.setdiff1d(np.arange(len(ratings)), test)
    report = evaluate(EASE().fit(ratings.where(train)), ratings.where(test), (10,))
    assert report.metrics["ndcg@10"] > 0.435
