"""Ranking under published protocols: all trainers that rank, compared with the peers in one run.

    python benchmarks/ranking.py --data FOLDER [--peers build/peers] [--protocol gowalla ncf] [--only cofactor]

ML-1M and Gowalla: the whole catalogue without the user's training items. NCF: one item among 99 sampled ones; use these
numbers only for comparison with that literature. Everything else is as in `ratings.py`. The script of a peer that ranks
gets one more argument, a file to write its vectors to; they are evaluated here with the same code as our models.
"""

from typing import Any

from runner import Entry
from runner_command import main

BPR = {"iterations": 50, "learning_rate": 0.01}
KNN = {"similarity": "cosine"}
RANKS = (64, 128, 256)


def ials(rank: int) -> Entry:
    return Entry(f"ials, rank {rank}", "ials", {"rank": rank}, {"unobserved": (0.1, 0.3), "l2": (0.1, 0.2)})


def implicit_als(rank: int, **options: Any) -> Entry:
    """implicit with its default of 15 conjugate-gradient iterations and its other defaults."""
    return Entry(f"implicit ALS, rank {rank}", "implicit_als.py", {"factors": rank, "iterations": 15} | options)


ML_1M = [
    Entry("popularity", "popularity"),
    Entry("knn", "knn", KNN, {"n_neighbours": (50, 100, 200), "shrinkage": (0, 100)}),
    Entry("ease", "ease", {}, {"l2": (300, 500, 1000)}),
    Entry("filter", "filter", {"rank": 128}, {"low_pass": (0.0, 0.2), "sharpening": (1.5, 3.0)}),
    *map(ials, RANKS),
    *map(implicit_als, RANKS),
    Entry("implicit BPR", "implicit_bpr.py", BPR | {"factors": 64}, {"regularization": (0.01, 0.03)}),
]
GOWALLA = [
    Entry("popularity", "popularity"),
    Entry("knn", "knn", KNN, {"n_neighbours": (200, 500)}),
    Entry("filter", "filter", {"rank": 384}, {"low_pass": (0.1, 0.2), "sharpening": (1.0, 1.5)}),
    *map(ials, RANKS),
    *map(implicit_als, RANKS),
]
NCF = [
    Entry("popularity", "popularity"),
    Entry("knn", "knn", KNN, {"n_neighbours": (100, 200)}),
    Entry("ease", "ease", {}, {"l2": (300, 1000, 3000)}),
    Entry("filter", "filter", {"rank": 128}, {"low_pass": (0.0, 0.2), "sharpening": (0.5, 1.5)}),
    ials(192),
    implicit_als(192),
    Entry("implicit BPR", "implicit_bpr.py", BPR | {"factors": 128}, {"regularization": (0.01, 0.03)}),
]
SEEDS = {
    **{f"ml-1m-top-n/{seed}": (seed,) for seed in range(3)},
    "gowalla": (0, 1, 2),
    "ncf": (0, 1, 2),
}

if __name__ == "__main__":
    main(__doc__, {"ml-1m-top-n": ML_1M, "gowalla": GOWALLA, "ncf": NCF}, SEEDS, "build/ranking.json")
