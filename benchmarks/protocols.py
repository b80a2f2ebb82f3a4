"""The protocols of published figures: what to learn from, what to be measured on, and with which metric.

    task = PROTOCOLS["ml-100k/u1"](folder)          # folder: of ml-100k, ml-1m, gowalla, ncf-ml-1m
    model = trainer.fit(task.train)
    task.figures(model)                             # {"rmse": …, "mae": …}
    task.inner()                                    # the same task inside train, to choose hyperparameters by

Users, items and ratings are counted when a protocol is loaded; what is not as published is a BadData.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.read import read
from cofactor.data.split import Split, movielens_split, split
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.base import Model


@dataclass(frozen=True, eq=False)
class Task(ABC):
    """What a protocol asks of a model: to learn `train` and to be measured on `test`."""

    split: Split
    judged_by: str  # the metric by which hyperparameters are chosen

    @property
    def train(self) -> Ratings:
        return self.split.train

    @property
    def test(self) -> Ratings:
        return self.split.test

    def inner(self, seed: int = 0) -> "Task":
        """The same task inside train, of which a random tenth is held out; nothing of the test is left in it."""
        return replace(self, split=split(self.train, "random", seed=seed, test=0.1, validation=0))

    def better(self, one: float, other: float) -> bool:
        """Whether one figure of `judged_by` is better than another."""
        return one < other if self.judged_by in ("rmse", "mae") else one > other

    @abstractmethod
    def figures(self, model: Model) -> dict[str, float]:
        """The metrics of the protocol by name, on the test ratings."""


class Rating(Task):
    """Predicted ratings, clipped to the scale; users and items without training ratings are kept."""

    def figures(self, model: Model) -> dict[str, float]:
        if model.scale is None:
            raise BadData(f"a {model.kind} model that only ranks predicts no ratings", "use a protocol of ranking")
        return _picked(evaluate(model, self.test, k=()).metrics, "rmse", "mae")


class TopN(Task):
    """Lists out of the whole catalogue but the user's training items; every test item is relevant."""

    def figures(self, model: Model) -> dict[str, float]:
        metrics = evaluate(model, self.test, k=(10, 20)).metrics
        return _picked(metrics, "ndcg@10", "recall@20", "precision@10", "ndcg@20", "coverage@10")


@dataclass(frozen=True, eq=False)
class Sampled(Task):
    """One item of each user among 99 that were sampled: figures to set beside that literature, and nothing else.

    They are much higher than over the whole catalogue and need not put models in the same order (W. Krichene and
    S. Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).
    """

    negatives: np.ndarray  # (n, 99) item rows, beside each test rating

    N_NEGATIVES: ClassVar[int] = 99

    def inner(self, seed: int = 0) -> "Sampled":
        """A random training item of each user held out, among 99 drawn from those the user has not in train."""
        rng, train = np.random.default_rng(seed), self.train
        shuffled = rng.permutation(len(train))
        users, first = np.unique(train.user[shuffled], return_index=True)
        last = np.zeros(len(train), dtype=bool)
        last[shuffled[first]] = True
        history = train.by_user()
        unseen = np.ones(len(train.items), dtype=bool)
        drawn = np.empty((len(users), self.N_NEGATIVES), dtype=np.int32)
        for row, user in enumerate(users):
            unseen[:] = True
            unseen[history.indices[history.indptr[user] : history.indptr[user + 1]]] = False
            drawn[row] = rng.choice(np.flatnonzero(unseen), self.N_NEGATIVES, replace=False)
        parts = train.where(~last), train.where(slice(0, 0)), train.where(last)
        places = np.searchsorted(users, parts[2].user)
        return Sampled(Split(*parts, "one of each user", seed), self.judged_by, drawn[places])

    def figures(self, model: Model) -> dict[str, float]:
        """HR@10, the share of ranks up to 10, and NDCG@10, the mean of 1/log₂(1 + rank) over those (else 0).

        Some published negatives are the test item itself, a tie that nobody can win. "distinct" leaves them out, as
        the protocol's own code does, which keeps the candidates in a dictionary.
        """
        rank = sampled_ranks(model, self.test, self.negatives)
        distinct = rank - np.count_nonzero(self.negatives == self.test.item[:, None], axis=1)
        named = (("sampled hr@10", "sampled ndcg@10", rank), ("distinct hr@10", "distinct ndcg@10", distinct))
        out = {}
        for hit_rate, ndcg, ranks in named:
            out[hit_rate] = float(np.mean(ranks <= 10))
            out[ndcg] = float(np.mean((ranks <= 10) / np.log2(1.0 + ranks)))
        return out


def sampled_ranks(model: Model, test: Ratings, negatives: np.ndarray) -> np.ndarray:
    """(n,) the rank of each test item among its (n, m) negatives, 1 the best; ties count against the model."""
    n, m = negatives.shape
    users = np.repeat(test.user, m + 1)
    items = np.column_stack((test.item, negatives))
    scores = model.pair_scores(users, items.ravel().astype(np.int32)).reshape(n, m + 1)
    return 1 + np.count_nonzero(~(scores[:, 1:] < scores[:, :1]), axis=1)  # not below: NaN counts against it too


def ml_100k(folder: Path, fold: str) -> Rating:
    """MovieLens 100K's own splits u1 … u5. u1 is the hardest of them."""
    parts = movielens_split(folder / "ml-100k", fold, validation=0)
    _count(f"ml-100k/{fold}", parts, users=943, items=1682, train=80_000, test=20_000)
    return Rating(parts, "rmse")


