"""Metrics of relevant items: one line of algebra each. docs/metrics.md says the same in words.

A metric over whole rankings takes `RelevantRanks` and gives one value per user; a metric at k takes `RanksAtK` and
gives one value per user and k. The metric of a model is the mean over the users.
"""

from collections.abc import Callable

import numpy as np

from cofactor.arrays import Array, Doubles, Mask
from cofactor.evaluation.metrics.metric import HIGHER, Metric, by_name
from cofactor.evaluation.metrics.ranked_items import RanksAtK, RelevantRanks

PERSISTENCE = 0.8  # probability p that a reader continues to the next item: 1 / (1 - p) = 5 items are read on average


def discounts(k: int) -> Doubles:
    """(k,) 1/log₂(1 + rank) for the ranks 1 … k."""
    found: Doubles = 1 / np.log2(2.0 + np.arange(k))
    return found


def ndcg_of_hits(hits: Mask, n_relevant: Array) -> Doubles:
    """(m,) NDCG@k of each user from (m, k) hits by rank and (m,) numbers of relevant items: `ndcg` for top-k lists."""
    k = hits.shape[1]
    ideal = np.cumsum(discounts(k))[np.minimum(n_relevant, k) - 1]
    values: Doubles = (hits @ discounts(k)) / ideal
    return values


# ---- one value per user and k ---------------------------------------------------------------------------------------


def precision(cut: RanksAtK) -> Doubles:
    """hits / k, also where a user has fewer than k candidates."""
    return cut.hits / cut.k


def recall(cut: RanksAtK) -> Doubles:
    """hits / R."""
    return cut.hits / cut.n_relevant


def f1(cut: RanksAtK) -> Doubles:
    """2 P R / (P + R) of a user's precision and recall = 2 hits / (k + R)."""
    return np.asarray(2 * cut.hits / (cut.k + cut.n_relevant))


def ndcg(cut: RanksAtK) -> Doubles:
    """Σ_{hits} 1/log₂(1 + rank) / Σ_{j=1…min(R, k)} 1/log₂(1 + j): every relevant item gains 1."""
    return _discounted(cut, 1.0, cut.ranks.ranks) / _discounted(cut, 1.0, cut.ranks.n_found)


def ndcg_rating(cut: RanksAtK) -> Doubles:
    """Σ_{hits} r/log₂(1 + rank), divided by the same sum for the ideal order: the gain of an item is max(r, 0)."""
    return _graded(cut, _gains(cut))


def ndcg_exp(cut: RanksAtK) -> Doubles:
    """`ndcg_rating` with gains of 2^r - 1, so that five stars count about twice as much as four."""
    gains = _gains(cut)
    most = gains.max(initial=0.0)
    return _graded(cut, np.exp2(gains - most) - np.exp2(-most))  # both times 2^-most, which cancels: no overflow


def average_precision(cut: RanksAtK) -> Doubles:
    """Σ_{hits} precision at the hit's rank / min(R, k)."""
    return cut.sum(cut.ranks.n_found / cut.ranks.ranks, cut.ranks.ranks) / np.minimum(cut.n_relevant, cut.k)


def hit_rate(cut: RanksAtK) -> Doubles:
    """1 where hits > 0, else 0."""
    return (cut.hits > 0).astype(np.float64)


def reciprocal_rank(cut: RanksAtK) -> Doubles:
    """1 / rank of the first relevant item where that is at most k, else 0."""
    return cut.sum((cut.ranks.n_found == 1) / cut.ranks.ranks, cut.ranks.ranks)


def serendipity(cut: RanksAtK) -> Doubles:
    """Hits that are not among the k most popular candidates / k."""
    assert cut.ranks.popularity_ranks is not None, "serendipity needs ranks by popularity"
    return (cut.hits - cut.sum(1.0, np.maximum(cut.ranks.ranks, cut.ranks.popularity_ranks))) / cut.k


# ---- one value per user ----------------------------------------------------------------------------------------------


def first_reciprocal_rank(ranked: RelevantRanks) -> Doubles:
    """1 / rank of the first relevant item."""
    return ranked.sum((ranked.n_found == 1) / ranked.ranks)


