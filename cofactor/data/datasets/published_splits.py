"""Splits that published figures are of: some come with their data, others are a rule and a seed.

Each takes the folder of a data set, the names of the splits wanted and the share of train that is validation, and
yields the splits in that order; of a data set that is split several times the ratings are read once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cofactor.data.align_vocabularies import align, reindex
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.splitting.assign_parts import TRAIN, VALIDATION, one_per_user
from cofactor.data.splitting.split import Split, given_split, split
from cofactor.errors import BadData

MakeSplits = Callable[[Path, Sequence[str], float], Iterator[Split]]
MOVIELENS_FOLDS = ("u1", "u2", "u3", "u4", "u5")
MOVIELENS_SPLITS = (*MOVIELENS_FOLDS, "ua", "ub")
SEED_PREFIX = "seed-"  # and the seed: the name of a split that is drawn


def movielens_splits(folder: Path, names: Sequence[str], validation: float) -> Iterator[Split]:
    """MovieLens 100K's own: u1 … u5, ua, ub."""
    for name in names:
        yield movielens_split(folder, name, validation=validation)


def random_splits(folder: Path, names: Sequence[str], validation: float) -> Iterator[Split]:
    """The last n // 10 of `numpy.random.default_rng(seed).permutation(n)` are the test rows."""
    ratings = read(folder)
    for name in names:
        yield split(ratings, "random", seed=_seed(name), test=0.1, validation=validation)


def per_user_splits(folder: Path, names: Sequence[str], validation: float) -> Iterator[Split]:
    """Every rating a positive; a random fifth of each user's, to the nearest whole, is the test part."""
    ratings = binarize(read(folder))
    for name in names:
        yield split(ratings, "per-user", seed=_seed(name), test=0.2, validation=validation)


def lightgcn_splits(folder: Path, names: Sequence[str], validation: float) -> Iterator[Split]:
    """`user item item …` a line in train.txt and test.txt, as LightGCN split its data."""
    for name in names:
        train, test = (read(_existing(folder / f"{part}.txt"), layout="lists") for part in ("train", "test"))
        yield given_split(train, test, validation=validation, kind=name)


def ncf_splits(folder: Path, names: Sequence[str], validation: float) -> Iterator[Split]:
    """NCF's: the latest item of each user is the test part, in a file of its own; every rating is a positive.

    A validation part, if wanted, has one random item of each user's other items.
    """
    for name in names:
        files = [next(folder.glob(f"*.{part}.rating*"), folder / f"ml-1m.{part}.rating") for part in ("train", "test")]
        train, test = align(*(binarize(read(_existing(file))) for file in files))
        held_out = (VALIDATION,) * (validation > 0)
        part = one_per_user(train, 0, held_out)
        yield Split(train.where(part == TRAIN), train.where(part == VALIDATION), test, name)


def binarize(ratings: Ratings) -> Ratings:
    """Every rating, high or low, as a 1."""
    return replace(ratings, value=np.ones(len(ratings), dtype=np.float32), scale=(1.0, 1.0), step=None)


def _seed(name: str) -> int:
    return int(name.removeprefix(SEED_PREFIX))


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise BadData(f"{file.parent} has no {file.name}", "the protocol needs the files as they were published")
    return file


def movielens_split(folder: Path | str, name: str, *, validation: float = 0.1, seed: int = 0) -> Split:
    """One of MovieLens 100K's own splits: `name`.base and `name`.test in its folder (u1 … u5, ua, ub).

    Raises BadData where the folder lacks one of them.
    """
    halves = [Path(folder) / f"{name}.{half}" for half in ("base", "test")]
    for half in halves:
        if not half.is_file():
            raise BadData(f"{folder} has no {half.name}", "only MovieLens 100K, unpacked, comes with splits of its own")
    whole = read(folder)
    base, test = (reindex(whole, read(half)) for half in halves)
    return given_split(base, test, validation=validation, seed=seed, kind=name)


def movielens_folds(folder: Path | str, *, validation: float = 0.1, seed: int = 0) -> Iterator[Split]:
    """MovieLens 100K's five folds, u1 … u5."""
    for name in MOVIELENS_FOLDS:
        yield movielens_split(folder, name, validation=validation, seed=seed)
