"""The published evaluation protocols: data set, splits and metrics.

    plan = PROTOCOLS["ml-100k-u1"].plan(folder)  # the folder of the data set

The numbers of users, items and ratings of each split are checked; BadData is raised where they are not as published.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cofactor.data.datasets import published_splits
from cofactor.data.datasets.known import DATASETS
from cofactor.data.datasets.published_splits import MOVIELENS_FOLDS, SEED_PREFIX, MakeSplits
from cofactor.data.splitting.split import Split
from cofactor.errors import BadData
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.protocols import published_results
from cofactor.experiments.protocols.published_results import PublishedResult
from cofactor.experiments.protocols.sampled_evaluators import listed_negatives

__all__ = ["PROTOCOLS", "EvaluationProtocol"]

VALIDATION = 0.1
SEEDS = tuple(f"{SEED_PREFIX}{seed}" for seed in range(3))


@dataclass(frozen=True)
class ExpectedCounts:
    """The numbers of users and items with ratings, and of ratings, in each split."""

    users: int
    items: int
    train: int  # with the validation ratings
    test: int


@dataclass(frozen=True, kw_only=True)
class EvaluationProtocol:
    """A way of evaluating models for which there are published results."""

    name: str
    about: str
    source: str
    data: str  # the data set, and its folder in the data folder
    origin: str  # where it comes from
    splits: tuple[str, ...]  # their names
    make_splits: MakeSplits
    counts: ExpectedCounts
    metrics: tuple[str, ...]  # that are shown, the first of which puts models in order
    k: tuple[int, ...] = (10,)  # lengths of list
    negatives: str | None = None  # a file in the folder: what each test item is ranked among, in place of everything
    published: tuple[PublishedResult, ...] = ()

    def load_splits(
        self, folder: Path, names: Sequence[str] = (), validation: float = VALIDATION
    ) -> Iterator[tuple[str, Split]]:
        """All or some of the splits by name, with a share of the training part for validation; checks counts."""
        names = tuple(names) or self.splits
        for name, one in zip(names, self.make_splits(folder, names, validation), strict=True):
            _check_counts(self, one)
            yield name, one

    def plan(self, folder: Path) -> EvaluationPlan:
        """A plan of all splits: a tenth of the training part chooses the epoch, and all of it trains the model."""
        return EvaluationPlan(
            self.name,
            lambda: self.load_splits(folder),
            len(self.splits),
            self.k,
            evaluator=None if self.negatives is None else listed_negatives(folder / self.negatives),
            about=f"{self.about} Source: {self.source}",
            refit=True,
            metrics=self.metrics,
            published=self.published,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = ("name", "about", "source", "data", "origin", "splits", "metrics", "k")
        more = {"counts": asdict(self.counts), "sampled": self.negatives is not None}
        return {name: getattr(self, name) for name in plain} | more | {"published": [*map(asdict, self.published)]}


def _check_counts(protocol: EvaluationProtocol, split: Split) -> None:
    parts = split.parts.values()
    rated = {noun: len(np.unique(np.concatenate([getattr(part, noun) for part in parts]))) for noun in ("user", "item")}
    found = {
        "users": rated["user"],
        "items": rated["item"],
        "training ratings": len(split.train) + len(split.validation),
        "test ratings": len(split.test),
    }
    for (noun, have), wanted in zip(found.items(), asdict(protocol.counts).values(), strict=True):
        if have != wanted:
            hint = f"the files are not those of the protocol: {protocol.origin}"
            raise BadData(f"{protocol.name}: {have:,} {noun}, not {wanted:,}", hint)


def _fetched(name: str) -> str:
    return f"cofactor fetch {name} ({DATASETS[name].address})"


_ML_100K = ExpectedCounts(users=943, items=1682, train=80_000, test=20_000)
_LISTED = (
    EvaluationProtocol(
        name="ml-100k-u1",
        about="The split u1 that comes with MovieLens 100K, the hardest of its five splits.",
        source="the data set's README; Harper and Konstan 2015",
        data="ml-100k",
        origin=_fetched("ml-100k"),
        splits=("u1",),
        make_splits=published_splits.movielens_splits,
        counts=_ML_100K,
        metrics=("rmse", "mae"),
        published=published_results.ML_100K_U1,
    ),
    EvaluationProtocol(
        name="ml-100k-folds",
        about="The five folds u1 to u5 that come with MovieLens 100K; metrics are means over the folds.",
        source="the data set's README; Harper and Konstan 2015",
        data="ml-100k",
        origin=_fetched("ml-100k"),
        splits=MOVIELENS_FOLDS,
        make_splits=published_splits.movielens_splits,
        counts=_ML_100K,
        metrics=("rmse", "mae"),
        published=published_results.ML_100K_FOLDS,
    ),
    EvaluationProtocol(
        name="ml-1m-90-10",
        about="MovieLens 1M; the test part is a random tenth of the ratings; three seeds.",
        source="random 90/10 splits as in Sedhain et al. 2015, AutoRec, and later work; the seeds are ours",
        data="ml-1m",
        origin=_fetched("ml-1m"),
        splits=SEEDS,
        make_splits=published_splits.random_splits,
        counts=ExpectedCounts(users=6040, items=3706, train=900_189, test=100_020),
        metrics=("rmse", "mae"),
        published=published_results.ML_1M_90_10,
    ),
    EvaluationProtocol(
        name="ml-1m-top-n",
        about="MovieLens 1M, every rating a positive; the test part is a random fifth of each user's ratings, ranked in"
        " the whole catalogue; three seeds.",
        source="a common protocol for top-N recommendation; the seeds are ours",
        data="ml-1m",
        origin=_fetched("ml-1m"),
        splits=SEEDS,
        make_splits=published_splits.per_user_splits,
        counts=ExpectedCounts(users=6040, items=3706, train=800_193, test=200_016),
        metrics=("ndcg@10", "recall@20", "precision@10"),
        k=(10, 20),
        published=published_results.ML_1M_TOP_N,
    ),
    EvaluationProtocol(
        name="gowalla",
        about="Gowalla's check-ins in the split of LightGCN, ranked in the whole catalogue except the user's training"
        " items.",
        source="He, Deng, Wang, Li, Zhang, Wang 2020, LightGCN",
        data="gowalla",
        origin="train.txt and test.txt in Data/gowalla of https://github.com/kuandeng/LightGCN",
        splits=("lightgcn",),
        make_splits=published_splits.lightgcn_splits,
        counts=ExpectedCounts(users=29_858, items=40_981, train=810_128, test=217_242),
        metrics=("recall@20", "ndcg@20"),
        k=(20,),
        published=published_results.GOWALLA,
    ),
    EvaluationProtocol(
        name="ncf-ml-1m",
        about="MovieLens 1M, each user's latest item among 99 sampled items; comparable only with results on this"
        " protocol.",
        source="He, Liao, Zhang, Nie, Hu, Chua 2017, Neural Collaborative Filtering",
        data="ncf-ml-1m",
        origin="ml-1m.* in Data of https://github.com/hexiangnan/neural_collaborative_filtering",
        splits=("ncf",),
        make_splits=published_splits.ncf_splits,
        counts=ExpectedCounts(users=6040, items=3706, train=994_169, test=6040),
        metrics=("sampled_ndcg@10", "sampled_hit_rate@10"),
        negatives="ml-1m.test.negative",
        published=published_results.NCF,
    ),
)
#: All protocols by name.
PROTOCOLS = {protocol.name: protocol for protocol in _LISTED}
