import importlib
from math import log2, nan

import numba
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    mean_absolute_error,
    mean_squared_error,
    ndcg_score,
    roc_auc_score,
    root_mean_squared_error,
)

from cofactor.evaluation.metrics import ranking_metrics
from cofactor.evaluation.metrics.ranked_items import RanksAtK, RelevantRanks
from cofactor.evaluation.metrics.rating_errors import (
    RATING_METRICS,
    PredictedRatings,
    exact_prediction,
    metric_value,
)
from cofactor.evaluation.metrics.standard_error import standard_error

N_CASES, MOST = 10_000, 25
LENGTHS = np.array([1, 2, 5, 10, 30])  # 30: longer than any of the rankings


class Cases:
    """Users with up to 24 candidates each, the others behind the end of a row; a length of list for each user.

    Most scores tie with others, ratings are half stars from -1 to 5, and one user in three has a single relevant item,
    another one nothing but relevant ones.
    """

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.n = rng.integers(1, MOST, N_CASES)
        there = np.arange(MOST) < self.n[:, None]
        self.k = rng.integers(len(LENGTHS), size=N_CASES)  # which of them
        drawn = rng.integers(0, rng.integers(1, 31, N_CASES)[:, None], (N_CASES, MOST))
        self.scores = np.where(there, drawn, -np.inf)
        n_relevant = np.choose(
            rng.integers(0, 3, N_CASES), [np.ones(N_CASES, int), self.n, rng.integers(1, self.n + 1)]
        )
        lottery = np.where(there, rng.random((N_CASES, MOST)), 2).argsort(1).argsort(1)
        self.relevant = lottery < n_relevant[:, None]
        self.rating = rng.integers(-2, 11, (N_CASES, MOST)) / 2
        self.popular = 1 + np.where(there, rng.random((N_CASES, MOST)), 2).argsort(1).argsort(1)
        self.order = np.argsort(-self.scores, axis=1, kind="stable")
        self.rank = 1 + np.argsort(self.order, axis=1)

    def ranked(self):
        user, item = np.nonzero(self.relevant)
        mine, all_mine = self.scores[user, item], self.scores[user]
        above, equal = (all_mine > mine[:, None]).sum(1), (all_mine == mine[:, None]).sum(1)
        columns = (one[user, item] for one in (self.rating, self.popular))
        return RelevantRanks(user, self.rank[user, item].astype(np.int32), above + (1 + equal) / 2, self.n, *columns)

    def as_ranked(self, column):
        """Each user's values in the order of the ranking."""
        return [one[:n].tolist() for one, n in zip(np.take_along_axis(column, self.order, 1), self.n, strict=True)]

    def at_k(self, table):
        """Of an (n_users, n_k) table, each user's value at the user's own k."""
        return table[np.arange(N_CASES), self.k]


@pytest.fixture(scope="module")
def cases():
    return Cases()


@pytest.fixture(scope="module")
def ranked(cases):
    return cases.ranked()


@pytest.fixture(scope="module")
def cut(ranked):
    return RanksAtK(ranked, LENGTHS)


