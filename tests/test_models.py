"""The two kinds of model against their formulas."""

import numpy as np
import pytest

from cofactor.data.ratings import Ratings, make_histories
from cofactor.errors import BadArtifact
from cofactor.models.autoencoder import AutoencoderModel
from cofactor.models.baseline import BaselineModel
from cofactor.models.factor import FactorModel
from cofactor.models.kinds import KINDS
from cofactor.models.network import NetworkModel
from cofactor.models.networks.layers import Layers
from cofactor.models.scoring import ScoringModel
from cofactor.models.similarity import SimilarityModel
from tests.toys import checkerboard, factors, noise


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return noise()


def test_factor_scores_are_mean_biases_and_dot_product(ratings):
    model = factors(ratings)
    for user, item in [(0, 0), (3, 5), (29, 2), (4, 19)]:
        dot = float(model.user_vectors[user].astype(np.float64) @ model.item_vectors[item])
        expected = model.mean + float(model.user_bias[user]) + float(model.item_bias[item]) + dot
        assert model.score_rows(np.array([user]))[0, item] == pytest.approx(expected, rel=1e-5)
        assert model.score_pair_rows(np.array([user]), np.array([item]))[0] == pytest.approx(expected, rel=1e-5)


def test_factor_fold_in_recovers_the_true_vectors():
    train, _ = checkerboard()
    model = factors(train)
    even = {item: 5.0 if item % 2 == 0 else 1.0 for item in range(0, 12)}
    odd = {item: 5.0 if item % 2 == 1 else 1.0 for item in range(0, 12)}
    scores = model.fold_in_scores(make_histories([even, odd, {}], 60))
    assert scores[0, 12::2].min() > scores[0, 13::2].max() + 2
    assert scores[1, 13::2].min() > scores[1, 12::2].max() + 2
    np.testing.assert_allclose(scores[2], model.mean + model.item_bias, rtol=1e-5)


def test_a_fold_in_does_not_depend_on_who_else_is_folded_in(ratings):
    model = factors(ratings)
    together = model.fold_in_scores(ratings.by_user())
    for user in range(30):
        np.testing.assert_allclose(
            model.fold_in_scores(ratings.by_user()[[user]])[0], together[user], rtol=1e-5, atol=1e-5
        )


def test_fold_in_without_regularisation_is_still_solvable(ratings):
    trained = factors(ratings)
    arrays = {name: np.asarray(array) for name, array in trained.arrays().items()}
    model = FactorModel.from_arrays(
        ratings.training_data, (0.5, 5), arrays | {"bias_l2": np.array(0.0), "vector_l2": np.array(0.0)}
    )
    assert np.isfinite(model.fold_in_scores(make_histories([{3: 5.0}, {3: 5.0, 4: 1.0}], 20))).all()
    assert np.isfinite(model.attributions(make_histories([{3: 5.0, 4: 1.0}], 20), np.arange(20))).all()


def test_baseline_folds_in_the_bias_it_would_have_learned(ratings):
    item_bias = np.linspace(-1, 1, 20).astype(np.float32)
    model = BaselineModel(ratings.training_data, (0.5, 5), 3.0, np.zeros(30, np.float32), item_bias, 4.0)
    scores = model.fold_in_scores(make_histories([{0: 5.0, 19: 4.0}, {}], 20))
    bias = ((5.0 - 3.0 + 1) + (4.0 - 3.0 - 1)) / (4 + 2)
    np.testing.assert_allclose(scores[0], 3.0 + bias + item_bias, rtol=1e-6)
    np.testing.assert_allclose(scores[1], 3.0 + item_bias, rtol=1e-6)


def test_a_baseline_of_no_pull_answers_for_nobody_known(ratings):
    model = BaselineModel(ratings.training_data, (0.5, 5), 3.0, np.zeros(30, np.float32), np.zeros(20, np.float32), 0.0)
    assert np.isfinite(model.fold_in_scores(make_histories([{}, {2: 4.0}], 20))).all()


def test_a_model_that_only_ranks_is_not_clipped(ratings):
    model = BaselineModel(
        ratings.training_data, None, 0.0, np.zeros(30, np.float32), np.arange(20, dtype=np.float32), 0.0
    )
    assert model.predict_rows(np.array([0]), np.array([18])).tolist() == [18.0]
    assert model.recommend("29", 2)[0].score == 18.0


