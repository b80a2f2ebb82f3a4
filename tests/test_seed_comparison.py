"""Several seeds of a trainer: what is said of the next training, by parts of the variance that are known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtr, stdtrit

from cofactor.arrays import Doubles
from cofactor.data.align_vocabularies import align
from cofactor.data.splitting.split import split
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.compare import compare, compare_reports
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.significance.bootstrap import resample
from cofactor.evaluation.significance.p_values import DifferenceTest, add_seed_variance, bootstrap_difference
from cofactor.evaluation.significance.paired_differences import total_by_user
from cofactor.evaluation.significance.per_user_values import Samples
from cofactor.evaluation.significance.seed_variance import SeedVariance
from cofactor.evaluation.significance.verdicts import describe_seeds
from cofactor.experiments.comparison.candidates import expand_seeds
from cofactor.experiments.comparison.run import run_comparison
from cofactor.experiments.comparison.summarize import summarize
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.filter import Filter
from cofactor.trainers.svd import SVD
from tests.test_compare import halves, noisy
from tests.test_run_comparison import EventLog, plan, trainer

SMALL = SVD(rank=4, n_epochs=3)
M = 60  # users


def trained(
    rng: np.random.Generator, of_seed: float, of_both: float, shape: tuple[int, int], better: float = 0
) -> Doubles:
    """(F, S, M) values of a metric, by user: what the seed adds for all, and what it adds for each."""
    return better + rng.normal(0, of_seed, (*shape, 1)) + rng.normal(0, of_both, (*shape, M))


def chance(values: tuple[Doubles, ...]) -> DifferenceTest:
    """Of the difference of two models, by (F, S, M) values of each; of the users by Student's t, in which there is no
    luck of draws."""
    apart = values[0].mean((0, 1)) - values[1].mean((0, 1))
    value, error = float(apart.mean()), float(apart.std(ddof=1)) / M**0.5
    half, p = error * stdtrit(M - 1, 0.975), 2 * stdtr(M - 1, -abs(value) / error)
    by_users = DifferenceTest(value, value - half, value + half, p)
    one, other = (SeedVariance.from_samples(samples(some)) for some in values)
    training = one.difference_with(other)
    return add_seed_variance(by_users, M, training) if training.unexplained > 0 else by_users


def samples(values: Doubles) -> list[list[Samples]]:
    return [[Samples(np.arange(M), one, np.ones(M)) for one in seeds] for seeds in values]


def share(found: list[bool]) -> float:
    return float(np.mean(found))


# ---- parts of the variance that are known ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_seed", "shape"), [(0.0, (1, 3)), (0.3, (1, 3)), (0.3, (1, 5)), (0.3, (3, 2)), (0.13, (1, 3))]
)
def test_equal_trainers_pass_for_two_in_one_of_twenty(of_seed: float, shape: tuple[int, int]) -> None:
    """0.3 is more than twice, 0.13 as much as the 1 / √60 that users bring about."""
    rng = np.random.default_rng(7)
    alarms = [chance((trained(rng, of_seed, 1, shape), trained(rng, of_seed, 1, shape))).p < 0.05 for _ in range(500)]
    assert 0.02 < share(alarms) < 0.08


def test_the_interval_holds_the_difference_of_the_trainers() -> None:
    rng, held = np.random.default_rng(3), []
    for _ in range(400):
        found = chance((trained(rng, 0.3, 1, (1, 3), 0.5), trained(rng, 0.1, 1, (1, 3))))
        held.append(found.low < 0.5 < found.high)
        assert (found.p < 0.05) == (not found.low < 0 < found.high)
    assert 0.92 < share(held) < 0.99


def test_one_seed_alone_takes_its_luck_for_the_trainers() -> None:
    rng = np.random.default_rng(1)
    alone = [chance((trained(rng, 0.3, 1, (1, 1)), trained(rng, 0.3, 1, (1, 1)))).p < 0.05 for _ in range(200)]
    assert share(alone) > 0.3


def test_a_closed_form_adds_nothing_and_the_other_model_its_own() -> None:
    """The whole way, with the bootstrap."""
    rng, alarms = np.random.default_rng(2), []
    for _ in range(150):
        some = [samples(trained(rng, 0.3, 1, (1, 3))), samples(trained(rng, 0, 1, (1, 1)))]
        table = total_by_user(some, 0)
        trainings = [SeedVariance.from_samples(one) for one in some]
        assert trainings[1] == SeedVariance()
        alarms.append(bootstrap_difference(table, resample([table], 200, 0)[0], 0, 1, trainings).p < 0.05)
    assert 0 < share(alarms) < 0.1


def test_the_parts_are_those_that_were_put_in() -> None:
    rng = np.random.default_rng(0)
    found = SeedVariance.from_samples(samples(trained(rng, 0.5, 2, (400, 3))))
    assert found.variance * 400 * 3 == pytest.approx(0.5**2 + 2**2 / M, rel=0.1)
    assert found.explained * 400 * 3 == pytest.approx(2**2 / M, rel=0.02)
    assert found.unexplained * 400 * 3 == pytest.approx(0.5**2, rel=0.12)
    assert found.degrees_of_freedom == 800


def test_two_seeds_have_a_variance() -> None:
    values = trained(np.random.default_rng(0), 0.5, 2, (3, 2))
    found = SeedVariance.from_samples(samples(values))
    means = values.mean(axis=2)
    assert found.variance == pytest.approx(((means[:, 0] - means[:, 1]) ** 2 / 2).mean() / 6)
    assert found.degrees_of_freedom == 3
    assert SeedVariance.from_samples(samples(values[:, :1])) == SeedVariance()


def test_for_the_root_of_a_mean_users_explain_what_they_do_to_the_root() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 20, M).astype(float)
    some = [[Samples(np.arange(M), weight * rng.chisquare(5, M), weight, True) for _ in range(3)] for _ in range(400)]
    found = SeedVariance.from_samples(some)
    assert found.explained == pytest.approx(found.variance, rel=0.1)


def test_two_trainings_have_the_degrees_of_freedom_of_welch() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 4), rng.normal(0.5, 3, 6)
    one, other = (SeedVariance(float(x.var(ddof=1)) / len(x), 0.0, len(x) - 1) for x in (a, b))
    welch = scipy.stats.ttest_ind(a, b, equal_var=False)
    apart = one.difference_with(other)
    assert apart.degrees_of_freedom == pytest.approx(welch.df)
    value = float(a.mean() - b.mean())
    found = add_seed_variance(DifferenceTest(value, value, value, 0.0), 50, apart)  # users who see no difference at all
    interval = welch.confidence_interval()
    assert (found.low, found.high, found.p) == pytest.approx((interval.low, interval.high, welch.pvalue))
    assert SeedVariance().difference_with(SeedVariance()).unexplained == 0


@given(st.floats(0.01, 2), st.floats(0.001, 5), st.floats(1, 20), st.floats(-2, 2))
@settings(deadline=None, max_examples=40)
def test_trainings_only_ever_widen(half: float, variance: float, freedom: float, value: float) -> None:
    before = DifferenceTest(value, value - half, value + half, 0.0)
    found = add_seed_variance(before, 100, SeedVariance(variance, variance / 3, freedom))
    assert found.low < before.low < before.high < found.high
    assert (found.p < 0.05) == (not found.low < 0 < found.high)


# ---- reports ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts():
    return halves(0, 80, 40)


def test_one_seed_is_the_comparison_of_these_models(parts) -> None:
    models = {"a": noisy(parts, 0, 0.9), "b": noisy(parts, 2, 0.8), "c": noisy(parts, 4, 1.2)}
    plainly, listed = (compare(one, parts[1]) for one in (models, {name: [one] for name, one in models.items()}))
    assert listed.differences == plainly.differences
    assert listed.sentences() == plainly.sentences()
    assert (listed.metrics, listed.uncertainty[0]) == (plainly.metrics, "standard error")
    found = listed.differences["rmse"]["a"]
    samples = [one.samples("rmse") for (one,) in plainly.reports.values()]
    table = total_by_user([[[one]] for one in samples], 0)
    assert (found.value, found.low, found.high, found.p) == bootstrap_difference(
        table, resample([table], 5_000, 0)[0], 0, 1
    )


def test_equal_seeds_change_nothing(parts) -> None:
    once = {"a": noisy(parts, 0, 0.9), "b": noisy(parts, 2, 0.8)}
    found, expected = (compare(one, parts[1]).differences for one in ({n: [m] * 3 for n, m in once.items()}, once))
    for metric, by_model in expected.items():
        for name, one in by_model.items():
            other = found[metric][name]
            assert (other.value, other.low, other.high, other.p) == pytest.approx((one.value, one.low, one.high, one.p))


def test_figures_are_means_over_seeds_and_say_so(parts) -> None:
    models = {
        "a": [noisy(parts, seed, 0.8 + seed / 50) for seed in range(3)],
        "b": [noisy(parts, 10 + seed, 0.9) for seed in range(3)],
        "once": noisy(parts, 20, 1.5),
    }
    comparison = compare(models, parts[1])
    values = [evaluate(one, parts[1]).metrics["rmse"] for one in models["a"]]
    assert comparison.metrics["a"]["rmse"] == pytest.approx(np.mean(values))
    assert comparison.seed_deviations["a"]["rmse"] == pytest.approx(np.std(values, ddof=1))
    assert np.isnan(comparison.seed_deviations["once"]["rmse"])
    assert comparison.n_seeds == {"a": 3, "b": 3, "once": 1}
    assert comparison.uncertainty == (
        "standard deviation over 3 seeds, whose mean is shown",
        comparison.seed_deviations,
    )
    low, high = sorted(("a", "b"), key=lambda name: comparison.seed_deviations[name]["rmse"])
    spread = {name: comparison.seed_deviations[name]["rmse"] for name in "ab"}
    said = f"; means of 3 seeds, which differ by ±{spread[low]:.4f} ({low}) and ±{spread[high]:.4f} ({high})"
    assert comparison.sentences()[0].endswith(said)
    a = json.loads(json.dumps(comparison.as_dict(), allow_nan=False))["models"]["a"]
    assert (a["seeds"], a["seed_spreads"]["rmse"]) == (3, comparison.seed_deviations["a"]["rmse"])
    assert [one["metrics"]["rmse"] for one in (*a["splits"], *a["other_seeds"][0])] == values


def test_of_several_splits_each_is_the_mean_of_its_seeds() -> None:
    ratings = align(*halves(0, 80, 40))[0]
    fold, reports = np.random.default_rng(0).integers(0, 2, len(ratings)), []
    for f in range(2):
        parts = ratings.where(fold != f), ratings.where(fold == f)
        reports.append([evaluate(noisy(parts, 10 * f + seed, 0.8 + f / 5), parts[1], ()) for seed in range(2)])
    comparison = compare_reports({"a": reports})
    means = [np.mean([one.metrics["rmse"] for one in seeds]) for seeds in reports]
    assert [one["rmse"] for one in comparison.by_split["a"]] == pytest.approx(means)
    assert comparison.split_deviations["a"]["rmse"] == pytest.approx(np.std(means, ddof=1))
    variances = [np.var([one.metrics["rmse"] for one in seeds], ddof=1) for seeds in reports]
    assert comparison.seed_deviations["a"]["rmse"] == pytest.approx(np.sqrt(np.mean(variances)))
    assert comparison.uncertainty[0] == "standard deviation over the splits, each the mean of 2 seeds"


def test_of_many_models_the_least_and_the_largest_spread_are_said() -> None:
    assert describe_seeds([3, 5], {"a": 0.2, "b": 0.1, "c": 0.3}) == (
        "; means of 3 or 5 seeds, which differ by ±0.1000 (b) to ±0.3000 (c)"
    )
    assert describe_seeds([3], {"a": 0.2}) == "; means of 3 seeds, which differ by ±0.2000 (a)"
    assert describe_seeds([], {}) == ""


def test_what_are_no_seeds_of_one_split_is_refused(parts) -> None:
    one, other = (evaluate(noisy(parts, seed, 1.0), parts[1]) for seed in (0, 2))
    elsewhere = evaluate(noisy(parts, 4, 1.0), parts[1].where(np.arange(len(parts[1])) > 5))
    with pytest.raises(BadHyperparameter, match="a was trained with different numbers of seeds on the splits: 2, 1"):
        compare_reports({"a": [[one, other], one]})
    with pytest.raises(SplitMismatch, match="a and a were measured on different test ratings"):
        compare_reports({"a": [[one, elsewhere]]})


# ---- a comparison ----------------------------------------------------------------------------------------------------


def test_every_seed_is_trained_and_kept(movies, tmp_path: Path) -> None:
    one, some, watcher = plan(split(movies, seed=5)), [trainer("small", SMALL)], EventLog()
    found = run_comparison(one, some, EventLog(), out=tmp_path, seeds=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "small-seed-1"]
    assert [entry.hyperparameters["seed"] for entry in found.splits[0].all_seeds("small")] == [0, 1]
    rmse = [entry.report.metrics["rmse"] for entry in found.splits[0].all_seeds("small")]
    assert rmse[0] != rmse[1]
    again = run_comparison(one, some, watcher, out=tmp_path, seeds=2)
    assert [word for word in watcher.events if word.startswith("reused")] == ["reused small", "reused small seed 1"]
    comparison = summarize(one, again, command="").comparison
    assert comparison.n_seeds == {"small": 2}
    assert comparison.metrics["small"]["rmse"] == pytest.approx(np.mean(rmse))
    costs = [entry.cost.fit_seconds for entry in again.splits[0].all_seeds("small")]
    assert comparison.costs["small"].fit_seconds == pytest.approx(sum(cost or 0 for cost in costs) / 2)


def test_what_no_seed_changes_is_trained_once(movies) -> None:
    watcher = EventLog()
    found = run_comparison(
        plan(split(movies, seed=5)), [trainer("same", Filter(rank=0))], watcher, seeds=3
    )  # no vectors at all
    assert [len(seeds) for seeds in found.reports["same"]] == [1]
    assert [word for word in watcher.events if word.startswith("start")] == ["start same", "start same seed 1"]


def test_two_folders_of_one_name_are_refused(movies, tmp_path: Path) -> None:
    some = [trainer("a", SMALL), trainer("a seed 1", replace(SMALL, rank=5))]
    with pytest.raises(BadHyperparameter, match="two candidates would share the folder a-seed-1"):
        run_comparison(plan(split(movies, seed=5)), some, EventLog(), out=tmp_path, seeds=2)


def test_seeds_follow_its_own() -> None:
    names = [
        (one.name, one.trainer.settings()["seed"]) for one in expand_seeds(trainer("a", replace(SMALL, seed=7)), 3)
    ]
    assert names == [("a", 7), ("a seed 8", 8), ("a seed 9", 9)]
    assert len(expand_seeds(trainer("baseline", Baseline()), 3)) == 1
