"""How often two seeds of one trainer are reported as different; a paired test at 5 % should do so in one of 20 cases.

    python benchmarks/false_positives.py --data FOLDER                 # 200 pairs of seeds, each on a split of its own
    python benchmarks/false_positives.py --data FOLDER --split u1      # all on one split: 0, 1, … or u1 … u5, ua, ub
    python benchmarks/false_positives.py --data FOLDER --of ml-1m --only svd ials --pairs 15
    python benchmarks/false_positives.py --data FOLDER --seeds 3       # pairs of means over three seeds each
    python benchmarks/false_positives.py --data FOLDER --only "svd 64" --against "svd 48" --seeds 3    # two trainers

Prints for each trainer and metric: the share of pairs with p < 0.05 and its standard error; the standard deviation of
the differences, which is their true spread; the root mean square of their standard error over users, which the test of
one seed uses; and the standard error from a variance by user and by item (Cameron, Gelbach and Miller 2011: V_user +
V_item - V_rating). With several seeds, the last one is what their test uses: the variance over users and over seeds.
With two trainers, the share is that of detected differences, and the last column is the mean difference.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cofactor.data.datasets.published_splits import MOVIELENS_FOLDS, movielens_split
from cofactor.data.reading.read import read
from cofactor.data.splitting.split import Split, split
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.report import Report
from cofactor.evaluation.significance.per_user_values import Samples
from cofactor.evaluation.significance.seed_variance import SeedVariance
from cofactor.trainers import TRAINERS

ENTRIES: dict[str, dict[str, Any]] = {
    "svd": {},
    "svd 16": {"rank": 16},
    "svd 48": {"rank": 48},
    "svd 64": {"rank": 64},
    "ials": {},
    "ials 16": {"rank": 16},
}
METRICS = {"svd": ("rmse", "mae", "ndcg@10"), "ials": ("ndcg@10",)}


class Pair(NamedTuple):
    """One metric of a pair of seeds."""

    value: float
    p: float
    variances: tuple[float, float]  # by user; by user and item, or by user and seed


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="The folder of ml-100k and ml-1m.")
    options.add_argument("--of", default="ml-100k")
    options.add_argument("--pairs", type=int, default=200)
    options.add_argument("--split", help="Split for all pairs; by default each pair has its own random 90/10 split.")
    options.add_argument("--seeds", type=int, default=1, help="Number of seeds in each mean.")
    options.add_argument("--against", choices=ENTRIES, help="Another trainer to compare with, instead of the same one.")
    options.add_argument("--only", nargs="+", choices=ENTRIES, default=["svd", "svd 16", "ials", "ials 16"])
    given = options.parse_args()
    folder = given.data / given.of
    where = "a 90/10 split for each" if given.split is None else f"split {given.split}"
    several = f" means of {given.seeds}" if given.seeds > 1 else ""
    print(
        f"{given.of}, {given.pairs} pairs of{several} seeds, {where}" + (f", {given.against}" if given.against else "")
    )
    share, last = "found" if given.against else "alarms", "item" if given.seeds == 1 else "seed"
    print(
        f"{'':24}  {share} at 5 %    sd of d     SE by user  by user and {last}" + ("   mean d" * bool(given.against))
    )
    for name in given.only:
        started, found = time.process_time(), defaultdict(list)
        for number, one in zip(range(given.pairs), splits(folder, given.split), strict=False):
            for metric, pair in pair_of((name, given.against or name), one, number, given.seeds).items():
                found[metric].append(pair)
        for metric, pairs in found.items():
            print(f"{name:10} {metric:12}  {summary(pairs, bool(given.against))}", flush=True)
        print(f"{'':24} {time.process_time() - started:.0f} CPU s")


def splits(folder: Path, name: str | None) -> Iterator[Split]:
    ratings = read(folder)
    seed = 1000
    while name is None:
        yield split(ratings, "random", seed=seed, test=0.1, validation=0)
        seed += 1
    if name in (*MOVIELENS_FOLDS, "ua", "ub"):
        one = movielens_split(folder, name, validation=0)
    else:
        one = split(ratings, "random", seed=int(name), test=0.1, validation=0)
    while True:
        yield one


def pair_of(names: tuple[str, str], parts: Split, number: int, n_seeds: int) -> dict[str, Pair]:
    """Compares seeds 2 · number and 2 · number + 1, or two groups of several seeds; results by metric."""
    trainer, reports = names[0].split()[0], {}
    for side, name in zip("ab", names, strict=True):
        first = (2 * number + (side == "b")) * n_seeds
        made = [TRAINERS[name.split()[0]].of(seed=first + s, **ENTRIES[name]).fit(parts.train) for s in range(n_seeds)]
        reports[side] = [[evaluate(one, parts.test, (10,)) for one in made]]
    differences = compare_reports(reports, against="b").differences
    return {
        metric: Pair(differences[metric]["a"].value, differences[metric]["a"].p, variances(metric, reports))
        for metric in METRICS[trainer]
    }


def variances(metric: str, reports: dict[str, list[list[Report]]]) -> tuple[float, float]:
    """Variances of the difference: over users, and over users and items (with several seeds: users and seeds)."""
    (a,), (b,) = reports.values()
    held = a[0].scored_test_set.held_out
    influence = np.mean([parts_of(metric, one) for one in a], axis=0) - np.mean(
        [parts_of(metric, one) for one in b], axis=0
    )
    by_user = float(np.sum(np.bincount(held.user_number, influence) ** 2))
    if len(a) > 1:
        one, other = (SeedVariance.from_samples([[known(one.samples(metric)) for one in some]]) for some in (a, b))
        return by_user, by_user + one.difference_with(other).unexplained
    item = np.unique(held.item, return_inverse=True)[1]
    by_item, by_rating = (float(np.sum(one**2)) for one in (np.bincount(item, influence), influence))
    return by_user, by_user + by_item - by_rating


def known(samples: Samples | None) -> Samples:
    assert samples is not None
    return samples


def parts_of(metric: str, report: Report) -> np.ndarray:
    """(n,) influence of each test rating on RMSE, MAE or NDCG@k; all test ratings are relevant."""
    found = report.samples_of_ratings(metric)
    if found is not None:
        return found.influence
    ranked, k = report.scored_test_set.ranks, int(metric.removeprefix("ndcg@"))
    size = np.bincount(ranked.user)
    ideal = np.cumsum(1 / np.log2(2 + np.arange(k)))[np.minimum(size, k) - 1]
    gain = np.where(ranked.ranks <= k, 1 / np.log2(1 + ranked.ranks), 0) / ideal[ranked.user]
    return np.asarray((gain - report.metrics[metric] / size[ranked.user]) / len(size))


def summary(pairs: list[Pair], of_two: bool) -> str:
    value, p = (np.array([getattr(one, field) for one in pairs]) for field in ("value", "p"))
    share, middle = np.mean(p < 0.05), np.mean(value) if of_two else 0.0
    by_user, by_both = np.sqrt(np.mean([one.variances for one in pairs], axis=0))
    error, sd = np.sqrt(share * (1 - share) / len(p)), np.sqrt(np.mean((value - middle) ** 2))
    shown = f"{share:6.1%} ± {error:.1%}   {sd:.6f}    {by_user:.6f}    {by_both:.6f}"
    return f"{shown}          {middle:+.6f}" if of_two else shown


if __name__ == "__main__":
    main()
