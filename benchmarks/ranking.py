"""Lists by published protocols: every trainer of ours that ranks beside the peers, in one run.

    python benchmarks/ranking.py --data FOLDER [--peers build/peers] [--protocol gowalla ncf] [--only cofactor]

ML-1M and Gowalla: the whole catalogue but what the user has in train. NCF: one item among 99 that were sampled, figures
for comparison with that literature alone. Otherwise as `ratings.py`.
"""

from runs import Entry, main

BPR = {"iterations": 100, "learning_rate": 0.01}

ML_1M = [
    Entry("popularity", "popularity"),
    Entry("implicit BPR", "implicit_bpr.py", BPR, {"factors": (64, 128), "regularization": (0.01, 0.03)}),
]
GOWALLA = [
    Entry("popularity", "popularity"),
    Entry("implicit BPR", "implicit_bpr.py", BPR | {"factors": 64, "regularization": 0.01}),
]
NCF = [
    Entry("popularity", "popularity"),
    Entry("implicit BPR", "implicit_bpr.py", BPR | {"factors": 128}, {"regularization": (0.01, 0.03)}),
]
SEEDS = {
    **{f"ml-1m-top-n/{seed}": (seed,) for seed in range(3)},
    "gowalla": (0, 1, 2),
    "ncf": (0, 1, 2),
}

if __name__ == "__main__":
    main(__doc__, {"ml-1m-top-n": ML_1M, "gowalla": GOWALLA, "ncf": NCF}, SEEDS, "build/ranking.json")
