import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.align_vocabularies import align
from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.compare import compare, compare_reports
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.metrics.registry import metric_label
from cofactor.evaluation.significance.difference import NO_DIFFERENCE
from cofactor.evaluation.significance.p_values import holm
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
    return scoring(train.training_data, scores, (-9.0, 9.0))


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
    number = comparison.reports["a"][0].scored_test_set.held_out.user_number
    squares = [np.bincount(number, comparison.reports[name][0].prediction_errors ** 2) for name in models]
    drawn = np.random.default_rng(0).integers(0, len(squares[0]), (5000, len(squares[0])))
    size = np.bincount(number)[drawn].sum(1)
    differences = np.sqrt(squares[0][drawn].sum(1) / size) - np.sqrt(squares[1][drawn].sum(1) / size)
    low, high = np.percentile(differences, [2.5, 97.5])
    found = comparison.differences["rmse"]["a"]
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_ratings_may_be_drawn_one_by_one_and_lists_are_not(split):
    models = {"a": noisy(split, 0, 0.9), "b": noisy(split, 2, 0.8)}
    by_user, by_rating = (compare(models, split[1], resample_by=over).differences for over in ("users", "ratings"))
    a, b = (evaluate(models[name], split[1]).prediction_errors ** 2 for name in models)
    drawn = np.random.default_rng(0).integers(0, len(a), (2000, len(a)))
    differences = np.sqrt(a[drawn].mean(1)) - np.sqrt(b[drawn].mean(1))
    found = by_rating["rmse"]["a"]
    width = found.high - found.low
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(differences, [2.5, 97.5])), abs=0.1 * width)
    assert found.low != by_user["rmse"]["a"].low
    assert by_rating["ndcg@10"] == by_user["ndcg@10"]


def test_everybody_may_be_compared_with_a_model_by_name(split):
    models = {"worst": noisy(split, 0, 1.5), "good": noisy(split, 2, 0.5), "middle": noisy(split, 4, 0.9)}
    found = compare(models, split[1], against="middle").differences["rmse"]
    assert [found[name].verdict for name in models] == ["worse", "better", "the measure"]
    assert {one.against for one in found.values()} == {"middle"}
    for name, hint in (("midle", "did you mean middle?"), ("zzz", "the models are worst, good, middle")):
        with pytest.raises(BadHyperparameter, match=f"no model '{name}'") as caught:
            compare(models, split[1], against=name)
        assert caught.value.hint == hint


def test_p_is_corrected_for_all_pairs_or_for_the_others_of_a_named_one(split):
    models = {name: noisy(split, 2 * at, 0.8) for at, name in enumerate("abcd")}
    chosen = compare(models, split[1]).differences["rmse"]
    best = chosen["a"].against
    named = compare(models, split[1], against=best).differences["rmse"]
    for name in models:
        assert (chosen[name].value, chosen[name].p) == (named[name].value, named[name].p)
        assert named[name].p <= named[name].p_holm <= chosen[name].p_holm
    others = [name for name in models if name != best]
    assert [named[name].p_holm for name in others] == holm([named[name].p for name in others])
    least = min(others, key=lambda name: named[name].p)
    assert named[least].p_holm == pytest.approx(min(1, 3 * named[least].p))


def test_any_mean_over_users_may_be_compared_too(split):
    models = {"a": noisy(split, 0, 5.0), "b": noisy(split, 2, 3.0)}
    also = ("mrr", "precision@10", "accuracy", "rmse")
    comparison = compare(models, split[1], (5, 10), against="b", extra_metrics=also)
    assert list(comparison.differences) == ["rmse", "mae", "ndcg@5", "recall@5", "mrr", "precision@10", "accuracy"]
    found = comparison.differences["precision@10"]["a"]
    a, b = (comparison.reports[name][0].per_user("precision@10")[1] for name in models)
    assert (found.value, found.p) == pytest.approx(((a - b).mean(), scipy.stats.ttest_rel(a, b).pvalue), abs=0.001)
    a, b = (comparison.reports[name][0].per_user("mrr")[1] for name in models)
    assert (np.count_nonzero(a - b), comparison.differences["mrr"]["a"].p) == (1, 1)  # one user tells nothing
    with pytest.raises(BadHyperparameter, match="no metric 'precison@10'") as caught:
        compare(models, split[1], extra_metrics=("precison@10",))
    assert caught.value.hint == "did you mean precision@10?"
    with pytest.raises(BadHyperparameter, match="coverage@10 is a property of all lists together"):
        compare(models, split[1], extra_metrics=("coverage@10",))


