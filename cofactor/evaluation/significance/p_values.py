"""Whether a difference may be chance: its interval and its p out of the bootstrap, and p corrected for many models."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from cofactor.arrays import Doubles
from cofactor.evaluation.significance.bootstrap import Table
from cofactor.evaluation.significance.seed_variance import Training

DRAWS = 5_000  # of all users; the ends of an interval then vary by a twenty-fifth of a standard error
TAIL = 10  # of the draws; what is farther out than so many of them is a matter of the normal tail


class Chance(NamedTuple):
    """A difference of two figures, its 95 % interval, and the p of one as large were there none."""

    value: float
    low: float  # NaN, as high and p, where there is one user only
    high: float
    p: float


UNKNOWN = (float("nan"),) * 3


def chance_of(table: Table, drawn: Doubles, one: int, other: int, trainings: Sequence[Training] = ()) -> Chance:
    """The figure of model `one` minus that of `other`, by the (M, draws) figures that `resample` found.

    trainings: of each model; where seeds differ by more than users explain, `of_other_trainings` follows.

    The interval is the bootstrap's percentile interval, expanded for few users: between the shares Φ(-c) and Φ(c) of
    the draws, c = t √(m/(m-1)), t of the t distribution of m - 1 degrees of freedom; with many users 2.5 and 97.5 %.
    p, of both sides, is that of the widest such interval which leaves out 0, so that both say the same; beyond the
    TAIL outermost draws, with the normal tail that goes on from there, as no count can say how rare is rare.

    Models that differ in no user: p = 1. It is never below 2^(1-d), d the users in whom they differ, which is the p of
    the sign test where all of these agree.
    Source: T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015,
    section 5.3. Where users are few and unlike, it covers better than the interval of BCa (docs/comparing.md).
    """
    n, figures = len(table.total), table.figures
    value = float(figures[one] - figures[other])
    if n < 2:
        return Chance(value, *UNKNOWN)
    differing = table.differing(one, other)
    if not differing:
        return Chance(0.0, 0.0, 0.0, 1.0)
    draws = drawn[one] - drawn[other]
    draws = np.sort(draws[np.isfinite(draws)])  # a draw may leave nobody in a small split
    if 2 * len(draws) < drawn.shape[1]:
        return Chance(value, *UNKNOWN)
    widened = np.sqrt(n / (n - 1))
    tail = ndtr(widened * stdtrit(n - 1, 0.025))
    low, high = np.interp((tail * (len(draws) - 1), (1 - tail) * (len(draws) - 1)), np.arange(len(draws)), draws)
    p = 2 * stdtr(n - 1, -abs(_place_of_zero(draws)) / widened)
    found = Chance(value, float(low), float(high), float(min(1, max(p, 2.0 ** (1 - differing)))))
    training = trainings[one].apart(trainings[other]) if trainings else Training()
    return of_other_trainings(found, n, training) if training.beyond > 0 else found


def of_other_trainings(found: Chance, n: int, training: Training) -> Chance:
    """A difference over n users and, as `found` is not, over trainings too.

    The variance is V = V_users + V_trainings: as the interval says, (half its width / t)² with t of n - 1 degrees of
    freedom, and `training.beyond`. Each side of the interval keeps its share of the users': its distance is
    t' √((distance / t)² + V_trainings), t' of V² / (V_users² / (n - 1) + variance² / freedom) degrees of freedom, where
    `variance` and `freedom` are the training's (Satterthwaite, as in `Training.apart`). p is that of the t which has
    the side where 0 lies for its standard error, so that both say the same.
    """
    t = stdtrit(n - 1, 0.975)
    below, above = max(0.0, found.value - found.low) / t, max(0.0, found.high - found.value) / t
    users = ((below + above) / 2) ** 2
    freedom = (users + training.beyond) ** 2 / (users**2 / (n - 1) + training.variance**2 / training.freedom)
    errors = np.hypot((below, above), np.sqrt(training.beyond))
    wide = stdtrit(freedom, 0.975)
    p = 2 * stdtr(freedom, -abs(found.value) / errors[0 if found.value > 0 else 1])
    low, high = found.value - wide * errors[0], found.value + wide * errors[1]
    return Chance(found.value, float(low), float(high), float(max(p, found.p)))


def _place_of_zero(draws: Doubles) -> float:
    """Where 0 stands among (b,) ascending draws, as a normal deviate: Φ⁻¹ of the share below it, equal ones half."""
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
    """p corrected for their number: the i-th smallest becomes max_{j ≤ i} min(1, (m - j + 1) p_(j)).

    The chance of even one false alarm among the m is then no more than what p is held against. A p that is not known,
    NaN, stays so and is not counted.
    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian J. of Statistics 6, 1979.
    """
    given = np.asarray(p, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    given[order] = np.minimum(1, np.maximum.accumulate(factors * given[order]))
    return [float(one) for one in given]
