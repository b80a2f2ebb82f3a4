"""ALS for ratings: its kernels against their twins, its minimum against a direct solution, and real ratings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.kernels.als import Ridge, padded, solve_rows
from cofactor.kernels.conjugate_gradients import descend_rows
from cofactor.kernels.sparse_rows import SparseRows
from cofactor.models.factor import FactorModel
from cofactor.trainers import als
from cofactor.trainers.als import ALS
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.svd import SVD
from tests import twins
from tests.test_svd import rmse, synthetic_split
from tests.toys import noise

NO_WEIGHTS = np.empty(0, np.float32)


def table(seed: int, width: int, most: int) -> tuple[SparseRows, np.ndarray, Ridge, np.ndarray]:
    """Targets in rows of 0 … `most` entries, vectors, a diagonal, and where the solutions start from."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns = 9, most + 5
    counts = rng.integers(0, most + 1, n_rows)
    counts[:2] = 0, most
    starts = np.append(0, np.cumsum(counts)).astype(np.int64)
    columns = np.concatenate([rng.choice(n_columns, n, replace=False) for n in counts]).astype(np.uint32)
    targets = rng.normal(size=len(columns)).astype(np.float32)
    vectors, start = (rng.normal(size=(n, width)).astype(np.float32) for n in (n_columns, n_rows))
    shared, penalty = rng.uniform(0, 2, width).astype(np.float32), rng.uniform(0.5, 2, width).astype(np.float32)
    ridge = Ridge(shared, penalty, rng.uniform(0.5, 2, n_rows).astype(np.float32))
    return SparseRows(starts, columns, targets), vectors, ridge, start


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    chunks=st.integers(1, 5),
    tiles=st.integers(1, 5),
    most=st.sampled_from([1, 15, 40, 150]),
)
def test_rows_are_solved_as_by_the_twin(seed, chunks, tiles, most):
    *given_, start = table(seed, 16 * chunks, most)
    block = 16 * min(tiles, chunks)
    wanted, solved = twins.solve_rows(*given_, block, start), start.copy()
    solve_rows(0, len(start), *given_, block, solved)
    np.testing.assert_allclose(solved, wanted, atol=2e-4)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.integers(1, 40),
    steps=st.integers(0, 4),
    most=st.sampled_from([1, 15, 150]),
    weighted=st.booleans(),
)
def test_rows_are_descended_as_by_the_twin(seed, width, steps, most, weighted):
    rows, *more, start = table(seed, width, most)
    weights = np.random.default_rng(seed).gamma(1, 1, len(rows.values) * weighted).astype(np.float32)
    wanted, solved = twins.descend_rows(rows, weights, *more, steps, start), start.copy()
    descend_rows(0, len(start), rows, weights, *more, steps, solved)
    np.testing.assert_allclose(solved, wanted, atol=2e-3)


def test_only_the_rows_asked_for_are_touched():
    for kernel, more, size in ((solve_rows, (), 16), (descend_rows, (NO_WEIGHTS,), 2)):
        rows, *given_, start = table(3, 32, 40)
        solved = start.copy()
        kernel(2, 5, rows, *more, *given_, size, solved)
        assert (np.flatnonzero((solved != start).any(axis=1)) == [2, 3, 4]).all()


def test_more_steps_come_to_the_solution():
    rows, *given_, start = table(5, 32, 150)
    exact, near = start.copy(), start.copy()
    solve_rows(0, len(start), rows, *given_, 32, exact)
    descend_rows(0, len(start), rows, NO_WEIGHTS, *given_, 40, near)
    np.testing.assert_allclose(near, exact, atol=1e-3)


def test_widths_are_padded():
    assert [padded(rank) for rank in (1, 16, 17, 64)] == [16, 16, 32, 64]


def objective(model: FactorModel, train: Ratings) -> float:
    """What ALS minimises, in the ratings' own units."""
    error = model.score_pair_rows(train.user, train.item) - train.value
    users, items = train.training_data.user_counts, train.training_data.item_counts
    vectors = users @ (model.user_vectors**2).sum(1) + items @ (model.item_vectors**2).sum(1)
    biases = users @ model.user_bias**2 + items @ model.item_bias**2
    return float((error.astype(np.float64) ** 2).sum() + model.vector_l2 * vectors + model.bias_l2 * biases)