@given(st.permutations(["a", "b", "c", "d"]))
@settings(deadline=None, max_examples=3)
def test_the_order_of_the_models_is_nothing_to_the_figures(order):
    train, test = halves(1, 30, 20)
    models = {
        name: scoring(train.training_data, np.random.default_rng(at).normal(3, 1 + at / 20, (30, 20)))
        for at, name in enumerate("abcd")
    }
    expected, found = (compare({name: models[name] for name in names}, test).differences for names in ("abcd", order))
    for metric, by_model in expected.items():
        for name, one in by_model.items():
            other = found[metric][name]
            assert (one.against, one.verdict) == (other.against, other.verdict)
            figures = [[getattr(d, f) for f in ("value", "low", "high", "p", "p_holm")] for d in (one, other)]
            assert figures[0] == pytest.approx(figures[1], abs=1e-9)


# ---- several splits --------------------------------------------------------------------------------------------------


def folded(n_folds=3, apart=0.1):
    """Reports of two models on folds of one data set, of which each has a rating of a user in one test."""
    ratings = align(*halves(0, N_USERS, N_ITEMS))[0]
    fold = np.random.default_rng(0).integers(0, n_folds, len(ratings))
    reports = {"a": [], "b": []}
    for f in range(n_folds):
        parts = ratings.where(fold != f), ratings.where(fold == f)
        for at, some in enumerate(reports.values()):
            some.append(evaluate(noisy(parts, 10 * f + 2 * at, 0.8 + at * apart), parts[1]))
    return reports


def test_over_several_splits_a_figure_is_their_mean_and_users_are_pooled():
    reports = folded()
    comparison = compare_reports(reports)
    for name, some in reports.items():
        values = [one.metrics["ndcg@10"] for one in some]
        assert comparison.metrics[name]["ndcg@10"] == pytest.approx(np.mean(values))
        assert comparison.split_deviations[name]["ndcg@10"] == pytest.approx(np.std(values, ddof=1))
        by_user = np.zeros(N_USERS)  # what each user's lists in all folds add to the mean of the folds
        for one in some:
            users, value = one.per_user("ndcg@10")
            by_user[users] += (value - value.mean()) / len(value) / len(some)
        n = len({user for one in some for user in one.per_user("ndcg@10")[0]})
        assert comparison.standard_errors[name]["ndcg@10"] == pytest.approx(np.sqrt(np.sum(by_user**2) * n / (n - 1)))
        assert np.isnan(comparison.standard_errors[name]["coverage@10"])
    found = comparison.differences["rmse"]["b"]
    means = [np.mean([one.metrics["rmse"] for one in some]) for some in reports.values()]
    assert (found.verdict, found.value) == ("worse", pytest.approx(means[1] - means[0]))
    alone = compare_reports({name: some[:1] for name, some in reports.items()}).differences["rmse"]["b"]
    assert found.high - found.low < 0.8 * (alone.high - alone.low)  # three folds say more than one


def test_of_one_split_the_errors_are_the_reports(split):
    comparison = compare({"a": noisy(split, 0, 1.0), "b": noisy(split, 2, 0.5)}, split[1])
    report = comparison.reports["a"][0]
    assert comparison.standard_errors["a"] == pytest.approx(
        {m: report.standard_errors.get(m, np.nan) for m in report.metrics}, nan_ok=True
    )
    assert np.isnan(comparison.split_deviations["a"]["rmse"])


def test_reports_of_different_tests_are_refused():
    reports = folded()
    with pytest.raises(SplitMismatch, match="a was measured on 3 splits and b on 2"):
        compare_reports(reports | {"b": reports["b"][:2]})
    with pytest.raises(SplitMismatch, match="a and b were measured on different test ratings, in split 1"):
        compare_reports(reports | {"b": reports["b"][::-1]})
    train, test = halves(2, 10, 20)
    other = evaluate(scoring(train.training_data, np.ones((10, 20))), test)
    with pytest.raises(SplitMismatch, match="splits that a was measured on have different users"):
        compare_reports({"a": [reports["a"][0], other], "b": [reports["b"][0], other]})