@pytest.fixture(scope="module")
def ranx():
    """ranx' metrics as plain Python: compiled, each takes seconds on its first call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", True)
        return importlib.import_module("ranx.metrics")


def literal(hit, rating, popular, k):
    """docs/metrics.md word for word, for one user's candidates in the order of the ranking: which are relevant, what
    the user gave them, and their ranks by popularity."""
    n_relevant, first = sum(hit), hit[:k]
    hits = sum(first)
    precision, recall = hits / k, hits / n_relevant
    stars = [max(r, 0) if is_hit else 0 for is_hit, r in zip(hit, rating, strict=True)]

    def dcg(gains):
        return sum(gain / log2(1 + rank) for rank, gain in enumerate(gains[:k], 1))

    def share(gains):
        return dcg(gains) / dcg(sorted(gains, reverse=True)) if any(gains) else nan

    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if hits else 0,
        "ndcg": sum(1 / log2(1 + rank) for rank, is_hit in enumerate(first, 1) if is_hit)
        / sum(1 / log2(1 + rank) for rank in range(1, min(n_relevant, k) + 1)),
        "map": sum(sum(hit[:rank]) / rank for rank, is_hit in enumerate(first, 1) if is_hit) / min(n_relevant, k),
        "hit_rate": 1 if hits else 0,
        "mrr": 1 / (1 + first.index(True)) if hits else 0,
        "ndcg_rating": share(stars),
        "ndcg_exp": share([2**r - 1 for r in stars]),
        "serendipity": sum(is_hit and place > k for is_hit, place in zip(first, popular, strict=False)) / k,
    }


def literal_over_all(hit):
    """The same of the metrics of the whole ranking, but for the AUC."""
    ranks = [rank for rank, is_hit in enumerate(hit, 1) if is_hit]
    return {
        "mrr": 1 / ranks[0],
        "map": sum(sum(hit[:rank]) / rank for rank in ranks) / len(ranks),
        "r_precision": sum(hit[: len(ranks)]) / len(ranks),
        "rbp": 0.2 * sum(0.8 ** (rank - 1) for rank in ranks),
    }


def test_ranking_metrics_are_their_formulas(cases, cut):
    columns = (cases.as_ranked(one) for one in (cases.relevant, cases.rating, cases.popular))
    expected = [literal(*one) for one in zip(*columns, LENGTHS[cases.k].tolist(), strict=True)]
    assert ranking_metrics.AT_K.keys() == expected[0].keys()
    for name, metric in ranking_metrics.AT_K.items():
        values = np.array([one[name] for one in expected], dtype=float)
        np.testing.assert_allclose(cases.at_k(metric.compute(cut)), values, rtol=0, atol=1e-9, err_msg=name)
        assert name.startswith("ndcg_") == np.isnan(values).any()


def test_metrics_of_whole_rankings_are_their_formulas(cases, ranked):
    expected = [literal_over_all(hit) for hit in cases.as_ranked(cases.relevant)]
    assert ranking_metrics.OVER_ALL.keys() == {"auc", *expected[0]}
    for name in expected[0]:
        values = [one[name] for one in expected]
        np.testing.assert_allclose(
            ranking_metrics.OVER_ALL[name].compute(ranked), values, rtol=0, atol=1e-9, err_msg=name
        )


def test_auc_is_the_share_of_pairs_in_order(cases, ranked):
    expected = []
    for scores, relevant, n in zip(cases.scores, cases.relevant, cases.n, strict=True):
        mine, others = scores[:n][relevant[:n], None], scores[:n][~relevant[:n]]
        expected.append(np.mean((mine > others) + (mine == others) / 2) if len(others) else nan)
    np.testing.assert_allclose(ranking_metrics.auc(ranked), expected, rtol=0, atol=1e-9)
    assert np.isnan(expected).any()


def test_ranking_metrics_are_those_of_ranx(cases, ranked, cut, ranx):
    """Its runs get the scores N, N-1, … in our order, because it leaves the order of ties open."""
    runs = [np.column_stack((one[:n], np.arange(n, 0, -1.0))) for one, n in zip(cases.order, cases.n, strict=True)]
    items = [np.flatnonzero(one) for one in cases.relevant]
    relevant = [np.column_stack((one, np.ones(len(one)))) for one in items]
    for number, k in enumerate(LENGTHS.tolist()):
        mine = np.flatnonzero(cases.k == number)
        some = [relevant[one] for one in mine], [runs[one] for one in mine]
        for name in ("precision", "recall", "f1", "ndcg", "hit_rate", "map", "mrr"):
            expected = getattr(ranx, {"map": "average_precision", "mrr": "reciprocal_rank"}.get(name, name))(*some, k)
            if name == "map":  # ranx divides by R, so that a perfect list of k < R items falls short of 1
                expected = expected * ranked.n_relevant[mine] / np.minimum(ranked.n_relevant[mine], k)
            np.testing.assert_allclose(
                ranking_metrics.AT_K[name].compute(cut)[mine, number], expected, rtol=0, atol=1e-9, err_msg=name
            )
    some = relevant[:3000], runs[:3000]
    for name, theirs in (("mrr", "reciprocal_rank"), ("map", "average_precision"), ("r_precision", "r_precision")):
        expected = getattr(ranx, theirs)(*some)
        np.testing.assert_allclose(
            ranking_metrics.OVER_ALL[name].compute(ranked)[:3000], expected, rtol=0, atol=1e-9, err_msg=name
        )
    expected = ranx.rank_biased_precision(*some, ranking_metrics.PERSISTENCE)
    np.testing.assert_allclose(ranking_metrics.OVER_ALL["rbp"].compute(ranked)[:3000], expected, rtol=0, atol=1e-9)


def test_ndcg_is_that_of_scikit_learn_whatever_the_gains(cases, cut):
    """It gives the mean over users with equally many candidates, two of them at least: here of 30 users at a time."""
    stars = np.where(cases.relevant, np.maximum(cases.rating, 0), 0)
    gains = {"ndcg": cases.relevant.astype(float), "ndcg_rating": stars, "ndcg_exp": 2**stars - 1}
    ours = {
        name: np.nan_to_num(ranking_metrics.AT_K[name].compute(cut)) for name in gains
    }  # without any gain theirs is 0
    for n in range(2, MOST):
        users = np.flatnonzero(cases.n == n)
        for some in np.array_split(users, 1 + len(users) // 30):
            at = int(cases.k[some[0]])
            for name, gain in gains.items():
                theirs = ndcg_score(gain[some, :n], -cases.rank[some, :n], k=int(LENGTHS[at]), ignore_ties=True)
                assert ours[name][some, at].mean() == pytest.approx(theirs, abs=1e-9), name


def test_auc_and_average_precision_are_those_of_scikit_learn(cases, ranked):
    """It takes milliseconds for each. Its average precision treats ties as one, so that it gets our ranks."""
    auc, average_precision = ranking_metrics.auc(ranked), ranking_metrics.OVER_ALL["map"].compute(ranked)
    for user in range(300):
        n = cases.n[user]
        truth, scores, rank = (one[user, :n] for one in (cases.relevant, cases.scores, cases.rank))
        assert average_precision[user] == pytest.approx(average_precision_score(truth, -rank), abs=1e-9)
        if not truth.all():
            assert auc[user] == pytest.approx(roc_auc_score(truth, scores), abs=1e-9)


@pytest.mark.parametrize("first", [0, 1, 4000, N_CASES])
def test_metrics_of_some_users_are_those_of_these_users(ranked, cut, first):
    some = ranked.slice_users(first, first + 3000)
    for metric in ranking_metrics.AT_K.values():
        np.testing.assert_array_equal(
            metric.compute(RanksAtK(some, LENGTHS)), metric.compute(cut)[first : first + 3000]
        )


def test_gains_of_huge_ratings_do_not_overflow():
    rating = np.array([4000.0, 3999.0])
    ranked = RelevantRanks(np.array([0, 0]), np.array([2, 1], np.int32), None, np.array([2]), rating)
    swapped = (1 / 2 + 1 / log2(3)) / (1 + 1 / 2 / log2(3))
    assert ranking_metrics.ndcg_exp(RanksAtK.at(ranked, 2))[0, 0] == pytest.approx(swapped, abs=1e-12)


def test_nobody_ranked_gives_nothing():
    nobody = RelevantRanks(np.empty(0, int), np.empty(0, np.int32), *(np.empty(0),) * 2, np.empty(0), np.empty(0, int))
    for metric in ranking_metrics.AT_K.values():
        assert metric.compute(RanksAtK.at(nobody, 10, 20)).shape == (0, 2)
    for metric in ranking_metrics.OVER_ALL.values():
        assert metric.compute(nobody).shape == (0,)


pairs = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(arrays(np.float64, n, elements=st.floats(-50, 50, width=32)) for _ in range(2)))
)


@given(pairs)
@settings(deadline=None)
def test_errors_of_ratings_are_those_of_scikit_learn(pair):
    predicted, true = pair
    ratings = PredictedRatings(predicted, true, 1.0)
    ours = {name: metric_value(metric, metric.compute(ratings)) for name, metric in RATING_METRICS.items()}
    assert ours["mse"] == pytest.approx(mean_squared_error(true, predicted), abs=1e-9)
    assert ours["rmse"] == pytest.approx(root_mean_squared_error(true, predicted), abs=1e-9)
    assert ours["mae"] == pytest.approx(mean_absolute_error(true, predicted), abs=1e-9)


@pytest.mark.parametrize("step", [1, 0.5, 0.1, 10])
def test_rounding_accuracy_is_the_accuracy_of_the_nearest_step(step):
    rng = np.random.default_rng(0)
    steps = rng.integers(1, 11, 500)
    predicted = (steps + rng.normal(0, 0.6, 500)) * step
    nearest = [min(range(-5, 20), key=lambda s: abs(s * step - p)) for p in predicted]
    right = exact_prediction(PredictedRatings(predicted.astype(np.float32), (steps * step).astype(np.float32), step))
    assert right.mean() == pytest.approx(accuracy_score(steps, nearest), abs=1e-9)


def test_a_prediction_half_way_rounds_up():
    predicted, true = np.array([2.5, 3.5, 2.5], np.float32), np.array([3, 4, 2], np.float32)
    assert exact_prediction(PredictedRatings(predicted, true, 1)).tolist() == [1, 1, 0]


def test_standard_error_of_independent_values_is_the_ordinary_one():
    values = np.random.default_rng(0).normal(size=50)
    assert standard_error(values) == pytest.approx(scipy.stats.sem(values), abs=1e-12)
    assert standard_error(values, np.arange(50) * 7) == pytest.approx(scipy.stats.sem(values), abs=1e-12)


def test_repeating_what_a_user_said_makes_nothing_surer():
    values = np.random.default_rng(0).normal(size=50)
    repeated = standard_error(np.repeat(values, 9), np.repeat(np.arange(50), 9))
    assert repeated == pytest.approx(scipy.stats.sem(values), abs=1e-12)


def test_standard_error_of_a_single_user_is_unknown():
    assert np.isnan(standard_error(np.array([1.0])))
    assert np.isnan(standard_error(np.array([1.0, 2.0]), np.array([3, 3])))


def test_standard_error_is_the_spread_of_a_bootstrap_over_users():
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(200), rng.integers(1, 20, 200))
    values = rng.normal(size=200)[of] + rng.normal(size=len(of))
    sums, counts = np.bincount(of, values), np.bincount(of)
    drawn = rng.integers(0, 200, (4000, 200))
    spread = (sums[drawn].sum(1) / counts[drawn].sum(1)).std()
    assert standard_error(values, of) == pytest.approx(spread, rel=0.05)
