import json

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.compare import NO_DIFFERENCE, compare
from cofactor.evaluation.cost import Cost
from cofactor.trainers.popularity import Popularity
from tests.test_evaluate import halves, scoring

N_USERS, N_ITEMS = 80, 40


@pytest.fixture(scope="module")
def split():
    return halves(0, N_USERS, N_ITEMS)


def noisy(split, seed, noise):
    """A model whose predictions are the truth and normal noise."""
    train, test = split
    scores = np.random.default_rng(seed).normal(3, 1, (N_USERS, N_ITEMS)) - 2
    rng = np.random.default_rng(seed + 1)
    scores[test.user, test.item] = test.value + rng.normal(0, noise, len(test))
    return scoring(train.catalog, scores, (-9.0, 9.0))


def test_a_clear_difference_is_real_and_a_copy_makes_none(split):
    models = {"worst": noisy(split, 0, 1.5), "good": noisy(split, 2, 0.5), "copy": noisy(split, 2, 0.5)}
    found = compare(models, split[1]).differences["rmse"]
    assert [found[name].verdict for name in models] == ["worse", "the measure", NO_DIFFERENCE]
    assert found["worst"].against == "good"
    assert found["worst"].low > 0
    assert found["worst"].value == pytest.approx(1, abs=0.1)
    assert (found["copy"].value, found["copy"].low, found["copy"].high) == (0, 0, 0)


def test_lists_are_compared_by_ndcg_at_the_first_k_among_all_models(split):
    models = {"popular": Popularity().fit(split[0]), "good": noisy(split, 2, 0.5)}
    comparison = compare(models, split[1], (5, 10))
    assert list(comparison.differences) == ["ndcg@5", "recall@5"]  # of errors there is one alone
    ndcg = comparison.differences["ndcg@5"]["popular"]
    assert (ndcg.against, ndcg.verdict) == ("good", "worse")
    figures = [comparison.reports[name][0].metrics["ndcg@5"] for name in models]
    assert ndcg.value == pytest.approx(figures[0] - figures[1])
    assert ndcg.high < 0


def test_the_interval_is_that_of_a_bootstrap_over_users(split):
    models = {"a": noisy(split, 0, 0.9), "b": noisy(split, 2, 0.8)}
    comparison = compare(models, split[1])
    number = comparison.reports["a"][0].evidence.held.number
    squares = [np.bincount(number, comparison.reports[name][0].error ** 2) for name in models]
    drawn = np.random.default_rng(0).integers(0, len(squares[0]), (5000, len(squares[0])))
    size = np.bincount(number)[drawn].sum(1)
    differences = np.sqrt(squares[0][drawn].sum(1) / size) - np.sqrt(squares[1][drawn].sum(1) / size)
    low, high = np.percentile(differences, [2.5, 97.5])
    found = comparison.differences["rmse"]["a"]
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_false_alarms_are_as_rare_as_the_interval_says(split):
    """Pairs of equally good models: one in twenty intervals should miss 0."""
    alarms = sum(
        "worse" in [d.verdict for d in found["rmse"].values()]
        for found in (
            compare({"a": noisy(split, 2 * s, 0.8), "b": noisy(split, 10_000 + 2 * s, 0.8)}, split[1], ()).differences
            for s in range(300)
        )
    )
    assert 0.02 * 300 <= alarms <= 0.085 * 300


def test_all_of_it_is_plain_numbers(split):
    models = {"popular": Popularity().fit(split[0]), "good": noisy(split, 2, 0.5)}
    comparison = compare(models, split[1], (5,), costs={"good": Cost(fit_seconds=1.5)})
    plain = json.loads(json.dumps(comparison.as_dict(), allow_nan=False))
    assert "rmse" not in plain["models"]["popular"]["metrics"]
    assert plain["models"]["good"]["metrics"]["rmse"] == comparison.reports["good"][0].metrics["rmse"]
    assert plain["models"]["good"]["cost"]["fit_seconds"] == 1.5
    verdicts = [plain["differences"]["ndcg@5"][name]["verdict"] for name in models]
    assert verdicts == ["worse", "the measure"]


def test_one_user_tells_nothing(split):
    models = {"a": noisy(split, 0, 1.5), "b": noisy(split, 2, 0.5)}
    comparison = compare(models, split[1].where(split[1].user == 0))
    assert comparison.differences["rmse"]["a"].verdict == NO_DIFFERENCE
    assert comparison.as_dict()["differences"]["rmse"]["a"]["low"] is None


def test_models_of_different_splits_are_refused(split):
    train, test = split
    of = lambda fingerprint: Ratings(  # noqa: E731
        train.users, train.items, train.user, train.item, train.value, scale=(1, 5), split=fingerprint
    )
    models = {name: scoring(of(name).catalog, np.ones((N_USERS, N_ITEMS))) for name in ("x1", "x2")}
    with pytest.raises(SplitMismatch, match="x1 of x1, x2 of x2"):
        compare(models, test)


def test_no_models_is_an_error(split):
    with pytest.raises(BadHyperparameter, match="no models"):
        compare({}, split[1])
