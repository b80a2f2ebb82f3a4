"""Pairs of few items are scored without scoring every item, and the result is the same."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from cofactor.data.ratings import Ratings
from cofactor.models.base import Model
from cofactor.models.scoring import ScoringModel
from cofactor.models.similarity import SimilarityModel
from cofactor.trainers.ease import EASE
from cofactor.trainers.filter import Filter
from cofactor.trainers.knn import KNN
from tests.toys import noise

RATINGS = noise()


def sparse(ratings: Ratings) -> SimilarityModel:
    """The larger weights of EASE as a sparse matrix."""
    weights = np.asarray(EASE().fit(ratings).dense)
    kept = csr_array(np.where(np.abs(weights) > 0.02, weights, 0))
    return SimilarityModel(ratings.training_data, None, None, kept.indptr, kept.indices, kept.data)


MODELS = {
    "neighbours": lambda ratings: KNN().fit(ratings),
    "dense": lambda ratings: EASE().fit(ratings),
    "sparse": sparse,
    "filter": lambda ratings: Filter().fit(ratings),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    train: Ratings = RATINGS.where(RATINGS.user != 4)  # a user of the vocabulary without training ratings
    return MODELS[request.param](train)


def test_the_scores_of_some_items_are_columns_of_all_scores(model: Model) -> None:
    users = np.arange(len(RATINGS.users), dtype=np.int32)
    for items in ([3], [7, 2, 7], []):
        wanted = model.score_rows(users)[:, items]
        np.testing.assert_allclose(model.score_item_rows(users, np.array(items, dtype=np.int32)), wanted, atol=1e-5)


def test_pairs_of_one_item_never_score_the_others(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    users = np.arange(len(RATINGS.users), dtype=np.int32)
    items = np.full(len(users), 5, dtype=np.int32)
    wanted = model.score_rows(users)[:, 5]

    def refuse(self: ScoringModel, users: np.ndarray) -> np.ndarray:
        raise AssertionError("every item was scored")

    monkeypatch.setattr(type(model), "score_rows", refuse)
    np.testing.assert_allclose(model.score_pair_rows(users, items), wanted, atol=1e-5)


@pytest.mark.parametrize("cells", [1, 7, 1 << 22])
def test_pairs_in_any_order_and_in_blocks_of_any_size(
    model: Model, monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    monkeypatch.setattr("cofactor.models.scoring.SCORE_CELLS", cells)
    rng = np.random.default_rng(0)
    for n_items in (2, len(RATINGS.items)):  # few items, and all of them
        users = rng.integers(0, len(RATINGS.users), 50).astype(np.int32)
        items = rng.integers(0, n_items, 50).astype(np.int32)
        np.testing.assert_allclose(
            model.score_pair_rows(users, items), model.score_rows(users)[np.arange(50), items], atol=1e-5
        )