def ml_1m(folder: Path, seed: int) -> Rating:
    """MovieLens 1M 90/10: the last n // 10 of `numpy.random.default_rng(seed).permutation(n)` are the test rows."""
    parts = split(read(folder / "ml-1m"), "random", seed=seed, test=0.1, validation=0)
    _count("ml-1m", parts, users=6040, items=3706, train=900_189, test=100_020)
    return Rating(parts, "rmse")


def ml_1m_top_n(folder: Path, seed: int) -> TopN:
    """MovieLens 1M, every rating a positive; a random fifth of each user's, to the nearest whole, is the test."""
    ratings = positive(read(folder / "ml-1m"))
    order = np.random.default_rng(seed).permutation(len(ratings))
    order = order[np.argsort(ratings.user[order], kind="stable")]
    counts = np.bincount(ratings.user, minlength=len(ratings.users))
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    test = np.zeros(len(ratings), dtype=bool)
    test[order] = place < np.repeat(np.rint(counts / 5), counts)
    parts = Split(ratings.where(~test), ratings.where(slice(0, 0)), ratings.where(test), "a fifth of each user", seed)
    _count("ml-1m", parts, users=6040, items=3706, train=800_193, test=200_016)
    return TopN(parts, "ndcg@10")


def gowalla(folder: Path) -> TopN:
    """Gowalla's check-ins as LightGCN split them: `user item item …` a line in train.txt and test.txt."""
    columns = [_lists(folder / "gowalla" / f"{part}.txt") for part in ("train", "test")]
    users, items = (
        _numbered(1 + max(int(rows[at].max()) for rows in columns), noun) for at, noun in enumerate(("user", "item"))
    )
    train, test = (Ratings(users, items, user, item, np.ones(len(user))) for user, item in columns)
    parts = Split(train, train.where(slice(0, 0)), test, "LightGCN's")
    _count("gowalla", parts, users=29_858, items=40_981, train=810_128, test=217_242)
    return TopN(parts, "ndcg@20")


def ncf(folder: Path) -> Sampled:
    """The protocol of "Neural Collaborative Filtering" (X. He et al., WWW 2017) on MovieLens 1M, with MovieLens' ids.

    The latest item of each user is the test; it is ranked among the 99 negatives that were published with it.
    """
    home = folder / "ncf-ml-1m"
    movie = np.loadtxt(home / "item_map_ncf_to_movieid.csv", delimiter=",", skiprows=1, dtype=np.int64)
    if not np.array_equal(movie[:, 0], np.arange(len(movie))):
        raise BadData(f"{home}: the item map is not one line for each item from 0 on")
    users = Vocabulary((1 + np.arange(6040)).astype(str).astype(object), "user")
    items = Vocabulary.of(movie[:, 1].astype(str), "item")
    row = items.rows(movie[:, 1].astype(str))
    train, test = (
        np.loadtxt(home / f"ml-1m.{name}", usecols=(0, 1), dtype=np.int64)
        for name in ("train.rating_no_timestamps", "test.rating")
    )
    pairs, drawn = _negatives(home / "ml-1m.test.negative")
    if not np.array_equal(pairs, test):
        raise BadData(f"{home}: the negatives are of other pairs than those of the test")
    rated = [Ratings(users, items, part[:, 0], row[part[:, 1]], np.ones(len(part))) for part in (train, test)]
    parts = Split(rated[0], rated[0].where(slice(0, 0)), rated[1], "NCF's")
    _count("ncf-ml-1m", parts, users=6040, items=3706, train=994_169, test=6040)
    return Sampled(parts, "sampled ndcg@10", row[drawn])


def positive(ratings: Ratings) -> Ratings:
    """Every rating, high or low, as a 1."""
    return replace(ratings, value=np.ones(len(ratings), dtype=np.float32), scale=(1.0, 1.0), step=None)


PROTOCOLS: dict[str, Callable[[Path], Task]] = {
    **{f"ml-100k/u{fold}": partial(ml_100k, fold=f"u{fold}") for fold in range(1, 6)},
    **{f"ml-1m/{seed}": partial(ml_1m, seed=seed) for seed in range(3)},
    **{f"ml-1m-top-n/{seed}": partial(ml_1m_top_n, seed=seed) for seed in range(3)},
    "gowalla": gowalla,
    "ncf": ncf,
}


def _picked(metrics: object, *names: str) -> dict[str, float]:
    return {name: metrics[name] for name in names}  # type: ignore[index]


def _count(name: str, parts: Split, users: int, items: int, train: int, test: int) -> None:
    """Raises BadData where there are not as many as published; users and items are those that have a rating."""
    rated = [
        len(np.unique(np.concatenate([getattr(p, c) for p in (parts.train, parts.test)]))) for c in ("user", "item")
    ]
    found = {
        "users": rated[0],
        "items": rated[1],
        "training ratings": len(parts.train),
        "test ratings": len(parts.test),
    }
    for (noun, have), wanted in zip(found.items(), (users, items, train, test), strict=True):
        if have != wanted:
            raise BadData(f"{name}: {have:,} {noun}, not {wanted:,}", "the files are not those of the protocol")


def _lists(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(n,) users and (n,) items of lines `user item item …`."""
    lines = [np.array(line.split(), dtype=np.int64) for line in path.read_text().splitlines() if line.strip()]
    users = np.repeat([line[0] for line in lines], [len(line) - 1 for line in lines])
    return users, np.concatenate([line[1:] for line in lines])


def _negatives(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) pairs of user and test item, and (n, 99) other items, of lines `(user,item)<tab>item<tab>item…`."""
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    pairs = np.array([head.strip("()").split(",") for head, *_ in lines], dtype=np.int64)
    return pairs, np.array([others for _, *others in lines], dtype=np.int64)


def _numbered(n: int, noun: str) -> Vocabulary:
    return Vocabulary(np.arange(n).astype(str).astype(object), noun)
