import importlib
from math import log2

import numba
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    mean_squared_error,
    roc_auc_score,
    root_mean_squared_error,
)

from cofactor.evaluation import metrics
from cofactor.evaluation.metrics import Ranked

LENGTHS = (1, 2, 5, 10, 50)  # 50: longer than any of the rankings


class Case:
    """One user: the scores of N candidates, most of them tied with others, and which of them are relevant."""

    def __init__(self, rng):
        self.n = int(rng.integers(1, 40))
        self.scores = rng.integers(0, 1 + int(rng.integers(1, 30)), self.n).astype(float)
        self.relevant = np.sort(rng.choice(self.n, int(rng.integers(1, self.n + 1)), replace=False))
        self.order = sorted(range(self.n), key=lambda item: (-self.scores[item], item))
        self.hit = [item in set(self.relevant) for item in self.order]


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(0)
    return [Case(rng) for _ in range(2000)]


@pytest.fixture(scope="module")
def ranked(cases):
    user = np.concatenate([np.full(len(one.relevant), number) for number, one in enumerate(cases)])
    rank = [1 + one.order.index(item) for one in cases for item in one.relevant]
    mid_rank = [scipy.stats.rankdata(-one.scores, "average")[one.relevant] for one in cases]
    return Ranked(user, np.array(rank, np.int32), np.concatenate(mid_rank), np.array([one.n for one in cases]))


@pytest.fixture(scope="module")
def ranx():
    """ranx' metrics as plain Python: compiled, each takes seconds on its first call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", True)
        return importlib.import_module("ranx.metrics")


def literal(name, hit, k):
    """docs/metrics.md word for word, for one user's ranking of true and false."""
    n_relevant, first = sum(hit), hit[:k]
    hits = sum(first)
    precision, recall = hits / k, hits / n_relevant
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if hits else 0,
        "ndcg": sum(1 / log2(1 + rank) for rank, is_hit in enumerate(first, 1) if is_hit)
        / sum(1 / log2(1 + rank) for rank in range(1, min(n_relevant, k) + 1)),
        "map": sum(sum(hit[:rank]) / rank for rank, is_hit in enumerate(first, 1) if is_hit) / min(n_relevant, k),
        "hit_rate": 1 if hits else 0,
    }[name]


@pytest.mark.parametrize("name", metrics.AT_K)
@pytest.mark.parametrize("k", LENGTHS)
def test_ranking_metrics_are_their_formulas(cases, ranked, name, k):
    expected = [literal(name, one.hit, k) for one in cases]
    np.testing.assert_allclose(metrics.AT_K[name](ranked, k), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["precision", "recall", "f1", "ndcg", "hit_rate", "map"])
def test_ranking_metrics_are_those_of_ranx(cases, ranked, ranx, name):
    """Its runs get the scores N, N-1, … in our order, because it leaves the order of ties open."""
    relevant = [np.column_stack((one.relevant, np.ones(len(one.relevant)))) for one in cases]
    runs = [np.column_stack((one.order, np.arange(one.n, 0, -1.0))) for one in cases]
    theirs = getattr(ranx, {"map": "average_precision"}.get(name, name))
    for k in LENGTHS:
        expected = theirs(relevant, runs, k)
        if name == "map":  # ranx divides by R, so that a perfect list of k < R items falls short of 1
            expected = expected * ranked.relevant / np.minimum(ranked.relevant, k)
        np.testing.assert_allclose(metrics.AT_K[name](ranked, k), expected, rtol=0, atol=1e-9)


def test_reciprocal_rank_is_that_of_ranx_and_its_formula(cases, ranked, ranx):
    relevant = [np.column_stack((one.relevant, np.ones(len(one.relevant)))) for one in cases]
    runs = [np.column_stack((one.order, np.arange(one.n, 0, -1.0))) for one in cases]
    ours = metrics.reciprocal_rank(ranked)
    np.testing.assert_allclose(ours, ranx.reciprocal_rank(relevant, runs), rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours, [1 / (1 + one.hit.index(True)) for one in cases], rtol=0, atol=1e-9)


