"""SVD++: its kernel beside the naive twin, what it learns, and that no rating helps to predict itself."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.kernels.svdpp import PooledConstants, PooledFactors, PooledRates, UserRatings, learn_users
from cofactor.models.base import Model
from cofactor.models.pooled import PooledFactorModel
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.nsvd import NSVD
from cofactor.trainers.svd import SVD
from cofactor.trainers.svdpp import SVDPP
from tests.twins import learn_users_one_by_one

both = pytest.mark.parametrize("trainer", [SVDPP, NSVD])
CONSTANTS = PooledConstants(*(np.float32(x) for x in (3.0, 0.04, 0.01, 0.02)))  # mean, λ, λ_y, λ_b


def synthetic_split(
    n_users: int = 1500, n_items: int = 60, rank: int = 3, noise: float = 0.1
) -> tuple[Ratings, Ratings]:
    """Synthetic train and held-out ratings by users whose vectors are pooled from the other items that they rated.

    r = 3 + b_i + q_i · |S|^-½ Σ_{j∈S} y_j + ε with S = R(u) \\ {i}. The held-out pairs are not in R(u), which has about
    three to twelve items.
    """
    rng = np.random.default_rng(0)
    q, y = rng.normal(0, 1, (n_items, rank)), rng.normal(0, 0.7, (n_items, rank))
    item_bias = rng.normal(0, 0.3, n_items)
    chance = rng.random((n_users, n_items))
    rated = chance < rng.uniform(0.05, 0.2, (n_users, 1))
    user, item = np.nonzero(rated | (chance > 0.95))
    inside = rated[user, item]
    n = np.maximum(rated.sum(axis=1)[user] - inside, 1)[:, None]
    pool = ((rated @ y)[user] - inside[:, None] * y[item]) / np.sqrt(n)
    value = 3 + item_bias[item] + np.vecdot(pool, q[item]) + rng.normal(0, noise, len(user))
    users, items = (Vocabulary.of(map(str, range(n)), noun) for n, noun in ((n_users, "user"), (n_items, "item")))
    every = Ratings(users, items, user, item, value)
    return every.where(inside), every.where(~inside)


def rmse(model: Model, test: Ratings) -> float:
    return float(np.sqrt(np.mean((model.predict_rows(test.user, test.item) - test.value) ** 2)))


def arguments(
    rank: int, seed: int = 0, n_users: int = 12, n_items: int = 15
) -> tuple[np.ndarray, UserRatings, PooledFactors, PooledRates]:
    """Random arguments of the kernel: users with none, one and many ratings, some of them not pooled."""
    rng = np.random.default_rng(seed)
    counts = np.array([0, 1, 2, n_items, *rng.integers(1, n_items, n_users - 4)])
    starts = np.concatenate([[0], np.cumsum(counts)])
    items = np.concatenate([rng.permutation(n_items)[:n] for n in counts]).astype(np.int32)
    values = rng.integers(1, 11, len(items)).astype(np.float32) / 2
    pooled = rng.random(len(items)) < 0.7
    vectors = [rng.normal(0, 0.3, (n, rank)).astype(np.float32) for n in (n_users, n_items, n_items)]
    biases = [rng.normal(0, 0.1, n).astype(np.float32) for n in (n_users, n_items)]
    rates = [rng.uniform(0.01, 0.1, n).astype(np.float32) for n in (n_users, n_users, n_items)]
    ratings = UserRatings(starts, items, values, pooled)
    return rng.permutation(n_users).astype(np.int32), ratings, PooledFactors(*vectors, *biases), PooledRates(*rates)


@pytest.mark.parametrize("rank", [1, 15, 16, 17, 70])
def test_one_pass_equals_the_naive_twin(rank: int) -> None:
    given = arguments(rank)
    *expected, squares = learn_users_one_by_one(*given, CONSTANTS)
    assert learn_users(*given, CONSTANTS) == pytest.approx(squares, rel=1e-5)
    for ours, naive in zip(given[2], expected, strict=True):
        np.testing.assert_allclose(ours, naive, atol=2e-5)


def test_no_rating_helps_to_predict_itself() -> None:
    """NSVD once pooled the target and the test rows: what is pooled without the item itself cannot tell its rating."""
    _, ratings, factors, rates = arguments(4)
    starts = ratings.starts
    one_rating = np.array([1], dtype=np.int32)
    assert starts[2] - starts[1] == 1
    item = ratings.items[starts[1]]
    ratings.pooled[:] = True
    none = np.float32(0)  # no penalty, so that y changes by errors alone
    constants = CONSTANTS._replace(set_l2=none, bias_l2=none)
    errors, moved = [], []
    for shift in (0, 5):
        shifted = factors.set_vectors.copy()
        shifted[item] += shift
        copies = PooledFactors(*(x.copy() for x in factors._replace(set_vectors=shifted)))
        errors.append(learn_users(one_rating, ratings, copies, rates, constants))
        moved.append(copies.set_vectors - shifted)
    assert errors[0] == pytest.approx(errors[1], rel=1e-6)
    np.testing.assert_allclose(moved, 0, atol=1e-6)


def test_a_pass_takes_time_in_proportion_to_the_ratings() -> None:
    n, rank = 60_000, 16
    zeros, rate = np.zeros((n, rank), np.float32), np.full(n, 0.01, np.float32)
    one_user = np.zeros(1, np.int32)
    ratings = UserRatings(np.array([0, n]), np.arange(n, dtype=np.int32), np.ones(n, np.float32), np.ones(n, bool))
    vectors, biases = (zeros[:1].copy(), zeros + 0.1, zeros), (np.zeros(1, np.float32), np.zeros(n, np.float32))
    given = one_user, ratings, PooledFactors(*vectors, *biases), PooledRates(rate[:1], rate[:1], rate)
    learn_users(*arguments(rank), CONSTANTS)  # compiled
    start = time.process_time()
    learn_users(*given, CONSTANTS)
    assert time.process_time() - start < 0.5, "0.005 s, but 60,000² · 16 operations where each rating pools anew"


@both
def test_it_recovers_the_pooled_vectors_of_synthetic_ratings_down_to_the_noise(trainer: type[SVDPP]) -> None:
    train, test = synthetic_split()
    model = trainer(rank=3, n_epochs=60, learning_rate=0.05, l2=0.01, set_l2=0.0).fit(train)
    assert rmse(model, test) < 0.18  # the noise is .1
    assert rmse(SVD(rank=3, n_epochs=60, learning_rate=0.05, l2=0.01).fit(train), test) > 0.9


@both
def test_the_seed_decides_everything(trainer: type[SVDPP]) -> None:
    train, _ = synthetic_split(60, 40)
    first, again, other = (trainer(rank=4, n_epochs=2, seed=seed).fit(train).set_vectors for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@both
def test_rows_without_training_ratings_fall_back_to_what_is_known(trainer: type[SVDPP]) -> None:
    train, _ = synthetic_split(50, 30)
    train = train.where((train.user != 7) & (train.item != 3))
    model = trainer(rank=4, n_epochs=3).fit(train)
    for row in (model.user_vectors[7], model.item_vectors[3], model.set_vectors[3]):
        assert not row.any()
    assert model.score_rows(np.array([7]))[0, 3] == pytest.approx(model.mean, abs=1e-6)


@both
def test_each_epoch_is_a_model_with_its_own_pools(trainer: type[SVDPP]) -> None:
    train, _ = synthetic_split(50, 30)
    epochs = list(trainer(rank=4, n_epochs=4).epochs(train))
    assert len({one.model.user_vectors.tobytes() for one in epochs}) == 4
    errors = [one.train_rmse for one in epochs]
    assert errors == sorted(errors, reverse=True)
    for one in epochs:
        own = one.model.user_vectors - one.model.pooled_vectors(train.by_user())
        assert (np.abs(own).max() < 1e-6) == (trainer is NSVD), "NSVD has nothing but the pool"


def test_a_learning_rate_out_of_hand_is_an_error_that_says_so() -> None:
    train, _ = synthetic_split(50, 30)
    with pytest.raises(BadHyperparameter, match="svdpp: the errors grew without bound in epoch") as error:
        SVDPP(rank=4, learning_rate=50.0).fit(train)
    assert "learning rate" in error.value.hint


@pytest.mark.parametrize("start", [SVD, SVDPP, NSVD])
def test_it_goes_on_from_what_a_model_of_the_same_split_has_learned(start: type[SVD] | type[SVDPP]) -> None:
    train, test = synthetic_split(100, 40)
    before = start(rank=3, n_epochs=4).fit(train)
    same = next(SVDPP(rank=3, n_epochs=1, learning_rate=0.0).epochs(train, warm_start=before)).model
    np.testing.assert_allclose(same.user_vectors, before.user_vectors, atol=1e-5)
    assert rmse(same, test) == pytest.approx(rmse(before, test), rel=1e-4)
    *_, last = SVDPP(rank=3, n_epochs=10).epochs(train, warm_start=before)
    assert rmse(last.model, train) < rmse(before, train)
    with pytest.raises(BadHyperparameter, match="svdpp: rank is 4"):
        next(SVDPP(rank=4).epochs(train, warm_start=before))
    with pytest.raises(SplitMismatch):
        next(SVDPP(rank=3).epochs(replace(train, split="another"), warm_start=before))
    with pytest.raises(BadHyperparameter, match="baseline"):
        next(SVDPP(rank=3).epochs(train, warm_start=Baseline().fit(train)))


@both
def test_new_users_are_pooled_from_their_own_histories(trainer: type[SVDPP]) -> None:
    train, test = synthetic_split()
    known, new = train.where(train.user < 1000), test.where(test.user >= 1000)
    model = trainer(rank=3, n_epochs=60, learning_rate=0.05, l2=0.01, set_l2=0.0).fit(known)
    scores = model.fold_in_scores(train.by_user())[new.user, new.item]
    assert np.sqrt(np.mean((scores - new.value) ** 2)) < 0.5
    assert rmse(model, new) > 1, "the mean and the items' biases alone"


@both
@pytest.mark.parametrize(("times", "plus"), [(16.0, 0.0), (0.25, 1.0)])
def test_another_scale_gives_the_same_model_in_its_units(trainer: type[SVDPP], times: float, plus: float) -> None:
    stars, _ = synthetic_split(60, 40)
    other = replace(stars, value=stars.value * np.float32(times) + np.float32(plus), scale=(0.0, 0.0), step=None)
    here, there = (trainer(rank=4, n_epochs=5).fit(ratings) for ratings in (stars, other))
    wanted = here.predict_rows(stars.user, stars.item) * times + plus
    assert there.predict_rows(stars.user, stars.item) == pytest.approx(wanted, rel=1e-4)
    folded = [model.fold_in_scores(one.by_user()[np.arange(3)]) for model, one in ((here, stars), (there, other))]
    assert folded[1] == pytest.approx(folded[0] * times + plus, rel=1e-4)
    resumed = next(trainer(rank=4, n_epochs=1).epochs(other, warm_start=there))
    again = next(trainer(rank=4, n_epochs=1).epochs(stars, warm_start=here))
    assert resumed.train_rmse == pytest.approx((again.train_rmse or 0) * times, rel=1e-4)


def test_ml_100k_u1(real_data: Path) -> None:
    columns = [np.loadtxt(real_data / "ml-100k" / name, dtype=np.int64) for name in ("u1.base", "u1.test")]
    every = Ratings.of(*np.concatenate(columns).T)
    train, test = every.where(slice(0, 80_000)), every.where(slice(80_000, None))
    model = SVDPP(l2=0.05, set_l2=0.004).fit(train)
    assert isinstance(model, PooledFactorModel)
    assert rmse(model, test) < 0.91
    assert rmse(NSVD(n_epochs=15).fit(train), test) < 0.93
