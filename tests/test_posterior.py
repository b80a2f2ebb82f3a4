"""Models of posterior draws: each against a literal transcription of its formula, draw by draw."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.data.features import Features
from cofactor.data.ratings import Ratings, make_histories
from cofactor.errors import BadArtifact, BadData
from cofactor.evaluation.evaluate import evaluate
from cofactor.models import vectors
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel
from cofactor.models.posterior import PosteriorModel
from cofactor.saved.model_folder import load, save
from cofactor.training.early_stopping import early_stopping
from cofactor.training.epoch import Epoch
from tests.toys import noise, posterior

DAY = 86400
FIRST_DAY, N_DAYS = 3, 4  # of which the third has no ratings
EVERY_PAIR = [grid.ravel().astype(np.int32) for grid in np.mgrid[:30, :20]]
WARM_PAIRS = [grid.ravel().astype(np.int32) for grid in np.mgrid[:29, :19]]


@cache
def made(n_draws: int = 3, rank: int = 2, *, sets: bool = True, days: bool = True) -> PosteriorModel:
    model = posterior(n_draws, rank)
    model = model if sets else replace(model, set_vectors=None)
    return model if days else replace(model, day_vectors=None, first_day=None)


def draw(model: PosteriorModel, s: int) -> dict[str, np.ndarray]:
    """What draw s says, in float64: P, Q, D with their biases b, c, d; m, Λ of the users, α and y."""
    rank = model.user_prior_mean.shape[1] - 1
    root, here = np.sqrt(len(model.noise)), slice(s * rank, (s + 1) * rank)
    days = np.zeros((N_DAYS, rank + 1)) if model.day_vectors is None else model.day_vectors[:, s].astype(float)
    return {
        "P": model.user_vectors[:, here].astype(float) * root,
        "Q": model.item_vectors[:, here].astype(float) * root,
        "b": model.user_bias_draws[:, s].astype(float),
        "c": model.item_bias_draws[:, s].astype(float),
        "D": days[:, :-1],
        "d": days[:, -1],
        "m": model.user_prior_mean[s].astype(float),
        "Λ": model.user_prior_precision[s].astype(float),
        "α": 1 / float(model.noise[s]),
        "y": np.zeros((20, rank + 1)) if model.set_vectors is None else model.set_vectors[:, s].astype(float),
    }


def single(model: PosteriorModel, s: int) -> PosteriorModel:
    """The model of draw s alone."""
    one = draw(model, s)
    arrays = {name: one[letter].astype(np.float32) for name, letter in zip(("p", "q", "b", "c"), "PQbc", strict=True)}
    here = slice(s, s + 1)
    return replace(
        model,
        user_bias=arrays["b"],
        item_bias=arrays["c"],
        user_vectors=arrays["p"],
        item_vectors=arrays["q"],
        user_bias_draws=model.user_bias_draws[:, here],
        item_bias_draws=model.item_bias_draws[:, here],
        noise=model.noise[here],
        user_prior_mean=model.user_prior_mean[here],
        user_prior_precision=model.user_prior_precision[here],
        item_prior_mean=model.item_prior_mean[here],
        item_prior_precision=model.item_prior_precision[here],
        set_vectors=None if model.set_vectors is None else model.set_vectors[:, here],
        day_vectors=None if model.day_vectors is None else model.day_vectors[:, here],
    )


def score_by_hand(model: PosteriorModel, s: int, user: int, item: int, day: int | None = None) -> float:
    one = draw(model, s)
    score = model.mean + one["b"][user] + one["c"][item] + one["P"][user] @ one["Q"][item]
    if day is not None and 0 <= day < N_DAYS:
        score += one["d"][day] + one["D"][day] @ one["P"][user] + one["D"][day] @ one["Q"][item]
    return float(score)


def folded_by_hand(model: PosteriorModel, rated: dict[int, float]) -> np.ndarray:
    """(n_items,) the mean over draws of the scores of somebody with these ratings."""
    totals = []
    for s in range(len(model.noise)):
        one = draw(model, s)
        mean, A = one["m"].copy(), one["Λ"].copy()
        for j in rated:
            mean += one["y"][j] / np.sqrt(len(rated))
        moment = A @ mean
        for j, rating in rated.items():
            x = np.append(one["Q"][j], 1)
            A += one["α"] * np.outer(x, x)
            moment += one["α"] * x * (rating - model.mean - one["c"][j])
        w = np.linalg.solve(A, moment)
        totals.append(model.mean + one["c"] + one["Q"] @ w[:-1] + w[-1])
    return np.mean(totals, axis=0)


def test_one_draw_is_a_factor_model() -> None:
    one = single(made(), 1)
    arrays = one.user_bias, one.item_bias, one.user_vectors, one.item_vectors
    plain = FactorModel(one.training_data, one.scale, one.mean, *arrays, bias_l2=0.1, vector_l2=0.1)
    users = np.arange(30, dtype=np.int32)
    np.testing.assert_array_equal(one.score_rows(users), plain.score_rows(users))
    np.testing.assert_array_equal(one.predict_rows(*EVERY_PAIR), plain.predict_rows(*EVERY_PAIR))
    assert one.recommend("3", 8) == plain.recommend("3", 8)
    assert one.similar_items("5") == plain.similar_items("5")


@pytest.mark.parametrize("n_draws", [1, 3, 5])
def test_draws_side_by_side_are_the_mean_of_their_models(n_draws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CACHED_CELLS", 70)  # several blocks
    model = made(n_draws)
    alone = [single(model, s) for s in range(n_draws)]
    users, history = np.arange(30, dtype=np.int32), noise(seed=1).by_user()
    times = (np.arange(600) % 9 + FIRST_DAY - 2) * DAY
    for ask in (
        lambda one: one.score_rows(users),
        lambda one: one.fold_in_scores(history),
        lambda one: one.score_pair_rows(*EVERY_PAIR),
        lambda one: one.time_effect_rows(*EVERY_PAIR, times),
        lambda one: one.attributions(history[[4]], users[:20]),
        lambda one: one.unknown_item_scores,
    ):
        np.testing.assert_allclose(ask(model), np.mean([ask(one) for one in alone], axis=0), rtol=1e-4, atol=2e-6)
    drawn = model.draws_rows(*EVERY_PAIR, times)
    assert drawn.shape == (600, n_draws)
    for s, one in enumerate(alone):
        np.testing.assert_allclose(drawn[:, [s]], one.draws_rows(*EVERY_PAIR, times), rtol=1e-5, atol=1e-5)


def test_a_score_is_the_formula_at_the_day_of_the_rating() -> None:
    model = made()
    asked = [(u, i, day) for u in (0, 7, 29) for i in (0, 5, 19) for day in range(-1, N_DAYS + 1)]
    users, items, days = (np.array(column) for column in zip(*asked, strict=True))
    times = (FIRST_DAY + days) * DAY + 12345
    by_hand = np.array([[score_by_hand(model, s, *one) for s in range(3)] for one in asked])
    np.testing.assert_allclose(model.draws_rows(users, items, times), by_hand, rtol=1e-5, atol=1e-5)
    expected = np.clip(by_hand.mean(axis=1), 0.5, 5)
    np.testing.assert_allclose(model.predict_rows(users, items, times), expected, rtol=1e-5, atol=1e-5)
    without = model.predict_rows(users, items)
    nowhen = (days < 0) | (days >= N_DAYS) | (days == 2)
    np.testing.assert_allclose(without[nowhen], expected[nowhen], rtol=1e-5)
    assert np.abs(without - expected)[~nowhen].max() > 0.2
    assert (model.predict_rows(users, items, np.full(len(users), np.iinfo(np.int64).min)) == without).all()


def test_each_pair_has_a_time_or_none_has() -> None:
    with pytest.raises(BadData, match="2 times for 600 pairs"):
        made().predict_rows(*EVERY_PAIR, np.zeros(2, dtype=np.int64))


def test_a_model_without_days_passes_times_over() -> None:
    model, times = made(days=False), np.arange(600) * DAY
    np.testing.assert_array_equal(model.predict_rows(*EVERY_PAIR, times), model.predict_rows(*EVERY_PAIR))
    np.testing.assert_array_equal(model.draws_rows(*EVERY_PAIR, times), model.draws_rows(*EVERY_PAIR))


def test_uncertainty_is_the_deviation_of_the_draws_and_noise_comes_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CACHED_CELLS", 70)
    model, times = made(), np.full(len(WARM_PAIRS[0]), (FIRST_DAY + 1) * DAY)
    alone = [single(model, s) for s in range(3)]
    for more in ((), (times,)):
        added = [sum(one.time_effect_rows(*WARM_PAIRS, time) for time in more) for one in alone]
        one_by_one = [one.score_pair_rows(*WARM_PAIRS) + effects for one, effects in zip(alone, added, strict=True)]
        found = model.uncertainty_rows(*WARM_PAIRS, *more)
        np.testing.assert_allclose(found, np.std(one_by_one, axis=0), rtol=1e-3, atol=1e-5)
        expected = np.sqrt(found**2 + model.noise.mean())
        np.testing.assert_allclose(model.deviation_rows(*WARM_PAIRS, *more), expected, rtol=1e-5)


def test_of_the_cold_the_prior_is_uncertain_too() -> None:
    """Against ratings sampled from each draw, with the cold user and item sampled from their priors."""
    model, rng, n = made(), np.random.default_rng(1), 40_000
    time = (FIRST_DAY + 3) * DAY
    for user, item in ((29, 4), (4, 19), (29, 19)):
        sampled = []
        for s in range(3):
            one = draw(model, s)
            p, q = np.append(one["P"][user], one["b"][user]), np.append(one["Q"][item], one["c"][item])
            priors = model.user_prior_precision[s], model.item_prior_precision[s]
            p, q = (
                rng.multivariate_normal(x, np.linalg.inv(prior), n) if cold else np.tile(x, (n, 1))
                for x, prior, cold in zip((p, q), priors, (user == 29, item == 19), strict=True)
            )
            day = one["D"][3]
            f = model.mean + p[:, -1] + q[:, -1] + one["d"][3] + np.vecdot(p[:, :-1], q[:, :-1])
            sampled.append(f + p[:, :-1] @ day + q[:, :-1] @ day)
        found = model.uncertainty_rows(np.array([user]), np.array([item]), np.array([time]))[0]
        assert found == pytest.approx(np.std(sampled), rel=0.02)


def test_whom_it_does_not_know_is_as_the_cold() -> None:
    model = made()
    for known, unknown in (((29, 4), (-1, 4)), ((4, 19), (4, -1)), ((29, 19), (-1, -1))):
        for ask in (model.draws_rows, model.uncertainty_rows, model.deviation_rows):
            here, there = (ask(*(np.array([row]) for row in pair)) for pair in (known, unknown))
            np.testing.assert_allclose(here, there, rtol=1e-5)
    cold, nobody = model.recommend("29", 6), model.recommend_for_ratings({}, 6)
    assert [line.item for line in cold] == [line.item for line in nobody]
    np.testing.assert_allclose([line.score for line in cold], [line.score for line in nobody], rtol=1e-5)
    everybody = np.append(model.score_pair_rows(np.arange(30), np.full(30, 19)), model.score_pair_rows([29], [19]))
    np.testing.assert_allclose(model.unknown_item_scores, everybody, rtol=1e-5)
    assert model.similar_items("19") == [], "nothing is known of an item nobody rated"
    assert "19" not in [line.item for line in model.similar_items("4", 30)]


rated_items = st.dictionaries(st.integers(0, 19), st.integers(1, 10).map(lambda halves: halves / 2), max_size=20)


@given(st.lists(rated_items, min_size=1, max_size=4), st.booleans())
def test_fold_in_is_the_normal_posterior_of_each_history(rated: list[dict[int, float]], sets: bool) -> None:
    model = made(sets=sets)
    expected = [folded_by_hand(model, one) for one in rated]
    np.testing.assert_allclose(model.fold_in_scores(make_histories(rated, 20)), expected, rtol=1e-4, atol=1e-4)


def test_fold_in_in_blocks_of_like_length(monkeypatch: pytest.MonkeyPatch) -> None:
    together = made().fold_in_scores(noise().by_user())
    monkeypatch.setattr("cofactor.models.factor.FOLD_IN_CELLS", 100)
    np.testing.assert_allclose(made().fold_in_scores(noise().by_user()), together, rtol=1e-5)


@given(rated_items.filter(bool), st.booleans())
def test_effects_are_those_of_leaving_each_rating_out(rated: dict[int, float], sets: bool) -> None:
    model, items = made(sets=sets), np.arange(20, dtype=np.int32)
    history = make_histories([rated], 20)
    short, long = model.attributions(history, items), Model.attributions(model, history, items)
    assert short.shape == (len(rated), 20)
    np.testing.assert_allclose(short, long, atol=1e-4)


def test_a_folded_in_user_is_drawn_to_the_ratings_as_the_noise_vanishes() -> None:
    model = made(rank=6, n_draws=2)
    exact = replace(model, noise=np.full(2, 1e-6, np.float32))
    rated = {2: 5.0, 7: 0.5, 11: 4.0}
    found = exact.fold_in_scores(make_histories([rated], 20))[0, list(rated)]
    np.testing.assert_allclose(found, list(rated.values()), atol=1e-3)
    deaf = replace(model, noise=np.full(2, 1e9, np.float32), set_vectors=None)
    np.testing.assert_allclose(
        deaf.fold_in_scores(make_histories([rated], 20)), deaf.fold_in_scores(make_histories([{}], 20)), atol=1e-5
    )


@pytest.mark.parametrize("model", [made(), made(sets=False, days=False)], ids=["all", "least"])
def test_saved_and_loaded_it_answers_the_same(model: PosteriorModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, PosteriorModel)
    assert loaded.arrays().keys() == model.arrays().keys()
    assert loaded.first_day == model.first_day
    times = np.arange(600) % N_DAYS * DAY + FIRST_DAY * DAY
    np.testing.assert_array_equal(loaded.predict_rows(*EVERY_PAIR, times), model.predict_rows(*EVERY_PAIR, times))
    np.testing.assert_array_equal(loaded.deviation_rows(*EVERY_PAIR, times), model.deviation_rows(*EVERY_PAIR, times))
    rated = {"3": 4.5, "6": 1.0}
    assert loaded.recommend_for_ratings(rated, why=2) == model.recommend_for_ratings(rated, why=2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"noise": np.array([1, 0, 1], np.float32)}, "'noise' is not positive"),
        ({"user_prior_precision": np.zeros((3, 3, 3), np.float32)}, "'user_prior_precision' is not positive definite"),
        ({"item_prior_precision": -np.ones((3, 3, 3), np.float32)}, "'item_prior_precision' is not positive definite"),
        ({"first_day": None}, "'day_vectors' or 'first_day' is missing"),
        ({"day_vectors": None}, "'day_vectors' or 'first_day' is missing"),
        ({"user_vectors": np.zeros((30, 5)), "item_vectors": np.zeros((20, 5))}, "not 3 draws of 2"),
        ({"set_vectors": np.zeros((20, 3, 2), np.float32)}, "'set_vectors' is"),
        ({"noise": np.ones(2, np.float32)}, "'noise' is"),
        ({"user_bias_draws": None}, "no array 'user_bias_draws'"),
    ],
)
def test_arrays_that_do_not_fit(change: dict[str, np.ndarray | None], said: str) -> None:
    model = made()
    arrays = {name: array for name, array in (model.arrays() | change).items() if array is not None}
    arrays = {name: array.astype(np.float32) if array.ndim else array for name, array in arrays.items()}
    with pytest.raises(BadArtifact, match=said):
        PosteriorModel.from_arrays(model.training_data, model.scale, arrays)


def dated_test() -> Ratings:
    """Ratings of pairs that `noise` has not, each of its own day, in another order than by user."""
    train, rng = noise(), np.random.default_rng(5)
    user, item = np.nonzero(train.by_user().toarray() == 0)
    kept = rng.permutation(len(user))[:200]
    time = (FIRST_DAY + rng.integers(-1, N_DAYS + 1, 200)) * DAY
    value = rng.integers(1, 11, 200) / 2
    return Ratings(train.users, train.items, user[kept], item[kept], value, time, train.scale, train.step)


@pytest.mark.parametrize("k", [(), (5,)])
def test_ratings_are_measured_at_their_times_and_lists_at_none(k: tuple[int, ...]) -> None:
    model, test = made(), dated_test()
    report, without = evaluate(model, test, k), evaluate(model, replace(test, time=None), k)
    error = model.predict_rows(test.user, test.item, test.time) - test.value
    assert report.metrics["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)
    assert report.scored_test_set.scores.dtype == np.float32
    assert report.metrics["rmse"] != pytest.approx(without.metrics["rmse"], rel=1e-3)
    for name in report.metrics.keys() - {"rmse", "mse", "mae", "accuracy"}:
        assert report.metrics[name] == without.metrics[name], name


def test_an_unknown_item_in_a_test_is_what_the_prior_expects() -> None:
    model = made()
    test = Ratings.of(["3", "nobody", "nobody"], ["nothing", "4", "nothing"], [3.0, 4.0, 5.0], [FIRST_DAY * DAY] * 3)
    report = evaluate(model, test, ())
    held = report.scored_test_set.held_out
    by_pair = dict(
        zip(
            zip(test.users.ids[held.user], test.items.ids[held.item], strict=True),
            report.scored_test_set.scores,
            strict=True,
        )
    )
    assert by_pair["3", "nothing"] == pytest.approx(float(model.score_pair_rows([3], [19])[0]), rel=1e-5)
    assert by_pair["nobody", "4"] == pytest.approx(float(model.score_pair_rows([29], [4])[0]), rel=1e-5)
    assert by_pair["nobody", "nothing"] == pytest.approx(float(model.score_pair_rows([29], [19])[0]), rel=1e-5)


def test_early_stopping_judges_at_the_times() -> None:
    model, test = made(), dated_test()
    (one,) = early_stopping([Epoch(1, 1, model, None)], test)
    error = model.predict_rows(test.user, test.item, test.time).astype(float) - test.value
    assert one.rmse == pytest.approx(np.sqrt(np.mean(error**2)))


GENRES = [None if item == 18 else ("Drama" if item % 2 else "Comedy|Drama") for item in range(20)]
AGES = [str(20 + user % 3) for user in range(30)]


@cache
def featured() -> PosteriorModel:
    """`made`, whose cold item is what its prior and its features say; item 18 has ratings and no features."""
    model, rng = made(sets=False, days=False), np.random.default_rng(2)
    users, items = Features.from_table({"age": AGES}), Features.from_table({"genres": GENRES, "length": AGES[:20]})
    assert users is not None
    assert items is not None
    of_users, of_items = (rng.normal(0, 0.5, (len(one.names), 3, 3)).astype(np.float32) for one in (users, items))
    cold = model.item_prior_mean + np.tensordot(items.matrix[[19]].toarray()[0], of_items, axes=1)
    vectors, biases = model.item_vectors.copy(), model.item_bias_draws.copy()
    vectors[19], biases[19] = cold[:, :-1].ravel() / np.sqrt(3), cold[:, -1]
    return replace(
        model,
        training_data=replace(model.training_data, user_features=users, item_features=items),
        item_vectors=vectors,
        item_bias_draws=biases,
        item_bias=biases.mean(axis=1),
        user_feature_vectors=of_users,
        item_feature_vectors=of_items,
    )


def test_a_new_item_is_scored_by_its_features() -> None:
    model, users = featured(), np.arange(30, dtype=np.int32)
    as_the_cold_one = {"genres": GENRES[19], "length": AGES[19]}
    cold = model.score_rows(users)[:, 19]
    np.testing.assert_allclose(model.new_item_scores(as_the_cold_one), cold, rtol=1e-5)
    as_a_list = {"genres": GENRES[19].split("|"), "length": float(AGES[19])}
    np.testing.assert_allclose(model.new_item_scores(as_a_list), cold, rtol=1e-5)
    assert np.abs(model.new_item_scores({"genres": "Comedy"}) - cold).max() > 0.1
    np.testing.assert_array_equal(model.new_item_scores({}), model.unknown_item_scores[:-1])
    with pytest.raises(BadData, match="column 'genre'"):
        model.new_item_scores({"genre": "Comedy"})
    with pytest.raises(BadData, match="trained without item features"):
        made().new_item_scores({"genres": "Comedy"})


def test_an_item_with_features_and_no_ratings_is_recommended() -> None:
    model = featured()
    assert model.rankable.all()
    assert "19" in [line.item for line in model.recommend("3", 20)]
    assert model.similar_items("19", 3)
    assert not made().rankable[19]
    nothing_known = replace(model.training_data, item_features=model.training_data.item_features.take(np.full(20, -1)))
    assert not replace(model, training_data=nothing_known).rankable[19]


def test_feature_vectors_are_saved_and_fit_the_features(tmp_path: Path) -> None:
    model = featured()
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, PosteriorModel)
    new = {"genres": "Comedy", "length": 21}
    np.testing.assert_array_equal(loaded.new_item_scores(new), model.new_item_scores(new))
    assert loaded.recommend("3", 20) == model.recommend("3", 20)
    for change in ({"item_features": None}, {"user_features": Features.from_table({"age": ["1", "2"] * 15})}):
        with pytest.raises(BadArtifact, match="does not fit the features"):
            PosteriorModel.from_arrays(replace(model.training_data, **change), model.scale, model.arrays())
