"""Autoencoders: what they minimise, what they know of whom, going on bit for bit, and real films."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest
import torch

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadHyperparameter, SplitMismatch
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.autoencoder import AutoencoderModel
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel
from cofactor.models.networks.layers import Layers
from cofactor.trainers import TRAINERS, autoencoder
from cofactor.trainers.autoencoder import Autoencoder
from cofactor.trainers.autoencoding import rating_table
from cofactor.trainers.autoencoding.rating_table import RatingTable, residual_cells
from cofactor.trainers.baseline import Baseline, fit_baseline
from cofactor.trainers.popularity import Popularity
from cofactor.training.epoch import Snapshot
from tests import test_contract as contract
from tests.test_svd import synthetic_split
from tests.toys import checkerboard, noise

SMALL = {"layers": "12,7,12", "n_epochs": 3, "dropout": 0.3, "learning_rate": 0.01}
KINDS = pytest.mark.parametrize(
    "options",
    [
        {"rows": "items"},
        {"rows": "users", "activation": "selu"},
        {"rows": "users", "activation": "tanh", "loss": "multinomial"},
        {"rows": "users", "activation": "tanh", "tied": True},
        {"rows": "items", "activation": "selu", "tied": True, "layers": "9"},
        {"rows": "users", "activation": "relu", "refeed": True},
    ],
    ids=lambda one: " ".join(map(str, one.values())),
)


def rmse(model: Model, test: Ratings) -> float:
    return float(np.sqrt(np.mean((model.predict_rows(test.user, test.item) - test.value) ** 2)))


def same(one: Model, other: Model) -> bool:
    mine, others = one.arrays(), other.arrays()
    return mine.keys() == others.keys() and all(np.array_equal(mine[n], others[n]) for n in mine)


def of_users(train: Ratings, **options) -> AutoencoderModel:
    model = Autoencoder(rows="users", **options).fit(train)
    assert isinstance(model, AutoencoderModel)
    return model


# What is minimised


def in_pytorch(train: Ratings, weights: dict[str, torch.Tensor], options: dict) -> Callable[[], torch.Tensor]:
    """The loss as the docstring has it, of dense tables and weights that PyTorch differentiates."""
    base = Baseline().fit(train)
    table = torch.zeros(len(train.users), len(train.items))
    rated = torch.zeros_like(table, dtype=torch.bool)
    at = torch.from_numpy(train.user.astype(np.int64)), torch.from_numpy(train.item.astype(np.int64))
    table[at] = torch.from_numpy(train.value - base.score_pair_rows(train.user, train.item))
    rated[at] = True
    if options["rows"] == "items":
        table, rated = table.T, rated.T
    ranks = options.get("loss") == "multinomial"
    x = torch.where(rated, table + 1, 0)
    if ranks:
        x = rated / rated.sum(1, keepdim=True).clamp(min=1).sqrt()
    function = {"selu": torch.selu, "tanh": torch.tanh, "relu": torch.relu}.get(
        options.get("activation"), torch.sigmoid
    )
    tied, middle = options.get("tied", False), "hidden.1" in weights

    def loss() -> torch.Tensor:
        code = function(x @ weights["encoder"] + weights["bias.0"])
        if middle:
            code = function(code @ weights["hidden.1"].T + weights["bias.1"])
            back = weights["hidden.1"] if tied else weights["hidden.2"].T
            code = function(code @ back + weights["bias.2"])
        last = weights["encoder" if tied else "decoder"]
        out = code @ last.T + weights["bias.3" if middle else "bias.1"]
        fit = -torch.log_softmax(out, 1)[rated].sum() if ranks else ((table - out)[rated] ** 2).sum()
        norms = (weights[n] ** 2 for n in ("encoder", "decoder") if n in weights)
        pull = sum((rated.sum(0).sqrt() * norm.sum(1)).sum() for norm in norms)
        return (fit + 4.0 * pull) / rated.sum()

    return loss


@pytest.mark.parametrize("dense", [False, True], ids=["at the rated cells", "by dense products"])
@KINDS
def test_a_step_goes_down_the_slope_of_the_stated_loss(options, dense, monkeypatch) -> None:
    """A whole epoch as one step of plain gradient descent, against PyTorch's own derivatives of dense formulas."""
    if options.get("refeed"):
        pytest.skip("its second step is another loss")
    train, _ = checkerboard(15, 12)
    monkeypatch.setattr(rating_table, "MIN_BATCHES", 1)
    monkeypatch.setattr(autoencoder, "DENSE_CELLS", 50)  # several parts of a batch
    if dense:
        products = autoencoder.DenseProducts(torch.device("cpu"))
        monkeypatch.setattr(autoencoder._TrainingState, "_products", lambda self, resources: products)
    trainer = Autoencoder(**{"layers": "8,5,8", "n_epochs": 40} | options, optimiser="sgd", learning_rate=0.1)
    epochs = trainer.epochs(train)
    for _ in range(10):
        epoch = next(epochs)
    assert epoch.state is not None
    floats = {name: array for name, array in epoch.state().items() if array.dtype == np.float32}
    weights = {name: torch.from_numpy(array).requires_grad_() for name, array in floats.items()}
    loss = in_pytorch(train, weights, options)
    before = loss()
    before.backward()
    following = next(epochs)
    assert following.state is not None
    assert following.objective == pytest.approx(before.item(), rel=0.05)
    after = following.state()
    for name in weights:
        array, expected = after[name], weights[name] - following.learning_rate * weights[name].grad
        np.testing.assert_allclose(array, expected.detach().numpy(), rtol=1e-4, atol=1e-6, err_msg=name)


