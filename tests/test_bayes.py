"""Bayesian factorisation: what it recovers, how sure it says it is, and what it makes of days, features and sets."""

import tracemalloc
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.datasets.published_splits import movielens_split
from cofactor.data.features import Features
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import split
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, BadHyperparameter
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.base import Model
from cofactor.models.posterior import PosteriorModel
from cofactor.saved.model_folder import load, save
from cofactor.trainers import bayes
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.bayes import Bayes
from tests.toys import noise

DAY, NOISE = 86400, 0.4
N_DAYS, UNSEEN = 12, 7  # the eighth day has no ratings


def synthetic_split(
    n_users: int = 200, n_items: int = 90, rank: int = 2, of_days: float = 0.0
) -> tuple[Ratings, Ratings]:
    """(train, held out) of known biases, vectors, and c_t + D_t · (P_u + Q_i), plus noise; values are not rounded."""
    rng = np.random.default_rng(0)
    P, Q, D = (rng.normal(0, spread, (n, rank)) for spread, n in ((0.7, n_users), (0.7, n_items), (of_days, N_DAYS)))
    b, c, d = (rng.normal(0, spread, n) for spread, n in ((0.4, n_users), (0.4, n_items), (of_days, N_DAYS)))
    user, item = np.nonzero(rng.random((n_users, n_items)) < np.linspace(0.2, 1, n_users)[:, None])
    day = rng.choice(np.delete(np.arange(N_DAYS), UNSEEN), len(user))
    value = 3 + b[user] + c[item] + d[day] + np.vecdot(P[user] + D[day], Q[item]) + np.vecdot(D[day], P[user])
    value += rng.normal(0, NOISE, len(user))
    users, items = (Vocabulary.of(map(str, range(n)), noun) for n, noun in ((n_users, "user"), (n_items, "item")))
    every = Ratings(users, items, user, item, value, day * DAY + rng.integers(0, DAY, len(user)))
    held_out = rng.random(len(user)) < 0.2
    return every.where(~held_out), every.where(held_out)


def rmse(model: Model, test: Ratings) -> float:
    return float(np.sqrt(np.mean((model.predict_rows(test.user, test.item) - test.value.astype(np.float64)) ** 2)))


@cache
def chain() -> tuple[PosteriorModel, ...]:
    """Models after 30 sweeps over `synthetic_split`: of all draws after the 5th, and of the last one."""
    train, _ = synthetic_split()
    return tuple(fitted(train, rank=2, n_epochs=30, n_draws=n) for n in (64, 1))


def fitted(train: Ratings, **options: object) -> PosteriorModel:
    model = Bayes.of(**options).fit(train)
    assert isinstance(model, PosteriorModel)
    return model


def equal(one: Model, other: Model) -> bool:
    mine, others = one.arrays(), other.arrays()
    return mine.keys() == others.keys() and all(np.array_equal(mine[name], others[name]) for name in mine)


# --- what it recovers


@pytest.mark.parametrize("structure", ["mf", "svdpp", "flip"])
def test_it_recovers_the_ground_truth_down_to_the_noise(structure: str) -> None:
    train, test = synthetic_split()
    model = fitted(train, rank=2, n_epochs=30, structure=structure)
    assert rmse(model, test) < 1.07 * NOISE
    assert rmse(Baseline().fit(train), test) > 1.8 * NOISE
    assert model.noise.mean() == pytest.approx(NOISE**2, rel=0.06)
    assert np.abs(model.predict_rows(test.user, test.item) - test.value).max() < 6 * NOISE


def test_the_mean_over_draws_beats_a_draw() -> None:
    _, test = synthetic_split()
    many, last = chain()
    assert len(many.noise) == 25
    assert len(last.noise) == 1
    draws = many.draws_rows(test.user, test.item)
    of_one = np.sqrt(np.mean((draws - test.value[:, None]) ** 2, axis=0))
    assert rmse(many, test) < 0.98 * of_one.min()
    assert rmse(many, test) < rmse(last, test)


def test_deviations_are_neither_too_wide_nor_too_narrow() -> None:
    _, test = synthetic_split()
    model, _ = chain()
    z = (model.predict_rows(test.user, test.item) - test.value) / model.deviation_rows(test.user, test.item)
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.683, abs=0.025)
    assert np.mean(np.abs(z) < 2) == pytest.approx(0.954, abs=0.012)
    known = np.bincount(synthetic_split()[0].user, minlength=200)[test.user]
    uncertainty = model.uncertainty_rows(test.user, test.item)
    few, many = known < np.quantile(known, 0.1), known > np.quantile(known, 0.9)
    assert uncertainty[few].mean() > 1.3 * uncertainty[many].mean(), "who rated less is known less"


