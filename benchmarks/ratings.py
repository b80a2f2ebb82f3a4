"""Predicted ratings by published protocols: every trainer of ours beside the peers, in one run.

    python benchmarks/ratings.py --data FOLDER [--peers build/peers] [--protocol ml-100k/u1 ml-1m/0] [--only "svd*"]

Every fit is a process of its own. What an entry's grid leaves open is chosen on a tenth of the training ratings held
out, for each split anew (`--choose` does that alone); the test ratings are read with what was chosen. RMSE and MAE are
of predictions clipped to the scale, seconds those of the fit alone. Measured fits are kept in a JSON file as they come.
"""

from runs import Entry, main

SWEEPS = {"ml-100k": (30, 50, 512), "ml-1m": (30, 100)}  # of ours, at which Bayesian factorisation is shown
KNN = {"algorithm": "KNNBaseline", "sim_options": {"name": "pearson_baseline", "user_based": False}}


def myfm(name: str, **options: object) -> Entry:
    return Entry(f"myFM {name}", "myfm_flip.py", options)


ML_100K = [
    Entry("baseline", "baseline"),
    Entry("svd", "svd", {"n_epochs": 40, "learning_rate": 0.02}, {"rank": (64, 128), "l2": (0.06, 0.08, 0.1)}),
    Entry("LIBMF", "libmf_mf.py", {"k": 64, "nr_iters": 20, "eta": 0.1}, {"l2": (0.06, 0.08, 0.1, 0.12)}, seeded=False),
    Entry("Cornac MF", "cornac_mf.py", {"k": 100, "max_iter": 60, "learning_rate": 0.01}, {"lambda_reg": (0.05, 0.1)}),
    Entry("Surprise BaselineOnly", "surprise_models.py", {"algorithm": "BaselineOnly"}, seeded=False),
    Entry("Surprise kNN, items", "surprise_models.py", KNN, seeded=False),
    Entry("Surprise SVD", "surprise_models.py", {"algorithm": "SVD", "n_epochs": 60}, {"reg_all": (0.05, 0.1)}),
    Entry("Surprise SVD++", "surprise_models.py", {"algorithm": "SVDpp"}),
    myfm("factorisation, 200 sweeps", rank=10, n_iter=200, **{"with": ""}),
    *(myfm(f"flip, {n} sweeps", rank=10, n_iter=n, **{"with": "sets"}) for n in (50, 200, 512)),
    myfm("flip + day, 512 sweeps", rank=10, n_iter=512, **{"with": "sets day"}),
    myfm("flip + day + features, 512 sweeps", rank=10, n_iter=512, **{"with": "sets day features"}),
]
ML_1M = [
    Entry("baseline", "baseline"),
    Entry("svd", "svd", {"rank": 128, "n_epochs": 20, "learning_rate": 0.03}, {"l2": (0.03, 0.04, 0.05)}),
    Entry("LIBMF", "libmf_mf.py", {"k": 128, "nr_iters": 20, "eta": 0.1}, {"l2": (0.04, 0.05, 0.06)}, seeded=False),
    Entry("Cornac MF", "cornac_mf.py", {"k": 50, "max_iter": 60, "learning_rate": 0.01}, {"lambda_reg": (0.03, 0.05)}),
    Entry("Surprise BaselineOnly", "surprise_models.py", {"algorithm": "BaselineOnly"}, seeded=False),
    Entry("Surprise kNN, items", "surprise_models.py", KNN, seeded=False),
    Entry("Surprise SVD", "surprise_models.py", {"algorithm": "SVD", "n_epochs": 60, "reg_all": 0.05}),
    Entry("Surprise SVD++", "surprise_models.py", {"algorithm": "SVDpp"}),
    myfm("flip, 200 sweeps", rank=32, n_iter=200, **{"with": "sets"}),
]
SEEDS = {
    "ml-100k/u1": (0, 1, 2),
    **{f"ml-100k/u{fold}": (0,) for fold in range(2, 6)},
    **{f"ml-1m/{seed}": (seed,) for seed in range(3)},
}

if __name__ == "__main__":
    main(__doc__, {"ml-100k": ML_100K, "ml-1m": ML_1M}, SEEDS, "build/ratings.json")