@KINDS
def test_more_epochs_cost_less(options) -> None:
    train, _ = checkerboard(40, 40)
    losses = [
        epoch.objective for epoch in Autoencoder(**SMALL | options | {"n_epochs": 5, "dropout": 0.0}).epochs(train)
    ]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("rows", ["items", "users"])
def test_it_recovers_the_ground_truth(rows) -> None:
    train, test = synthetic_split(200, 120)
    model = Autoencoder(rows=rows, layers="32", l2=0.3, n_epochs=40).fit(train)
    assert rmse(model, test) < 0.5 * rmse(Baseline().fit(train), test)


@pytest.mark.parametrize("rows", ["items", "users"])
def test_another_scale_gives_the_same_model_in_its_units(rows) -> None:
    stars, _ = checkerboard()
    percent = replace(stars, value=stars.value * np.float32(16), scale=(0.0, 0.0), step=None)
    one, other = (Autoencoder(rows=rows, layers="16", n_epochs=4).fit(part) for part in (stars, percent))
    users = np.arange(60, dtype=np.int32)
    np.testing.assert_allclose(16 * one.score_rows(users), other.score_rows(users), rtol=1e-4)
    np.testing.assert_allclose(
        16 * one.fold_in_scores(stars.by_user()), other.fold_in_scores(percent.by_user()), rtol=1e-4
    )


# What goes in and what comes out


