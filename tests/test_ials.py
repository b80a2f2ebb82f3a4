"""iALS: its minimum, its fold-in, what its solvers have in common, and its lists of real films."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.base import Model
from cofactor.models.implicit import ImplicitModel, mean_vector
from cofactor.trainers import ials
from cofactor.trainers.ials import IALS
from cofactor.trainers.popularity import Popularity
from tests.toys import noise


def clicks(n_users: int = 120, n_items: int = 70, seed: int = 0) -> Ratings:
    """Positives of users and items with taste in common."""
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=(n_users, 3)), rng.normal(size=(n_items, 3))
    user, item = np.nonzero(p @ q.T + rng.normal(0, 0.5, (n_users, n_items)) > 2)
    users, items = (Vocabulary.of(map(str, range(n)), noun) for n, noun in ((n_users, "user"), (n_items, "item")))
    return Ratings(users, items, user, item, rng.integers(1, 6, len(user)))


def fitted(train: Ratings, **options) -> ImplicitModel:
    model = IALS(**options).fit(train)
    assert isinstance(model, ImplicitModel)
    return model


def objective(model: ImplicitModel, train: Ratings) -> float:
    scores = model.user_vectors.astype(np.float64) @ model.item_vectors.T
    total = ((scores[train.user, train.item] - 1) ** 2).sum() + model.unobserved * (scores**2).sum()
    for vectors, counts, others in (
        (model.user_vectors, train.training_data.user_counts, len(train.items)),
        (model.item_vectors, train.training_data.item_counts, len(train.users)),
    ):
        pull = model.l2 * (counts + model.unobserved * others) ** model.exponent
        total += pull @ (vectors.astype(np.float64) ** 2).sum(axis=1)
    return float(total)


@pytest.mark.parametrize("solver", ["conjugate", "blocks"])
@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_each_epoch_lowers_the_objective_to_a_minimum(solver: str, exponent: float) -> None:
    train = clicks()
    train = train.where(np.isin(train.user, np.flatnonzero(train.training_data.user_counts)))
    chosen = IALS(rank=20, n_epochs=40, l2=0.1, exponent=exponent, solver=solver, block=16)
    models = [one.model for one in chosen.epochs(train)]
    cold = train.training_data.user_counts == 0
    for model in models:
        assert isinstance(model, ImplicitModel)
    settled = [replace(model, user_vectors=np.where(cold[:, None], 0, model.user_vectors)) for model in models]
    values = [objective(model, train) for model in settled]
    assert (np.diff(values) < 1e-3).all()
    last, rng = settled[-1], np.random.default_rng(0)
    for name in ("user_vectors", "item_vectors"):
        array = getattr(last, name)
        for _ in range(5):
            moved = replace(last, **{name: array + 0.01 * rng.normal(size=array.shape).astype(np.float32)})
            assert objective(moved, train) > values[-1], name


def test_both_solvers_come_to_the_same_scores() -> None:
    train, users = clicks(), np.arange(120)
    exact = fitted(train, rank=20, n_epochs=30, solver="blocks", block=32).score_rows(users)
    for options in ({"solver": "conjugate"}, {"solver": "blocks", "block": 16}):
        near = fitted(train, rank=20, n_epochs=30, **options).score_rows(users)
        np.testing.assert_allclose(near, exact, atol=0.02)


def test_the_values_of_the_ratings_play_no_part() -> None:
    train = clicks()
    same = replace(train, value=np.ones(len(train), np.float32), scale=(1.0, 1.0))
    one, other = (fitted(ratings, rank=8, n_epochs=3) for ratings in (train, same))
    assert np.array_equal(one.user_vectors, other.user_vectors)
    assert np.array_equal(one.item_vectors, other.item_vectors)


def test_folding_in_is_the_textbook_formula_and_gives_the_trained_user() -> None:
    train = clicks()
    model = fitted(train, rank=12, n_epochs=30, solver="blocks", block=16)
    history, Q = train.by_user(), model.item_vectors.astype(np.float64)
    folded = model.fold_in_vectors(history)
    rated = np.flatnonzero(train.training_data.user_counts)
    for user in rated[:3]:
        C = np.diag(model.unobserved + (history[[user]].toarray()[0] > 0))  # confidence: α₀, and 1 more for a positive
        counted = (history[[user]].nnz + model.unobserved * 70) ** model.exponent
        p = np.linalg.solve(Q.T @ C @ Q + model.l2 * counted * np.eye(12), Q.T @ (history[[user]].toarray()[0] > 0))
        np.testing.assert_allclose(folded[user], p, atol=1e-5)
    np.testing.assert_allclose(folded[rated], model.user_vectors[rated], atol=2e-3)


def test_effects_are_those_of_leaving_a_rating_out() -> None:
    train = clicks()
    model = fitted(train, rank=12, n_epochs=3)
    history, items = train.by_user()[[3]], np.array([0, 8, 30], dtype=np.int32)
    np.testing.assert_allclose(model.attributions(history, items), Model.attributions(model, history, items), atol=1e-5)
    one = train.by_user()[[3]]
    one.data, one.indices, one.indptr = one.data[:1], one.indices[:1], np.array([0, 1])
    alone = (
        model.fold_in_scores(one) - model.score_rows(np.array([3])) * 0 - model._mean_user_vector @ model.item_vectors.T
    )
    np.testing.assert_allclose(model.attributions(one, items)[0], alone[0, items], atol=1e-6)


def test_who_has_no_ratings_gets_what_people_like_on_average() -> None:
    model = fitted(noise(), rank=8)
    known = model.user_vectors[:29]
    np.testing.assert_allclose(model.user_vectors[29], known.mean(axis=0), atol=1e-6)
    assert model.user_vectors[29].any()
    assert not model.item_vectors[19].any()
    assert [one.item for one in model.recommend("29", 5)] == [one.item for one in model.recommend_for_ratings({}, 5)]


@pytest.mark.parametrize("solver", ["conjugate", "blocks"])
def test_any_number_of_threads_gives_the_same_arrays(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ials, "WORTH_A_THREAD", 0)
    one, two, five = (fitted(clicks(), rank=24, n_epochs=3, solver=solver, block=16, threads=n) for n in (1, 2, 5))
    for other in (two, five):
        assert np.array_equal(one.user_vectors, other.user_vectors)
        assert np.array_equal(one.item_vectors, other.item_vectors)


def test_the_seed_decides_everything() -> None:
    first, again, other = (fitted(clicks(), rank=4, n_epochs=2, seed=seed).item_vectors for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_it_continues_from_an_implicit_model_of_the_same_split_only() -> None:
    train = clicks()
    begun = fitted(train, rank=6, n_epochs=3)
    further = list(IALS(rank=6, n_epochs=2).epochs(train, warm_start=begun))[-1].model
    straight = fitted(train, rank=6, n_epochs=5)
    np.testing.assert_allclose(further.score_rows(np.arange(120)), straight.score_rows(np.arange(120)), atol=1e-3)
    with pytest.raises(BadHyperparameter, match="rank is 4"):
        next(IALS(rank=4).epochs(train, warm_start=begun))
    with pytest.raises(BadHyperparameter, match="baseline"):
        next(IALS(rank=6).epochs(train, warm_start=Popularity().fit(train)))
    with pytest.raises(SplitMismatch):
        next(IALS(rank=6).epochs(replace(train, split="another"), warm_start=begun))


def test_without_any_pull_it_still_trains() -> None:
    model = fitted(noise(), rank=8, l2=0.0, unobserved=0.0, n_epochs=3)
    assert np.isfinite(model.fold_in_scores(noise().by_user())).all()


def test_ml_1m(real_data: Path) -> None:
    """Per user a random fifth held out, the whole catalogue ranked; EASE has .438, implicit's ALS .416 at this rank."""
    user, item = np.loadtxt(
        real_data / "ml-1m" / "ratings_no_timestamps.csv", dtype=np.int32, delimiter=",", skiprows=1, usecols=(0, 1)
    ).T
    every = Ratings.of(user, item, np.ones(len(user)))
    out = np.random.default_rng(0).random(len(every)) < 0.2
    report = evaluate(fitted(every.where(~out), rank=64, unobserved=0.3, l2=0.3), every.where(out), k=(10,))
    assert report.metrics["ndcg@10"] > 0.425


def test_the_mean_vector_is_over_rows_with_ratings_and_zero_without_any() -> None:
    vectors = np.array([[1, 2], [3, 6], [9, 9]], np.float32)
    assert mean_vector(vectors, np.array([5, 1, 0])).tolist() == [2, 4]
    nothing = mean_vector(vectors, np.zeros(3, np.int64))
    assert (nothing.tolist(), nothing.dtype) == ([0, 0], np.float32)
