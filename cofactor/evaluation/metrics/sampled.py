"""Metrics of held-out items that are ranked among sampled negatives, not among the whole catalogue.

Source: X. He, L. Liao, H. Zhang, L. Nie, X. Hu, T.-S. Chua, "Neural Collaborative Filtering", WWW 2017, section 4.1.
"""

from collections.abc import Callable

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.evaluation.metrics.metric import HIGHER, Metric, by_name


def sampled_hit_rate(ranks: Array, k: int) -> Doubles:
    """(n,) 1 for a rank of at most k, else 0."""
    hit: Doubles = (ranks <= k).astype(np.float64)
    return hit


def sampled_ndcg(ranks: Array, k: int) -> Doubles:
    """(n,) 1/log₂(1 + rank) for a rank of at most k, else 0."""
    return sampled_hit_rate(ranks, k) / np.log2(1.0 + ranks)


SampledFormula = Callable[[Array, int], Doubles]

SAMPLED: dict[str, Metric[SampledFormula]] = by_name(
    (
        Metric("sampled_hit_rate", sampled_hit_rate, "sampled hit rate",
               "Share of held-out items among the first k of their sampled ranking.", HIGHER, 2),
        Metric("sampled_ndcg", sampled_ndcg, "sampled NDCG", "NDCG of held-out items in their sampled ranking.",
               HIGHER, 1),
    )
)  # fmt: skip
