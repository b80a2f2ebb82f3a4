"""Small data and models whose answers are known."""

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats
from cofactor.data.ratings import Ratings
from cofactor.models.factor import FactorModel
from cofactor.models.posterior import PosteriorModel


def checkerboard(n_users: int = 60, n_items: int = 60, seed: int = 0) -> tuple[Ratings, Ratings]:
    """(train, held out): users love items of their own parity (5) and loathe the others (1).

    The diagonal, which is loved, and a quarter of the other cells are held out.
    """
    user, item = (grid.ravel() for grid in np.mgrid[:n_users, :n_items])
    value = np.where((user + item) % 2 == 0, 5.0, 1.0)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(user))
    ratings = Ratings.of(user[shuffled], item[shuffled], value[shuffled])
    held_out = (ratings.user == ratings.item) | (rng.random(len(ratings)) < 0.25)
    return ratings.where(~held_out), ratings.where(held_out)


def noise(n_users: int = 30, n_items: int = 20, n: int = 250, seed: int = 0, half: bool = True) -> Ratings:
    """Random ratings in half stars, titles and genres on every item; the last user and the last item have none."""
    rng = np.random.default_rng(seed)
    cells = rng.choice((n_users - 1) * (n_items - 1), n, replace=False)
    user, item = cells // (n_items - 1), cells % (n_items - 1)
    value = rng.integers(1, 11, n) / 2 if half else rng.integers(1, 6, n)
    everybody = Ratings.of([*user, n_users - 1], [*item, n_items - 1], [*value, 3.0])
    titles = np.array([f"Film “{i}” | <b>" if i % 3 else "" for i in range(n_items)], dtype=object)
    genres = np.array(["Comedy|Drama" if i % 2 else None for i in range(n_items)], dtype=object)
    seen = everybody.where(everybody.user < n_users - 1)
    return Ratings(
        seen.users,
        seen.items,
        seen.user,
        seen.item,
        seen.value,
        scale=(0.5, 5.0),
        step=0.5,
        titles=titles[: len(seen.items)],
        genres=genres[: len(seen.items)],
        split="0123abcd",
    )


def factors(ratings: Ratings, rank: int = 3, l2: float = 0.02, sweeps: int = 6) -> FactorModel:
    """A factor model by alternating ridge regressions, the users over the items and the items over the users."""
    training_data, rng = ratings.training_data, np.random.default_rng(0)
    mean = float(ratings.value.mean())
    items = np.zeros(len(ratings.items), np.float32), rng.normal(0, 0.5, (len(ratings.items), rank)).astype(np.float32)
    for _ in range(sweeps):
        users = _solved(ratings.by_user(), mean, *items, l2)
        items = _solved(ratings.by_item(), mean, *users, l2)
    users = _solved(ratings.by_user(), mean, *items, l2)
    return FactorModel(training_data, ratings.scale, mean, users[0], items[0], users[1], items[1], l2, l2)


def _solved(rated: csr_array, mean: float, bias: Floats, vectors: Floats, l2: float) -> tuple[Floats, Floats]:
    """Biases and vectors of the rows, those of the columns held fixed; zeros for a row without ratings."""
    solutions = np.zeros((rated.shape[0], vectors.shape[1] + 1))
    for row in np.flatnonzero(np.diff(rated.indptr)):
        here = slice(rated.indptr[row], rated.indptr[row + 1])
        design = np.column_stack([vectors[rated.indices[here]], np.ones(here.stop - here.start)]).astype(np.float64)
        gram = design.T @ design + len(design) * l2 * np.eye(design.shape[1])
        solutions[row] = np.linalg.solve(gram, design.T @ (rated.data[here] - mean - bias[rated.indices[here]]))
    solved = solutions.astype(np.float32)
    return solved[:, -1].copy(), solved[:, :-1].copy()


def posterior(n_draws: int = 3, rank: int = 2) -> PosteriorModel:
    """A model of random draws for the ratings of `noise`, whose cold user and item are what their prior expects.

    It knows four days from the third after 1970-01-01 on, of which the third has no ratings.
    """
    ratings, rng = noise(), np.random.default_rng(0)
    n_users, n_items, width = len(ratings.users), len(ratings.items), rank + 1

    def random(*shape: int) -> Floats:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    users, items, root = random(n_users, n_draws, width), random(n_items, n_draws, width), np.float32(np.sqrt(n_draws))
    users[-1], items[-1] = random(n_draws, width), random(n_draws, width)
    precisions = [a @ a.transpose(0, 2, 1) + np.eye(width, dtype=np.float32) for a in random(2, n_draws, width, width)]
    return PosteriorModel(
        ratings.training_data,
        ratings.scale,
        3.0,
        users[:, :, rank].mean(axis=1),
        items[:, :, rank].mean(axis=1),
        users[:, :, :rank].reshape(n_users, -1) / root,
        items[:, :, :rank].reshape(n_items, -1) / root,
        users[:, :, rank],
        items[:, :, rank],
        rng.uniform(0.5, 1.5, n_draws).astype(np.float32),
        users[-1],
        precisions[0],
        items[-1],
        precisions[1],
        set_vectors=random(n_items, n_draws, width),
        day_vectors=random(4, n_draws, width) * np.array([1, 1, 0, 1], np.float32)[:, None, None],
        first_day=3.0,
    )
