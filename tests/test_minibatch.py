"""Gradient descent on mini-batches: its steps beside PyTorch's, transfer, and going on from a snapshot."""

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadHyperparameter, SplitMismatch
from cofactor.kernels.compilation.simd import padded
from cofactor.kernels.minibatch import (
    Batch,
    BatchBuffers,
    OptimizerConstants,
    ParameterTable,
    Ranks,
    apply_delayed_updates,
    predict,
    relu_dropout,
    relu_dropout_gradients,
    update_all_rows,
    update_batch,
)
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel
from cofactor.models.network import NetworkModel
from cofactor.trainers.base import Trainer
from cofactor.trainers.deep import Deep
from cofactor.trainers.ensemble import Ensemble
from cofactor.trainers.latent_factor import LatentFactor
from cofactor.trainers.minibatch.cpu_tables import CpuTables
from cofactor.trainers.minibatch.layers import MLP, CpuMLP, n_parameters
from cofactor.trainers.minibatch.optimizers import optimizer_constants
from cofactor.trainers.minibatch.parameters import Parameters
from cofactor.trainers.minibatch.settings import OptimizationSettings
from cofactor.trainers.minibatch.torch_tables import TorchTables
from cofactor.trainers.network import Network
from cofactor.trainers.svd import SVD
from cofactor.training.epoch import Snapshot
from cofactor.training.learning_rate import SCHEDULES
from cofactor.training.optimizer import OptimizerSettings
from tests.test_svd import rmse, synthetic_split
from tests.toys import noise

SMALL: dict[str, Any] = {"deep_rank": 3, "layers": "6,4"}
SHAPES: dict[str, Trainer] = {
    "product": LatentFactor(rank=5, n_epochs=4, dropout=0.2),
    "deep": Deep(n_epochs=4, dropout=0.2, **SMALL),
    "both": Ensemble(rank=5, n_epochs=4, dropout=0.2, **SMALL),
}
OPTIMISERS = ("lazy-adam", "adam", "rmsprop", "momentum", "sgd")


def numbers(n: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, (n, width)).astype(np.float32)


def optimizer(name: str, momentum: float) -> OptimizerConstants:
    return optimizer_constants(OptimizerSettings(name, momentum))


def table(rows: np.ndarray, l2: np.ndarray, batch: int) -> ParameterTable:
    n, zeros = len(rows), np.zeros_like(rows)
    gradients, touched = np.zeros((batch, rows.shape[1]), np.float32), np.zeros(batch, np.int32)
    state = zeros, zeros.copy(), np.zeros(n, np.int32)
    return ParameterTable(rows.copy(), *state, l2[None], gradients, touched, touched.copy(), np.full(n, -1, np.int32))


def batch(user: np.ndarray, item: np.ndarray, value: np.ndarray | None = None) -> Batch:
    return Batch(user, item, np.zeros(len(user), np.float32) if value is None else value)


def buffers(mask: np.ndarray, errors: np.ndarray, deep_rank: int = 0) -> BatchBuffers:
    return BatchBuffers(mask, np.empty((len(errors), 2 * deep_rank), np.float32), errors)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_steps_are_those_of_pytorch(name: str) -> None:
    start, pull, how = numbers(7, 16, 0), np.full(16, 0.1, np.float32), optimizer(name, 0.8)
    ours, theirs = table(start, pull, 7), torch.tensor(start, requires_grad=True)
    kinds = {
        "adam": lambda: torch.optim.Adam([theirs], 0.01, betas=(0.8, 0.999)),
        "rmsprop": lambda: torch.optim.RMSprop([theirs], 0.01),
        "momentum": lambda: torch.optim.SGD([theirs], 0.01, momentum=0.8),
        "sgd": lambda: torch.optim.SGD([theirs], 0.01),
    }
    stepper = kinds[name.removeprefix("lazy-")]()  # every row has a gradient
    for step in range(30):
        ours.gradients[:] = numbers(7, 16, step)
        theirs.grad = torch.tensor(ours.gradients) + 0.1 * theirs.detach()
        penalty = 0.1 * float((theirs.detach() ** 2).sum())
        stepper.step()
        assert update_all_rows(ours, how, np.float32(0.01)) == pytest.approx(penalty, rel=1e-4)
    np.testing.assert_allclose(ours.rows, theirs.detach().numpy(), atol=2e-5)


