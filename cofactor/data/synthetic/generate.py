"""Synthetic ratings of any size with a known ground truth, so that the lowest RMSE that a model can reach is known.

    r = stars(μ + b_u + b_i + p_u · q_i + ε),   ε ~ N(0, noise²),   stars: the nearest of 0.5, 1, … 5

b_u, b_i ~ N(0, 0.4²), p_u · q_i of variance about 0.7². `best_rmse` is the RMSE of E[r | b, p, q] over all ratings,
rounding and clipping included. It is the noise floor: the expected RMSE of a model that was given b, p and q. A model
that has to learn them stays above it.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cofactor.arrays import Floats, Rows, Times
from cofactor.atomic_folders import temporary_path
from cofactor.data.duckdb_connection import table_write_errors
from cofactor.data.origin import Origin
from cofactor.data.parquet import join_parquet, write_parquet
from cofactor.data.ratings import Ratings
from cofactor.data.synthetic.ground_truth import BIAS_SPREAD, GroundTruth, Pattern, SyntheticRecipe
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.machine import cores
from cofactor.output_checks import check_free_space, check_output_file

Progress = Callable[[int, int], object]  # ratings generated, ratings in all

MEAN = 3.5
ROW_BYTES = 4  # of a rating on disk, at least: compressed
BEGIN, END = 946_684_800, 1_546_300_800  # of first ratings: 2000 to 2018, in seconds since 1970
CHUNK_RATINGS, BLOCK_CHUNKS = 1 << 17, 32  # ratings that a thread generates at a time; chunks held in memory at a time


@dataclass(frozen=True, eq=False)
class SyntheticRatings:
    """Synthetic ratings, and the lowest RMSE that a model can be expected to reach on them."""

    ratings: Ratings
    best_rmse: float


@dataclass(frozen=True)
class SyntheticFiles:
    """Synthetic ratings in Parquet files: `ratings` (user, item, rating, timestamp), `items` (item, title, genres)."""

    ratings: Path
    items: Path
    rows: int
    best_rmse: float


def generate(
    users: int,
    items: int,
    per_user: int,
    *,
    seed: int = 0,
    pattern: Pattern = "taste",
    rank: int = 8,
    noise: float = 0.5,
    threads: int | None = None,
) -> Ratings:
    """Synthetic ratings in memory, ordered by user and then time; the ids of users and of items are "1", "2", ….

    users, items: how many there are. per_user: ratings of each user.
    pattern: "taste", "grouped" or "uniform" (see `ground_truth`).
    rank: width of the latent vectors, or number of groups.
    noise: standard deviation of the noise, in stars.
    `origin.name` states the best possible RMSE; `generate_from_recipe` returns it as a number. Raises BadData as
    `SyntheticRecipe` does.
    """
    return generate_from_recipe(SyntheticRecipe(users, items, per_user, seed, pattern, rank, noise), threads).ratings


def generate_from_recipe(recipe: SyntheticRecipe, threads: int | None = None) -> SyntheticRatings:
    """The ratings of a recipe in memory, with the best possible RMSE."""
    user, item = np.empty(len(recipe), np.int32), np.empty(len(recipe), np.int32)
    value, time = np.empty(len(recipe), np.float32), np.empty(len(recipe), np.int64)
    error, done = 0.0, 0
    for block in _blocks(recipe, threads):
        here = slice(done, done + len(block))
        user[here], item[here], value[here], time[here] = block.user, block.item, block.value, block.time
        error, done = error + block.error, here.stop
    best = float(np.sqrt(error / len(recipe)))
    ratings = Ratings(
        _numbered(recipe.users, "user"),
        _numbered(recipe.items, "item"),
        user,
        item,
        value,
        time,
        scale=(0.5, 5.0),
        step=0.5,
        titles=recipe.ground_truth.titles,
        genres=recipe.ground_truth.genres,
        origin=Origin(f"synthetic ratings ({_describe(recipe)}; best possible RMSE {best:.4f})", len(recipe)),
    )
    return SyntheticRatings(ratings, best)


def generate_parquet(
    path: Path | str,
    users: int,
    items: int,
    per_user: int,
    *,
    seed: int = 0,
    pattern: Pattern = "taste",
    rank: int = 8,
    noise: float = 0.5,
    threads: int | None = None,
    progress: Progress | None = None,
) -> SyntheticFiles:
    """Writes the rows of `generate` to a Parquet file, one block of users at a time: memory does not grow with `users`.

    `ratings.parquet` gets the columns user, item, rating, timestamp and, under the key `cofactor.best_rmse` of its
    metadata, the best possible RMSE. `ratings.items.parquet` next to it gets the columns item, title, genres. Each file
    is written whole or not at all. Raises BadData as `SyntheticRecipe` does, and where a file cannot be written.
    """
    recipe, path = SyntheticRecipe(users, items, per_user, seed, pattern, rank, noise), Path(path)
    target = check_output_file(path, BadData)
    items_path = path.with_name(f"{path.stem}.items.parquet")
    items_target = check_output_file(items_path, BadData)
    check_free_space(target, ROW_BYTES * len(recipe), f"a file of {len(recipe):,} ratings", BadData)
    working = temporary_path(target)
    try:
        with table_write_errors(path):
            working.mkdir(parents=True)
            best = _write_ratings(recipe, working, threads, progress)
            _write_items(recipe.ground_truth, working / "items.parquet")
            (working / "items.parquet").replace(items_target)
            (working / "ratings.parquet").replace(target)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return SyntheticFiles(path, items_path, len(recipe), best)


@dataclass(frozen=True, eq=False)
class _Block:
    user: Rows
    item: Rows
    value: Floats
    time: Times
    error: float  # Σ (r - E[r | ground truth])²

    def __len__(self) -> int:
        return len(self.item)


def _blocks(recipe: SyntheticRecipe, threads: int | None) -> Iterator[_Block]:
    """The ratings in blocks of whole users. A block does not depend on the number of threads."""
    truth = recipe.ground_truth  # computed once, before the threads share it
    chunk = max(1, CHUNK_RATINGS // recipe.per_user)
    with ThreadPoolExecutor(threads or cores()) as pool:
        for first in range(0, recipe.users, chunk * BLOCK_CHUNKS):
            stop = min(first + chunk * BLOCK_CHUNKS, recipe.users)
            n = (stop - first) * recipe.per_user
            user = np.repeat(np.arange(first, stop, dtype=np.int32), recipe.per_user)
            item, value, time = np.empty(n, np.int32), np.empty(n, np.float32), np.empty(n, np.int64)
            one = partial(_make_chunk, recipe, truth, item, value, time, first, chunk)
            yield _Block(user, item, value, time, sum(pool.map(one, range(first, stop, chunk))))


def _make_chunk(
    recipe: SyntheticRecipe,
    truth: GroundTruth,
    item: Rows,
    value: Floats,
    time: Times,
    origin: int,
    chunk: int,
    first: int,
) -> float:
    """Fills in at most `chunk` users from `first`, in the columns of a block whose first user is `origin`."""
    from cofactor.kernels import synthetic  # importing Numba takes time that those who only read files do not need

    n, rank = recipe.per_user, truth.vectors.shape[1]
    here = slice((first - origin) * n, (first - origin + chunk) * n)
    item, value, time = item[here], value[here], time[here]
    who = np.uint64(recipe.seed), first, n
    tastes = truth.vectors, truth.centres, truth.spread
    synthetic.choose(*who, truth.weights, *tastes, item)
    synthetic.stamp(*who, rank, BEGIN, END, time)
    if recipe.pattern == "uniform":
        return float(synthetic.rate_uniformly(*who, rank, value))
    return float(
        synthetic.rate_by_taste(*who, item, MEAN, BIAS_SPREAD, truth.item_bias, *tastes, float(recipe.noise), value)
    )


def _numbered(n: int, noun: str) -> Vocabulary:
    return Vocabulary(np.array([str(i) for i in range(1, n + 1)], dtype=object), noun)


def _describe(recipe: SyntheticRecipe) -> str:
    return f"{recipe.pattern}, {recipe.users:,} × {recipe.items:,} × {recipe.per_user:,}, seed {recipe.seed}"


def _write_ratings(recipe: SyntheticRecipe, folder: Path, threads: int | None, progress: Progress | None) -> float:
    """Writes each block to a file of its own, then joins the files in order: memory is that of one block."""
    error, done, parts = 0.0, 0, []
    for number, block in enumerate(_blocks(recipe, threads)):
        ids = {"user": block.user + 1, "item": block.item + 1}
        parts.append(folder / f"{number:06}.parquet")
        write_parquet(parts[-1], {**ids, "rating": block.value, "timestamp": block.time}, compression="uncompressed")
        error, done = error + block.error, done + len(block)
        if progress is not None:
            progress(done, len(recipe))
    best = float(np.sqrt(error / len(recipe)))
    metadata = {"cofactor.made": _describe(recipe), "cofactor.best_rmse": repr(best)}
    join_parquet(parts, folder / "ratings.parquet", metadata=metadata)
    return best


def _write_items(truth: GroundTruth, path: Path) -> None:
    numbers = np.arange(1, len(truth.titles) + 1, dtype=np.int32)
    write_parquet(path, {"item": numbers, "title": truth.titles, "genres": truth.genres})
