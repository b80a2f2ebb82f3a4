"""Recommendations from a model with random vectors: loading, one user's list with explanations, all lists to Parquet.

python benchmarks/recommending.py --users 1000000 --items 1000 --per-user 30 --rank 16
python benchmarks/recommending.py --users 6040 --items 3706 --per-user 200 --rank 64
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats
from cofactor.data.ratings import TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel
from cofactor.models.top_n.recommend_all import recommend_all
from cofactor.saved.model_folder import load, save

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("users", 1_000_000), ("items", 1_000), ("per-user", 30), ("rank", 16), ("n", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = made(sizes.users, sizes.items, sizes.per_user, sizes.rank)
        print(f"{sizes.users:,} users x {sizes.items:,} items, {sizes.per_user} ratings each, rank {sizes.rank}")
        measured("save", lambda: save(model, Path(folder, "model")))
        loaded = measured("load", lambda: load(Path(folder, "model")))
        lists, user = Path(folder, "top.parquet"), loaded.training_data.users.ids[sizes.users // 2]
        measured("recommend 5", lambda: loaded.recommend(user, 5), repeat=20)
        measured("recommend 5, why 3", lambda: loaded.recommend(user, 5, why=3), repeat=20)
        measured("similar 10", lambda: loaded.similar_items(loaded.training_data.items.ids[0]), repeat=20)
        lines = measured(f"recommend --all, n = {sizes.n}", lambda: recommend_all(loaded, lists, sizes.n))
        print(f"{lines:,} lines, {lists.stat().st_size / 1e6:.0f} MB")
        check(lists, loaded, sizes.n)


def made(n_users: int, n_items: int, per_user: int, rank: int) -> FactorModel:
    """A model of random vectors whose users have rated `per_user` random items each."""
    rng = np.random.default_rng(0)
    some = np.sort(np.argsort(rng.random((min(n_users, 1000), n_items)), axis=1)[:, :per_user], axis=1)
    item = some[rng.integers(0, len(some), n_users)].astype(np.int32).ravel()
    value = rng.integers(1, 6, n_users * per_user).astype(np.float32)
    indptr = np.arange(0, n_users * per_user + 1, per_user, dtype=np.int32)
    training_data = TrainingData(
        Vocabulary(np.array([str(u) for u in range(1, n_users + 1)], dtype=object), "user"),
        Vocabulary(np.array([str(i) for i in range(1, n_items + 1)], dtype=object), "item"),
        csr_array((value, item, indptr), shape=(n_users, n_items)),
        scale=(1.0, 5.0),
        step=1.0,
        titles=np.array([f"Made film no. {i}" for i in range(1, n_items + 1)], dtype=object),
    )

    def random(*shape: int) -> Floats:
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(0.3)

    arrays = random(n_users), random(n_items), random(n_users, rank), random(n_items, rank)
    return FactorModel(training_data, (1.0, 5.0), 3.5, *arrays, 0.02, 0.05)


def measured(what: str, run: Callable[[], T], repeat: int = 1) -> T:
    """Calls a function; prints its median time and the peak memory so far; returns its result."""
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    unit, factor = ("ms", 1e3) if repeat > 1 else ("s", 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    times = f"{np.median(walls) * factor:8.2f} {unit} wall {np.median(cpus) * factor:8.2f} {unit} CPU"
    print(f"{what:<24} {times:<36} peak {peak:.2f} GB")
    return result


def check(lists: Path, model: Model, n: int) -> None:
    """Checks that every user has a full list in the file, and compares some with lists computed one at a time."""
    counts = f"SELECT count(*), min(c), max(c) FROM (SELECT count(*) c FROM '{lists}' GROUP BY user)"
    counted = duckdb.execute(counts).fetchall()
    assert counted == [(len(model.training_data.users), n, n)], counted
    for user in model.training_data.users.ids[:: len(model.training_data.users) // 5]:
        found = duckdb.execute(f"SELECT item, score FROM '{lists}' WHERE user = ? ORDER BY rank", [user]).fetchall()
        one = [(line.item, line.score) for line in model.recommend(user, n)]
        assert [i for i, _ in found] == [i for i, _ in one], user
        assert np.allclose([s for _, s in found], [s for _, s in one], atol=1e-4), user


if __name__ == "__main__":
    main()