def test_the_error_of_each_sweep_is_that_of_its_draw() -> None:
    train, _ = synthetic_split()
    for epoch in Bayes(rank=2, n_epochs=8, n_draws=1, threads=1).epochs(train):
        drawn = epoch.model.draws_rows(train.user, train.item)[:, 0]
        assert epoch.train_rmse == pytest.approx(float(np.sqrt(np.mean((drawn - train.value) ** 2))), rel=1e-3)


# --- which draws


def test_any_number_of_threads_gives_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayes, "WORTH_A_THREAD", 0)
    train, _ = synthetic_split(of_days=0.3)
    options = {"rank": 5, "n_epochs": 8, "burn_in": 2, "time": "day"}
    one, three = (list(Bayes(threads=n, **options).epochs(train)) for n in (1, 3))
    assert [epoch.train_rmse for epoch in one] == [epoch.train_rmse for epoch in three]
    assert equal(one[-1].model, three[-1].model)


def test_seeds_differ() -> None:
    first, again, other = (fitted(noise(), rank=2, n_epochs=3, seed=seed) for seed in (1, 1, 2))
    assert equal(first, again)
    assert not np.array_equal(first.user_vectors, other.user_vectors)
    assert not np.array_equal(first.noise, other.noise)


@pytest.mark.parametrize(
    ("n_epochs", "burn_in", "n_draws"), [(40, 4, 5), (9, 2, 7), (12, 2, 64), (20, 0, 1), (3, 8, 4)]
)
def test_draws_are_thinned_evenly_and_the_last_is_among_them(n_epochs: int, burn_in: int, n_draws: int) -> None:
    single = [epoch.model.noise[0] for epoch in Bayes(rank=1, n_epochs=n_epochs, n_draws=1).epochs(noise())]
    assert len(set(single)) == n_epochs
    for epoch in Bayes(rank=1, n_epochs=n_epochs, burn_in=burn_in, n_draws=n_draws).epochs(noise()):
        places = [single.index(one) + 1 for one in epoch.model.noise]
        assert len(places) == min(n_draws, max(1, epoch.number - burn_in))
        assert places[-1] == epoch.number
        if epoch.number > burn_in:
            assert places[0] > burn_in
            gaps = np.diff([burn_in, *places])
            assert gaps.min(initial=99) >= 1
            assert gaps.max() <= 2 * (epoch.number - burn_in) / n_draws + 1


def test_a_long_chain_takes_no_more_memory_than_a_short_one() -> None:
    ratings, held = noise(1000, 500, 1500), {}
    fitted(ratings, rank=1, n_epochs=1)  # compiled, and all caches filled
    tracemalloc.start()
    try:
        for epoch in Bayes(rank=1, n_epochs=40, burn_in=0, n_draws=2).epochs(ratings):
            held[epoch.number] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert max(held.values()) < 1.2 * max(held[number] for number in range(3, 9))


# --- units, days


@pytest.mark.parametrize("times", [16, 32])
def test_ratings_on_another_scale_are_predicted_on_it(times: int) -> None:
    train, _ = synthetic_split(60, 40)
    other = replace(train, value=train.value * np.float32(times), scale=(0, 0), step=None)
    here, there = (fitted(one, rank=3, n_epochs=6, burn_in=2) for one in (train, other))
    pairs = [grid.ravel().astype(np.int32) for grid in np.mgrid[:60, :40]]
    for ask in (PosteriorModel.predict_rows, PosteriorModel.deviation, PosteriorModel.uncertainty):
        np.testing.assert_allclose(ask(there, *pairs), times * ask(here, *pairs), rtol=1e-5, atol=1e-4)
    folded = [model.fold_in_scores(one.by_user()[:9]) for model, one in ((here, train), (there, other))]
    np.testing.assert_allclose(folded[1], times * folded[0], rtol=1e-4)


