"""Time to evaluate a model: every metric at several cut-offs, for every user.

    python benchmarks/evaluating.py path/to/ml-1m                 # a folder or a file of ratings
    python benchmarks/evaluating.py --made 1000000 1000 30        # users, items, ratings per user

The model is a factor model with random vectors; its quality does not affect the time. Prints the number of metrics,
the seconds of the first call (which compiles, or loads what an earlier run compiled) and of the fastest other call,
wall and CPU, the seconds of `over_k` for all its metrics, and the peak memory of the process.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.vocabulary import Vocabulary
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.metrics.ranking_metrics import AT_K, RATED
from cofactor.evaluation.report import Report
from cofactor.models.factor import FactorModel


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("ratings", nargs="?", type=Path)
    options.add_argument("--made", nargs=3, type=int, metavar=("USERS", "ITEMS", "EACH"), default=(6040, 3706, 166))
    options.add_argument("--rank", type=int, default=64)
    options.add_argument("-k", nargs="*", type=int, default=(5, 10, 20, 50, 100))
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    k = tuple(given.k)
    train, test = halves(read(given.ratings) if given.ratings else made(*given.made))
    model = random_model(train, given.rank)
    print(f"train {train}, test {test}, rank {given.rank}, k = {', '.join(map(str, k))}")
    before = peak_gb()
    (report, *first), *others = [timed(model, test, k) for _ in range(1 + given.repeats)]
    wall, cpu = np.min([seconds for _, *seconds in others], axis=0)
    at_k = sum(name.endswith(f"@{k[-1]}") for name in report.metrics)
    n_users = len(report.scored_test_set.ranked_users)
    print(f"metrics         {len(report.metrics):6}, {at_k} at each k, for {n_users:,} users")
    print(f"first call      {first[0]:6.2f} s wall {first[1]:6.2f} s CPU")
    print(f"least of {given.repeats}      {wall:6.2f} s wall {cpu:6.2f} s CPU")
    print(f"ratings alone   {min(timed(model, test, ())[1] for _ in range(3)):6.2f} s wall")
    started = time.process_time()
    curves = [report.over_k(name, range(1, 101)) for name in (*AT_K, *RATED)]
    print(f"k = 1 … 100     {time.process_time() - started:6.2f} s CPU for {len(curves)} metrics")
    print(f"peak memory     {peak_gb():6.2f} GB, {before:.2f} GB of it before the first call")


def made(n_users: int, n_items: int, each: int) -> Ratings:
    """`each` distinct items for every user, evenly spaced from a random start."""
    rng = np.random.default_rng(0)
    steps = np.arange(each) * (n_items // each)
    item = (rng.integers(0, n_items, n_users)[:, None] + steps) % n_items
    users, items = (Vocabulary(np.arange(n).astype(str).astype(object)) for n in (n_users, n_items))
    user, value = np.repeat(np.arange(n_users, dtype=np.int32), each), rng.integers(1, 6, item.size)
    return Ratings(users, items, user, item.ravel(), value)


def halves(ratings: Ratings) -> tuple[Ratings, Ratings]:
    """A random 90/10 split."""
    test = np.random.default_rng(0).random(len(ratings)) < 0.1
    return ratings.where(~test), ratings.where(test)


def random_model(train: Ratings, rank: int) -> FactorModel:
    rng = np.random.default_rng(0)
    users, items = len(train.users), len(train.items)
    shapes = (users,), (items,), (users, rank), (items, rank)
    arrays = (rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes)
    return FactorModel(train.training_data, train.scale, 3.5, *arrays, 0.02, 0.02)


def timed(model: FactorModel, test: Ratings, k: tuple[int, ...]) -> tuple[Report, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    report = evaluate(model, test, k)
    return report, time.perf_counter() - wall, time.process_time() - cpu


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