def forward(model: AutoencoderModel, history: np.ndarray, rated: np.ndarray) -> np.ndarray:
    """The docstring of the model in PyTorch, on (m, n) dense histories."""
    layers, functions = model.layers, {"selu": torch.selu, "tanh": torch.tanh, "linear": torch.nn.Identity()}
    residual = np.where(rated, history - model.mean - model.item_bias, 0)
    bias = residual.sum(1) / (model.user_l2 + rated.sum(1))
    x = np.where(rated, residual - bias[:, None] + model.presence, 0)
    if model.scale is None:
        bias, x = bias * 0, rated / np.sqrt(rated.sum(1, keepdims=True))
    out = torch.from_numpy(x.astype(np.float32))
    for weight, offset, activation in zip(layers.weights, layers.biases, layers.activations, strict=True):
        linear = torch.nn.Linear(*weight.shape[::-1])
        linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(offset)})
        out = functions[activation](linear(out))
    return out.detach().numpy() + model.mean + model.item_bias + bias[:, None]


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_numpy_scores_as_pytorch_does(loss) -> None:
    train = noise()
    model = of_users(train, loss=loss, activation="selu", layers="20,6,20", n_epochs=5)
    users = np.flatnonzero(train.training_data.user_counts).astype(np.int32)
    history = train.by_user().toarray()[users]
    np.testing.assert_allclose(model.score_rows(users), forward(model, history, history > 0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_effects_are_those_of_leaving_out_each_rating(loss) -> None:
    train = noise()
    model, items = of_users(train, loss=loss, layers="9,5", n_epochs=4), np.arange(20, dtype=np.int32)
    for user in (0, 11):
        history = train.by_user()[[user]]
        np.testing.assert_allclose(
            model.attributions(history, items), Model.attributions(model, history, items), rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_pairs_are_scored_as_lists_are(loss, monkeypatch) -> None:
    monkeypatch.setattr("cofactor.models.autoencoder.SCORE_CELLS", 64)
    model = of_users(noise(), loss=loss, layers="9,5", n_epochs=4)
    user, item = (grid.ravel().astype(np.int32) for grid in np.mgrid[:30, :20])
    order = np.random.default_rng(0).permutation(len(user))
    expected = model.score_rows(np.arange(30, dtype=np.int32))[user, item]
    np.testing.assert_allclose(model.score_pair_rows(user[order], item[order]), expected[order], rtol=1e-5, atol=1e-5)


def test_a_user_goes_in_with_their_own_ratings_wherever_their_row_is() -> None:
    """Predecessor D paired users of two files by their order."""
    train, held_out = checkerboard()
    names = np.random.default_rng(3).permutation(60)  # row k of the vocabulary is user names[k]
    place = np.argsort(names).astype(np.int32)
    shuffled = replace(
        train,
        users=Vocabulary(names.astype(str).astype(object), "user"),
        user=place[train.users.ids.astype(int)[train.user]],
    )
    model = of_users(shuffled, layers="64", n_epochs=10)
    history = shuffled.by_user()
    for user in ("0", "1", "37"):
        row = model.training_data.users.row(user)
        mine = {int(i) for i in train.items.ids[train.item[train.users.ids[train.user] == user]]}
        assert {int(i) for i in shuffled.items.ids[history[[row]].indices]} == mine
        test = held_out.where(held_out.users.ids[held_out.user] == user)
        predicted = model.predict_rows(np.full(len(test), row, np.int32), test.item)
        assert np.abs(predicted - test.value).mean() < 0.5, "another parity would be wrong by 4"
        np.testing.assert_allclose(model.score_rows(np.array([row]))[0], model.fold_in_scores(history[[row]])[0])


def test_what_somebody_is_tested_on_does_not_go_in() -> None:
    train, held_out = checkerboard()
    model = of_users(train, n_epochs=2)
    assert not model.training_data.interactions.toarray()[held_out.user, held_out.item].any()


def test_inputs_are_dropped_in_training_and_never_in_prediction() -> None:
    train, _ = checkerboard()
    table = RatingTable(residual_cells(train, fit_baseline(train, 5.0, 3.0), 1.0, "users"), observed_offset=1.0)
    dropped, whole = table.noisy_inputs(table.cells, 0.4, np.random.default_rng(0)), table.inputs(table.cells)
    assert dropped.nnz / whole.nnz == pytest.approx(0.6, abs=0.03)
    kept = dropped.toarray() != 0
    np.testing.assert_allclose(dropped.toarray()[kept], whole.toarray()[kept] / 0.6, rtol=1e-6)
    dry, wet = (of_users(train, n_epochs=2, dropout=share) for share in (0.0, 0.6))
    assert not same(dry, wet)
    users = np.arange(60, dtype=np.int32)
    history = train.by_user().toarray()
    wet = replace(wet, layers=replace(wet.layers, activations=("tanh", "linear")))
    np.testing.assert_array_equal(wet.score_rows(users), wet.score_rows(users))
    np.testing.assert_allclose(wet.score_rows(users), forward(wet, history, history > 0), rtol=1e-4, atol=1e-4)


def test_items_and_users_without_ratings_leave_the_baseline() -> None:
    train, base = noise(), Baseline().fit(noise())
    cold_user, cold_item = np.array([29], np.int32), 19
    for rows in ("users", "items"):
        model = Autoencoder(rows=rows, layers="16", n_epochs=3).fit(train)
        np.testing.assert_allclose(model.score_rows(cold_user)[0], base.score_rows(cold_user)[0], rtol=1e-6)
    model = of_users(train, n_epochs=3)
    np.testing.assert_allclose(
        model.score_rows(np.arange(29))[:, cold_item], base.score_rows(np.arange(29))[:, cold_item], rtol=1e-5
    )


# The contract, for the forms that are not the default


@dataclass(frozen=True)
class Users(Autoencoder):
    __doc__ = Autoencoder.__doc__
    name: ClassVar[str] = "of-users"

    rows: Annotated[Literal["items", "users"], "what a row of the table is"] = "users"
    layers: Annotated[str, "widths"] = "48"


@dataclass(frozen=True)
class Ranker(Users):
    __doc__ = Autoencoder.__doc__
    name: ClassVar[str] = "multinomial"

    loss: Annotated[Literal["squared", "multinomial"], "to predict ratings, or to rank"] = "multinomial"
    activation: Annotated[Literal["tanh", "selu"], "of the hidden layers"] = "tanh"


def promised(test: Callable) -> list[dict]:
    """What the contract's parametrised tests are called with besides a name."""
    marks = (mark.args for mark in getattr(test, "pytestmark", ()) if mark.args[0] != "name")
    for names, cases in marks:
        if isinstance(names, str):
            return [{names: value} for value in cases]
        return [dict(zip(names, values, strict=True)) for values in cases]
    return [{}]


def binds(test: Callable) -> bool:
    """Whether a test of the contract is one that autoencoders take."""
    return all("autoencoder" in mark.args[1] for mark in getattr(test, "pytestmark", ()) if mark.args[0] == "name")


@pytest.mark.parametrize("trainer", [Users, Ranker], ids=lambda one: one.name)
@pytest.mark.parametrize(
    "test", [one for name, one in vars(contract).items() if name.startswith("test_") and binds(one)]
)
def test_the_contract(test, trainer, monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(TRAINERS, trainer.name, trainer)
    fixtures = {"tmp_path": tmp_path} if "tmp_path" in signature(test).parameters else {}
    for case in promised(test):
        test(name=trainer.name, **fixtures, **case)


@pytest.mark.parametrize(
    ("weights", "activations", "message"),
    [
        (((8, 20), (19, 8)), ("tanh", "linear"), "do not have 20 inputs and outputs"),
        (((20, 20),), ("linear",), "do not have 20 inputs and outputs"),
        (((8, 20), (20, 8)), ("tanh", "tanh"), "the last layer is not linear"),
    ],
)
def test_layers_that_do_not_fit_are_named(weights, activations, message) -> None:
    arrays = tuple(np.zeros(size, np.float32) for size in weights)
    layers = Layers(arrays, tuple(np.zeros(len(one), np.float32) for one in arrays), activations)
    whole = of_users(noise(), layers="8", n_epochs=1)
    with pytest.raises(BadArtifact, match=message):
        AutoencoderModel.from_arrays(whole.training_data, whole.scale, replace(whole, layers=layers).arrays())


# Going on, starting warm, and any number of threads


@KINDS
def test_a_snapshot_goes_on_bit_for_bit(options) -> None:
    check_going_on(Autoencoder(**SMALL | options))


@pytest.mark.parametrize("optimiser", ["rmsprop", "momentum", "sgd"])
def test_every_optimiser_goes_on_bit_for_bit(optimiser) -> None:
    check_going_on(Autoencoder(**SMALL, optimiser=optimiser))


def check_going_on(trainer: Autoencoder) -> None:
    train = noise()
    snapshots, models = [], []
    for epoch in trainer.epochs(train):
        snapshots.append(epoch.snapshot())
        models.append(epoch.model)
    assert isinstance(snapshots[0], Snapshot)
    assert {a.dtype.name for a in snapshots[0].arrays.values()} <= {"float32", "float64", "int32", "int64"}
    again = list(trainer.epochs(train, resume=snapshots[0]))
    assert [epoch.number for epoch in again] == [2, 3]
    assert all(same(epoch.model, model) for epoch, model in zip(again, models[1:], strict=True))
    assert not same(models[0], models[1])


@pytest.mark.parametrize("rows", ["items", "users"])
def test_any_number_of_threads_gives_the_same_arrays(rows, monkeypatch) -> None:
    monkeypatch.setattr(autoencoder, "WORTH_A_THREAD", 0)
    one, two, five = (Autoencoder(**SMALL, rows=rows, threads=n).fit(checkerboard()[0]) for n in (1, 2, 5))
    assert same(one, two)
    assert same(one, five)


def test_threads_that_others_set_between_two_epochs_do_not_count() -> None:
    """Evaluating starts OpenMP, which set PyTorch to as many threads as there are cores: another sum, and slower."""
    epochs = Autoencoder(**SMALL).epochs(noise())
    next(epochs)
    torch.set_num_threads(2)
    next(epochs)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("loss", ["squared", "multinomial"])
def test_a_model_of_users_can_be_learned_on(loss) -> None:
    train = noise()
    trainer = Autoencoder(rows="users", loss=loss, layers="12,5", n_epochs=12)
    first = list(trainer.epochs(train))[-1]
    frozen = next(replace(trainer, learning_rate=0.0, n_epochs=1).epochs(train, warm_start=first.model))
    users = np.arange(30, dtype=np.int32)
    np.testing.assert_allclose(frozen.model.score_rows(users), first.model.score_rows(users), rtol=1e-5, atol=1e-5)
    assert frozen.objective == pytest.approx(first.objective, rel=0.05)
    with pytest.raises(BadHyperparameter, match="layers are 12, those of the model to start from 12,5"):
        next(replace(trainer, layers="12").epochs(train, warm_start=first.model))
    with pytest.raises(SplitMismatch):
        next(trainer.epochs(replace(train, split="another"), warm_start=first.model))


def test_what_training_cannot_start_from() -> None:
    train = noise()
    factors, ranker = Autoencoder(n_epochs=1).fit(train), of_users(train, loss="multinomial", n_epochs=1)
    for trainer, start in (
        (Autoencoder(), factors),
        (Autoencoder(rows="users"), factors),
        (Autoencoder(rows="users"), ranker),
        (Autoencoder(rows="users"), {"a": ranker}),
    ):
        with pytest.raises(BadHyperparameter, match="cannot start from"):
            next(trainer.epochs(train, warm_start=start))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "256;128"}, "layers is '256;128'"),
        ({"layers": ""}, "layers is ''"),
        ({"layers": "0"}, "layers is '0'"),
        ({"layers": "8,4", "tied": True}, "not their own mirror image"),
        ({"loss": "multinomial"}, "rows are items"),
        ({"loss": "multinomial", "rows": "users", "refeed": True}, "outputs are fed back"),
    ],
)
def test_options_that_do_not_fit(options, message) -> None:
    with pytest.raises(BadHyperparameter, match=message):
        Autoencoder(**options)


