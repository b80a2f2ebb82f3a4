"""Confidence intervals and p-values of differences from the bootstrap, and the correction of p for many models."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from cofactor.arrays import Doubles
from cofactor.evaluation.significance.bootstrap import UserTotals
from cofactor.evaluation.significance.seed_variance import SeedVariance

DRAWS = 5_000  # bootstrap draws; the ends of an interval then vary by a twenty-fifth of a standard error
TAIL = 10  # outermost draws at each end, beyond which the normal tail is used


class DifferenceTest(NamedTuple):
    """A difference of two models in a metric, its 95 % interval, and p: the probability of one as large by chance."""

    value: float
    low: float  # NaN, as high and p, if there is only one user
    high: float
    p: float


UNKNOWN = (float("nan"),) * 3


def bootstrap_difference(
    totals: UserTotals, draws: Doubles, one: int, other: int, seed_variances: Sequence[SeedVariance] = ()
) -> DifferenceTest:
    """The metric of model `one` minus that of model `other`, tested by the (M, draws) values of `resample`.

    seed_variances: one per model; if seeds differ by more than users explain, `add_seed_variance` widens the interval.

    The interval is the bootstrap's percentile interval, expanded for few users: between the shares Φ(-c) and Φ(c) of
    the draws, c = t √(m/(m-1)), t of the t distribution with m - 1 degrees of freedom; for many users 2.5 and 97.5 %.
    The two-sided p belongs to the widest such interval that excludes 0, so that interval and p agree. Beyond the TAIL
    outermost draws the normal tail is used, because a count cannot measure such rare events.

    Models that differ for no user: p = 1. p is never below 2^(1-d), with d the number of users for whom they differ,
    which is the p of the sign test if all of these agree.
    Source: T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015,
    section 5.3. For few and unlike users its coverage is better than that of the BCa interval (docs/comparing.md).
    """
    n, values = len(totals.total), totals.values
    value = float(values[one] - values[other])
    if n < 2:
        return DifferenceTest(value, *UNKNOWN)
    n_differing = totals.count_differing(one, other)
    if not n_differing:
        return DifferenceTest(0.0, 0.0, 0.0, 1.0)
    differences = draws[one] - draws[other]
    differences = np.sort(differences[np.isfinite(differences)])  # a draw may leave no user in a small split
    if 2 * len(differences) < draws.shape[1]:
        return DifferenceTest(value, *UNKNOWN)
    expansion = np.sqrt(n / (n - 1))
    tail = ndtr(expansion * stdtrit(n - 1, 0.025))
    last = len(differences) - 1
    low, high = np.interp((tail * last, (1 - tail) * last), np.arange(len(differences)), differences)
    p = 2 * stdtr(n - 1, -abs(_deviate_of_zero(differences)) / expansion)
    test = DifferenceTest(value, float(low), float(high), float(min(1, max(p, 2.0 ** (1 - n_differing)))))
    variance = seed_variances[one].difference_with(seed_variances[other]) if seed_variances else SeedVariance()
    return add_seed_variance(test, n, variance) if variance.unexplained > 0 else test


def add_seed_variance(test: DifferenceTest, n: int, seed_variance: SeedVariance) -> DifferenceTest:
    """Generalise the test of a difference from n users to n users and other trainings.

    The variance is V = V_users + V_seeds. V_users = (half the width of the interval / t)², with t of n - 1 degrees of
    freedom; V_seeds is `seed_variance.unexplained`. Each side of the interval keeps its own user variance: its distance
    becomes t' √((distance / t)² + V_seeds), with t' of V² / (V_users² / (n - 1) + variance² / f) degrees of freedom,
    where variance and f are those of `seed_variance` (Satterthwaite, as in `SeedVariance.difference_with`). p uses the
    standard error of the side that contains 0, so that interval and p agree.
    """
    t = stdtrit(n - 1, 0.975)
    below, above = max(0.0, test.value - test.low) / t, max(0.0, test.high - test.value) / t
    users = ((below + above) / 2) ** 2
    seeds = seed_variance.variance**2 / seed_variance.degrees_of_freedom
    degrees_of_freedom = (users + seed_variance.unexplained) ** 2 / (users**2 / (n - 1) + seeds)
    errors = np.hypot((below, above), np.sqrt(seed_variance.unexplained))
    wide = stdtrit(degrees_of_freedom, 0.975)
    p = 2 * stdtr(degrees_of_freedom, -abs(test.value) / errors[0 if test.value > 0 else 1])
    low, high = test.value - wide * errors[0], test.value + wide * errors[1]
    return DifferenceTest(test.value, float(low), float(high), float(max(p, test.p)))


def _deviate_of_zero(draws: Doubles) -> float:
    """The position of 0 among (b,) ascending draws as a normal deviate: Φ⁻¹ of the share below 0, ties counted half."""
    b = len(draws)
    tail = min(TAIL, b // 2)
    below = float(np.searchsorted(draws, 0, "left") + np.searchsorted(draws, 0, "right")) / 2
    if tail <= below <= b - tail:
        return float(ndtri(below / b))
    outermost = draws[tail - 1] if below < tail else draws[-tail]
    spread = float(draws.std())
    beyond = abs(float(outermost)) / spread if spread > 0 else np.inf
    return float(np.copysign(beyond - ndtri(tail / b), -1 if below < tail else 1))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's correction of m p-values: the i-th smallest becomes max_{j ≤ i} min(1, (m - j + 1) p_(j)).

    It controls the probability of at least one false positive among the m tests. NaN stays NaN and is not counted.
    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian J. of Statistics 6, 1979.
    """
    given = np.asarray(p, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    given[order] = np.minimum(1, np.maximum.accumulate(factors * given[order]))
    return [float(one) for one in given]