# ---- in words --------------------------------------------------------------------------------------------------------


def test_the_best_and_all_that_cannot_be_told_from_it_are_named(split):
    models = {
        "worst": noisy(split, 0, 1.5),
        "good": noisy(split, 2, 0.5),
        "middle": noisy(split, 4, 0.9),
        "copy": noisy(split, 2, 0.5),
    }
    comparison = compare(models, split[1], (5,))
    rmse, mae, ndcg, recall = comparison.sentences()
    middle = comparison.differences["rmse"]["middle"]
    assert rmse == (
        "RMSE: no real difference between good and copy (the same for every user); good is better than middle by "
        f"{middle.value:.4f} (95 % interval {middle.low:.4f} to {middle.high:.4f}, p < 0.001), and than worst by more"
    )
    assert mae.startswith("MAE: no real difference between good and copy (")
    assert ndcg.startswith("NDCG@5: ")
    assert recall.startswith("recall@5: ")


def test_of_a_named_model_it_is_said_what_is_better_and_what_worse(split):
    models = {name: noisy(split, 2 * at, (0.3, 0.5, 0.9, 1.5)[at]) for at, name in enumerate("abcd")}
    comparison = compare(models, split[1], (), against="c")
    found = comparison.differences["rmse"]
    assert comparison.sentences()[0] == (
        f"RMSE: a is better than c by {-found['a'].value:.4f} (95 % interval {-found['a'].high:.4f} to "
        f"{-found['a'].low:.4f}, p < 0.001), and so is b; c is better than d by {found['d'].value:.4f} "
        f"(95 % interval {found['d'].low:.4f} to {found['d'].high:.4f}, p < 0.001)"
    )


def test_metrics_are_written_as_they_are_said():
    assert [metric_label(one) for one in ("rmse", "ndcg@10", "hit_rate@5", "rated_f1@3", "mrr")] == [
        *("RMSE", "NDCG@10", "hit rate@5", "rated F1@3", "MRR")
    ]


# ---- the rest --------------------------------------------------------------------------------------------------------


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
    assert comparison.sentences()[0] == "RMSE: nothing can be concluded from one user"


def test_models_of_different_splits_are_refused(split):
    train, test = split
    of = lambda fingerprint: Ratings(  # noqa: E731
        train.users, train.items, train.user, train.item, train.value, scale=(1, 5), split=fingerprint
    )
    models = {name: scoring(of(name).training_data, np.ones((N_USERS, N_ITEMS))) for name in ("x1", "x2")}
    with pytest.raises(SplitMismatch, match="x1 on x1, x2 on x2"):
        compare(models, test)


def test_no_models_is_an_error(split):
    with pytest.raises(BadHyperparameter, match="no models"):
        compare({}, split[1])
    with pytest.raises(BadHyperparameter, match="no models"):
        compare_reports({})


def test_one_model_has_figures_and_nothing_to_be_compared_with(split):
    comparison = compare({"a": noisy(split, 0, 1.0)}, split[1])
    assert comparison.metrics["a"]["rmse"] == pytest.approx(1, abs=0.1)
    assert (comparison.differences, comparison.sentences()) == ({}, [])


def test_the_page_says_what_is_found(real_data, monkeypatch, capsys):
    """Word for word and digit for digit but the last, which may round another way on another machine."""
    page = (Path(__file__).parents[1] / "docs/comparing.md").read_text(encoding="utf-8")
    code, said = (page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "text"))
    monkeypatch.chdir(real_data)
    exec(compile(code, "docs/comparing.md", "exec"), {})
    found = capsys.readouterr().out
    number = re.compile(r"[-+]?\d+\.\d+")
    assert number.sub("#", found) == number.sub("#", said)
    digits = [[float(one) for one in number.findall(text)] for text in (found, said)]
    assert digits[0] == pytest.approx(digits[1], abs=0.0021, rel=0.05)
