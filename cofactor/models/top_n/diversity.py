"""Diverse lists: maximal marginal relevance, which penalises items similar to those already listed."""

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.models.scoring import ScoringModel

POOL = 200  # items that are reordered together


def diversify(model: ScoringModel, ranked: Rows, scores: Floats, diversity: float, start: int, n: int) -> Array:
    """(≤ n,) places in a ranking of the items from place `start` of the diversified list.

    Each place is given to the remaining item i of the pool with the highest

        (1 - d) · relevance_i - d · max_{j chosen} similarity_ij

    d: the diversity; relevance: the score, scaled to [0, 1] within the pool; similarity: that of the model (the cosine
    for vectors), 0 without evidence. Ties go to the item ranked higher. d = 0 leaves the ranking unchanged.

    A pool is POOL consecutive items of the ranking: the first POOL fill the first POOL places of the list, and so on.
    So the content and the cost of a page do not depend on the pages before it.

    Source: J. Carbonell, J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
    Producing Summaries", SIGIR 1998.
    """
    stop, places = min(start + n, len(ranked)), []
    for first in range(start - start % POOL, stop, POOL):
        pool = slice(first, first + POOL)
        similarity = model.similarity_among_rows(ranked[pool]).astype(np.float64)
        similarity[~np.isfinite(similarity)] = 0
        order = _order_by_marginal_relevance(_relevance(scores[pool]), similarity, diversity, stop - first)
        places.append(first + order[max(0, start - first) :])
    return np.concatenate(places) if places else np.empty(0, dtype=np.int64)


def _order_by_marginal_relevance(relevance: Doubles, similarity: Doubles, diversity: float, n: int) -> Array:
    """(≤ n,) the places within a pool of (k,) relevance and (k, k) similarity, in the order of the new list."""
    value = (1 - diversity) * relevance
    nearest = np.zeros(len(value))  # highest similarity to a chosen item; the first one is chosen without
    order = np.empty(min(n, len(value)), dtype=np.int64)
    for place in range(len(order)):
        best = int(np.argmax(value - diversity * nearest))
        nearest = np.maximum(nearest, similarity[best]) if place else similarity[best].copy()
        order[place] = best
        value[best] = -np.inf
    return order


def _relevance(scores: Floats) -> Doubles:
    """Scores scaled to [0, 1]; all 1 if they are equal."""
    lowest, highest = float(scores.min()), float(scores.max())
    if highest == lowest:
        return np.ones(len(scores))
    return (scores.astype(np.float64) - lowest) / (highest - lowest)