@pytest.mark.parametrize("name", OPTIMISERS[1:])
def test_rows_that_few_batches_touch_end_where_pytorch_moves_them_in_every_batch(name: str) -> None:
    """Tables of PyTorch's own, whose gradients are 0 wherever a batch has none."""
    start, how, rng = numbers(12, 8, 0), optimizer(name, 0.8), np.random.default_rng(0)
    ours, theirs = table(start, np.zeros(8, np.float32), 4), torch.tensor(start, requires_grad=True)
    kinds = {
        "adam": lambda: torch.optim.Adam([theirs], 0.001, betas=(0.8, 0.999)),
        "rmsprop": lambda: torch.optim.RMSprop([theirs], 0.001),
        "momentum": lambda: torch.optim.SGD([theirs], 0.001, momentum=0.8),
        "sgd": lambda: torch.optim.SGD([theirs], 0.001),
    }
    stepper, rate = kinds[name](), np.float32(0.001)
    other = table(numbers(1, 8, 1), np.zeros(8, np.float32), 4)
    for step in range(400):
        user = np.full(4, rng.integers(12) if step < 40 else rng.integers(6), np.int32)  # some rest to the end
        item, errors = np.zeros(4, np.int32), rng.normal(size=4).astype(np.float32)
        apply_delayed_updates(ours, user, step, how, rate)
        np.testing.assert_allclose(ours.rows[user], theirs.detach().numpy()[user], atol=2e-3)
        slopes = rng.normal(size=(4, 0)).astype(np.float32)
        before = ours.rows.copy()
        theirs.grad = torch.zeros(12, 8)
        theirs.grad[int(user[0]), 0] = -float(errors.sum())
        empty = buffers(np.zeros((0, 0), np.float32), errors)
        update_batch(batch(user, item), ours, other, Ranks(0, 0), empty, slopes, how, rate)
        assert not np.array_equal(ours.rows, before)
        stepper.step()
    apply_delayed_updates(ours, np.arange(12, dtype=np.int32), 400, how, rate)
    moved = theirs.detach().numpy() - start
    assert np.abs(moved).max() > 0.02
    np.testing.assert_allclose(ours.rows - start, moved, atol=0.03 * np.abs(moved).max())
    rested = ours.rows.copy()
    apply_delayed_updates(ours, np.arange(12, dtype=np.int32), 400, how, rate)
    np.testing.assert_array_equal(ours.rows, rested)


@pytest.mark.parametrize("masked", [False, True])
def test_a_batch_moves_its_rows_down_the_gradient_that_pytorch_finds(masked: bool) -> None:
    rank, deep, n = padded(5), padded(3), 40
    rng, width = np.random.default_rng(0), padded(rank + deep + 1)
    user, item = (rng.integers(0, high, n).astype(np.int32) for high in (6, 9))  # rows occur again and again
    value, pull = rng.uniform(1, 5, n).astype(np.float32), np.linspace(0, 0.3, width, dtype=np.float32)
    pull[rank + deep + 1 :] = 0
    kept = (
        (rng.random((n, rank)) < 0.7).astype(np.float32) / np.float32(0.7) if masked else np.ones((0, rank), np.float32)
    )
    rows, slopes = [numbers(high, width, high) for high in (8, 11)], numbers(n, 2 * deep, 5)
    tables = [table(one, pull, n) for one in rows]
    ours, ranks = buffers(kept, np.empty(n, np.float32), deep), Ranks(rank, deep)
    predict(batch(user, item, value), rows[0], rows[1], ranks, np.float32(3), ours)
    there = [torch.tensor(one, requires_grad=True) for one in rows]
    p, q = there[0][user.astype(int)], there[1][item.astype(int)]
    mask = torch.tensor(kept) if masked else 1.0
    expected = (
        torch.tensor(value) - 3 - p[:, rank + deep] - q[:, rank + deep] - (mask * p[:, :rank] * q[:, :rank]).sum(1)
    )
    np.testing.assert_allclose(ours.errors, expected.detach().numpy(), atol=1e-5)
    x = torch.cat((p[:, rank : rank + deep], q[:, rank : rank + deep]), 1)
    np.testing.assert_array_equal(ours.inputs, x.detach().numpy())
    penalty = (torch.tensor(pull) * (p**2 + q**2)).sum()
    (((expected**2).sum() + penalty) / 2 + (torch.tensor(slopes) * x).sum()).backward()
    step = slopes, optimizer("sgd", 0.0), np.float32(0.01)
    sums = update_batch(batch(user, item, value), *tables, ranks, ours, *step)
    assert sums == pytest.approx((expected.detach().square().sum().item(), penalty.item()), rel=1e-4)
    for one, before, theirs in zip(tables, rows, there, strict=True):
        np.testing.assert_allclose(one.rows, before - 0.01 * theirs.grad.numpy(), atol=1e-5)
        assert (one.gradient_row == -1).all(), "no row has a gradient between batches"
        np.testing.assert_array_equal(one.n_updates > 0, theirs.grad.numpy().any(axis=1))


