"""EASE, item neighbourhoods and the graph filter: rankings on ML-1M, Gowalla and NCF's protocol, ratings on MovieLens.

    python benchmarks/item_models.py --data FOLDER [--peers build/peers] [--only ratings|ml-1m|gowalla|ncf]

FOLDER contains ml-1m, ml-100k, gowalla and ncf-ml-1m. Hyperparameters are chosen on held-out training ratings: as large
a share as that of the test part on ML-1M, a tenth elsewhere. The test part is used once, with the chosen ones. CPU
seconds are those of the fit, without compilation.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.base import Model
from cofactor.trainers.base import Trainer
from cofactor.trainers.ease import EASE
from cofactor.trainers.filter import Filter
from cofactor.trainers.knn import KNN

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from environments import python_of
from sgd import child, ml_1m, written

Pair = tuple[np.ndarray, np.ndarray]
VALIDATION_USERS = 8000  # of whom held-out items are looked at to choose

FILTERS = [Filter(rank=rank, user_power=a) for rank, a in itertools.product((64, 128), (0.3, 0.35))]
RANKERS: dict[str, list[Trainer]] = {
    "ease": [EASE(l2=l2) for l2 in (500.0, 1000.0, 2000.0)],
    "filter": [Filter(rank=rank) for rank in (64, 128)],
    "knn --similarity cosine": [KNN(similarity="cosine", shrinkage=shrinkage) for shrinkage in (10.0, 100.0)],
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, help="Folder with ml-1m, ml-100k, gowalla, ncf-ml-1m.")
    arguments.add_argument("--peers", type=Path, default=Path("build/peers"), help="Folder of the peers' environments.")
    arguments.add_argument("--only", choices=("ratings", "ml-1m", "gowalla", "ncf"))
    options = arguments.parse_args()
    warm_up()
    if options.only in (None, "ratings"):
        options.peers.mkdir(parents=True, exist_ok=True)
        ratings_beside_surprise(options.data, options.peers.resolve())
    for name, part in {"ml-1m": top_n, "gowalla": gowalla, "ncf": ncf}.items():
        if options.only in (None, name):
            part(options.data)


def warm_up() -> None:
    """Compiles the kernels, or loads them from the cache."""
    few = positives(np.arange(40) % 7, np.arange(40) % 11, (7, 11))
    for trainer in (EASE(), Filter(), KNN()):
        trainer.fit(few)


def positives(user: np.ndarray, item: np.ndarray, shape: tuple[int, int]) -> Ratings:
    """Ratings without values, which only state that an interaction took place."""
    users, items = (
        Vocabulary(np.arange(n).astype(str).astype(object), noun)
        for n, noun in zip(shape, ("user", "item"), strict=True)
    )
    return Ratings(users, items, user, item, np.ones(len(user)), scale=(0.0, 1.0))


def held_out(ratings: Ratings, share: float, seed: int) -> tuple[Ratings, Ratings]:
    """Splits each user's ratings at random; the second part is a given share, rounded to whole ratings."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(ratings)), ratings.user))
    counts = np.bincount(ratings.user, minlength=len(ratings.users))
    place = np.empty(len(ratings), dtype=int)
    place[order] = np.arange(len(ratings)) - np.repeat(np.cumsum(counts) - counts, counts)
    test = place < np.round(share * counts)[ratings.user]
    return ratings.where(~test), ratings.where(test)


def chosen(candidates: list[Trainer], train: Ratings, k: int, share: float = 0.1, seed: int = 0) -> Trainer:
    """The candidate with the highest NDCG@k on held-out training ratings."""
    inner, validation = held_out(train, share, seed + 100)
    users = np.random.default_rng(seed).permutation(len(train.users))[:VALIDATION_USERS]
    asked = validation.where(np.isin(validation.user, users))
    return max(candidates, key=lambda one: evaluate(one.fit(inner), asked, (k,)).metrics[f"ndcg@{k}"])


