"""What the recommended lists hold, whether relevant or not. docs/metrics.md says the same in words.

Most figures are means over users of a property of each list, `OF_A_LIST`; a few are one property of all the lists
together, `OF_ALL_LISTS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles

# ---- properties of a list: one value per user and k, NaN where a list is too short to have it ------------------------


@dataclass(frozen=True, eq=False)
class Held:
    """What the first k of each user's list hold, for several k at once: arrays of (m, n_k)."""

    length: Array  # items, k at most
    popular: Array  # of these, among the user's first k candidates by popularity
    information: Doubles  # Σ -log₂ share of the training users who rated the item
    ratings: Doubles  # Σ training ratings of the item
    tail: Doubles  # items of the long tail
    known: Doubles  # items with a genre
    genres: Doubles  # |Σ ĝ|², ĝ an item's (n_genres,) genres as a vector of length 1
    cosines: Doubles  # Σ over pairs of the cosine of their training ratings
    usual: Doubles  # (m, 1) mean training ratings of the items that the user rated; NaN where there are none


def novelty(held: Held) -> Doubles:
    """Mean of -log₂ popularity share."""
    return _over(held.information, held.length)


def average_popularity(held: Held) -> Doubles:
    """Mean number of training ratings."""
    return _over(held.ratings, held.length)


def popularity_lift(held: Held) -> Doubles:
    """Mean number of training ratings / that of the items in the user's history - 1."""
    return average_popularity(held) / held.usual - 1


def long_tail_share(held: Held) -> Doubles:
    """Items of the long tail / items."""
    return _over(held.tail, held.length)


def unexpectedness(held: Held) -> Doubles:
    """Items that are not among the first k by popularity / items."""
    return _over(held.length - held.popular, held.length)


def diversity(held: Held) -> Doubles:
    """1 - mean cosine of the training ratings of two items."""
    return 1 - _over(held.cosines, held.length * (held.length - 1) / 2)


def genre_diversity(held: Held) -> Doubles:
    """1 - mean cosine of the genres of two items with genres: Σ_{i≠j} ĝ_i·ĝ_j = |Σ ĝ_i|² - Σ |ĝ_i|²."""
    return 1 - _over(held.genres - held.known, held.known * (held.known - 1))


OF_A_LIST: dict[str, Callable[[Held], Doubles]] = {
    "novelty": novelty,
    "arp": average_popularity,
    "popularity_lift": popularity_lift,
    "aplt": long_tail_share,
    "unexpectedness": unexpectedness,
    "diversity": diversity,
    "genre_diversity": genre_diversity,
}

# ---- properties of all lists together: one number, NaN where there is none ------------------------------------------


@dataclass(frozen=True, eq=False)
class Exposure:
    """How often each item is recommended among the first k."""

    count: Array  # (n_items,) lists that hold it, of the whole catalogue
    n_lists: int  # that are not empty
    longest: int  # items in the longest of them, k at most


def coverage(shown: Exposure) -> float:
    """Share of the catalogue that is in a list."""
    return float(np.mean(shown.count > 0))


def gini(shown: Exposure) -> float:
    """Σ_i (2i - n - 1) x_i / ((n - 1) Σ x), i = 1 … n, with x the n items' exposures in rising order."""
    n = len(shown.count)
    weighted = np.sum((2.0 * np.arange(1, n + 1) - n - 1) * np.sort(shown.count))
    return _ratio(weighted, (n - 1) * shown.count.sum())


def entropy(shown: Exposure) -> float:
    """-Σ p log₂ p with p an item's share of all exposures, in bits."""
    listed = shown.count[shown.count > 0]
    share = listed / listed.sum()
    return float(-np.sum(share * np.log2(share))) + 0.0 if len(listed) else np.nan


def personalisation(shown: Exposure) -> float:
    """1 - mean over pairs of lists of the items they share / length of the longest list.

    An item in x lists is shared by x(x - 1)/2 pairs of them, so that no pair need be looked at.
    """
    shared = np.sum(shown.count * (shown.count - 1))
    return 1 - _ratio(shared, shown.n_lists * (shown.n_lists - 1) * shown.longest)


OF_ALL_LISTS: dict[str, Callable[[Exposure], float]] = {
    "coverage": coverage,
    "gini": gini,
    "entropy": entropy,
    "personalisation": personalisation,
}


class Lists(NamedTuple):
    """What is known of the lists of the ranked users."""

    values: Mapping[str, Doubles]  # (n_ranked, n_k) of those of OF_A_LIST that can be measured
    exposures: tuple[Exposure, ...]  # for each k


def _over(a: Array, b: Array) -> Doubles:
    share: Doubles = np.full(b.shape, np.nan)
    return np.divide(a, b, out=share, where=b > 0)


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b else np.nan