def test_arrays_are_checked_when_a_model_is_made_of_them(ratings):
    model = factors(ratings)
    arrays = {name: np.asarray(array) for name, array in model.arrays().items()}
    assert FactorModel.from_arrays(ratings.training_data, (0.5, 5), arrays).recommend("3") == model.recommend("3")
    for name in arrays:
        with pytest.raises(BadArtifact, match=name):
            FactorModel.from_arrays(ratings.training_data, None, {n: a for n, a in arrays.items() if n != name})
        with pytest.raises(BadArtifact, match=name):
            FactorModel.from_arrays(ratings.training_data, None, arrays | {name: np.full_like(arrays[name], np.nan)})
        with pytest.raises(BadArtifact, match=name):
            FactorModel.from_arrays(ratings.training_data, None, arrays | {name: arrays[name][..., None]})


def autoencoder(ratings: Ratings, sizes: tuple[tuple[int, int], ...], last: str = "linear") -> AutoencoderModel:
    weights = tuple(np.zeros(size, dtype=np.float32) for size in sizes)
    biases = tuple(np.zeros(size[0], dtype=np.float32) for size in sizes)
    layers = Layers(weights, biases, (*("tanh",) * (len(sizes) - 1), last))
    item_bias = np.zeros(len(ratings.items), dtype=np.float32)
    return AutoencoderModel(ratings.training_data, (0.5, 5.0), 3.0, item_bias, 1.0, 0.0, layers)


@pytest.mark.parametrize(
    ("sizes", "last", "named"),
    [
        (((20, 20),), "linear", "do not have 20 inputs and outputs"),
        (((4, 19), (20, 4)), "linear", "do not have 20 inputs and outputs"),
        (((4, 20), (19, 4)), "linear", "do not have 20 inputs and outputs"),
        (((4, 20), (20, 4)), "tanh", "last layer"),
    ],
)
def test_an_autoencoder_leads_from_every_item_to_every_item(ratings, sizes, last, named):
    autoencoder(ratings, ((4, 20), (20, 4))).check()
    with pytest.raises(BadArtifact, match=named):
        autoencoder(ratings, sizes, last).check()


def network(ratings: Ratings, first: int, outputs: int, last: str = "linear", noise: float = 1.0) -> NetworkModel:
    n_users, n_items = len(ratings.users), len(ratings.items)
    weights = np.zeros((3, first), np.float32), np.zeros((outputs, 3), np.float32)
    layers = Layers(weights, (np.zeros(3, np.float32), np.zeros(outputs, np.float32)), ("relu", last))
    zeros = [np.zeros(shape, np.float32) for shape in ((n_users,), (n_items,), (n_users, 0), (n_items, 0))]
    deep = [np.zeros((n, 2), np.float32) for n in (n_users, n_items)]
    return NetworkModel(ratings.training_data, (0.5, 5.0), 3.0, *zeros, *deep, layers, noise)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"first": 3}, "first of the deep layers"),
        ({"outputs": 2}, "last of the deep layers"),
        ({"last": "relu"}, "last of the deep layers"),
        ({"noise": -1.0}, "variance of the noise"),
    ],
)
def test_the_layers_of_a_network_take_both_vectors_and_give_one_number(ratings, change, named):
    network(ratings, 4, 1).check()
    network(ratings, 4, 1, noise=0.0).check()
    with pytest.raises(BadArtifact, match=named):
        network(ratings, **{"first": 4, "outputs": 1, **change}).check()


def test_a_similarity_model_has_one_table_of_weights(ratings):
    n = len(ratings.items)
    empty = np.zeros(n + 1, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32)
    dense = np.zeros((n, n), np.float32)
    SimilarityModel(ratings.training_data, None, dense).check()
    SimilarityModel(ratings.training_data, None, None, *empty).check()
    for parts in ((None,), (dense, *empty)):
        with pytest.raises(BadArtifact, match="either dense or sparse"):
            SimilarityModel(ratings.training_data, None, *parts).check()


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_explains_by_scoring_every_shortened_history(kind):
    assert KINDS[kind].attributions is not ScoringModel.attributions, "its cost is the square of the history"
