import json
from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from math import log2, nan, sqrt

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings, TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadData, BadHyperparameter, SplitMismatch
from cofactor.evaluation import scored_test_set
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.metrics.rating_errors import RATING_METRICS
from cofactor.models.baseline import BaselineModel
from cofactor.models.factor import FactorModel
from cofactor.trainers.popularity import Popularity
from tests.test_metrics import literal, literal_over_all

K = (1, 3, 10, 100)  # 100: more than there are items


def scoring(training_data: TrainingData, scores, scale=(1.0, 5.0)) -> FactorModel:
    """A model with exactly these (n_users, n_items) scores: its item vectors are the unit vectors."""
    n_users, n_items = np.shape(scores)
    zeros = np.zeros(n_users, np.float32), np.zeros(n_items, np.float32)
    vectors = np.asarray(scores, np.float32), np.eye(n_items, dtype=np.float32)
    return FactorModel(training_data, scale, 0.0, *zeros, *vectors, 0.02, 0.02)


def halves(seed, n_users=12, n_items=30, density=0.5):
    """Train and test over the same vocabularies; the last user and some items have no training rating.

    One item in four has no genre.
    """
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((n_users, n_items)) < density)
    users = Vocabulary(np.array([f"u{row:03}" for row in range(n_users)], dtype=object), "user")
    items = Vocabulary(np.array([f"i{row:03}" for row in range(n_items)], dtype=object), "item")
    order = rng.permutation(len(user))
    values = rng.integers(1, 6, len(user))
    genres = rng.choice(np.array(["Drama", "Comedy", "Comedy|Drama|War", ""], dtype=object), n_items)
    ratings = Ratings(users, items, user[order], item[order], values, scale=(1.0, 5.0), step=1.0, genres=genres)
    test = rng.random(len(user)) < 0.5
    test |= (ratings.user == n_users - 1) | (ratings.item < n_items // 10)
    return ratings.where(~test), ratings.where(test)


def cosine(a: set, b: set) -> float:
    return len(a & b) / sqrt(len(a) * len(b))


def literal_list(listed, seen, counts, readers, genres, at, n_readers):
    """What docs/metrics.md says of one user's list of `at`. counts: training ratings of each item; readers: who gave
    them; genres: of each item."""
    popular = sorted(range(len(counts)), key=lambda item: (-counts[item], item))
    favourites = [item for item in popular if item not in seen][:at]
    total = sum(counts)
    tail = {item for place, item in enumerate(popular) if sum(counts[i] for i in popular[:place]) >= 0.8 * total}
    pairs = [1 - cosine(readers[i], readers[j]) for i, j in combinations(listed, 2)]
    of_genres = [1 - cosine(genres[i], genres[j]) for i, j in combinations(listed, 2) if genres[i] and genres[j]]
    values = {
        "diversity": np.mean(pairs) if pairs else nan,
        "genre_diversity": np.mean(of_genres) if of_genres else nan,
    }
    if listed:
        popularity = np.mean([counts[i] for i in listed])
        values |= {
            "novelty": np.mean([-log2(counts[i] / n_readers) for i in listed]),
            "arp": popularity,
            "popularity_lift": popularity / np.mean([counts[i] for i in seen]) - 1 if seen else nan,
            "aplt": len(tail & set(listed)) / len(listed),
            "unexpectedness": len(set(listed) - set(favourites)) / len(listed),
        }
    return {name: value for name, value in values.items() if not np.isnan(value)}


def literal_together(lists, n_items):
    """What docs/metrics.md says of all lists together."""
    shown = sorted(sum(item in listed for listed in lists) for item in range(n_items))
    lists, total = [set(one) for one in lists if one], sum(shown)
    values = {"coverage": sum(x > 0 for x in shown) / n_items}
    if total:
        gini = sum((2 * i - n_items - 1) * x for i, x in enumerate(shown, 1)) / (n_items - 1) / total
        values |= {"gini": gini, "entropy": -sum(x / total * log2(x / total) for x in shown if x)}
    if len(lists) > 1:
        longest = max(len(one) for one in lists)
        values["personalisation"] = 1 - np.mean([len(a & b) / longest for a, b in combinations(lists, 2)])
    return values


def literal_report(model, train, test, k, relevant_from, rated_at_least):
    """docs/metrics.md once more, one user at a time, with lists and dictionaries."""
    scores = model.score_rows(np.arange(len(train.users), dtype=np.int32)).astype(float)
    counts = np.bincount(train.item, minlength=len(train.items))
    readers = [set(train.user[train.item == item]) for item in range(len(counts))]
    genres = [set(one.split("|")) - {""} for one in train.genres]
    popular = sorted(range(len(counts)), key=lambda item: (-counts[item], item))
    predicted = np.clip(scores[test.user, test.item], *model.scale)
    error = predicted - test.value
    nearest = [min(range(5, 0, -1), key=lambda star: abs(star - p)) for p in predicted]
    values, lists = defaultdict(list), defaultdict(list)
    for user in sorted(set(test.user)):
        rows = zip(test.user, test.item, test.value.tolist(), strict=True)
        mine = {item: value for u, item, value in rows if u == user}
        seen = set(train.item[train.user == user])
        score = np.where(counts > 0, scores[user], -np.inf)
        order = sorted(set(range(len(train.items))) - seen, key=lambda item: (-score[item], item))
        relevant = {item for item in mine if relevant_from is None or mine[item] >= relevant_from}
        if relevant:
            hit, stars = [item in relevant for item in order], [mine.get(item) for item in order]
            by_popularity = [item for item in popular if item not in seen]
            places = [1 + by_popularity.index(item) for item in order]
            for name, value in literal_over_all(hit).items():
                values[name].append(value)
            others = [item for item in order if item not in relevant]
            right = [(score[r] > score[o]) + (score[r] == score[o]) / 2 for r in relevant for o in others]
            values["auc"] += [np.mean(right)] if others else []
            for at in k:
                listed = [item for item in order if counts[item]][:at]
                lists[at].append(listed)
                found = literal(hit, stars, places, at)
                found |= literal_list(listed, seen, counts, readers, genres, at, len(set(train.user)))
                for name, value in found.items():
                    values[f"{name}@{at}"].append(value)
        if len(mine) >= rated_at_least:
            liked = {item for item in mine if mine[item] >= np.mean(list(mine.values()))}
            hit = [item in liked for item in sorted(mine, key=lambda item: (-scores[user][item], item))]
            for at in k:
                found = literal(hit, [1] * len(hit), hit, at)
                for name in ("precision", "recall", "f1"):
                    values[f"rated_{name}@{at}"].append(found[name])
    mse = np.mean(error**2)
    expected = {
        "rmse": np.sqrt(mse),
        "mse": mse,
        "mae": np.mean(abs(error)),
        "accuracy": np.mean(nearest == test.value),
    }
    expected |= {name: np.mean(each) for name, each in values.items() if each}
    for at, some in lists.items():
        expected |= {f"{name}@{at}": value for name, value in literal_together(some, len(counts)).items()}
    return expected, values


@given(st.integers(0, 10**6), st.sampled_from([None, 3, 5]), st.sampled_from([1, 6, 12]), st.sampled_from([1, 4, 50]))
@settings(deadline=None, max_examples=30)
def test_every_figure_is_its_formula_taken_literally(seed, relevant_from, rated_at_least, n_values):
    train, test = halves(seed)
    rng = np.random.default_rng(seed)
    model = scoring(train.training_data, rng.integers(0, n_values + 1, (12, 30)) * 6.25 / n_values)
    report = evaluate(model, test, K, relevant_from=relevant_from, min_test_ratings=rated_at_least)
    expected, values = literal_report(model, train, test, K, relevant_from, rated_at_least)
    assert report.metrics.keys() == expected.keys()
    for name, value in expected.items():
        assert report.metrics[name] == pytest.approx(value, abs=1e-9), name
    for name, each in values.items():
        if len(each) > 1:
            assert report.standard_errors[name] == pytest.approx(scipy.stats.sem(each), abs=1e-9), name


@pytest.mark.parametrize("held", [1, 31, 95])
def test_figures_are_over_the_whole_set_however_it_is_blocked(monkeypatch, held):
    train, test = halves(0)
    scores = np.random.default_rng(0).normal(3, 2, (12, 30))
    scores[:6] += 40  # a mean of block-wise RMSEs would be far from the RMSE of all
    model = scoring(train.training_data, scores)
    whole = evaluate(model, test, K, min_test_ratings=5)
    monkeypatch.setattr(scored_test_set, "MAX_SCORES", held)
    blocked = evaluate(model, test, K, min_test_ratings=5)
    assert blocked.metrics == whole.metrics
    assert blocked.standard_errors == whole.standard_errors
    error = np.clip(scores[test.user, test.item].astype(np.float32), 1, 5) - test.value
    assert whole.metrics["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-6)


def test_predictions_are_what_the_model_predicts():
    train, test = halves(1)
    rng = np.random.default_rng(1)
    arrays = (rng.normal(0, 1, shape).astype(np.float32) for shape in ((12,), (30,), (12, 5), (30, 5)))
    model = FactorModel(train.training_data, (1.0, 5.0), 3.5, *arrays, 0.02, 0.02)
    for k in ((), (10,)):
        report = evaluate(model, test, k)
        held = report.scored_test_set.held_out
        np.testing.assert_allclose(report.predictions, model.predict_rows(held.user, held.item), rtol=1e-6)
        np.testing.assert_array_equal(train.by_user()[held.user, held.item], 0)


def test_without_lengths_of_list_only_predicted_ratings_are_measured():
    train, test = halves(2)
    model = scoring(train.training_data, np.random.default_rng(2).normal(3, 1, (12, 30)))
    short, full = evaluate(model, test, ()), evaluate(model, test, (10,))
    assert list(short.metrics) == list(RATING_METRICS)
    assert short.metrics == {name: full.metrics[name] for name in short.metrics}
    assert short.standard_errors == {name: full.standard_errors[name] for name in short.standard_errors}


def test_a_model_that_only_ranks_has_no_errors_of_ratings():
    train, test = halves(3)
    report = evaluate(Popularity().fit(train), test, (10,))
    assert not {"rmse", "mse", "mae", "accuracy"} & set(report.metrics)
    assert report.predictions is None
    assert report.prediction_errors is None
    assert report.metrics["ndcg@10"] > 0


def test_predictions_round_to_the_step_of_the_training_scale():
    train = Ratings.of(["a", "a", "b"], ["1", "2", "3"], [0.5, 1, 4.5])
    test = Ratings.of(["b", "b"], ["1", "2"], [2, 4])  # whole stars by chance
    report = evaluate(scoring(train.training_data, np.array([[0, 0, 0], [1.7, 4.2, 0]]), (0.5, 5)), test, ())
    assert (train.step, test.step) == (0.5, 2)
    assert report.metrics["accuracy"] == 1 / 2  # 1.7 goes to 1.5; by the test's own step both would be right


def test_the_perfect_model_is_perfect_and_the_reverse_is_not():
    train, test = halves(4, n_users=40)
    known = test.where(train.training_data.item_counts[test.item] > 0)
    truth = np.zeros((40, 30))
    truth[known.user, known.item] = known.value
    best = evaluate(scoring(train.training_data, truth), known, (1, 100)).metrics
    assert (best["rmse"], best["accuracy"], best["auc"], best["mrr"], best["ndcg@1"]) == (0, 1, 1, 1, 1)
    assert (best["recall@100"], best["map@100"]) == (1, 1)
    assert best["precision@100"] == pytest.approx(np.bincount(known.user).mean() / 100)  # divides by k, not by the list
    reverse = evaluate(scoring(train.training_data, -truth), known, (1, 100)).metrics
    assert reverse["auc"] < 0.5
    assert reverse["ndcg@1"] == 0


def test_cold_users_and_items_are_counted_and_measured():
    train, test = halves(5)
    model = BaselineModel(train.training_data, (1.0, 5.0), 3.0, np.zeros(12, np.float32), np.zeros(30, np.float32), 5.0)
    report = evaluate(model, test, (10,))
    cold = (test.user == 11) | (test.item < 3)
    assert report.counts["cold_users"] == 1
    assert report.counts["cold_items"] == len(set(test.item[test.item < 3]))
    assert report.counts["cold_ratings"] == np.count_nonzero(cold)
    assert report.counts["ratings"] == len(test) == len(report.predictions)
    assert report.counts["ranked_users"] == len(set(test.user))
    assert (report.counts["unknown_users"], report.counts["unknown_items"]) == (0, 0)


def test_a_cold_item_ranks_last_whatever_it_scores():
    train = Ratings.of(["a", "a", "b"], ["1", "2", "3"], [5, 3, 4])
    users, items = train.users, Vocabulary.of(["0", "1", "2", "3"], "item")
    train = Ratings(users, items, train.user, train.item + 1, train.value)
    test = Ratings(users, items, [0], [0], [4])
    report = evaluate(scoring(train.training_data, np.array([[9, 0, 0, 0], [9, 0, 0, 0]])), test, (1, 2))
    assert report.metrics["mrr"] == 1 / 2  # of the items a has not seen, "3" stands before "0"
    assert report.metrics["coverage@2"] == 1 / 4  # and "0" is in no list
    assert report.metrics["rmse"] == 1  # yet its rating is predicted: 9, clipped to 5


def test_users_without_a_relevant_item_are_left_out_of_the_ranking_and_counted():
    train, test = halves(6)
    value = np.where(test.user < 4, 2, test.value).astype(np.float32)
    test = Ratings(test.users, test.items, test.user, test.item, value, scale=(1, 5), step=1)
    report = evaluate(
        scoring(train.training_data, np.random.default_rng(6).random((12, 30))), test, (10,), relevant_from=4
    )
    users, values = report.per_user("ndcg@10")
    assert set(users) == set(test.user[value >= 4])
    assert len(users) == len(values) == report.counts["ranked_users"] < report.counts["users"]
    nobody = evaluate(scoring(train.training_data, np.ones((12, 30))), test, (10,), relevant_from=6)
    assert nobody.counts["ranked_users"] == 0
    assert "rmse" in nobody.metrics
    assert not any(name.startswith(("ndcg", "coverage", "auc")) for name in nobody.metrics)


def test_a_user_who_has_seen_all_that_can_be_recommended_gets_an_empty_list():
    users, items = Vocabulary.of(["a", "b"], "user"), Vocabulary.of(["1", "2"], "item")
    train = Ratings(users, items, [0, 1], [0, 0], [3, 4])
    test = Ratings(users, items, [0], [1], [3])
    report = evaluate(scoring(train.training_data, np.ones((2, 2))), test, (5,))
    assert report.metrics["hit_rate@5"] == 1  # the cold item is the one candidate
    assert report.metrics["coverage@5"] == 0
    assert "novelty@5" not in report.metrics
    assert "auc" not in report.metrics


# ---- other vocabularies -------------------------------------------------------------------------------------------


def test_a_test_read_from_another_file_is_measured_by_its_ids():
    train, test = halves(7)
    model = scoring(train.training_data, np.random.default_rng(7).normal(3, 1, (12, 30)))
    reread = Ratings.of(test.users.ids[test.user], test.items.ids[test.item], test.value)
    reversed_items = Vocabulary(reread.items.ids[::-1].copy(), "item")
    shuffled = Ratings(
        reread.users, reversed_items, reread.user, len(reversed_items) - 1 - reread.item, reread.value, step=1.0
    )
    expected = evaluate(model, test, K, min_test_ratings=5)
    for other in (reread, shuffled):
        report = evaluate(model, other, K, min_test_ratings=5)
        assert report.counts == expected.counts
        assert report.metrics == pytest.approx(expected.metrics, abs=1e-12)
        assert report.standard_errors == pytest.approx(expected.standard_errors, abs=1e-12)


@pytest.mark.parametrize("k", [(), (1, 5)])
def test_unknown_ids_are_cold_and_predicted_by_the_biases_that_are_known(k):
    train = Ratings.of(["a", "a", "b"], ["1", "2", "3"], [5, 3, 4])
    biases = np.array([0.25, -0.5], np.float32), np.array([0.5, -0.25, 0.125], np.float32)
    vectors = np.ones((2, 2), np.float32), np.zeros((3, 2), np.float32)
    test = Ratings.of(["a", "z", "z", "b"], ["9", "1", "9", "1"], [4, 4, 4, 4])
    for model in (
        FactorModel(train.training_data, (1.0, 5.0), 3.0, *biases, *vectors, 0.02, 0.02),
        BaselineModel(train.training_data, (1.0, 5.0), 3.0, *biases, 5.0),
    ):
        report = evaluate(model, test, k)
        predicted = dict(
            zip(
                zip(
                    test.users.ids[report.scored_test_set.held_out.user],
                    test.items.ids[report.scored_test_set.held_out.item],
                    strict=True,
                ),
                report.predictions,
                strict=True,
            )
        )
        assert predicted == {("a", "9"): 3.25, ("z", "1"): 3.5, ("z", "9"): 3.0, ("b", "1"): 3.0}
        assert (report.counts["unknown_users"], report.counts["unknown_items"]) == (1, 1)
        assert (report.counts["cold_users"], report.counts["cold_items"], report.counts["cold_ratings"]) == (1, 1, 3)
        if k:  # z: 1, 3, 2 and last the unknown 9; a: 3, then 9; b: 1, 2, 9
            assert report.metrics["mrr"] == pytest.approx((1 / 2 + 1 + 1) / 3)
            assert report.metrics["recall@1"] == pytest.approx((0 + 1 / 2 + 1) / 3)
            assert report.metrics["coverage@1"] == 2 / 4


def test_unknown_items_of_a_model_that_only_ranks_stand_last():
    train = Ratings.of(["a", "a", "b"], ["1", "2", "3"], [5, 3, 4])
    report = evaluate(Popularity().fit(train), Ratings.of(["b", "z"], ["8", "1"], [4, 4]), (10,))
    assert report.metrics["mrr"] == pytest.approx((1 / 3 + 1) / 2)


# ---- what is refused ----------------------------------------------------------------------------------------------


def test_a_leak_is_refused_and_names_a_pair():
    train, test = halves(8)
    both = Ratings(
        train.users,
        train.items,
        np.append(test.user, train.user[7]),
        np.append(test.item, train.item[7]),
        np.append(test.value, train.value[7]),
    )
    pair = f"user '{train.users.ids[train.user[7]]}' and item '{train.items.ids[train.item[7]]}'"
    model = scoring(train.training_data, np.ones((12, 30)))
    with pytest.raises(SplitMismatch, match=rf"trained on 1 of the {len(both)} test ratings, {pair}"):
        evaluate(model, both)
    reread = Ratings.of(train.users.ids[train.user], train.items.ids[train.item], train.value)
    with pytest.raises(SplitMismatch, match=f"trained on {len(train):,} of the"):
        evaluate(model, reread)


def test_a_rating_of_zero_leaks_too():
    train = Ratings.of(["a", "b"], ["1", "2"], [0, 1])
    with pytest.raises(SplitMismatch):
        evaluate(scoring(train.training_data, np.ones((2, 2)), (0, 1)), train.where(np.array([True, False])))


def test_another_split_is_refused_and_an_unknown_split_is_not():
    train, test = halves(9)
    named = {"users": train.users, "items": train.items, "scale": (1, 5)}
    of = lambda r, split: Ratings(user=r.user, item=r.item, value=r.value, split=split, **named)  # noqa: E731
    model = scoring(of(train, "0123").training_data, np.ones((12, 30)))
    with pytest.raises(SplitMismatch, match=r"0123.*4567") as caught:
        evaluate(model, of(test, "4567"))
    assert "train on the split" in caught.value.hint
    stars_out_of_ten = replace(of(test, "0123"), value=test.value * 2, scale=(2, 10))
    with pytest.raises(SplitMismatch, match="from 1 to 5, these are from 2 to 10"):
        evaluate(model, stars_out_of_ten)
    assert evaluate(model, of(test, "0123")).metrics == evaluate(model, of(test, None)).metrics


def test_what_cannot_be_measured_is_an_error():
    train, test = halves(10)
    model = scoring(train.training_data, np.ones((12, 30)))
    with pytest.raises(BadData, match="no test ratings"):
        evaluate(model, test.where(np.zeros(len(test), bool)))
    with pytest.raises(BadData, match="1 pairs occur twice"):
        evaluate(model, test.where(np.append(np.arange(len(test)), 0)))
    for k in ((0,), (5, -1), (2.5,)):
        with pytest.raises(BadHyperparameter, match="k is"):
            evaluate(model, test, k)
    broken = scoring(train.training_data, np.full((12, 30), np.nan))
    for k in ((), (5,)):
        with pytest.raises(BadArtifact, match="NaN"):
            evaluate(broken, test, k)


def test_a_report_is_plain_numbers_in_a_stable_order():
    train, test = halves(11)
    report = evaluate(scoring(train.training_data, np.ones((12, 30))), test, (20, 10, 10))
    assert report.k == (10, 20)
    plain = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert list(plain["metrics"])[:7] == ["rmse", "mse", "mae", "accuracy", "mrr", "auc", "map"]
    at_k = [name for name in plain["metrics"] if "@" in name]
    assert at_k[:2] == ["precision@10", "recall@10"]
    assert at_k[-8:] == [f"{name}@{k}" for k in (10, 20) for name in ("coverage", "gini", "entropy", "personalisation")]
    assert plain["metrics"] == report.metrics
    one_user = evaluate(scoring(train.training_data, np.ones((12, 30))), test.where(test.user == 0), (10,))
    assert json.loads(json.dumps(one_user.as_dict(), allow_nan=False))["standard_errors"]["rmse"] is None


def test_importing_the_metrics_compiles_nothing():
    import subprocess
    import sys

    code = "import sys, cofactor.evaluation.evaluate; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