def test_rows_that_a_batch_leaves_out_rest_with_all_that_is_remembered_of_them() -> None:
    pull, how = np.full(8, 0.1, np.float32), optimizer("lazy-adam", 0.9)
    tables = [table(numbers(4, 8, seed), pull, 2) for seed in (0, 1)]
    one, ones = np.array([1, 1], np.int32), buffers(np.zeros((0, 0), np.float32), np.ones(2, np.float32))
    for rows in ([0, 1], [3, 3]):
        before = [(t.rows.copy(), t.first_moment.copy(), t.second_moment.copy(), t.n_updates.copy()) for t in tables]
        user = np.array(rows, np.int32)
        step = ones, np.empty((2, 0), np.float32), how, np.float32(0.1)
        update_batch(batch(user, one), *tables, Ranks(0, 0), *step)
        rest = np.setdiff1d(np.arange(4), rows)
        first = tables[0]
        for now, then in zip(
            (first.rows, first.first_moment, first.second_moment, first.n_updates), before[0], strict=True
        ):
            np.testing.assert_array_equal(now[rest], then[rest])
        assert not np.array_equal(tables[0].rows[rows], before[0][0][rows])


@pytest.mark.parametrize("drop", [0.0, 0.3, 0.9])
def test_dropout_leaves_the_share_it_should_and_the_mean_as_it_was(drop: float) -> None:
    x = np.random.default_rng(0).normal(0, 1, 200_001).astype(np.float32)
    scale, once = np.float32(1 / (1 - drop)), x.copy()
    relu_dropout(once, drop, scale, 5)
    positive = x > 0
    assert not once[~positive].any()
    assert (once[positive] > 0).mean() == pytest.approx(1 - drop, abs=0.005)
    np.testing.assert_allclose(once[once > 0], x[once > 0] * scale, rtol=1e-6)
    again, other, slopes = x.copy(), x.copy(), np.ones_like(x)
    relu_dropout(again, drop, scale, 5)
    relu_dropout(other, drop, scale, 5 + (1 << 40))
    assert np.array_equal(again, once)
    left = [(one[positive] > 0).astype(float) for one in (once, other)]
    if drop:
        assert abs(np.corrcoef(*left)[0, 1]) < 0.02
        assert abs(np.corrcoef(left[0][1:], left[0][:-1])[0, 1]) < 0.02
    relu_dropout_gradients(slopes, once, scale)
    np.testing.assert_array_equal(slopes, np.where(once > 0, scale, np.float32(0)))


