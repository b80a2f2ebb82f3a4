"""How long it takes to measure a model: every metric at several lengths of list, for every user.

    python benchmarks/evaluating.py path/to/ml-1m/ratings.csv     # user, item, rating in the first three columns
    python benchmarks/evaluating.py --made 1000000 1000 30        # users, items, ratings of each

The model is a factor model of random vectors: what is measured takes the same time whatever it is worth. Prints the
seconds of the first call (which compiles, or reads what an earlier run compiled) and the least of the others, wall and
CPU, and the most memory the process held.
"""

import argparse
import re
import resource
import time
from pathlib import Path

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.evaluation.evaluate import evaluate
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
    user, item, value = read(given.ratings) if given.ratings else made(*given.made)
    train, test = halves(user, item, value)
    model = random_model(train, given.rank)
    print(f"train {train}, test {test}, rank {given.rank}, k = {', '.join(map(str, k))}")
    before = peak_gb()
    first, *others = [timed(model, test, k) for _ in range(1 + given.repeats)]
    wall, cpu = np.min(others, axis=0)
    print(f"first call      {first[0]:6.2f} s wall {first[1]:6.2f} s CPU")
    print(f"least of {given.repeats}      {wall:6.2f} s wall {cpu:6.2f} s CPU")
    print(f"ratings alone   {min(timed(model, test, ())[0] for _ in range(3)):6.2f} s wall")
    print(f"peak memory     {peak_gb():6.2f} GB, {before:.2f} GB of it before the first call")


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of rows and values from a file of numbers, any separator, with or without a header."""
    lines = (re.sub("::|\t|;", ",", line) for line in path.open() if line[0].isdigit())
    columns = np.loadtxt(lines, delimiter=",", usecols=(0, 1, 2), dtype=np.float32)
    user, item = (np.unique(columns[:, at], return_inverse=True)[1] for at in (0, 1))
    return user, item, columns[:, 2]


def made(n_users: int, n_items: int, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`each` different items of every user, at an even distance from a random start."""
    rng = np.random.default_rng(0)
    steps = np.arange(each) * (n_items // each)
    item = (rng.integers(0, n_items, n_users)[:, None] + steps) % n_items
    return np.repeat(np.arange(n_users), each), item.ravel(), rng.integers(1, 6, item.size).astype(np.float32)


def halves(user: np.ndarray, item: np.ndarray, value: np.ndarray) -> tuple[Ratings, Ratings]:
    """A random 90/10 split."""
    users, items = (Vocabulary(np.arange(1 + rows.max()).astype(str).astype(object)) for rows in (user, item))
    ratings = Ratings(users, items, user, item, value)
    test = np.random.default_rng(0).random(len(ratings)) < 0.1
    return ratings.where(~test), ratings.where(test)


def random_model(train: Ratings, rank: int) -> FactorModel:
    rng = np.random.default_rng(0)
    users, items = len(train.users), len(train.items)
    shapes = (users,), (items,), (users, rank), (items, rank)
    arrays = (rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes)
    return FactorModel(train.catalog, train.scale, 3.5, *arrays, 0.02, 0.02)


def timed(model: FactorModel, test: Ratings, k: tuple[int, ...]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    evaluate(model, test, k)
    return time.perf_counter() - wall, time.process_time() - cpu


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
