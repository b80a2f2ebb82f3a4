"""Coverage of 95 % intervals, and how often one of many equal models is reported as worse, on simulated metrics.

    python benchmarks/intervals.py

Coverage: two models are evaluated on users with very different numbers of ratings and difficulty (RMSE), and on users
most of whom see no difference (NDCG); the true difference is that over a million users. "expanded" is the interval of
`compare`; "plain" is the percentile interval of the same resamples, "BCa" the bias-corrected accelerated one, "normal"
d ± 1.96 SE.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from cofactor.evaluation.significance.bootstrap import UserTotals, resample
from cofactor.evaluation.significance.p_values import bootstrap_difference
from cofactor.evaluation.significance.paired_differences import compare_with_best, compare_with_named
from cofactor.evaluation.significance.per_user_values import Samples

DRAWS = 1_000
TIMES = 1_000
Made = Callable[[np.random.Generator, int], list[Samples]]


def main() -> None:
    print(f"share of {TIMES:,} intervals that cover, ± 0.7 %")
    print(f"{'':6} {'users':>6}   expanded   plain     BCa       normal")
    for name, made in (("RMSE", errors), ("NDCG", lists)):
        one, other = made(np.random.default_rng(0), 1_000_000)
        true = one.value - other.value
        for n in (10, 20, 50, 200, 1_000):
            shares = np.mean(
                [covering(made(np.random.default_rng(s), n), true, s) for s in range(1, TIMES + 1)], axis=0
            )
            print(f"{name:6} {n:6,}   " + "    ".join(f"{share:6.1%}" for share in shares), flush=True)
    print("\nequal models of which one is called worse than the best, 400 times, ± 1.1 %")
    print(f"{'models':>6}   p corrected for all pairs   for the others alone   the others of a named one")
    for n_models in (2, 4, 8, 17):
        shares = np.mean([alarming(n_models, seed) for seed in range(400)], axis=0)
        print(f"{n_models:6}   {shares[0]:6.1%}   {shares[1]:22.1%}   {shares[2]:24.1%}", flush=True)


def errors(rng: np.random.Generator, n: int) -> list[Samples]:
    size = np.maximum(1, rng.lognormal(2.3, 1.1, n)).astype(int)
    hard = rng.lognormal(0, 0.35, n)
    one = hard**2 * rng.gamma(size / 2, 2)
    other = one * (1 - rng.normal(0.03, 0.15, n)) + rng.normal(0, 0.5, n) * np.sqrt(size) * hard
    users = np.arange(n)
    return [Samples(users, np.maximum(each, 0.01), size.astype(float), True) for each in (one, other)]


def lists(rng: np.random.Generator, n: int) -> list[Samples]:
    one = np.where(rng.random(n) < 0.6, 0, rng.beta(1, 2, n))
    again = np.where(rng.random(n) < 0.5, 0, rng.beta(1, 1.6, n))
    other = np.where(rng.random(n) < 0.8, one, again)
    return [Samples(np.arange(n), each, np.ones(n)) for each in (one, other)]


def covering(made: list[Samples], true: float, seed: int) -> list[bool]:
    """Whether each kind of interval covers the true difference."""
    table = UserTotals.from_samples([[one] for one in made], 0)
    drawn = resample([table], DRAWS, seed)[0]
    found = bootstrap_difference(table, drawn, 0, 1)
    draws, influence = drawn[0] - drawn[1], made[0].influence - made[1].influence
    error = np.sqrt(np.sum(influence**2))
    plain = np.quantile(draws, (0.025, 0.975))
    normal = found.value + 1.96 * error * np.array([-1, 1])
    ends = ((found.low, found.high), plain, accelerated(draws, found.value, influence), normal)
    return [bool(low <= true <= high) for low, high in ends]


def accelerated(draws: np.ndarray, value: float, influence: np.ndarray) -> np.ndarray:
    """The BCa interval: Efron and Tibshirani 1993, section 14.3."""
    if not influence.any():
        return np.array([value, value])
    below = (np.mean(draws < value) + np.mean(draws <= value)) / 2
    bias = ndtri(np.clip(below, 1 / DRAWS, 1 - 1 / DRAWS))
    skew = np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5)
    place = bias + np.array([-1.96, 1.96])
    return np.asarray(np.quantile(draws, ndtr(bias + place / (1 - skew * place))))


def alarming(n_models: int, seed: int) -> list[bool]:
    rng = np.random.default_rng(seed)
    base = rng.random(300)
    table = UserTotals.from_samples(
        [[Samples(np.arange(300), base + rng.normal(0, 0.3, 300), np.ones(300))] for _ in range(n_models)], 0
    )
    drawn = resample([table], DRAWS, seed)[0]
    best = int(np.argmax(table.values))
    found = (
        compare_with_best(table, drawn, best),
        compare_with_named(table, drawn, best),
        compare_with_named(table, drawn, 0),
    )
    return [any(corrected <= 0.05 for _, corrected in one) for one in found]


if __name__ == "__main__":
    main()