@pytest.mark.parametrize("kind", [MLP, CpuMLP])
@pytest.mark.parametrize("widths", [(6, 1), (6, 5, 4, 1)])
def test_slopes_of_the_layers_are_those_of_autograd(kind: type[MLP], widths: tuple[int, ...]) -> None:
    flat = torch.tensor(numbers(1, n_parameters(widths), 0)[0], requires_grad=True)
    slopes = torch.zeros(n_parameters(widths))
    ours = kind(widths, 0.0, flat.detach(), slopes)
    x = torch.tensor(numbers(9, widths[0], 1), requires_grad=True)
    out, at = x, 0
    for number, (n_in, n_out) in enumerate(pairwise(widths)):
        weight, at = flat[at : at + n_in * n_out].reshape(n_out, n_in), at + n_in * n_out
        out, at = out @ weight.T + flat[at : at + n_out], at + n_out
        out = torch.relu(out) if number < len(widths) - 2 else out
    np.testing.assert_allclose(ours.forward(x.detach(), np.zeros(3)), out[:, 0].detach(), atol=1e-5)
    by_output = torch.tensor(numbers(9, 1, 2)[:, 0])
    (out[:, 0] * by_output).sum().backward()
    np.testing.assert_allclose(ours.backward(by_output), x.grad, atol=1e-5)
    np.testing.assert_allclose(slopes, flat.grad / 9, atol=1e-5)
    half = MLP(widths, 0.0, flat.detach(), slopes, torch.bfloat16)
    np.testing.assert_allclose(half.forward(x.detach(), np.zeros(3)), out[:, 0].detach(), atol=0.1)
    slopes.zero_()
    np.testing.assert_allclose(half.backward(by_output), x.grad, atol=0.02)
    np.testing.assert_allclose(slopes, flat.grad / 9, atol=0.01)
    assert min(x.grad.abs().max(), (flat.grad / 9).abs().max()) > 0.05, "zeros would not be close"


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_accelerators_tables_learn_what_the_kernels_do(shape: str, name: str) -> None:
    ratings = noise()
    changed = {"dropout": 0.0, "optimiser": name, "learning_rate": 0.01, "layer_rate": 0.5}
    plan = OptimizationSettings.from_trainer(SHAPES[shape], **changed)
    start = Parameters.initial(plan, ratings)
    start.users[:] += numbers(1, 1, 3)
    host, there = CpuTables(start, plan, 50), TorchTables(start, plan, torch.device("cpu"))
    columns = [one.columns(ratings.user, ratings.item, ratings.value) for one in (host, there)]
    for first in range(0, 250, 50):
        here, keys = slice(first, first + 50), np.zeros(4, np.int64)
        sums = [
            one.learn(*(c[here] for c in mine), keys, 0.01, first // 50)
            for one, mine in zip((host, there), columns, strict=True)
        ]
        assert [float(x) for x in sums[0]] == pytest.approx([float(x) for x in sums[1]], rel=1e-3)
    for one in (host, there):
        one.apply_delayed_updates(0.01, 5)
    for part in ("users", "items", "layers"):
        ours, theirs = (getattr(one.parameters(), part) for one in (host, there))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    again = TorchTables(start, plan, torch.device("cpu"))
    again.load_state_dict(there.state_dict())
    for part in ("users", "items", "layers"):
        np.testing.assert_array_equal(getattr(again.parameters(), part), getattr(there.parameters(), part))


def test_the_factors_of_synthetic_ratings_are_recovered_down_to_the_noise() -> None:
    train, test = synthetic_split()
    trainer = LatentFactor(rank=3, n_epochs=40, batch_size=200, learning_rate=0.02, l2=0.002, bias_l2=0.0)
    assert rmse(trainer.fit(train), test) < 0.135  # the noise is .1
    whole = Ensemble(rank=3, n_epochs=20, batch_size=200, learning_rate=0.02, l2=0.002, bias_l2=0.0, **SMALL)
    deep = whole.fit(train)
    assert rmse(deep, test) < 0.2  # type: ignore[arg-type]


def test_layers_learn_what_no_product_of_a_lower_rank_can() -> None:
    train, test = synthetic_split()
    biases = rmse(LatentFactor(rank=1, n_epochs=1, learning_rate=0.0).fit(train), test)
    deep = Deep(deep_rank=8, layers="32,32", n_epochs=15, batch_size=100, deep_l2=0.005, layer_rate=0.3).fit(train)
    assert rmse(deep, test) < 0.4 < biases  # type: ignore[arg-type]


def same(one: Model, other: Model) -> bool:
    mine, others = one.arrays(), other.arrays()
    return mine.keys() == others.keys() and all(np.array_equal(mine[name], others[name]) for name in mine)


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_goes_on_from_a_snapshot_bit_for_bit(shape: str, name: str) -> None:
    trainer, train = replace(SHAPES[shape], optimiser=name), noise()  # type: ignore[call-arg]
    whole, snapshots = [], []
    for epoch in trainer.epochs(train):
        whole.append(epoch)
        snapshots.append(epoch.snapshot())
    rest = list(trainer.epochs(train, resume=snapshots[1]))
    assert [one.number for one in rest] == [3, 4]
    for before, after in zip(whole[2:], rest, strict=True):
        assert (before.objective, before.train_rmse, before.learning_rate) == (
            after.objective, after.train_rmse, after.learning_rate
        )  # fmt: skip
        assert same(before.model, after.model)


def test_a_snapshot_of_another_training_is_refused() -> None:
    snapshot = next(SHAPES["both"].epochs(noise())).snapshot()
    assert snapshot is not None
    with pytest.raises(BadArtifact, match=r"'users\.rows' is|'layers\.rows' is|is float32"):
        next(Ensemble(rank=50, **SMALL).epochs(noise(), resume=snapshot))
    with pytest.raises(BadArtifact, match="lacks"):
        next(SHAPES["both"].epochs(noise(), resume=Snapshot(1, {})))


def test_dropout_is_on_in_training_and_off_in_prediction() -> None:
    train = noise()
    for shape, trainer in SHAPES.items():
        with_it, without = (
            next(iter(replace(trainer, dropout=share).epochs(train))).model
            for share in (0.5, 0.0)  # type: ignore[call-arg]
        )
        assert not same(with_it, without), shape
        users = np.arange(5, dtype=np.int32)
        np.testing.assert_array_equal(with_it.score_rows(users), with_it.score_rows(users))
    one = MLP((4, 50, 1), 0.5, torch.ones(n_parameters((4, 50, 1))), torch.zeros(n_parameters((4, 50, 1))))
    outputs = {float(one.forward(torch.ones(1, 4), np.array([key]))[0]) for key in range(20)}
    assert len(outputs) > 5


def first_predictions(trainer: Trainer, train: Ratings, start: Any) -> np.ndarray:
    model = next(iter(replace(trainer, learning_rate=0.0).epochs(train, warm_start=start))).model  # type: ignore[call-arg]
    return model.score_pair_rows(train.user, train.item)


def test_an_ensemble_begins_as_the_mean_of_what_it_is_made_of() -> None:
    train = replace(noise(), value=noise().value * np.float32(20), scale=(10.0, 100.0), step=10.0)
    factors, deep = LatentFactor(rank=5).fit(train), Deep(**SMALL).fit(train)
    trainer = replace(SHAPES["both"], dropout=0.0)  # type: ignore[call-arg]
    mine = [one.score_pair_rows(train.user, train.item) for one in (factors, deep)]
    both = first_predictions(trainer, train, {"factors": factors, "deep": deep})
    np.testing.assert_allclose(both, (mine[0] + mine[1]) / 2, atol=1e-2)
    np.testing.assert_allclose(first_predictions(trainer, train, {"factors": factors}), mine[0], atol=1e-2)
    np.testing.assert_allclose(first_predictions(trainer, train, {"deep": deep}), mine[1], atol=0.3)
    svd = SVD(rank=5, n_epochs=3).fit(train)
    expected = svd.score_pair_rows(train.user, train.item)
    np.testing.assert_allclose(first_predictions(trainer, train, {"factors": svd}), expected, atol=1e-2)
    whole = trainer.fit(train)
    again = first_predictions(trainer, train, whole)
    np.testing.assert_allclose(again, whole.score_pair_rows(train.user, train.item), atol=1e-2)


def test_what_an_ensemble_cannot_start_from() -> None:
    train = noise()
    factors, deep = LatentFactor(rank=5, n_epochs=1).fit(train), Deep(n_epochs=1, **SMALL).fit(train)
    for trainer, start, said in (
        (Ensemble(rank=6, **SMALL), {"factors": factors}, "rank is 6, the model to start from has 5"),
        (Ensemble(deep_rank=4, layers="6,4"), {"deep": deep}, "deep_rank is 4, the model to start from has 3"),
        (Ensemble(deep_rank=3, layers="6"), {"deep": deep}, "layers is 6, the model to start from has 6,4"),
        (Ensemble(**SMALL), {"factors": deep}, "cannot start from a network model"),
        (Ensemble(**SMALL), {"other": deep}, "cannot start from that"),
        (Deep(**SMALL), factors, "cannot start from a factor model"),
    ):
        with pytest.raises(BadHyperparameter, match=said):
            next(iter(trainer.epochs(train, warm_start=start)))  # type: ignore[arg-type]
    other = replace(train, split="another")
    for start in ({"factors": factors}, {"deep": deep}):
        with pytest.raises(SplitMismatch):
            next(iter(Ensemble(rank=5, **SMALL).epochs(other, warm_start=start)))


@pytest.mark.parametrize(
    ("branches", "kind", "rank", "deep_rank"),
    [("product", FactorModel, 5, None), ("deep", NetworkModel, 0, 3), ("both", NetworkModel, 5, 3)],
)
def test_a_network_of_any_branches(branches: Any, kind: type, rank: int, deep_rank: int | None) -> None:
    model = Network(branches=branches, rank=5, n_epochs=1, **SMALL).fit(noise())
    assert type(model) is kind
    assert model.arrays()["item_vectors"].shape[1] == rank
    assert deep_rank is None or model.arrays()["deep_item_vectors"].shape[1] == deep_rank


def test_so_many_steps_and_no_more() -> None:
    train = noise()
    epochs = list(LatentFactor(rank=2, batch_size=50, steps=7, schedule="linear", learning_rate=0.07).epochs(train))
    assert [(one.number, one.n_epochs) for one in epochs] == [(1, 2), (2, 2)]
    assert [one.learning_rate for one in epochs] == pytest.approx([0.07, 0.02])
    snapshot = epochs[-1].snapshot()
    assert snapshot is not None
    assert snapshot.arrays["layers.moves"].shape == (1,)
    assert snapshot.arrays["users.moves"].sum() <= 7 * 50


def test_rates_fall_as_their_names_say() -> None:
    for name, halfway in (("constant", 1.0), ("linear", 0.5), ("cosine", 0.5)):
        assert SCHEDULES[name](0.0) == 1
        assert SCHEDULES[name](0.5) == pytest.approx(halfway)
    assert SCHEDULES["cosine"](0.1) > SCHEDULES["linear"](0.1)


@pytest.mark.parametrize("layers", ["64,x", "0", "-3", "1e3", ",", "64,,8"])
def test_layers_that_are_none(layers: str) -> None:
    with pytest.raises(BadHyperparameter, match="layers is"):
        Ensemble(layers=layers)


def test_errors_out_of_hand_are_an_error_that_says_so() -> None:
    for trainer in (
        LatentFactor(optimiser="sgd", learning_rate=50.0),
        Deep(optimiser="sgd", learning_rate=1e4, layer_rate=1.0),
    ):
        with pytest.raises(BadHyperparameter, match="without bound in epoch") as error:
            trainer.fit(noise())
        assert "learning rate" in error.value.hint


def test_the_loss_is_what_is_minimised() -> None:
    train = noise()
    trainer = LatentFactor(rank=3, batch_size=250, n_epochs=2, learning_rate=0.0, l2=0.3, init=1.0)
    one = next(iter(trainer.epochs(train)))
    model = one.model
    assert isinstance(model, FactorModel)
    p, q = model.user_vectors[train.user], model.item_vectors[train.item]
    error = train.value - model.score_pair_rows(train.user, train.item)
    assert one.train_rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)
    assert one.objective == pytest.approx(np.mean(error**2 + 0.3 * ((p**2).sum(1) + (q**2).sum(1))), rel=1e-5)


