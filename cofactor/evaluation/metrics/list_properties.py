"""Properties of recommended lists, whether their items are relevant or not. docs/metrics.md says the same in words.

`OF_A_LIST` holds properties of each list, whose mean over users is reported; `OF_ALL_LISTS` holds properties of all the
lists together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.evaluation.metrics.metric import DESCRIPTIVE, HIGHER, Metric, by_name

# ---- properties of a list: one value per user and k, NaN for a list that is too short to have it ---------------------


@dataclass(frozen=True, eq=False)
class ListStatistics:
    """Statistics of the first k items of each user's list, for several k: arrays of (m, n_k)."""

    length: Array  # items, at most k
    n_popular: Array  # items among the user's k most popular candidates
    information: Doubles  # Σ -log₂ share of the training users who rated the item
    ratings: Doubles  # Σ training ratings of the item
    n_long_tail: Doubles  # items of the long tail
    n_with_genres: Doubles  # items with a genre
    genres: Doubles  # |Σ ĝ|², ĝ an item's (n_genres,) genres as a vector of length 1
    cosines: Doubles  # Σ over pairs of items of the cosine of their training ratings
    history_popularity: Doubles  # (m, 1) mean number of training ratings of the items in the user's history, or NaN


def novelty(lists: ListStatistics) -> Doubles:
    """Mean of -log₂ popularity share."""
    return _divide(lists.information, lists.length)


def average_popularity(lists: ListStatistics) -> Doubles:
    """Mean number of training ratings."""
    return _divide(lists.ratings, lists.length)


def popularity_lift(lists: ListStatistics) -> Doubles:
    """Mean number of training ratings / that of the items in the user's history - 1."""
    return average_popularity(lists) / lists.history_popularity - 1


def long_tail_share(lists: ListStatistics) -> Doubles:
    """Items of the long tail / items."""
    return _divide(lists.n_long_tail, lists.length)


def unexpectedness(lists: ListStatistics) -> Doubles:
    """Items that are not among the user's k most popular candidates / items."""
    return _divide(lists.length - lists.n_popular, lists.length)


def diversity(lists: ListStatistics) -> Doubles:
    """1 - mean cosine of the training ratings of two items."""
    return 1 - _divide(lists.cosines, lists.length * (lists.length - 1) / 2)


def genre_diversity(lists: ListStatistics) -> Doubles:
    """1 - mean cosine of the genres of two items with genres: Σ_{i≠j} ĝ_i·ĝ_j = |Σ ĝ_i|² - Σ |ĝ_i|²."""
    return 1 - _divide(lists.genres - lists.n_with_genres, lists.n_with_genres * (lists.n_with_genres - 1))


ListFormula = Callable[[ListStatistics], Doubles]

OF_A_LIST: dict[str, Metric[ListFormula]] = by_name(
    (
        Metric("novelty", novelty, "novelty", "Mean self-information of the items, in bits.", DESCRIPTIVE, 2, 2),
        Metric("arp", average_popularity, "ARP", "Mean number of training ratings of the items.", DESCRIPTIVE),
        Metric("popularity_lift", popularity_lift, "popularity lift",
               "Popularity of the list relative to that of the user's history, minus 1.", DESCRIPTIVE, 4, 2),
        Metric("aplt", long_tail_share, "APLT", "Share of long-tail items in the list.", DESCRIPTIVE),
        Metric("unexpectedness", unexpectedness, "unexpectedness",
               "Share of items that a list of the most popular would not hold.", DESCRIPTIVE),
        Metric("diversity", diversity, "diversity", "1 - mean cosine of the ratings of two items.", DESCRIPTIVE, 3, 3),
        Metric("genre_diversity", genre_diversity, "genre diversity", "1 - mean cosine of the genres of two items.",
               DESCRIPTIVE, 5, 3, needs_genres=True),
    )
)  # fmt: skip

# ---- properties of all lists together: one number, NaN where it is not defined ---------------------------------------


@dataclass(frozen=True, eq=False)
class Exposure:
    """How often each item is recommended among the first k."""

    count: Array  # (n_items,) lists that hold the item, for the whole catalogue
    n_lists: int  # lists that are not empty
    longest: int  # items in the longest list, at most k


def coverage(exposure: Exposure) -> float:
    """Share of the catalogue that is in a list."""
    return float(np.mean(exposure.count > 0))


def gini(exposure: Exposure) -> float:
    """Σ_i (2i - n - 1) x_i / ((n - 1) Σ x), i = 1 … n, with x the exposures of the n items in ascending order."""
    n = len(exposure.count)
    weighted = np.sum((2.0 * np.arange(1, n + 1) - n - 1) * np.sort(exposure.count))
    return _ratio(weighted, (n - 1) * exposure.count.sum())


def entropy(exposure: Exposure) -> float:
    """-Σ p log₂ p in bits, with p an item's share of all exposures."""
    listed = exposure.count[exposure.count > 0]
    share = listed / listed.sum()
    return float(-np.sum(share * np.log2(share))) + 0.0 if len(listed) else np.nan


def personalisation(exposure: Exposure) -> float:
    """1 - mean over pairs of lists of the items they share / length of the longest list.

    An item in x lists is shared by x(x - 1)/2 pairs of lists, so that no pair needs to be visited.
    """
    shared = np.sum(exposure.count * (exposure.count - 1))
    return 1 - _ratio(shared, exposure.n_lists * (exposure.n_lists - 1) * exposure.longest)


ExposureFormula = Callable[[Exposure], float]

OF_ALL_LISTS: dict[str, Metric[ExposureFormula]] = by_name(
    (
        Metric("coverage", coverage, "coverage", "Share of the catalogue in the lists.", HIGHER, 1, 3,
               in_summary=True),
        Metric("gini", gini, "Gini", "Inequality of the items' exposures.", DESCRIPTIVE, 6, 3),
        Metric("entropy", entropy, "entropy", "Entropy of the items' exposures, in bits.", DESCRIPTIVE),
        Metric("personalisation", personalisation, "personalisation", "How different the users' lists are.",
               DESCRIPTIVE),
    )
)  # fmt: skip


class ListResults(NamedTuple):
    """The properties of the lists of the ranked users."""

    values: Mapping[str, Doubles]  # (n_ranked, n_k) for each metric of OF_A_LIST that is defined
    exposures: tuple[Exposure, ...]  # for each k


def _divide(a: Array, b: Array) -> Doubles:
    share: Doubles = np.full(b.shape, np.nan)
    return np.divide(a, b, out=share, where=b > 0)


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b else np.nan