def test_auc_is_that_of_scikit_learn_with_ties_counted_half(cases, ranked):
    ours = metrics.auc(ranked)
    for value, one in zip(ours[:400], cases, strict=False):  # it takes milliseconds for each
        if len(one.relevant) == one.n:
            assert np.isnan(value)
        else:
            truth = np.isin(np.arange(one.n), one.relevant)
            assert value == pytest.approx(roc_auc_score(truth, one.scores), abs=1e-9)
    assert np.isnan(ours).any()


def test_nobody_ranked_gives_nothing():
    nobody = Ranked(np.empty(0, int), np.empty(0, np.int32), np.empty(0), np.empty(0, int))
    for measure in metrics.AT_K.values():
        assert measure(nobody, 10).shape == (0,)
    for measure in metrics.OVER_ALL.values():
        assert measure(nobody).shape == (0,)


pairs = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(arrays(np.float64, n, elements=st.floats(-50, 50, width=32)) for _ in range(2)))
)


@given(pairs)
def test_errors_of_ratings_are_those_of_scikit_learn(pair):
    predicted, true = pair
    error = predicted - true
    assert metrics.mse(error) == pytest.approx(mean_squared_error(true, predicted), abs=1e-9)
    assert metrics.rmse(error) == pytest.approx(root_mean_squared_error(true, predicted), abs=1e-9)
    assert metrics.mae(error) == pytest.approx(mean_absolute_error(true, predicted), abs=1e-9)


@pytest.mark.parametrize("step", [1, 0.5, 0.1, 10])
def test_rounding_accuracy_is_the_accuracy_of_the_nearest_step(step):
    rng = np.random.default_rng(0)
    steps = rng.integers(1, 11, 500)
    predicted = (steps + rng.normal(0, 0.6, 500)) * step
    nearest = [min(range(-5, 20), key=lambda s: abs(s * step - p)) for p in predicted]
    right = metrics.exact(predicted.astype(np.float32), (steps * step).astype(np.float32), step)
    assert right.mean() == pytest.approx(accuracy_score(steps, nearest), abs=1e-9)


def test_a_prediction_half_way_rounds_up():
    predicted, true = np.array([2.5, 3.5, 2.5], np.float32), np.array([3, 4, 2], np.float32)
    assert metrics.exact(predicted, true, 1).tolist() == [1, 1, 0]


def test_standard_error_of_independent_values_is_the_ordinary_one():
    values = np.random.default_rng(0).normal(size=50)
    assert metrics.standard_error(values) == pytest.approx(scipy.stats.sem(values), abs=1e-12)
    assert metrics.standard_error(values, np.arange(50) * 7) == pytest.approx(scipy.stats.sem(values), abs=1e-12)


def test_repeating_what_a_user_said_makes_nothing_surer():
    values = np.random.default_rng(0).normal(size=50)
    repeated = metrics.standard_error(np.repeat(values, 9), np.repeat(np.arange(50), 9))
    assert repeated == pytest.approx(scipy.stats.sem(values), abs=1e-12)


def test_standard_error_of_a_single_user_is_unknown():
    assert np.isnan(metrics.standard_error(np.array([1.0])))
    assert np.isnan(metrics.standard_error(np.array([1.0, 2.0]), np.array([3, 3])))


def test_standard_error_is_the_spread_of_a_bootstrap_over_users():
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(200), rng.integers(1, 20, 200))
    values = rng.normal(size=200)[of] + rng.normal(size=len(of))
    sums, counts = np.bincount(of, values), np.bincount(of)
    drawn = rng.integers(0, 200, (4000, 200))
    spread = (sums[drawn].sum(1) / counts[drawn].sum(1)).std()
    assert metrics.standard_error(values, of) == pytest.approx(spread, rel=0.05)
