"""The ground truth of synthetic ratings: which items a user meets, and how much the user likes them.

taste    latent vectors with normally distributed entries; items are drawn by popularity
grouped  users and items in `rank` groups; a user rates mostly items of the own group, and likes them
uniform  every item and every rating is equally likely, so that there is nothing to learn
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Literal, get_args

import numpy as np

from cofactor.arrays import Doubles, Mask, Strings
from cofactor.data.synthetic.titles import make_titles
from cofactor.errors import BadData, check_whole

Pattern = Literal["taste", "uniform", "grouped"]

BIAS_SPREAD, TASTE_SPREAD = 0.4, 0.7
GENRE_SHARE = 0.64  # share of the variance of q_i that the item's genres explain
OWN_GROUP = 10.0  # how many times more often a user meets an item of the own group

GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Biography",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Family",
    "Fantasy",
    "History",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Science-Fiction",
    "Thriller",
    "Western",
)


@dataclass(frozen=True)
class SyntheticRecipe:
    """The size and pattern of synthetic ratings.

    The same recipe gives the same ratings, in memory and in a file, for any number of threads.
    """

    users: int
    items: int
    per_user: int  # ratings of each user, of as many distinct items
    seed: int
    pattern: Pattern
    rank: int  # width of the latent vectors; for `grouped` the number of groups
    noise: float  # standard deviation of ε, in stars

    def __post_init__(self) -> None:
        """Raises BadData for a count, noise, seed or pattern that is out of range."""
        for name in ("users", "items", "per_user", "rank"):
            check_whole(name, getattr(self, name), "how many there are")
            if not 1 <= getattr(self, name) < 2**31:
                raise BadData(f"synthetic data of {getattr(self, name):,} {name}", f"give {name} from 1 to 2³¹ - 1")
        if self.per_user > self.items:
            raise BadData(
                f"{self.per_user:,} ratings per user of {self.items:,} items",
                "a user rates an item once: choose fewer ratings per user, or more items",
            )
        if not 0 <= self.noise < float("inf"):
            raise BadData(f"noise of {self.noise}", "noise is a standard deviation in stars: give 0 or more")
        if not 0 <= self.seed < 2**63:
            raise BadData(f"a seed of {self.seed}", "give a whole number from 0")
        if self.pattern not in get_args(Pattern):
            raise BadData(f"unknown pattern {self.pattern!r}", f"the patterns are {', '.join(get_args(Pattern))}")

    def __len__(self) -> int:
        return self.users * self.per_user

    @cached_property
    def ground_truth(self) -> "GroundTruth":
        """The ground truth that the ratings are drawn from."""
        return {"taste": _taste, "uniform": _uniform, "grouped": _grouped}[self.pattern](self)


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The parameters that ratings are drawn from. `kernels/synthetic.py` draws the vector and the bias of each user."""

    weights: Doubles  # (G, n_items) how often a user of a group meets an item, relative to other items
    item_bias: Doubles  # (n_items,)
    vectors: Doubles  # (n_items, rank)
    centres: Doubles  # (G, rank) mean of the vectors of a group's users
    spread: float  # standard deviation of a user's vector around that mean
    genres: Strings  # (n_items,) "Comedy|Drama"
    titles: Strings  # (n_items,)


def _taste(recipe: SyntheticRecipe) -> GroundTruth:
    """One group; the vector of an item is the mean of its genres' vectors plus a part of its own."""
    random = np.random.default_rng(recipe.seed)
    of_genre = _some_genres(random, recipe.items)
    genre_vectors = random.normal(size=(len(GENRES), recipe.rank))
    vectors = np.zeros((recipe.items, recipe.rank))
    for g in range(len(GENRES)):  # a matrix product would add in an order that depends on the library
        vectors += of_genre[:, g, None] * genre_vectors[g]
    vectors *= np.sqrt(GENRE_SHARE / of_genre.sum(axis=1, keepdims=True))
    vectors += np.sqrt(1 - GENRE_SHARE) * random.normal(size=vectors.shape)
    vectors *= TASTE_SPREAD / np.sqrt((vectors**2).sum(axis=1).mean())
    weights = _popularity(random, recipe.items)[None]
    return _make_ground_truth(random, weights, vectors, np.zeros((1, recipe.rank)), 1.0, of_genre)


def _grouped(recipe: SyntheticRecipe) -> GroundTruth:
    """`rank` groups of users and of items; q_i holds how each group likes the item's group, p_u selects the user's."""
    random = np.random.default_rng(recipe.seed)
    groups = min(recipe.rank, recipe.items)
    group = random.permutation(np.arange(recipe.items) % groups)
    liking = random.normal(-TASTE_SPREAD / 2, TASTE_SPREAD / 2, size=(groups, groups))
    np.fill_diagonal(liking, TASTE_SPREAD)
    weights = _popularity(random, recipe.items) * np.where(group == np.arange(groups)[:, None], OWN_GROUP, 1.0)
    of_genre = np.zeros((recipe.items, len(GENRES)), dtype=bool)
    of_genre[np.arange(recipe.items), group % len(GENRES)] = True
    return _make_ground_truth(random, weights, np.ascontiguousarray(liking.T[group]), np.eye(groups), 0.0, of_genre)


def _uniform(recipe: SyntheticRecipe) -> GroundTruth:
    """Every item equally likely, and no preferences."""
    random = np.random.default_rng(recipe.seed)
    nothing = np.zeros((recipe.items, 1))
    of_genre = _some_genres(random, recipe.items)
    return _make_ground_truth(random, np.ones((1, recipe.items)), nothing, np.zeros((1, 1)), 0.0, of_genre)


def _make_ground_truth(
    random: np.random.Generator, weights: Doubles, vectors: Doubles, centres: Doubles, spread: float, of_genre: Mask
) -> GroundTruth:
    genres = ["|".join(compress(GENRES, mask)) for mask in of_genre.tolist()]
    bias = random.normal(0, BIAS_SPREAD, size=len(vectors))
    titles = make_titles(len(vectors), random)
    return GroundTruth(weights, bias, vectors, centres, spread, np.array(genres, dtype=object), titles)


def _popularity(random: np.random.Generator, n: int) -> Doubles:
    """(n,) weights 1 / (rank + n / 50): Zipf's law with Mandelbrot's offset. The ranks are a random permutation."""
    place = random.permutation(n).astype(np.float64)
    return 1.0 / (1.0 + place + n / 50)


def _some_genres(random: np.random.Generator, n: int) -> Mask:
    """(n, 18) one to three genres per item; some genres, drawn at random, are more frequent."""
    often = 1.0 / (2.0 + random.permutation(len(GENRES)))
    drawn = random.choice(len(GENRES), size=(n, 3), p=often / often.sum())
    drawn[:, 1:] = np.where(random.random((n, 2)) < 0.5, drawn[:, 1:], drawn[:, :1])
    of_genre = np.zeros((n, len(GENRES)), dtype=bool)
    of_genre[np.arange(n)[:, None], drawn] = True
    return of_genre
