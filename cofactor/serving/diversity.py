"""Lists with variety: of two items that are alike, the second says little that the first does not."""

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.models.base import Model

POOL = 200  # items that are put into another order together


def diverse(model: Model, ranked: Rows, scores: Floats, diversity: float, start: int, n: int) -> Array:
    """(≤ n,) places in a ranking, from place `start` of the list that maximal marginal relevance makes of it.

    Each place goes to the item i that is left in the pool with the highest

        (1 - d) · relevance_i - d · max_{j chosen} similarity_ij

    d: the diversity; relevance: the score, moved and stretched so that the pool's lie in [0, 1]; similarity: that of
    the model (its cosine for vectors), 0 where nothing says that two items are alike. Of equals the better ranked is
    chosen. d = 0 leaves the ranking as it is.

    A pool is POOL neighbours in the ranking: the first POOL make the first POOL places, the next the next, so a page is
    the same whatever came before it, and costs the same.

    Source: J. Carbonell, J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
    Producing Summaries", SIGIR 1998.
    """
    stop, places = min(start + n, len(ranked)), []
    for first in range(start - start % POOL, stop, POOL):
        pool = slice(first, first + POOL)
        alike = model.similarities(ranked[pool]).astype(np.float64)
        alike[~np.isfinite(alike)] = 0
        order = _in_order(_relevance(scores[pool]), alike, diversity, stop - first)
        places.append(first + order[max(0, start - first) :])
    return np.concatenate(places) if places else np.empty(0, dtype=np.int64)


def _in_order(relevance: Doubles, alike: Doubles, diversity: float, n: int) -> Array:
    """(≤ n,) the places of a pool of (k,) relevance and (k, k) similarity, in the order they are chosen."""
    worth = (1 - diversity) * relevance
    nearest = np.zeros(len(worth))  # the similarity to what is chosen, which the first one has none of
    order = np.empty(min(n, len(worth)), dtype=np.int64)
    for place in range(len(order)):
        best = int(np.argmax(worth - diversity * nearest))
        nearest = np.maximum(nearest, alike[best]) if place else alike[best].copy()
        order[place] = best
        worth[best] = -np.inf
    return order


def _relevance(scores: Floats) -> Doubles:
    """Scores between 0 and 1; all 1 where they are equal."""
    lowest, highest = float(scores.min()), float(scores.max())
    if highest == lowest:
        return np.ones(len(scores))
    return (scores.astype(np.float64) - lowest) / (highest - lowest)