def test_each_epoch_lowers_the_objective_to_a_minimum() -> None:
    train, _ = synthetic_split(80, 50)
    train = replace(train, scale=(1.0, 5.0))  # units of one
    models = [one.model for one in ALS(rank=4, n_epochs=150, l2=0.05).epochs(train)]
    values = [objective(model, train) for model in models]
    assert (np.diff(values) < 1e-3).all()
    last, rng = models[-1], np.random.default_rng(0)
    for name in ("user_bias", "item_bias", "user_vectors", "item_vectors"):
        array = getattr(last, name)
        for size in (0.01, -0.01):
            moved = replace(last, **{name: array + size * rng.normal(size=array.shape).astype(np.float32)})
            assert objective(moved, train) > values[-1], name


@pytest.mark.parametrize("rank", [3, 16, 40])
def test_but_for_caution_folding_in_a_training_user_gives_the_trained_one(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cofactor.models.factor.SHORT_HISTORY", 0)
    train, _ = synthetic_split(60, 80)
    model = ALS(rank=rank, n_epochs=4).fit(train)
    bias, vectors = model.fold_in_vectors(train.by_user())
    np.testing.assert_allclose(vectors, model.user_vectors, atol=2e-3)
    np.testing.assert_allclose(bias, model.user_bias, atol=2e-3)


def test_it_recovers_the_factors_of_synthetic_ratings_down_to_the_noise() -> None:
    train, test = synthetic_split()
    assert rmse(ALS(rank=3, n_epochs=20, l2=0.003, bias_l2=0.001).fit(train), test) < 0.125  # the noise is .1


@pytest.mark.parametrize("trainer", [ALS(rank=5, n_epochs=3), ALS(rank=24, n_epochs=3)])
def test_any_number_of_threads_gives_the_same_arrays(trainer: ALS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(als, "WORTH_A_THREAD", 0)
    train, _ = synthetic_split()
    one, two, five = (replace(trainer, threads=n).fit(train).arrays() for n in (1, 2, 5))
    for name in one:
        assert np.array_equal(one[name], two[name]), name
        assert np.array_equal(one[name], five[name]), name


@pytest.mark.parametrize(("times", "plus"), [(16.0, 0.0), (0.25, 1.0)])
def test_another_scale_gives_the_same_model_in_its_units(times: float, plus: float) -> None:
    stars, _ = synthetic_split(60, 40)
    other = replace(stars, value=stars.value * np.float32(times) + np.float32(plus), scale=(0.0, 0.0), step=None)
    here, there = (ALS(rank=4, n_epochs=5).fit(ratings) for ratings in (stars, other))
    wanted = here.predict_rows(stars.user, stars.item) * times + plus
    assert there.predict_rows(stars.user, stars.item) == pytest.approx(wanted, rel=1e-3)


def test_it_continues_from_a_factor_model_of_the_same_split_only() -> None:
    train, _ = synthetic_split(60, 40)
    begun = ALS(rank=3, n_epochs=4).fit(train)
    straight = ALS(rank=3, n_epochs=7).fit(train)
    further = list(ALS(rank=3, n_epochs=3).epochs(train, warm_start=begun))[-1].model
    np.testing.assert_allclose(further.score_rows(np.arange(60)), straight.score_rows(np.arange(60)), atol=1e-3)
    next(ALS(rank=3).epochs(train, warm_start=SVD(rank=3, n_epochs=1).fit(train)))
    with pytest.raises(BadHyperparameter, match="rank is 4"):
        next(ALS(rank=4).epochs(train, warm_start=begun))
    with pytest.raises(BadHyperparameter, match="baseline"):
        next(ALS(rank=3).epochs(train, warm_start=Baseline().fit(train)))
    with pytest.raises(SplitMismatch):
        next(ALS(rank=3).epochs(replace(train, split="another"), warm_start=begun))


def test_rows_without_training_ratings_fall_back_to_what_is_known() -> None:
    model = ALS(rank=4, n_epochs=3).fit(noise())
    assert model.user_bias[29] == 0
    assert not model.user_vectors[29].any()
    assert model.score_rows(np.array([29]))[0, 19] == pytest.approx(model.mean, abs=1e-6)


def test_ml_100k_u1(real_data: Path) -> None:
    columns = [np.loadtxt(real_data / "ml-100k" / name, dtype=np.int64) for name in ("u1.base", "u1.test")]
    every = Ratings.of(*np.concatenate(columns).T)
    train, test = every.where(slice(0, 80_000)), every.where(slice(80_000, None))
    assert rmse(ALS().fit(train), test) < 0.94
