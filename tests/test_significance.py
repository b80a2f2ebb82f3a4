import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.evaluation.metrics.standard_error import standard_error
from cofactor.evaluation.significance import bootstrap
from cofactor.evaluation.significance.bootstrap import UserTotals, resample
from cofactor.evaluation.significance.p_values import DifferenceTest, bootstrap_difference, holm
from cofactor.evaluation.significance.paired_differences import compare_with_best, compare_with_named
from cofactor.evaluation.significance.per_user_values import Samples, standard_error_of_mean


def samples(total, weight=None, root=False, users=None) -> Samples:
    total = np.asarray(total, dtype=np.float64)
    users = np.arange(len(total), dtype=np.int32) if users is None else np.asarray(users)
    return Samples(users, total, np.ones(len(total)) if weight is None else np.asarray(weight, np.float64), root)


def difference(one, other, draws=2_000, seed=0) -> DifferenceTest:
    table = UserTotals.from_samples([one, other], 0)
    return bootstrap_difference(table, resample([table], draws, seed)[0], 0, 1)


def made(seed, n_users, models=2, n_splits=1, apart=0.0):
    """Samples of RMSE: users of different size and difficulty, and models that differ by `apart` and by user."""
    rng = np.random.default_rng(seed)
    size = np.maximum(1, rng.lognormal(2, 0.8, n_users)).astype(int)
    hard = rng.lognormal(0, 0.3, n_users)
    better = 1 - apart * np.arange(models)[:, None] - rng.normal(0, 0.1, (models, n_users))
    return [
        [samples(size * hard * b * rng.uniform(0.8, 1.2, n_users), size, True) for _ in range(n_splits)] for b in better
    ]


# ---- against other people's ------------------------------------------------------------------------------------------


def expanded(n) -> float:
    """The confidence level of a plain percentile interval that is as wide as the expanded one at 95 %."""
    return 1 - 2 * scipy.stats.norm.sf(scipy.stats.t.ppf(0.975, n - 1) * math.sqrt(n / (n - 1)))


@pytest.mark.parametrize(("seed", "n"), [(0, 12), (1, 40), (2, 300)])
def test_the_interval_of_rmse_is_that_of_scipy(seed, n):
    (a,), (b,) = made(seed, n, apart=0.05)

    def rmse_apart(one, other, size, axis):
        return np.sqrt(one.sum(axis) / size.sum(axis)) - np.sqrt(other.sum(axis) / size.sum(axis))

    expected = scipy.stats.bootstrap(
        (a.total, b.total, a.weight),
        rmse_apart,
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        confidence_level=expanded(n),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    found = difference([a], [b], draws=20_000)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.03 * (expected.high - expected.low))
    assert found.value == pytest.approx(a.value - b.value)


@pytest.mark.parametrize("effect", [0.0, 0.5, 1.5, 2.5, 4.0, 7.0])
def test_p_is_that_of_the_t_test_where_differences_are_normal(effect):
    n = 400
    x = np.random.default_rng(0).normal(0, 1, n)
    a = (x - x.mean()) / x.std(ddof=1) + effect / math.sqrt(n) + 5
    found = difference([samples(a)], [samples(np.full(n, 5.0))], draws=5_000)
    expected = scipy.stats.ttest_1samp(a - 5, 0).pvalue
    assert math.log(found.p) == pytest.approx(math.log(expected), abs=0.1 + 0.05 * effect**2)
    if effect > 4:  # no draw is on the other side of 0, and p is smaller than draws could count
        assert 1e-13 < found.p < 1e-9


def test_p_and_the_interval_say_the_same():
    for seed in range(60):
        one, other = made(seed, 25, apart=0.05)
        found = difference(one, other, draws=1_000, seed=seed)
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0) or found.p == pytest.approx(0.05, rel=0.15)


def literal_holm(p):
    """Step by step: the smallest times m, the next times m - 1, …, never lower than the one before, never above 1."""
    corrected, largest, factor = {}, 0.0, len(p)
    for at in sorted(range(len(p)), key=lambda at: p[at]):
        largest = max(largest, min(1.0, factor * p[at]))
        corrected[at] = largest
        factor -= 1
    return [corrected[at] for at in range(len(p))]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_is_its_definition_taken_literally(p):
    corrected = holm(p)
    assert corrected == pytest.approx(literal_holm(p))
    assert all(one <= other <= 1 for one, other in zip(p, corrected, strict=True))
    order = sorted(range(len(p)), key=lambda at: p[at])
    assert [corrected[at] for at in order] == sorted(corrected)


def test_holm_by_hand_and_without_what_is_unknown():
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([0.04, math.nan, 0.03]) == pytest.approx([0.06, math.nan, 0.06], nan_ok=True)


# ---- what it must not say ------------------------------------------------------------------------------------------


def test_intervals_cover_and_alarms_are_rare():
    """60 users of very different size, 300 times: 95 % should cover, and with no difference one in 20 alarms."""
    covered = alarms = 0
    for seed in range(300):
        one, other = made(seed, 60)
        found = difference(one, other, draws=600, seed=seed)
        covered += found.low <= 0 <= found.high
        alarms += found.p < 0.05
    assert 0.92 * 300 <= covered <= 0.98 * 300
    assert 0.02 * 300 <= alarms <= 0.08 * 300