def timed(trainer: Trainer, train: Ratings) -> tuple[Model, float]:
    train.training_data  # noqa: B018  # made before the clock starts
    start = time.process_time()
    model = trainer.fit(train)
    return model, time.process_time() - start


def told(trainer: Trainer) -> str:
    """The hyperparameters that differ from the defaults, as text."""
    usual = type(trainer)().settings()
    return json.dumps({name: value for name, value in trainer.settings().items() if value != usual[name]})


def top_n(folder: Path) -> None:
    """ML-1M: every rating is positive; the test part is a random fifth of each user's ratings; seeds 0, 1, 2."""
    print("\n## Lists: ML-1M, a random fifth of each user's ratings\n")
    print("| s | trainer | hyperparameters | NDCG@10 | Recall@20 | P@10 | CPU s |\n|---|---|---|---|---|---|---|")
    figures: dict[str, list[float]] = {name: [] for name in RANKERS}
    for seed in (0, 1, 2):
        user, item, _, _ = ml_1m(folder, seed)
        every = positives(user, item, (user.max() + 1, item.max() + 1))
        train, test = held_out(every, 0.2, seed)
        for name, candidates in RANKERS.items():
            trainer = chosen(candidates, train, 10, 0.2, seed)
            model, cpu = timed(trainer, train)
            found = evaluate(model, test, (10, 20)).metrics
            figures[name].append(found["ndcg@10"])
            shown = " | ".join(f"{found[metric]:.4f}" for metric in ("ndcg@10", "recall@20", "precision@10"))
            print(f"| {seed} | {name} | {told(trainer)} | {shown} | {cpu:.2f} |", flush=True)
    print()
    for name, values in figures.items():
        print(f"{name}: NDCG@10 {np.mean(values):.4f} ± {np.std(values):.4f}")


def gowalla(folder: Path) -> None:
    """Gowalla with the standard split: ranking of the whole catalogue without the user's training items."""
    print("\n## Lists: Gowalla, the standard split\n")
    parts = [adjacency(folder / "gowalla" / name) for name in ("train.txt", "test.txt")]
    shape = tuple(max(int(part[k].max()) for part in parts) + 1 for k in (0, 1))
    train, test = (positives(*part, shape) for part in parts)
    trainer = chosen(FILTERS, train, 20)
    print(
        "| trainer | hyperparameters | Recall@20 | NDCG@20 | CPU s | top 10, one user, ms |\n|---|---|---|---|---|---|"
    )
    for one in dict.fromkeys((trainer, Filter())):
        model, cpu = timed(one, train)
        found = evaluate(model, test, (20,)).metrics
        shown = f"{found['recall@20']:.4f} | {found['ndcg@20']:.4f}"
        print(f"| filter | {told(one)} | {shown} | {cpu:.2f} | {1000 * of_one_user(model):.1f} |", flush=True)


def of_one_user(model: Model) -> float:
    """Median seconds for ten recommendations, over a hundred evenly spaced users."""
    taken = []
    for user in np.linspace(0, len(model.training_data.users) - 1, 101, dtype=int):
        start = time.perf_counter()
        model.recommend(str(user), 10)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def adjacency(path: Path) -> Pair:
    """(user, item) columns of a file of lines `user item item …`."""
    lines = [np.array(line.split(), dtype=np.int32) for line in path.read_text().splitlines()]
    user = np.concatenate([np.full(len(line) - 1, line[0], dtype=np.int32) for line in lines if len(line)])
    return user, np.concatenate([line[1:] for line in lines])


