"""What made ratings follow from: who comes upon what, and who likes what.

Patterns: `taste`, vectors of normal entries, items drawn by popularity; `grouped`, users and items in `rank` groups, a
user rates mostly items of the own group and likes them; `uniform`, any item and any rating as likely as any other, so
that there is nothing to learn.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Literal, get_args

import numpy as np

from cofactor.arrays import Doubles, Mask, Strings
from cofactor.data.synthetic.titles import make_titles
from cofactor.errors import BadData

Pattern = Literal["taste", "uniform", "grouped"]

BIAS_SPREAD, TASTE_SPREAD = 0.4, 0.7
GENRE_SHARE = 0.64  # of the variance of q_i, that of the item's genres
OWN_GROUP = 10.0  # how much likelier a user comes upon an item of the own group

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
    """What to make. The same recipe gives the same ratings, in memory and in a file, for any number of threads."""

    users: int
    items: int
    per_user: int  # ratings of each user, of as many distinct items
    seed: int
    pattern: Pattern
    rank: int  # width of the planted vectors; for `grouped` the number of groups
    noise: float  # standard deviation of ε, in stars

    def __post_init__(self) -> None:
        """Raises BadData where such ratings cannot be made."""
        for name in ("users", "items", "per_user", "rank"):
            if not 1 <= getattr(self, name) < 2**31:
                raise BadData(f"made data of {getattr(self, name):,} {name}", f"{name} is at least 1, at most 2³¹ - 1")
        if self.per_user > self.items:
            raise BadData(
                f"{self.per_user:,} ratings a user of {self.items:,} items",
                "a user rates an item once: ask for fewer ratings a user, or for more items",
            )
        if not 0 <= self.noise < float("inf"):
            raise BadData(f"noise of {self.noise}", "noise is a standard deviation in stars: 0 or more")
        if not 0 <= self.seed < 2**63:
            raise BadData(f"a seed of {self.seed}", "a seed is a whole number from 0")
        if self.pattern not in get_args(Pattern):
            raise BadData(f"no pattern {self.pattern!r}", f"there are {', '.join(get_args(Pattern))}")

    def __len__(self) -> int:
        return self.users * self.per_user

    @cached_property
    def ground_truth(self) -> "GroundTruth":
        """What the ratings follow from."""
        return {"taste": _taste, "uniform": _uniform, "grouped": _grouped}[self.pattern](self)


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What made ratings follow from. A user's own vector and bias are drawn when the user is (`kernels/made.py`)."""

    weights: Doubles  # (G, n_items) how likely a user of a group comes upon an item
    item_bias: Doubles  # (n_items,)
    vectors: Doubles  # (n_items, rank)
    centres: Doubles  # (G, rank) middle of the vectors of a group's users
    spread: float  # of a user's vector about it
    genres: Strings  # (n_items,) "Comedy|Drama"
    titles: Strings  # (n_items,)


def _taste(recipe: SyntheticRecipe) -> GroundTruth:
    """One group; the vector of an item is that of its genres and something of its own."""
    random = np.random.default_rng(recipe.seed)
    of_genre = _some_genres(random, recipe.items)
    genre_vectors = random.normal(size=(len(GENRES), recipe.rank))
    vectors = np.zeros((recipe.items, recipe.rank))
    for g in range(len(GENRES)):  # not a matrix product, whose order of addition is the library's affair
        vectors += of_genre[:, g, None] * genre_vectors[g]
    vectors *= np.sqrt(GENRE_SHARE / of_genre.sum(axis=1, keepdims=True))
    vectors += np.sqrt(1 - GENRE_SHARE) * random.normal(size=vectors.shape)
    vectors *= TASTE_SPREAD / np.sqrt((vectors**2).sum(axis=1).mean())
    weights = _popularity(random, recipe.items)[None]
    return _make_ground_truth(random, weights, vectors, np.zeros((1, recipe.rank)), 1.0, of_genre)


def _grouped(recipe: SyntheticRecipe) -> GroundTruth:
    """`rank` groups of users and of items; q_i holds what each group thinks of the item's, p_u points at the own."""
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
    """Every item as likely, and no taste."""
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
    """(n,) weights 1 / (rank + n / 50), Zipf's law with Mandelbrot's offset; which item has which rank is drawn."""
    place = random.permutation(n).astype(np.float64)
    return 1.0 / (1.0 + place + n / 50)


def _some_genres(random: np.random.Generator, n: int) -> Mask:
    """(n, 18) one to three genres an item, the early ones in a drawn order more often."""
    often = 1.0 / (2.0 + random.permutation(len(GENRES)))
    drawn = random.choice(len(GENRES), size=(n, 3), p=often / often.sum())
    drawn[:, 1:] = np.where(random.random((n, 2)) < 0.5, drawn[:, 1:], drawn[:, :1])
    of_genre = np.zeros((n, len(GENRES)), dtype=bool)
    of_genre[np.arange(n)[:, None], drawn] = True
    return of_genre