def test_of_many_equal_models_none_is_worse_than_the_luckiest():
    """Eight models, 80 times. Corrected for the seven others alone, the best, chosen by its luck, alarms too often."""
    alarms = [0, 0]
    for seed in range(80):
        rng = np.random.default_rng(seed)
        table = UserTotals.from_samples([[samples(rng.normal(0, 1, 100))] for _ in range(8)], 0)
        drawn = resample([table], 600, seed)[0]
        best = int(np.argmax(table.values))
        for at, found in enumerate((compare_with_best(table, drawn, best), compare_with_named(table, drawn, best))):
            alarms[at] += any(corrected < 0.05 for _, corrected in found)
    assert alarms[0] <= 0.1 * 80
    assert alarms[1] > 1.5 * alarms[0]


@pytest.mark.parametrize("root", [False, True])
def test_models_that_differ_in_nobody_do_not_differ(root):
    one = samples(np.random.default_rng(0).random(500), root=root)
    others = [samples(np.random.default_rng(m).random(500), root=root) for m in range(1, 7)]
    table = UserTotals.from_samples([[one], *([other] for other in others), [one]], 0)
    assert bootstrap_difference(table, resample([table], 500, 0)[0], 0, 7) == DifferenceTest(0, 0, 0, 1)


def test_one_user_tells_nothing_and_a_few_that_agree_no_more_than_the_sign_test():
    alone = difference([samples([3.0])], [samples([1.0])])
    assert alone.value == 2
    assert all(map(math.isnan, alone[1:]))
    for n in (2, 5, 9):
        found = difference([samples(np.full(n, 3.0))], [samples(np.ones(n))])
        assert found == DifferenceTest(2, 2, 2, 2.0 ** (1 - n))
    three = np.zeros(1_000)
    three[[5, 50, 500]] = 1.0  # of a thousand users only three are different
    assert difference([samples(three)], [samples(np.zeros(1_000))]).p >= 0.25


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_the_other_way_round_everything_is_the_opposite(seed, n, n_splits):
    one, other = made(seed, n, n_splits=n_splits)
    there, back = (difference(*pair, draws=200) for pair in ((one, other), (other, one)))
    assert there.p == pytest.approx(back.p, rel=1e-6)
    assert there[:3] == pytest.approx((-back.value, -back.high, -back.low), abs=1e-12)
    assert 0 < there.p <= 1


# ---- users, splits and groups --------------------------------------------------------------------------------------


def test_a_draw_is_the_figures_over_the_users_drawn_with_all_their_splits(monkeypatch):
    rng = np.random.default_rng(0)
    users = [[0, 2, 5], [0, 1, 2, 3], [2, 3, 4, 5, 6]]  # a fold each; user 2 is in all
    some = [
        [samples(rng.random(len(u)), rng.integers(1, 5, len(u)), True, u) for u in users] for _ in range(3)
    ]  # another weight in each model
    table = UserTotals.from_samples(some, 0)
    monkeypatch.setattr(bootstrap, "MAX_COUNTS", 7 * 4)  # four draws at a time
    found = resample([table], 30, 3)[0]
    rng = np.random.default_rng(3)
    for b in range(30):
        drawn = rng.integers(0, 7, 7).tolist()
        for m, of_model in enumerate(some):
            figures = []
            for one in of_model:
                at = [list(one.user).index(u) for u in drawn if u in one.user]
                figures.append(np.sqrt(one.total[at].sum() / one.weight[at].sum()) if at else np.nan)
            assert found[m, b] == pytest.approx(np.mean(figures), nan_ok=True)


def test_folds_and_repeats_share_users_and_are_not_so_many_independent_ones():
    one, other = made(0, 200)
    once = difference(one, other)
    repeated = difference(one * 5, other * 5)  # the same test five times tells no more than once
    assert repeated == pytest.approx(once)
    assert standard_error_of_mean(one * 5) == pytest.approx(standard_error_of_mean(one))
    folds = [samples(np.random.default_rng(f).random(200), users=np.arange(200) + 200 * f) for f in range(4)]
    apart = math.sqrt(sum(standard_error_of_mean([fold]) ** 2 for fold in folds)) / 4
    assert standard_error_of_mean(folds) == pytest.approx(apart, rel=0.01)  # four times other users do tell more


def test_the_error_of_one_split_is_the_reports():
    rng = np.random.default_rng(0)
    user = np.sort(rng.integers(0, 30, 400))
    square = rng.random(400)
    one = samples(np.bincount(user, square), np.bincount(user))
    assert standard_error_of_mean([one]) == pytest.approx(standard_error(square, user))
    rmse = one._replace(root=True)
    assert standard_error_of_mean([rmse]) == pytest.approx(standard_error(square, user) / (2 * rmse.value))
    assert math.isnan(standard_error_of_mean([samples([1.0])]))


def test_very_many_users_are_drawn_in_groups_and_say_the_same(monkeypatch):
    one, other = made(3, 4_000, apart=0.001)
    exact = difference(one, other)
    monkeypatch.setattr(bootstrap, "MAX_UNITS", 500)
    table = UserTotals.from_samples([one, other], 0)
    assert table.total.shape == (500, 2, 1)
    assert table.total.sum() == pytest.approx(one[0].total.sum() + other[0].total.sum())
    grouped = difference(one, other)
    assert grouped.value == pytest.approx(exact.value)
    assert grouped.high - grouped.low == pytest.approx(exact.high - exact.low, rel=0.1)


def test_the_same_seed_draws_the_same_users():
    one, other = made(0, 50)
    assert difference(one, other, seed=1) == difference(one, other, seed=1) != difference(one, other, seed=2)


def test_tables_of_other_users_are_drawn_by_themselves():
    table, fewer = UserTotals.from_samples(made(0, 50), 0), UserTotals.from_samples(made(1, 20), 0)
    together = resample([table, fewer, table], 100, 0)
    for found, one in zip(together, (table, fewer, table), strict=True):
        np.testing.assert_allclose(found, resample([one], 100, 0)[0])