def ncf(folder: Path) -> None:
    """NCF's protocol on ML-1M: ranks each user's held-out item among 99 items that the user has not rated."""
    print("\n## One among a hundred: NCF's protocol, ML-1M\n")
    print("| trainer | hyperparameters | HR@10 | NDCG@10 | CPU s |\n|---|---|---|---|---|")
    at = folder / "ncf-ml-1m"
    columns = np.loadtxt(at / "ml-1m.train.rating_no_timestamps", dtype=int, usecols=(0, 1))
    lines = [line.split("\t") for line in (at / "ml-1m.test.negative").read_text().splitlines()]
    asked = np.array([[*map(int, line[0].strip("()").split(",")), *map(int, line[1:])] for line in lines])
    shape = int(columns[:, 0].max()) + 1, int(max(columns[:, 1].max(), asked[:, 1:].max())) + 1
    train = positives(columns[:, 0], columns[:, 1], shape)
    for name, candidates in RANKERS.items():
        trainer = chosen_for_last(candidates, train)
        model, cpu = timed(trainer, train)
        hit, gain = among(model, asked[:, 0], asked[:, 1:])
        print(f"| {name} | {told(trainer)} | {hit:.4f} | {gain:.4f} | {cpu:.2f} |", flush=True)


def chosen_for_last(candidates: list[Trainer], train: Ratings) -> Trainer:
    """The candidate with the highest NDCG@10 for one random training item of each user among 99 unrated items."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(train))
    last = order[np.unique(train.user[order], return_index=True)[1]]
    user, seen = train.user[last], train.by_user()
    asked = np.empty((len(user), 100), dtype=np.int32)
    for line, (one, item) in enumerate(zip(user, train.item[last], strict=True)):
        others = np.setdiff1d(np.arange(len(train.items)), seen[[one]].indices)
        asked[line] = [item, *rng.choice(others, 99, replace=False)]
    inner = train.where(np.setdiff1d(np.arange(len(train)), last))
    return max(candidates, key=lambda one: among(one.fit(inner), user, asked)[1])


def among(model: Model, user: np.ndarray, asked: np.ndarray) -> tuple[float, float]:
    """HR@10 and NDCG@10 of the first item of each row; items with equal scores are ranked before it."""
    scores = model.score_pair_rows(np.repeat(user, asked.shape[1]), asked.ravel()).reshape(asked.shape)
    other = asked[:, 1:] != asked[:, :1]  # some published negatives are the item itself
    rank = 1 + np.count_nonzero((scores[:, 1:] >= scores[:, :1]) & other, axis=1)
    return float(np.mean(rank <= 10)), float(np.mean(np.where(rank <= 10, 1 / np.log2(1 + rank), 0)))


def ratings_beside_surprise(folder: Path, peers: Path) -> None:
    """Rating prediction by item neighbourhoods with default settings: ML-100K u1, and ML-1M 90/10, three seeds."""
    print("\n## Ratings: item neighbourhoods\n")
    print("| data | system | test RMSE | fit, CPU s | predict, CPU s |\n|---|---|---|---|---|")
    fit = {
        "cofactor knn": child(Path(sys.executable), "ours_knn.py"),
        "Surprise KNNBaseline": child(python_of("surprise", peers), "surprise_knn.py"),
    }
    with tempfile.TemporaryDirectory() as scratch:
        base, test = (np.loadtxt(folder / "ml-100k" / name)[:, :3] for name in ("u1.base", "u1.test"))
        columns, n = np.concatenate((base, test)), len(base)
        user, item = (np.unique(columns[:, k], return_inverse=True)[1] for k in (0, 1))
        parts = np.arange(n), np.arange(n, len(columns))
        data = {"ML-100K u1": written(Path(scratch) / "u1.npz", user, item, columns[:, 2], *parts)}
        for seed in (0, 1, 2):
            user, item, value, order = ml_1m(folder, seed)
            n = len(order) // 10
            name = f"ML-1M s = {seed}"
            data[name] = written(Path(scratch) / f"{seed}.npz", user, item, value, order[:-n], order[-n:])
        for name, path in data.items():
            for system, run in fit.items():
                one = run(path, {}, 2)
                print(
                    f"| {name} | {system} | {one['rmse']:.4f} | {one['cpu']:.2f} | {one['predict']:.2f} |", flush=True
                )


if __name__ == "__main__":
    main()
