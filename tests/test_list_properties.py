"""What lists hold, on lists whose figures are known; over any k; and however much is looked at at a time."""

from dataclasses import replace
from math import log2
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.evaluation import scored_test_set
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.metrics import intra_list_similarity
from cofactor.evaluation.metrics.list_properties import OF_A_LIST, OF_ALL_LISTS
from cofactor.evaluation.metrics.ranking_metrics import AT_K, OVER_ALL, RATED
from cofactor.evaluation.metrics.rating_errors import RATING_METRICS
from cofactor.trainers.popularity import Popularity
from tests.test_evaluate import K, halves, scoring


def circle(n=12, known=4):
    """n users and items; user u rated items u … u + known - 1 and is asked for item u + known + 1, counted round."""
    user, step = np.divmod(np.arange(n * known), known)
    ids = [f"{row:02}" for row in range(n)]
    train = Ratings.of([ids[u] for u in user], [ids[(u + s) % n] for u, s in zip(user, step, strict=True)], 1 + step)
    test = Ratings(train.users, train.items, np.arange(n), (np.arange(n) + known + 1) % n, np.full(n, 3))
    return train, test


def test_lists_that_go_round_in_a_circle_share_what_is_known():
    """Each list is the next two items: every item is in two lists, and each list shares one item with two others."""
    train, test = circle()
    scores = [[-((item - user) % 12) for item in range(12)] for user in range(12)]
    figures = evaluate(scoring(train.training_data, np.array(scores)), test, (2,)).metrics
    assert figures["coverage@2"] == 1
    assert figures["gini@2"] == pytest.approx(0, abs=1e-12)
    assert figures["entropy@2"] == pytest.approx(log2(12), abs=1e-12)
    assert figures["personalisation@2"] == pytest.approx(1 - 2 / 11 / 2, abs=1e-12)
    assert figures["arp@2"] == 4
    assert figures["popularity_lift@2"] == 0
    assert figures["novelty@2"] == pytest.approx(log2(3), abs=1e-12)
    assert figures["diversity@2"] == pytest.approx(1 - 3 / 4, abs=1e-12)  # of 4 who rated an item, 3 rated the next
    assert (figures["mrr@2"], figures["r_precision"], figures["hit_rate@2"]) == (1 / 2, 0, 1)
    assert figures["rbp"] == pytest.approx(0.2 * 0.8, abs=1e-12)
    assert "genre_diversity@2" not in figures  # there are no genres


def test_one_list_for_everybody_is_not_personal_and_shows_few_items():
    train, test = halves(20, n_users=40)
    asked = test.where(train.training_data.item_counts[test.item] > 0)
    training_data = Ratings(train.users, train.items, [0], [0], [3], scale=(1, 5)).training_data
    report = evaluate(scoring(training_data, np.tile(np.arange(30), (40, 1))), asked.where(asked.user > 0), (1,))
    assert report.metrics["personalisation@1"] == 0
    assert report.metrics["gini@1"] == 1
    assert report.metrics["entropy@1"] == 0
    assert "diversity@1" not in report.metrics  # one item is no pair


def test_every_metric_has_its_row_on_the_page():
    page = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name in (*AT_K, *OF_A_LIST, *OF_ALL_LISTS):
        assert f"| `{name}@k` |" in page
    for name in (*OVER_ALL, *RATING_METRICS):
        assert f"| `{name}` |" in page
    assert all(f"`{name}@k`" in page for name in RATED)


def test_what_is_popular_surprises_nobody_and_is_no_long_tail():
    train, test = halves(21, n_users=60)
    report = evaluate(Popularity().fit(train), test, (1, 5, 10))
    for k in (1, 5, 10):
        assert report.metrics[f"unexpectedness@{k}"] == 0
        assert report.metrics[f"serendipity@{k}"] == 0
    best_known = np.sort(train.training_data.item_counts)[::-1]
    assert report.metrics["arp@1"] <= best_known[0]
    unpopular = evaluate(scoring(train.training_data, np.tile(-train.training_data.item_counts, (60, 1))), test, (5,))
    assert unpopular.metrics["aplt@5"] > 0.7 > 0.1 > report.metrics["aplt@5"]
    assert unpopular.metrics["popularity_lift@5"] < 0 < report.metrics["popularity_lift@5"]
    assert unpopular.metrics["unexpectedness@5"] > 0.8
    assert unpopular.metrics["serendipity@5"] > 0


