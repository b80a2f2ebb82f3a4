"""Each metric is described in one row, and tables, comparisons and searches agree with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.evaluation.metrics.metric import DESCRIPTIVE, HIGHER, LOWER
from cofactor.evaluation.metrics.ranked_items import RanksAtK, RelevantRanks
from cofactor.evaluation.metrics.ranking_metrics import ndcg, ndcg_of_hits
from cofactor.evaluation.metrics.rating_errors import RATING_METRICS, PredictedRatings, exact_prediction, metric_value
from cofactor.evaluation.metrics.registry import (
    METRICS,
    accuracy_columns,
    compared_metrics,
    digits,
    direction,
    direction_of_label,
    headline_columns,
    headline_metrics,
    list_columns,
    lower_is_better,
    metric_label,
    needs_ranking,
    summary_columns,
)
from cofactor.evaluation.metrics.standard_error import root_standard_error
from cofactor.evaluation.significance.difference import BETTER, NO_DIFFERENCE, REFERENCE, WORSE, Difference


def test_only_errors_of_ratings_are_better_when_lower() -> None:
    assert {name for name, metric in METRICS.items() if metric.direction is LOWER} == {"rmse", "mse", "mae"}
    assert {direction(f"{name}@10") for name in ("ndcg", "rated_f1", "sampled_ndcg", "coverage")} == {HIGHER}
    assert {direction(name) for name in ("accuracy", "auc", "mrr", "rbp")} == {HIGHER}
    assert {direction(name) for name in ("novelty@5", "gini@5", "bias", "nothing")} == {DESCRIPTIVE}
    assert lower_is_better("rmse")
    assert not lower_is_better("ndcg@10")
    assert not lower_is_better("novelty@10")


def test_a_direction_is_found_by_label() -> None:
    assert direction_of_label("RMSE") is LOWER
    assert direction_of_label("NDCG@10") is HIGHER
    assert direction_of_label("sampled NDCG@5") is HIGHER
    assert direction_of_label("loss") is DESCRIPTIVE
    for name, metric in METRICS.items():
        assert direction_of_label(metric.label) is direction(name)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("rmse", "RMSE"),
        ("ndcg@10", "NDCG@10"),
        ("hit_rate@5", "hit rate@5"),
        ("rated_f1@3", "rated F1@3"),
        ("sampled_ndcg@1", "sampled NDCG@1"),
        ("unheard_of@2", "unheard of@2"),
    ],
)
def test_labels(name: str, label: str) -> None:
    assert metric_label(name) == label


def test_every_metric_has_a_label_and_a_sentence_of_help() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.label.strip() == metric.label != ""
        assert metric.help.endswith(".")
        assert metric.help[0].isupper() or metric.help[0].isdigit()


def test_columns_of_tables_are_in_the_order_of_priority() -> None:
    assert compared_metrics(10) == ["rmse", "mae", "ndcg@10", "recall@10", "sampled_ndcg@10", "sampled_hit_rate@10"]
    assert compared_metrics(None) == ["rmse", "mae", "ndcg", "recall", "sampled_ndcg", "sampled_hit_rate"]
    assert headline_metrics() == ["rmse", "ndcg", "sampled_ndcg"]
    assert headline_columns((5, 10)) == ["rmse", "ndcg@5"]
    assert headline_columns(()) == ["rmse"]
    assert accuracy_columns()[:6] == ["rmse", "mae", "ndcg", "recall", "precision", "hit_rate"]
    assert list_columns()[:4] == ["coverage", "novelty", "diversity", "popularity_lift"]
    assert summary_columns(()) == ["rmse", "mae", "accuracy"]
    assert set(summary_columns((3, 5))) == {"rmse", "mae", "accuracy", "ndcg@3", "recall@3", "hit_rate@3", "coverage@3"}
    assert (digits("rmse"), digits("novelty@10"), digits("coverage@10"), digits("nothing")) == (4, 2, 3, 4)
    assert needs_ranking("ndcg@10")
    assert not needs_ranking("accuracy")


@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_ndcg_of_hits_is_ndcg(k: int, n_items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_users = 5
    relevant = rng.random((n_users, n_items)) < 0.3
    relevant[np.arange(n_users), rng.integers(0, n_items, n_users)] = True  # everybody has a relevant item
    user, position = np.nonzero(relevant)
    ranks = RelevantRanks(user, (position + 1).astype(np.int32), None, np.full(n_users, n_items))
    hits = np.zeros((n_users, k), dtype=bool)
    hits[:, : min(k, n_items)] = relevant[:, :k]
    np.testing.assert_allclose(ndcg_of_hits(hits, relevant.sum(axis=1)), ndcg(RanksAtK.at(ranks, k))[:, 0], rtol=1e-12)


def test_accuracy_needs_a_step_of_the_scale() -> None:
    predicted, true = np.array([1.4, 3.0], np.float32), np.array([1.5, 3.0], np.float32)
    assert exact_prediction(PredictedRatings(predicted, true)) is None
    assert exact_prediction(PredictedRatings(predicted, true, 0.5)).tolist() == [1, 1]  # type: ignore[union-attr]
    assert exact_prediction(PredictedRatings(predicted, true, 0.1)).tolist() == [0, 1]  # type: ignore[union-attr]


def test_rmse_is_the_root_of_mse() -> None:
    values = np.array([1.0, 4.0, 4.0])
    assert metric_value(RATING_METRICS["mse"], values) == 3
    assert metric_value(RATING_METRICS["rmse"], values) == pytest.approx(3**0.5)
    assert root_standard_error(0.6, 3.0) == pytest.approx(0.1)
    assert root_standard_error(0.6, 0.0) == 0


def difference(metric: str, value: float, p_holm: float, against: str = "b") -> Difference:
    return Difference(metric, "a", against, value, value - 1, value + 1, p_holm / 2, p_holm)


@pytest.mark.parametrize(
    ("metric", "value", "p_holm", "verdict"),
    [
        ("rmse", -0.1, 0.01, BETTER),
        ("rmse", 0.1, 0.01, WORSE),
        ("ndcg@10", 0.1, 0.01, BETTER),
        ("ndcg@10", -0.1, 0.01, WORSE),
        ("mae", -0.1, 0.05, BETTER),  # the level itself is significant
        ("mae", -0.1, 0.050001, NO_DIFFERENCE),
        ("mae", -0.1, float("nan"), NO_DIFFERENCE),
    ],
)
def test_a_verdict_depends_on_the_direction_and_the_corrected_p(
    metric: str, value: float, p_holm: float, verdict: str
) -> None:
    assert difference(metric, value, p_holm).verdict == verdict
    assert difference(metric, value, p_holm, against="a").verdict == REFERENCE
