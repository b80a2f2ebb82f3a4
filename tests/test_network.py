"""Networks in NumPy: against PyTorch, and users folded in against the vectors that made their ratings."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from cofactor.data.ratings import Ratings, make_histories
from cofactor.errors import BadArtifact
from cofactor.models.network import NetworkModel
from cofactor.models.networks.layers import ACTIVATIONS, Layers
from cofactor.models.regression import gauss_newton
from cofactor.saved.model_folder import load, save

NOISE = 0.3  # standard deviation of the synthetic ratings around the output of the network


def layers(widths: tuple[int, ...], activation: str = "relu", seed: int = 0) -> Layers:
    rng = np.random.default_rng(seed)
    weights = tuple(rng.normal(0, np.sqrt(2 / n), (m, n)).astype(np.float32) for n, m in pairwise(widths))
    biases = tuple(rng.normal(0, 0.2, m).astype(np.float32) for m in widths[1:])
    return Layers(weights, biases, (*[activation] * (len(widths) - 2), "linear"))


@cache
def synthetic_network(
    rank: int = 3, deep_rank: int = 4, activation: str = "relu", n_users: int = 300, n_items: int = 90
) -> tuple[NetworkModel, Ratings, Ratings]:
    """A network, and train and held-out ratings that it makes; the last user and the last item have none in train."""
    rng = np.random.default_rng(1)
    users, items = ([f"{noun}{row:03}" for row in range(n)] for noun, n in (("u", n_users), ("i", n_items)))
    user, item = (grid.ravel() for grid in np.mgrid[:n_users, :n_items])
    everything = Ratings.of(np.array(users)[user], np.array(items)[item], np.zeros(len(user)))
    everything = replace(everything, scale=(-10.0, 10.0))

    def vectors(n: int, width: int, size: float) -> np.ndarray:
        return rng.normal(0, size, (n, width)).astype(np.float32)

    model = NetworkModel(
        everything.training_data,
        everything.scale,
        0.5,
        vectors(n_users, 1, 0.3)[:, 0],
        vectors(n_items, 1, 0.3)[:, 0],
        vectors(n_users, rank, 0.7),
        vectors(n_items, rank, 0.7),
        vectors(n_users, deep_rank, 1),
        vectors(n_items, deep_rank, 1),
        layers((2 * deep_rank, 16, 8, 1), activation),
        NOISE**2,
    )
    true = model.score_pair_rows(everything.user, everything.item)
    value = np.clip(true + rng.normal(0, NOISE, len(true)), -10, 10).astype(np.float32)
    made = replace(everything, value=value)
    cold = (made.user == n_users - 1) | (made.item == n_items - 1)
    seen = (rng.random(len(true)) < rng.uniform(0.05, 0.9, n_users)[made.user]) & ~cold
    train = made.where(seen)
    return replace(model, training_data=train.training_data).with_cold_rows(), train, made.where(~seen & ~cold)


def in_pytorch(model: NetworkModel, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The scores of pairs by modules of PyTorch with the same weights."""
    modules: list[torch.nn.Module] = []
    other = {"linear": torch.nn.Identity, "relu": torch.nn.ReLU, "selu": torch.nn.SELU}
    other |= {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}
    for weight, bias, activation in zip(model.deep.weights, model.deep.biases, model.deep.activations, strict=True):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight))
            linear.bias.copy_(torch.tensor(bias))
        modules += [linear, other[activation]()]
    b, c, p, q, x, y = (
        torch.from_numpy(np.array(array))[rows]
        for array, rows in (
            (model.user_bias, users),
            (model.item_bias, items),
            (model.user_vectors, users),
            (model.item_vectors, items),
            (model.deep_user_vectors, users),
            (model.deep_item_vectors, items),
        )
    )
    with torch.no_grad():
        deep = torch.nn.Sequential(*modules)(torch.cat((x, y), dim=1))[:, 0]
        return (model.mean + b + c + (p * q).sum(dim=1) + deep).numpy()


