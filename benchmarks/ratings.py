"""Rating prediction under published protocols: all trainers compared with the peers in one run.

    python benchmarks/ratings.py --data FOLDER [--peers build/peers] [--protocol ml-100k/u1 ml-1m/0] [--only "svd*"]

Every fit runs in a process of its own. The values in an entry's grid are compared on a held-out tenth of the training
ratings, separately for each split (`--choose` does only that); the test ratings are used with the chosen values. RMSE
and MAE are of predictions clipped to the scale, seconds those of the fit alone. Measurements are added to a JSON file
as they arrive.
"""

from typing import Any

from runner import Entry
from runner_command import main

KNN = {"algorithm": "KNNBaseline", "sim_options": {"name": "pearson_baseline", "user_based": False}}


def bayes(name: str, rank: int, sweeps: int, **options: Any) -> Entry:
    """Nothing is chosen here: there is no λ. On ML-100K all is the trainer's default but the 24 sweeps with their init;
    those, and the ranks on ML-1M, were compared on a tenth of the training ratings held out. The sweeps on ML-1M are
    what time there is."""
    return Entry(f"bayes {name}", "bayes", {"rank": rank, "n_epochs": sweeps, "features": False} | options)


def myfm(name: str, rank: int, sweeps: int, parts: str) -> Entry:
    return Entry(f"myFM {name}", "myfm_flip.py", {"rank": rank, "n_iter": sweeps, "with": parts})


def surprise(name: str, seeded: bool = True, grid: dict[str, tuple] | None = None, **options: Any) -> Entry:
    return Entry(f"Surprise {name}", "surprise_models.py", options, grid or {}, seeded)


ML_100K = [
    Entry("baseline", "baseline"),
    Entry("knn", "knn", {}, {"n_neighbours": (100, 200), "shrinkage": (10, 30, 100)}),
    Entry("als", "als", {}, {"rank": (16, 64), "l2": (0.06, 0.09)}),
    Entry("svd", "svd", {"n_epochs": 40, "learning_rate": 0.02}, {"rank": (64, 128), "l2": (0.06, 0.08, 0.1)}),
    Entry("nsvd", "nsvd", {"rank": 64}, {"l2": (0.005, 0.01, 0.03), "set_l2": (0.0005, 0.001, 0.003)}),
    Entry("svdpp", "svdpp", {"rank": 64}, {"l2": (0.04, 0.05, 0.06), "set_l2": (0.002, 0.004)}),
    bayes("mf, 60 sweeps", 15, 60, structure="mf"),
    bayes("svdpp, 60 sweeps", 15, 60, structure="svdpp"),
    bayes("flip, 24 sweeps", 15, 24, init=0.12),
    bayes("flip, 60 sweeps", 15, 60),
    bayes("flip + day, 60 sweeps", 15, 60, time="day"),
    bayes("flip + day + features, 60 sweeps", 15, 60, time="day", features=True),
    Entry("LIBMF", "libmf_mf.py", {"k": 64, "nr_iters": 20, "eta": 0.1}, {"l2": (0.06, 0.08, 0.1, 0.12)}, seeded=False),
    Entry("Cornac MF", "cornac_mf.py", {"k": 100, "max_iter": 60, "learning_rate": 0.01}, {"lambda_reg": (0.05, 0.1)}),
    surprise("baseline", seeded=False, algorithm="BaselineOnly"),
    surprise("kNN, items", seeded=False, **KNN),
    surprise("SVD", grid={"reg_all": (0.05, 0.1)}, algorithm="SVD", n_epochs=60),
    surprise("SVD++", algorithm="SVDpp"),
    myfm("mf, 200 sweeps", 10, 200, ""),
    *(myfm(f"flip, {sweeps} sweeps", 10, sweeps, "sets") for sweeps in (50, 200, 512)),
    myfm("flip + day, 512 sweeps", 10, 512, "sets day"),
    myfm("flip + day + features, 512 sweeps", 10, 512, "sets day features"),
]
ML_1M = [
    Entry("baseline", "baseline"),
    Entry("knn", "knn", {}, {"n_neighbours": (100, 200), "shrinkage": (30, 100)}),
    Entry("als", "als", {"rank": 64}, {"l2": (0.05, 0.06, 0.08)}),
    Entry("svd", "svd", {"rank": 128, "n_epochs": 20, "learning_rate": 0.03}, {"l2": (0.03, 0.04, 0.05)}),
    Entry("nsvd", "nsvd", {"rank": 64}, {"l2": (0.003, 0.01), "set_l2": (0.0003, 0.0007)}),
    Entry("svdpp", "svdpp", {"rank": 64}, {"l2": (0.03, 0.04), "set_l2": (0.001, 0.002)}),
    *(bayes(f"flip, {sweeps} sweeps", 31, sweeps) for sweeps in (30, 60)),
    bayes("flip + features, 70 sweeps", 31, 70, features=True),
    bayes("flip + features, rank 47, 150 sweeps", 47, 150, features=True),
    Entry("LIBMF", "libmf_mf.py", {"k": 128, "nr_iters": 20, "eta": 0.1}, {"l2": (0.04, 0.05, 0.06)}, seeded=False),
    Entry("Cornac MF", "cornac_mf.py", {"k": 50, "max_iter": 60, "learning_rate": 0.01}, {"lambda_reg": (0.03, 0.05)}),
    surprise("baseline", seeded=False, algorithm="BaselineOnly"),
    surprise("kNN, items", seeded=False, **KNN),
    surprise("SVD", algorithm="SVD", n_epochs=60, reg_all=0.05),
    surprise("SVD++", algorithm="SVDpp"),
    myfm("flip, 200 sweeps", 32, 200, "sets"),
]
SEEDS = {
    "ml-100k/u1": (0, 1, 2),
    **{f"ml-100k/u{fold}": (0,) for fold in range(2, 6)},
    **{f"ml-1m/{seed}": (seed,) for seed in range(3)},
}

if __name__ == "__main__":
    main(__doc__, {"ml-100k": ML_100K, "ml-1m": ML_1M}, SEEDS, "build/ratings.json")