def auc(ranked: RelevantRanks) -> Doubles:
    """Share of (relevant, other) pairs of candidates in the right order, a tie counted half; NaN without others.

    1 - (Σ mid_rank - R(R+1)/2) / (R (N - R)): the relevant ranks exceed their lowest possible sum by the number of
    other candidates that are ranked above relevant ones.
    """
    assert ranked.mid_ranks is not None, "AUC needs the ranks of tied scores"
    relevant = ranked.n_relevant
    pairs = (relevant * (ranked.n_candidates - relevant)).astype(np.float64)
    misplaced = ranked.sum(ranked.mid_ranks) - relevant * (relevant + 1) / 2
    share: Doubles = np.divide(misplaced, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return 1 - share


def full_average_precision(ranked: RelevantRanks) -> Doubles:
    """Σ_{relevant items} precision at the item's rank / R."""
    return ranked.sum(ranked.n_found / ranked.ranks) / ranked.n_relevant


def r_precision(ranked: RelevantRanks) -> Doubles:
    """Relevant items among the first R / R."""
    return ranked.sum(ranked.ranks <= ranked.n_relevant[ranked.user]) / ranked.n_relevant


def rank_biased_precision(ranked: RelevantRanks) -> Doubles:
    """(1 - p) Σ_{relevant items} p^(rank - 1): the expected share of relevant items among those read by a reader who
    continues from each item to the next with probability p."""
    return (1 - PERSISTENCE) * ranked.sum(np.power(PERSISTENCE, ranked.ranks - 1.0))


def _gains(cut: RanksAtK) -> Doubles:
    assert cut.ranks.ratings is not None, "graded gains need the ratings"
    return np.maximum(cut.ranks.ratings, 0)


def _graded(cut: RanksAtK, gains: Doubles) -> Doubles:
    best = _discounted(cut, gains, cut.ranks.ideal_ranks)
    share: Doubles = np.full(best.shape, np.nan)
    np.divide(_discounted(cut, gains, cut.ranks.ranks), best, out=share, where=best > 0)
    return share


def _discounted(cut: RanksAtK, gains: Doubles | float, positions: Array) -> Doubles:
    """(n_users, n_k) Σ gain / log₂(1 + position) over the relevant items whose position is at most k."""
    return cut.sum(gains / np.log2(1.0 + positions), positions)


AtK = Callable[[RanksAtK], Doubles]
OverAll = Callable[[RelevantRanks], Doubles]

AT_K: dict[str, Metric[AtK]] = by_name(
    (
        Metric("precision", precision, "precision", "Share of the first k items that are relevant.", HIGHER, 3),
        Metric(
            "recall", recall, "recall", "Share of the relevant items among the first k.", HIGHER, 2, in_summary=True
        ),
        Metric("f1", f1, "F1", "Harmonic mean of precision and recall.", HIGHER),
        Metric(
            "ndcg", ndcg, "NDCG", "Normalised discounted cumulative gain, binary gains.", HIGHER, 1, in_summary=True
        ),
        Metric("map", average_precision, "MAP", "Mean average precision.", HIGHER),
        Metric("hit_rate", hit_rate, "hit rate", "Share of users with a hit.", HIGHER, 4, in_summary=True),
        Metric("mrr", reciprocal_rank, "MRR", "Mean reciprocal rank of the first relevant item.", HIGHER),
        Metric("ndcg_rating", ndcg_rating, "NDCG rating", "NDCG with ratings as gains.", HIGHER),
        Metric("ndcg_exp", ndcg_exp, "NDCG exp", "NDCG with gains of 2^rating - 1.", HIGHER),
        Metric(
            "serendipity", serendipity, "serendipity", "Share of the first k items that are unexpected hits.", HIGHER
        ),
    )
)
GRADED = "ndcg_rating", "ndcg_exp"  # metrics of AT_K whose gains are ratings
OVER_ALL: dict[str, Metric[OverAll]] = by_name(
    (
        Metric("mrr", first_reciprocal_rank, "MRR", "Mean reciprocal rank over the whole ranking.", HIGHER),
        Metric("auc", auc, "AUC", "Area under the ROC curve.", HIGHER),
        Metric("map", full_average_precision, "MAP", "Mean average precision over the whole ranking.", HIGHER),
        Metric("r_precision", r_precision, "r precision", "Precision among the first R items.", HIGHER),
        Metric("rbp", rank_biased_precision, "RBP", "Rank-biased precision.", HIGHER),
    )
)
RATED: dict[str, Metric[AtK]] = by_name(
    (
        Metric("rated_precision", precision, "rated precision", "Precision among the rated test items.", HIGHER),
        Metric("rated_recall", recall, "rated recall", "Recall among the rated test items.", HIGHER),
        Metric("rated_f1", f1, "rated F1", "F1 among the rated test items.", HIGHER),
    )
)
