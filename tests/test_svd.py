"""SVD: what it learns, that it learns the same again, and that it beats what it must on real ratings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.models.factor import FactorModel
from cofactor.trainers import svd
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.factorization.rating_unit import rating_unit
from cofactor.trainers.svd import SVD


def synthetic_split(
    n_users: int = 400, n_items: int = 150, rank: int = 3, noise: float = 0.1
) -> tuple[Ratings, Ratings]:
    """Ratings from known biases and vectors plus noise: train and held-out parts."""
    rng = np.random.default_rng(0)
    p, q = rng.normal(0, 0.7, (n_users, rank)), rng.normal(0, 0.7, (n_items, rank))
    truth = 3 + rng.normal(0, 0.3, (n_users, 1)) + rng.normal(0, 0.3, n_items) + p @ q.T
    user, item = np.nonzero(rng.random((n_users, n_items)) < 0.4)
    value = truth[user, item] + rng.normal(0, noise, len(user))
    users, items = (Vocabulary.of(map(str, range(n)), noun) for n, noun in ((n_users, "user"), (n_items, "item")))
    every = Ratings(users, items, user, item, value)
    test = rng.random(len(user)) < 0.1
    return every.where(~test), every.where(test)


def rmse(model: FactorModel, test: Ratings) -> float:
    return float(np.sqrt(np.mean((model.predict_rows(test.user, test.item) - test.value) ** 2)))


def test_it_recovers_the_factors_of_synthetic_ratings_down_to_the_noise() -> None:
    train, test = synthetic_split()
    model = SVD(rank=3, n_epochs=60, learning_rate=0.05, l2=0.002, bias_l2=0.0).fit(train)
    assert rmse(model, test) < 0.135  # the noise is .1; biases alone leave .9
    assert rmse(Baseline().fit(train), test) > 0.7


@pytest.mark.parametrize("rank", [5, 24])
def test_any_number_of_threads_gives_the_same_arrays(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svd, "WORTH_A_THREAD", 0)
    train, _ = synthetic_split()
    one, two, five = (SVD(rank=rank, n_epochs=3, threads=n).fit(train).arrays() for n in (1, 2, 5))
    for name in one:
        assert np.array_equal(one[name], two[name]), name
        assert np.array_equal(one[name], five[name]), name


def test_the_seed_decides_everything() -> None:
    train, _ = synthetic_split(60, 40)
    first, again, other = (SVD(rank=4, n_epochs=2, seed=seed).fit(train).user_vectors for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_without_training_ratings_fall_back_to_what_is_known() -> None:
    train, _ = synthetic_split(50, 30)
    train = train.where((train.user != 7) & (train.item != 3))
    model = SVD(rank=4, n_epochs=3).fit(train)
    assert model.user_bias[7] == 0
    assert not model.user_vectors[7].any()
    assert model.item_bias[3] == 0
    assert model.score_rows(np.array([7]))[0, 3] == pytest.approx(model.mean, abs=1e-6)


def test_each_epoch_is_a_model_of_its_own() -> None:
    train, _ = synthetic_split(50, 30)
    epochs = list(SVD(rank=4, n_epochs=4).epochs(train))
    assert [one.number for one in epochs] == [1, 2, 3, 4]
    assert len({one.model.user_vectors.tobytes() for one in epochs}) == 4
    errors = [one.train_rmse for one in epochs]
    assert errors == sorted(errors, reverse=True)
    assert epochs[0].learning_rate == 0.03 > epochs[-1].learning_rate > 0


def test_a_learning_rate_out_of_hand_is_an_error_that_says_so() -> None:
    train, _ = synthetic_split(50, 30)
    with pytest.raises(BadHyperparameter, match="without bound in epoch") as error:
        SVD(rank=4, learning_rate=50.0).fit(train)
    assert "learning rate" in error.value.hint


def test_it_continues_from_a_model_of_the_same_split_only() -> None:
    train, test = synthetic_split()
    start = SVD(rank=3, n_epochs=5).fit(train)
    further = list(SVD(rank=3, n_epochs=5).epochs(train, warm_start=start))[-1].model
    assert rmse(further, test) < rmse(start, test)
    with pytest.raises(BadHyperparameter, match="rank is 4"):
        next(SVD(rank=4).epochs(train, warm_start=start))
    from dataclasses import replace

    with pytest.raises(SplitMismatch):
        next(SVD(rank=3).epochs(replace(train, split="another"), warm_start=start))


def test_a_folded_in_user_scores_as_the_trained_one() -> None:
    train, _ = synthetic_split()
    model = SVD(rank=3, n_epochs=60, learning_rate=0.05, l2=0.01).fit(train)
    users = np.arange(20)
    np.testing.assert_allclose(model.fold_in_scores(train.by_user()[:20]), model.score_rows(users), atol=0.15)


def test_ml_100k_u1(real_data: Path) -> None:
    columns = [np.loadtxt(real_data / "ml-100k" / name, dtype=np.int64) for name in ("u1.base", "u1.test")]
    every = Ratings.of(*np.concatenate(columns).T)
    train, test = every.where(slice(0, 80_000)), every.where(slice(80_000, None))
    model = SVD(rank=128, n_epochs=40, learning_rate=0.02, l2=0.06).fit(train)
    assert rmse(model, test) < 0.918
    assert rmse(Baseline().fit(train), test) > 0.95


@pytest.mark.parametrize(("times", "plus"), [(16.0, 0.0), (0.25, 1.0)])
def test_another_scale_gives_the_same_model_in_its_units(times: float, plus: float) -> None:
    """With one learning rate for all scales, ratings from 0 to 100 made the errors grow without bound."""
    stars, _ = synthetic_split(60, 40)
    other = replace(stars, value=stars.value * np.float32(times) + np.float32(plus), scale=(0.0, 0.0), step=None)
    here, there = (SVD(rank=4, n_epochs=5).fit(ratings) for ratings in (stars, other))
    wanted = here.predict_rows(stars.user, stars.item) * times + plus
    assert there.predict_rows(stars.user, stars.item) == pytest.approx(wanted, rel=1e-4)
    folded = [model.fold_in_scores(one.by_user()[np.arange(3)]) for model, one in ((here, stars), (there, other))]
    assert folded[1] == pytest.approx(folded[0] * times + plus, rel=1e-4)
    resumed = next(SVD(rank=4, n_epochs=1).epochs(other, warm_start=there))
    again = next(SVD(rank=4, n_epochs=1).epochs(stars, warm_start=here))
    assert resumed.train_rmse == pytest.approx((again.train_rmse or 0) * times, rel=1e-4)


@pytest.mark.parametrize(
    ("scale", "unit"), [((1, 5), 1), ((0.5, 5), 1), ((0, 100), 32), ((0, 1), 0.25), ((-10, 10), 4), ((3, 3), 1)]
)
def test_stars_are_learned_as_they_are(scale: tuple[float, float], unit: float) -> None:
    assert rating_unit(scale) == unit


def test_a_first_rating_makes_a_strangers_predictions_better_and_many_better_still(real_data: Path) -> None:
    """With the penalty for each rating alone, one rating is worse than none: 1.32 instead of .99."""
    table = np.loadtxt(real_data / "ml-100k" / "u1.base", dtype=np.int64)
    every = Ratings.of(*table.T[:3])
    new = np.random.default_rng(0).choice(len(every.users), 150, replace=False)
    model = SVD().fit(every.where(np.isin(every.user, new, invert=True)))
    given = every.by_user()[np.sort(new)]
    user = np.repeat(np.arange(150), np.diff(given.indptr))
    place = np.empty(given.nnz, dtype=int)  # of each rating in a random order of the user's
    place[np.lexsort((np.random.default_rng(1).random(given.nnz), user))] = np.arange(given.nnz) - given.indptr[user]
    asked = place >= 20
    errors = []
    for n in (0, 1, 3, 10, 20):
        known = given.copy()
        known.data = np.where(place < n, given.data, 0)
        known.eliminate_zeros()
        predicted = model.clip(model.fold_in_scores(known))[user[asked], given.indices[asked]]
        errors.append(float(np.sqrt(np.mean((predicted - given.data[asked]) ** 2))))
    assert errors[0] > errors[1] + 0.01
    assert errors[1] + 0.003 > errors[2] > errors[3] + 0.01 > errors[4] + 0.02