def test_days_predict_what_follows_them() -> None:
    train, test = synthetic_split(of_days=0.4)
    without, with_days = (fitted(train, rank=2, n_epochs=30, time=time) for time in ("none", "day"))
    figures = [evaluate(model, test, ()).metrics["rmse"] for model in (without, with_days)]
    assert figures[1] < 1.1 * NOISE < 1.4 * NOISE < figures[0]
    timeless = evaluate(with_days, replace(test, time=None), ()).metrics["rmse"]
    assert figures[1] < timeless, "the test's times were used"
    assert figures[0] == evaluate(without, replace(test, time=None), ()).metrics["rmse"]
    assert with_days.first_day == 0
    assert with_days.day_vectors is not None
    assert with_days.day_vectors.shape == (N_DAYS, 25, 3)
    assert with_days.noise.mean() == pytest.approx(NOISE**2, rel=0.06)


def test_a_day_without_ratings_adds_nothing() -> None:
    model = fitted(synthetic_split(60, 40, of_days=0.4)[0], rank=2, n_epochs=8, time="day")
    pairs = [grid.ravel().astype(np.int32) for grid in np.mgrid[:60, :40]]
    timeless, when = model.predict_rows(*pairs), np.full(2400, DAY)
    for day in (UNSEEN, -1, N_DAYS, 20_000):
        np.testing.assert_array_equal(model.predict_rows(*pairs, day * when), timeless)
    np.testing.assert_array_equal(model.predict_rows(*pairs, when + 0.5), model.predict_rows(*pairs, when))
    assert np.abs(model.predict_rows(*pairs, when) - timeless).max() > 0.1


def test_days_need_times() -> None:
    with pytest.raises(BadData, match="ratings have no times") as error:
        fitted(noise(), time="day")
    assert "--time" in error.value.hint


def test_it_starts_anew() -> None:
    model = fitted(noise(), rank=1, n_epochs=1)
    with pytest.raises(BadHyperparameter, match="cannot start from a model"):
        next(Bayes(rank=1).epochs(noise(), warm_start=model))


# --- features

KINDS = ["A" if item % 3 else "B" for item in range(42)]
GROUPS = ["x" if user % 2 else "y" for user in range(62)]


@cache
def tastes() -> tuple[Ratings, PosteriorModel, PosteriorModel]:
    """(ratings, a model with features, one without). Users of group x love items of kind A and loathe B, those of y the
    other way round; of both there are two without a rating: users 60 (y), 61 (x) and items 40 (A), 41 (A; here B)."""
    rng, kinds = np.random.default_rng(0), [*KINDS[:41], "B"]
    rated = rng.random(2400) < 0.5
    user, item = (one[rated] for one in np.divmod(np.arange(2400), 40))
    loved = np.array([(GROUPS[u] == "x") == (kinds[i] == "A") for u, i in zip(user, item, strict=True)])
    value = np.clip(np.where(loved, 4, 2) + rng.choice([-1, 0, 0, 1], len(user)), 1, 5)
    users, items = (Vocabulary.of(map(str, range(n)), noun) for n, noun in ((62, "user"), (42, "item")))
    known = Features.from_table({"group": GROUPS}), Features.from_table({"kind": kinds})
    ratings = Ratings(users, items, user, item, value, user_features=known[0], item_features=known[1])
    with_features, without = (fitted(ratings, rank=3, n_epochs=25, features=used) for used in (True, False))
    return ratings, with_features, without


def test_a_cold_item_is_placed_by_its_features() -> None:
    _, model, without = tastes()
    loves_a = np.array([group == "x" for group in GROUPS])
    scores = model.score_rows(np.arange(62, dtype=np.int32))
    assert (scores[loves_a, 40] > scores[loves_a, 41] + 0.5).all()
    assert (scores[~loves_a, 41] > scores[~loves_a, 40] + 0.5).all()
    assert "40" in [line.item for line in model.recommend("1", 42)]
    ids = [line.item for line in model.recommend("1", 42)]
    assert ids.index("40") < ids.index("41")
    blind = without.score_rows(np.arange(62, dtype=np.int32))
    np.testing.assert_array_equal(blind[:, 40], blind[:, 41])
    assert without.item_feature_vectors is without.user_feature_vectors is None


def test_an_item_outside_of_the_catalogue_is_placed_by_its_features() -> None:
    _, model, without = tastes()
    a, b = (model.new_item_scores({"kind": kind}) for kind in "AB")
    scores = model.score_rows(np.arange(62, dtype=np.int32))
    np.testing.assert_allclose(a, scores[:, 40], rtol=1e-4)
    np.testing.assert_allclose(b, scores[:, 41], rtol=1e-4)
    with pytest.raises(BadData, match="trained without item features"):
        without.new_item_scores({"kind": "A"})