def test_a_user_without_history_has_no_popularity_to_be_lifted_from():
    train, test = halves(22)  # the last user has no training rating
    report = evaluate(scoring(train.training_data, np.random.default_rng(0).random((12, 30))), test, (5,))
    users, values = report.per_user("popularity_lift@5")
    assert np.isnan(values).tolist() == (users == 11).tolist()
    assert len(report.samples("popularity_lift@5").user) == len(users) - 1


def test_samples_are_of_users_and_none_of_all_lists_together():
    train, test = halves(23)
    report = evaluate(
        scoring(train.training_data, np.random.default_rng(0).random((12, 30))), test, (5,), min_test_ratings=3
    )
    for name, figure in report.metrics.items():
        samples = report.samples(name)
        if name.partition("@")[0] in OF_ALL_LISTS:
            assert samples is None
            assert name not in report.standard_errors
        else:
            assert samples.value == pytest.approx(figure, abs=1e-12), name
    assert {f"{name}@5" for name in (*AT_K, *OF_A_LIST, *RATED, *OF_ALL_LISTS)} <= report.metrics.keys()
    assert sum(name.endswith("@5") for name in report.metrics) >= 20


@pytest.mark.parametrize(("counts", "places"), [(1, 1), (100, 40), (899, 10**9)])
def test_however_many_pairs_are_counted_at_a_time(monkeypatch, counts, places):
    train, test = halves(24, n_users=40)
    model = scoring(train.training_data, np.random.default_rng(0).normal(3, 1, (40, 30)))
    whole = evaluate(model, test, K)
    monkeypatch.setattr(intra_list_similarity, "MAX_COUNTS", counts)  # 900 would hold those of all 30 items
    monkeypatch.setattr(intra_list_similarity, "LARGE_BATCH", places)
    monkeypatch.setattr(scored_test_set, "MAX_SCORES", 95)
    parted = evaluate(model, test, K)
    assert parted.metrics.keys() == whole.metrics.keys()
    assert parted.metrics == pytest.approx(whole.metrics, abs=1e-12)


def test_over_k_is_the_figure_of_each_k(monkeypatch):
    train, test = halves(25)
    model = scoring(train.training_data, np.random.default_rng(0).integers(0, 4, (12, 30)))
    report = evaluate(model, test, range(1, 41), min_test_ratings=8)
    short = evaluate(model, test, (3,), min_test_ratings=8)
    for held in (scored_test_set.MAX_VALUES, 100):
        monkeypatch.setattr(scored_test_set, "MAX_VALUES", held)
        for name in (*AT_K, *RATED):
            expected = [report.metrics[f"{name}@{k}"] for k in range(1, 41)]
            np.testing.assert_allclose(short.over_k(name, range(1, 41)), expected, rtol=0, atol=1e-12)
    twice = short.over_k("recall", (20, 1, 20))
    assert twice.tolist() == [*short.over_k("recall", (20, 1)), twice[0]]


def test_over_k_of_what_cannot_be_had():
    train, test = halves(26)
    report = evaluate(scoring(train.training_data, np.ones((12, 30))), test, (5,), min_test_ratings=10**6)
    assert np.isnan(report.over_k("rated_f1", (1, 2))).all()
    with pytest.raises(BadHyperparameter, match="'coverage' is not defined at every k"):
        report.over_k("coverage", (1, 2))
    with pytest.raises(BadHyperparameter, match="k is 0"):
        report.over_k("recall", (0, 1))
    assert np.isnan(evaluate(scoring(train.training_data, np.ones((12, 30))), test, ()).over_k("recall", (1,))).all()


def test_more_genres_than_a_data_set_has_are_tags_and_not_compared():
    train, test = halves(27)
    tagged = replace(train, genres=np.array(["|".join(f"tag{i * 4 + j}" for j in range(5)) for i in range(30)], object))
    report = evaluate(scoring(tagged.training_data, np.ones((12, 30))), test, (5,))
    assert "genre_diversity@5" not in report.metrics
    assert "genre_diversity@5" in evaluate(scoring(train.training_data, np.ones((12, 30))), test, (5,)).metrics