@pytest.mark.parametrize(("times", "plus"), [(16.0, 0.0), (0.25, 1.0)])
def test_another_scale_gives_the_same_model_in_its_units(times: float, plus: float) -> None:
    stars = noise()
    other = replace(
        stars, value=stars.value * np.float32(times) + np.float32(plus), scale=(0.5 * times + plus, 5 * times + plus)
    )
    for trainer in SHAPES.values():
        here, there = (list(islice(trainer.epochs(ratings), 2))[-1] for ratings in (stars, other))
        wanted = here.model.predict_rows(stars.user, stars.item) * times + plus
        assert there.model.predict_rows(stars.user, stars.item) == pytest.approx(wanted, rel=1e-3)
        assert there.train_rmse == pytest.approx((here.train_rmse or 0) * times, rel=1e-3)


def test_ml_100k_u1(real_data: Path) -> None:
    columns = [np.loadtxt(real_data / "ml-100k" / name, dtype=np.int64) for name in ("u1.base", "u1.test")]
    every = Ratings.of(*np.concatenate(columns).T)
    train, test = every.where(slice(0, 80_000)), every.where(slice(80_000, None))
    model = list(islice(LatentFactor().epochs(train), 10))[-1].model
    assert isinstance(model, FactorModel)
    assert rmse(model, test) < 0.93
