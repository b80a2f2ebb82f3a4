"""Fit myFM's Gibbs sampler once and print time and errors as JSON.

python myfm_flip.py DATA.npz '{"rank": 10, "n_iter": 200, "with": "sets day features", "seed": 0}' 1

Of "with": sets: a user is also the items they rated, an item the users who rated it ("flip"); day: the day of the
rating; features: of users and items. Without any it is plain factorisation. Each block has priors of its own.
Encoded as in S. Rendle, L. Zhang, Y. Koren, "On the Difficulty of Evaluating Baselines", 2019, section 3.
"""

import json
import sys
import time

import numpy as np
from myfm import MyFMRegressor, RelationBlock
from outcome import report
from scipy.sparse import csr_matrix, hstack, identity

data, options = np.load(sys.argv[1]), json.loads(sys.argv[2])
parts = options.pop("with", "sets").split()
n_iter, seed = options.pop("n_iter", 200), options.pop("seed", 0)


def block(side: str, other: str) -> tuple[csr_matrix, list[int]]:
    """(n, width) of all users or all items, and the widths of its groups."""
    n, m = (int(data["shape"][0 if noun == "user" else 1]) for noun in (side, other))
    groups = [identity(n, format="csr")]
    if "sets" in parts:
        counts = np.bincount(data[side], minlength=n)
        groups.append(csr_matrix((1 / np.sqrt(counts[data[side]]), (data[side], data[other])), shape=(n, m)))
    if "features" in parts:
        row, column, weight = (data[f"{side}_feature_{name}"] for name in ("row", "column", "weight"))
        first = np.searchsorted(data[f"{side}_feature_starts"], column, side="right") - 1
        for number in np.unique(first):  # a group of its own for each column of the table: age, occupation, …
            here = first == number
            wide = column[here] - data[f"{side}_feature_starts"][number]
            groups.append(csr_matrix((weight[here], (row[here], wide)), shape=(n, int(wide.max()) + 1)))
    return csr_matrix(hstack(groups)), [group.shape[1] for group in groups]


def days() -> tuple[csr_matrix | None, csr_matrix | None, list[int]]:
    """(n, n_days) of the training and the test ratings; a day without a training rating has no column."""
    if "day" not in parts:
        return None, None, []
    known = np.unique(data["day"])
    matrices = []
    for day in (data["day"], data["test_day"]):
        row = np.flatnonzero(np.isin(day, known))
        cells = (np.ones(len(row)), (row, np.searchsorted(known, day[row])))
        matrices.append(csr_matrix(cells, shape=(len(day), len(known))))
    return *matrices, [len(known)]


(user, user_groups), (item, item_groups) = block("user", "item"), block("item", "user")
train_day, test_day, day_groups = days()
train, test = (
    [RelationBlock(data[f"{prefix}user"], user), RelationBlock(data[f"{prefix}item"], item)] for prefix in ("", "test_")
)
model = MyFMRegressor(random_seed=seed, **options)
wall, cpu = time.perf_counter(), time.process_time()
model.fit(train_day, data["value"], train, n_iter=n_iter, group_shapes=day_groups + user_groups + item_groups)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
report(wall, cpu, model.predict(test_day, test), data)