def test_a_cold_user_is_known_by_their_features() -> None:
    _, model, without = tastes()
    of_a = np.array([kind == "A" for kind in KINDS[:40]])
    y, x = model.score_rows(np.array([60, 61], dtype=np.int32))[:, :40]
    assert x[of_a].min() > x[~of_a].max() + 0.5
    assert y[~of_a].min() > y[of_a].max() + 0.5
    blind = without.score_rows(np.array([60, 61], dtype=np.int32))
    np.testing.assert_array_equal(blind[0], blind[1])


def test_features_of_a_matrix_and_features_of_nothing() -> None:
    ratings, model, _ = tastes()
    assert ratings.item_features is not None
    assert model.item_feature_vectors is not None
    as_matrix = replace(ratings.item_features, encoding=None)
    again = fitted(replace(ratings, item_features=as_matrix), rank=3, n_epochs=25)
    assert again.item_feature_vectors is not None
    np.testing.assert_array_equal(again.item_feature_vectors, model.item_feature_vectors)
    none = Features(np.empty(0, dtype=object), as_matrix.matrix[:, :0])
    assert fitted(replace(ratings, item_features=none), rank=3, n_epochs=2).item_feature_vectors is None


# --- sets


def test_what_is_held_out_changes_nothing() -> None:
    """Predecessor A's sets of rated items held the test rows, and so the targets."""
    every = synthetic_split(60, 40)[0]
    first = split(every, seed=3)
    held_out = (
        np.concatenate([first.test.user, first.validation.user]),
        np.concatenate([first.test.item, first.validation.item]),
    )
    alone = Ratings(
        every.users,
        every.items,
        first.train.user,
        first.train.item,
        first.train.value,
        scale=every.scale,
        step=every.step,
    )
    assert not np.isin(held_out[0] * 40 + held_out[1], alone.user * 40 + alone.item).any()
    models = [fitted(train, rank=2, n_epochs=4) for train in (first.train, alone)]
    assert equal(*models)
    trainer = Bayes(rank=2)
    with ExitStack() as resources:
        sampler = trainer.training_state().init(trainer, first.train, resources)
    for side, row, column in ((sampler.users, "user", "item"), (sampler.items, "item", "user")):
        assert side.information is not None
        starts, columns, weights = side.information.matrix
        rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        trained = getattr(first.train, row), getattr(first.train, column)
        assert set(zip(rows, columns, strict=True)) == set(zip(*trained, strict=True))
        np.testing.assert_allclose(np.bincount(rows, weights**2), 1, rtol=1e-5)


@pytest.mark.parametrize(("structure", "sets"), [("mf", False), ("svdpp", True), ("flip", True)])
def test_each_structure_keeps_what_a_history_needs(structure: str, sets: bool, tmp_path: Path) -> None:
    ratings, _, _ = tastes()
    model = fitted(replace(ratings, time=ratings.user * DAY), rank=2, n_epochs=8, structure=structure, time="day")
    save(model, tmp_path / "model", trainer="bayes")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, PosteriorModel)
    assert equal(model, loaded)
    arrays = loaded.arrays()
    assert ("set_vectors" in arrays) is sets
    if sets:
        assert arrays["set_vectors"].shape == (42, 3, 3)
        assert not arrays["set_vectors"][..., -1].any(), "what a user rated adds to the vector, not to the bias"
        assert np.abs(arrays["set_vectors"][..., :-1]).max() > 0
    assert arrays["user_feature_vectors"].shape == arrays["item_feature_vectors"].shape == (2, 3, 3)
    assert arrays["drawn_item_vectors"].shape == arrays["item_vectors"].shape == (42, 6)
    assert not np.array_equal(arrays["drawn_item_vectors"], arrays["item_vectors"])
    np.testing.assert_array_equal(loaded.fold_in_scores(ratings.by_user()), model.fold_in_scores(ratings.by_user()))


# --- real ratings


def test_ml_100k_u1(real_data: Path) -> None:
    parts = movielens_split(real_data / "ml-100k", "u1", validation=0)
    model = fitted(parts.train, rank=10, n_epochs=30, features=False)
    assert rmse(model, parts.test) < 0.892
    within = np.abs(model.predict_rows(parts.test.user, parts.test.item) - parts.test.value) < model.deviation_rows(
        parts.test.user, parts.test.item
    )
    assert within.mean() == pytest.approx(0.69, abs=0.02)
