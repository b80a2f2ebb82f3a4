"""Save a model with random vectors and a catalogue as large as that of the largest MovieLens data set.

python benchmarks/synthetic_catalogue.py build/catalogue --users 20000 --items 62000 --rank 64 --per-user 100
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Strings
from cofactor.data.ratings import TrainingData, make_csr
from cofactor.data.vocabulary import Vocabulary
from cofactor.models.factor import FactorModel
from cofactor.saved.model_folder import save

GENRES = (
    "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir",
    "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
FIRSTS = ("b", "br", "ch", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v", "w")
SECONDS = ("a", "e", "i", "o", "u", "ai", "an", "en", "in", "on", "or", "er")
SYLLABLES = [first + second for first in FIRSTS for second in SECONDS]
WORDS_OF_TITLES = 45_000  # MovieLens 25M has about as many different ones in its titles
FIRST_YEAR, LAST_YEAR = 1920, 2019


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    for name, default in (("users", 20_000), ("items", 62_000), ("rank", 64), ("per-user", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    model = made_catalogue(asked.users, asked.items, asked.rank, asked.per_user)
    save(model, asked.path, trainer="made")
    print(
        f"{asked.path}: {asked.users:,} users, {asked.items:,} items, {model.training_data.interactions.nnz:,} ratings"
    )


def made_catalogue(n_users: int = 20_000, n_items: int = 62_000, rank: int = 64, per_user: int = 100) -> FactorModel:
    """A factor model of random vectors over made titles; how often items are rated falls as in MovieLens, about as
    their place to the power of -0.8, so that the last are hardly ever rated. The same sizes give the same model."""
    rng = np.random.default_rng(0)
    training_data = TrainingData(
        Vocabulary(np.array([str(u) for u in range(1, n_users + 1)], dtype=object), "user"),
        Vocabulary(np.array([str(i) for i in range(1, n_items + 1)], dtype=object), "item"),
        _history(n_users, n_items, per_user, rng),
        scale=(0.5, 5.0),
        step=0.5,
        titles=_titles(n_items, rng),
        genres=_genres(n_items, rng),
    )

    def random(*shape: int, size: float) -> Floats:
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(size)

    biases = random(n_users, size=0.3), random(n_items, size=0.3)
    vectors = random(n_users, rank, size=0.25), random(n_items, rank, size=0.25)
    return FactorModel(training_data, (0.5, 5.0), 3.5, *biases, *vectors, 0.02, 0.05)


def _history(n_users: int, n_items: int, per_user: int, rng: np.random.Generator) -> csr_array:
    """Distinct items of each user, the first ones from a sample twice as long as needed."""
    chances = np.cumsum(rng.permutation(np.arange(1, n_items + 1) ** -0.8))
    drawn = np.searchsorted(chances, rng.random((n_users, 2 * per_user)) * chances[-1]).clip(max=n_items - 1)
    users, items = [], []
    for user, one in enumerate(drawn):
        own = np.unique(one)
        own = rng.permutation(own)[:per_user]
        users.append(np.full(len(own), user))
        items.append(own)
    user, item = np.concatenate(users), np.concatenate(items)
    value = (rng.integers(1, 11, len(user)) / 2).astype(np.float32)
    return make_csr(user.astype(np.int32), item.astype(np.int32), value, (n_users, n_items))


def _titles(n: int, rng: np.random.Generator) -> Strings:
    """(n,) titles of one to six words with two to four syllables, some of them frequent, and a year."""
    sizes = rng.integers(2, 5, WORDS_OF_TITLES)
    words = ["".join(rng.choice(SYLLABLES, size)).capitalize() for size in sizes]
    common = _weighted(WORDS_OF_TITLES, 0.9)
    lengths, years = rng.integers(1, 7, n), rng.integers(FIRST_YEAR, LAST_YEAR + 1, n)
    drawn = iter(rng.choice(WORDS_OF_TITLES, int(lengths.sum()), p=common).tolist())
    titles = [
        " ".join(words[next(drawn)] for _ in range(length)) + f" ({year})"
        for length, year in zip(lengths.tolist(), years.tolist(), strict=True)
    ]
    return np.array(titles, dtype=object)


def _genres(n: int, rng: np.random.Generator) -> Strings:
    """(n,) up to three genres, for example "Comedy|Drama"."""
    common = _weighted(len(GENRES), 0.6)
    chosen = [rng.choice(len(GENRES), size, replace=False, p=common) for size in rng.integers(0, 4, n)]
    return np.array(["|".join(GENRES[g] for g in sorted(one)) for one in chosen], dtype=object)


def _weighted(n: int, power: float) -> Array:
    weights = np.arange(1, n + 1) ** -power
    return weights / weights.sum()


if __name__ == "__main__":
    main()