def rmse(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean((one.astype(np.float64) - other) ** 2)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rank", [0, 3])
def test_the_same_as_pytorch(activation: str, rank: int) -> None:
    model, _, _ = synthetic_network(rank, 4, activation, 40, 30)
    user, item = (grid.ravel().astype(np.int32) for grid in np.mgrid[:40, :30])
    expected = in_pytorch(model, user, item)
    np.testing.assert_allclose(model.score_rows(np.arange(40, dtype=np.int32)).ravel(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.score_pair_rows(user, item), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.score_pair_rows(user[:7], item[:7]), expected[:7], rtol=1e-5, atol=1e-5)


def test_in_whatever_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _, _ = synthetic_network()
    users = np.arange(300, dtype=np.int32)
    whole = model.score_rows(users)
    for cells in (16, 16 * 7, 16 * 200):
        monkeypatch.setattr("cofactor.models.networks.split_input.CACHED_CELLS", cells)
        monkeypatch.setattr("cofactor.models.vectors.CACHED_CELLS", cells)
        np.testing.assert_allclose(model.score_rows(users[:50]), whole[:50], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            model.score_pair_rows(users[:50], users[:50]), whole[users[:50], users[:50]], atol=1e-5
        )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_those_of_pytorch(activation: str) -> None:
    deep, x = layers((5, 7, 6, 1), activation), np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    there = torch.from_numpy(x).requires_grad_()
    function = {"linear": torch.nn.Identity(), "relu": torch.relu, "selu": torch.selu}
    function |= {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
    out = there
    for weight, bias, one in zip(deep.weights, deep.biases, deep.activations, strict=True):
        out = function[one](out @ torch.tensor(weight).T + torch.tensor(bias))
    out[:, 0].sum().backward()
    values, gradients = deep.gradient(x)
    np.testing.assert_allclose(values, out[:, 0].detach().numpy(), rtol=1e-5, atol=1e-5)
    assert there.grad is not None
    np.testing.assert_allclose(gradients, there.grad.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_tangents_are_the_differences_of_scores(activation: str) -> None:
    model, _, _ = synthetic_network(2, 3, activation, 40, 30)
    weights = np.random.default_rng(0).normal(size=(4, 6))
    items = np.arange(20, dtype=np.int32).reshape(4, 5)
    values, gradients = model.tangents(weights, items)
    np.testing.assert_allclose(values, model.personal_scores(weights, items), atol=1e-5)
    for place, one in enumerate(np.eye(6) * 1e-2):
        slope = (model.personal_scores(weights + one, items) - model.personal_scores(weights - one, items)) / 2e-2
        np.testing.assert_allclose(gradients[:, :, place], slope, atol=2e-3)


@pytest.mark.parametrize("rank", [0, 3])
def test_folded_in_held_out_ratings_are_predicted_as_by_the_vectors_that_made_them(rank: int) -> None:
    model, train, held_out = synthetic_network(rank)
    user, item = held_out.user, held_out.item
    scores = model.fold_in_scores(train.by_user())
    enough = model.training_data.user_counts[user] >= 30
    true = rmse(model.score_pair_rows(user, item)[enough], held_out.value[enough])
    folded = rmse(scores[user, item][enough], held_out.value[enough])
    alone = rmse(model.fold_in_scores(make_histories([{}], 90))[0][item][enough], held_out.value[enough])
    assert NOISE * 0.95 < true < NOISE * 1.05
    assert folded < 1.25 * true
    assert folded < alone / 2


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([*ACTIVATIONS]), st.integers(0, 10**6), st.integers(1, 40))
def test_no_step_of_a_fold_in_makes_it_less_likely(activation: str, seed: int, n: int) -> None:
    model, _, _ = synthetic_network(2, 3, activation, 40, 30)
    rng = np.random.default_rng(seed)
    items = np.stack([rng.choice(30, min(n, 30), replace=False) for _ in range(3)]).astype(np.int32)
    ratings = rng.uniform(-10, 10, items.shape).astype(np.float32)
    one = model.regressions(items, ratings, np.ones(items.shape, dtype=bool))
    which, before = np.arange(3), np.full(3, np.inf)
    with pytest.MonkeyPatch.context() as patch:
        for steps in range(gauss_newton.STEPS + 1):
            patch.setattr(gauss_newton, "STEPS", steps)
            objectives = one.objective(one.posterior_mode(), which)
            assert (objectives <= before * (1 + 1e-6)).all(), "float32 apart"
            before = objectives


@pytest.mark.parametrize("activation", ["linear", "selu", "tanh"])
def test_a_fold_in_is_the_most_likely_there_is(activation: str) -> None:
    from scipy.optimize import minimize

    model, train, _ = synthetic_network(2, 3, activation, 40, 30)
    for user in (0, 17, 31):
        history = train.by_user()[[user]]
        inside = np.ones((1, history.nnz), dtype=bool)
        one, which = model.regressions(history.indices[None], history.data[None], inside), np.zeros(1, dtype=int)
        found = one.posterior_mode()
        near = minimize(lambda w, one=one: one.objective(w[None], np.zeros(1, dtype=int))[0], found[0], method="Powell")
        assert one.objective(found, which)[0] < near.fun + 0.3, "a third of what would mean something"


def test_histories_of_any_length_together_or_alone() -> None:
    model, train, _ = synthetic_network()
    some = train.by_user()[np.array([5, 299, 80, 17])]
    together = model.fold_in_scores(some)
    for row in range(4):
        np.testing.assert_allclose(model.fold_in_scores(some[[row]])[0], together[row], atol=1e-4)


def test_a_user_without_ratings_gets_the_fallback_list() -> None:
    model, _, _ = synthetic_network()
    cold = model.score_rows(np.array([299], dtype=np.int32))[0]
    np.testing.assert_allclose(model.fold_in_scores(csr_array((1, 90), dtype=np.float32))[0], cold, atol=1e-5)
    assert [line.item for line in model.recommend("u299")] == [line.item for line in model.recommend_for_ratings({})]


def test_of_an_unknown_item_the_mean_is_known() -> None:
    model, _, _ = synthetic_network()
    everybody = np.arange(300, dtype=np.int32)
    of_cold = model.score_pair_rows(everybody, np.full(300, 89, dtype=np.int32))
    np.testing.assert_allclose(model.unknown_item_scores, np.append(of_cold, of_cold[-1]), atol=1e-5)
    assert of_cold[-1] == pytest.approx(model.mean, abs=1e-5)
    trained = np.arange(89, dtype=np.int32)
    for name in ("item_bias", "item_vectors", "deep_item_vectors"):
        rubbish = getattr(model, name).copy()
        rubbish[89] = 100
        again = replace(model, **{name: rubbish}).with_cold_rows()
        np.testing.assert_allclose(again.score_rows(everybody[:3]), model.score_rows(everybody[:3]), atol=1e-5)
        assert (again.item_bias[trained] == model.item_bias[trained]).all()


def test_effects_are_nearly_those_of_leaving_out() -> None:
    model, train, _ = synthetic_network(activation="tanh")
    items = np.arange(10, dtype=np.int32)
    for user in (3, 200, 7):
        history = train.by_user()[[user]]
        fast, slow = model.attributions(history, items), super(NetworkModel, model).attributions(history, items)
        assert fast.shape == slow.shape == (history.nnz, 10)
        assert np.corrcoef(fast.ravel(), slow.ravel())[0, 1] > 0.9


def test_effects_of_a_linear_network_are_those_of_leaving_out() -> None:
    model, train, _ = synthetic_network(activation="linear")
    history, items = train.by_user()[[3]], np.arange(10, dtype=np.int32)
    slow = super(NetworkModel, model).attributions(history, items)
    np.testing.assert_allclose(model.attributions(history, items), slow, atol=1e-4)


def test_alike_are_items_whose_scores_go_together() -> None:
    model, _, _ = synthetic_network()
    scores = model.score_rows(np.arange(299, dtype=np.int32))
    scores -= model.user_bias[:299, None]
    expected = np.corrcoef(scores.T)
    alike = np.array([model.similarity_to_row(item) for item in range(89)])
    np.testing.assert_allclose(np.diag(alike), 1, atol=1e-5)
    above = np.triu_indices(89, 1)
    assert np.corrcoef(alike[above], expected[:89, :89][above])[0, 1] > 0.8


@pytest.mark.parametrize("rank", [0, 3])
def test_saved_and_loaded(rank: int, tmp_path) -> None:
    model, train, _ = synthetic_network(rank)
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, NetworkModel)
    assert loaded.user_vectors.shape == (300, rank)
    users = np.arange(20, dtype=np.int32)
    np.testing.assert_array_equal(loaded.score_rows(users), model.score_rows(users))
    np.testing.assert_array_equal(
        loaded.fold_in_scores(train.by_user()[users]), model.fold_in_scores(train.by_user()[users])
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"deep": layers((6, 4, 1))}, "does not have 8 inputs"),
        ({"deep": Layers((), (), ())}, "does not have 8 inputs"),
        ({"deep": layers((8, 4, 2))}, "not linear with one output"),
        ({"deep": Layers(*[one[:1] for one in (layers((8, 1)).weights, layers((8, 1)).biases)], ("relu",))}, "linear"),
        ({"noise": -1.0}, "variance"),
    ],
)
def test_what_does_not_fit_is_not_loaded(changed: dict, said: str) -> None:
    model, _, _ = synthetic_network()
    other = replace(model, **changed)
    with pytest.raises(BadArtifact, match=said):
        NetworkModel.from_arrays(other.training_data, other.scale, other.arrays())


def test_on_movielens_folded_in_users_are_predicted_as_well_as_trained_ones(real_data: Path) -> None:
    from cofactor.data.datasets.published_splits import movielens_split
    from cofactor.trainers.ensemble import Ensemble

    parts = movielens_split(real_data / "ml-100k", "u1")
    settings = {"rank": 8, "deep_rank": 8, "layers": "16,8", "n_epochs": 5}
    model = Ensemble(**settings).fit(parts.train)
    user, item, truth = parts.validation.user, parts.validation.item, parts.validation.value
    folded = model.clip(model.fold_in_scores(parts.train.by_user()))[user, item]
    assert rmse(folded, truth) < rmse(model.predict_rows(user, item), truth) + 0.01
    counts = model.training_data.user_counts
    short = int(np.argmin(np.where(counts < 20, counts.max(), counts)))
    history, items = parts.train.by_user()[[short]], np.arange(30, dtype=np.int32)
    fast, slow = model.attributions(history, items), super(NetworkModel, model).attributions(history, items)
    assert np.corrcoef(fast.ravel(), slow.ravel())[0, 1] > 0.85
