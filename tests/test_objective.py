"""The loss of a record: the objectives as the trainers' docstrings state them, written out pair by pair."""

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.models.pooled import PooledFactorModel
from cofactor.trainers.als import ALS
from cofactor.trainers.ials import IALS
from cofactor.trainers.svd import SVD
from cofactor.trainers.svdpp import SVDPP
from tests.toys import noise


def stretched(times: float) -> Ratings:
    stars = noise()
    return Ratings(stars.users, stars.items, stars.user, stars.item, stars.value * np.float32(times))


@pytest.mark.parametrize("times", [1, 16])
@pytest.mark.parametrize("trainer", [SVD(rank=3, n_epochs=2, l2=0.3), ALS(rank=3, n_epochs=2, l2=0.3)])
def test_factor_objective(trainer: SVD | ALS, times: int) -> None:
    train = stretched(times)
    last = list(trainer.epochs(train))[-1]
    model, unit, total = last.model, times, 0.0
    for u, i, r in zip(train.user, train.item, train.value, strict=True):
        b, c, p, q = model.user_bias[u], model.item_bias[i], model.user_vectors[u], model.item_vectors[i]
        if isinstance(trainer, ALS):  # its errors are those of the model; those of SVD were made on the way
            total += (r - model.mean - b - c - p @ q) ** 2
        total += trainer.l2 * (p @ p + unit**2 * (q @ q)) + trainer.bias_l2 * (b**2 + c**2)
    total /= len(train)
    if isinstance(trainer, SVD):
        total += (last.train_rmse or 0) ** 2
    assert last.objective == pytest.approx(total, rel=1e-4)


def test_pooled_objective() -> None:
    train, trainer = noise(), SVDPP(rank=3, n_epochs=2, l2=0.1, set_l2=0.2)
    last = list(trainer.epochs(train))[-1]
    assert isinstance(last.model, PooledFactorModel)
    state, history, total = last.state() if last.state else {}, train.by_user(), 0.0
    p, q, y = state["user_vectors"], state["item_vectors"], state["set_vectors"]
    b, c = state["user_bias"], state["item_bias"]
    for u, i in zip(train.user, train.item, strict=True):
        rated = history[[u]].indices
        total += trainer.l2 * (p[u] @ p[u] + q[i] @ q[i]) + trainer.bias_l2 * (b[u] ** 2 + c[i] ** 2)
        total += trainer.set_l2 * sum(y[j] @ y[j] for j in rated)
    assert last.objective == pytest.approx((last.train_rmse or 0) ** 2 + total / len(train), rel=1e-4)


def test_implicit_objective() -> None:
    train, trainer = noise(), IALS(rank=3, n_epochs=2)
    losses = [epoch.objective for epoch in trainer.epochs(train)]
    model = trainer.fit(train)
    rated = train.by_user().toarray() > 0
    users = model.user_vectors * rated.any(axis=1)[:, None]  # the model has the mean for the others
    scores = users @ model.item_vectors.T
    total = ((scores - 1) ** 2)[rated].sum() + trainer.unobserved * (scores**2).sum()
    n_users, n_items = rated.shape
    for vectors, counts, others in (
        (users, rated.sum(axis=1), n_items),
        (model.item_vectors, rated.sum(axis=0), n_users),
    ):
        for x, n in zip(vectors, counts, strict=True):
            total += trainer.l2 * (n + trainer.unobserved * others) ** trainer.exponent * (x @ x)
    assert losses[-1] == pytest.approx(total / len(train), rel=1e-4)
    assert losses[1] < losses[0]