def test_a_learning_rate_that_is_too_high_is_an_error() -> None:
    with pytest.raises(BadHyperparameter, match="grew without bound in epoch 1") as caught:
        Autoencoder(optimiser="sgd", learning_rate=1e6, activation="linear").fit(noise())
    assert "lower the learning rate" in caught.value.hint


# Real films


def ml_100k(folder: Path) -> tuple[Ratings, Ratings]:
    columns = [np.loadtxt(folder / "ml-100k" / name, dtype=np.int64) for name in ("u1.base", "u1.test")]
    every = Ratings.of(*np.concatenate(columns).T)
    return every.where(slice(0, 80_000)), every.where(slice(80_000, None))


def test_ml_100k_u1(real_data: Path) -> None:
    train, test = ml_100k(real_data)
    items, users = Autoencoder(layers="48").fit(train), of_users(train, layers="48", dropout=0.4)
    assert rmse(items, test) < 0.917
    assert rmse(users, test) < 0.925


def test_somebody_new_is_folded_in_nearly_as_well_as_the_trained(real_data: Path) -> None:
    train, test = ml_100k(real_data)
    new = np.random.default_rng(0).choice(459, 60, replace=False)  # u1 tests the first 459 users
    old = np.isin(train.user, new, invert=True)
    asked = test.where(np.isin(test.user, new))
    whole, model = (Autoencoder(layers="32").fit(one) for one in (train, train.where(old)))
    assert isinstance(model, FactorModel)
    scores = model.clip(model.fold_in_scores(train.by_user()[np.sort(new)]))
    folded = scores[np.searchsorted(np.sort(new), asked.user), asked.item]
    error = float(np.sqrt(np.mean((folded - asked.value) ** 2)))
    assert error < rmse(whole, asked) + 0.01
    assert error < rmse(Baseline().fit(train), asked) - 0.02


def test_the_multinomial_ranks_real_films(real_data: Path) -> None:
    train, test = ml_100k(real_data)
    model = of_users(train, loss="multinomial", activation="tanh", dropout=0.5, layers="100", n_epochs=6)
    found, plain = (evaluate(one, test, k=(10,)).metrics["ndcg@10"] for one in (model, Popularity().fit(train)))
    assert found > 1.3 * plain
