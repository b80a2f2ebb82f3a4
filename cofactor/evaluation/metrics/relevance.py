"""One line of algebra per metric of relevant items. docs/metrics.md says the same in words.

Metrics of predicted ratings take (n,) arrays, one entry per test rating. Ranking metrics take `Ranked` and give one
value per user, or `Cut` and give one per user and k; the figure of a model is their mean over the users, and its
standard error is `standard_error`. What the lists hold, relevant or not, is measured in lists.py.
"""

from collections.abc import Callable

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.evaluation.metrics.ranked_items import Cut, Ranked

PERSISTENCE = 0.8  # of who reads a list: looks at 1 / (1 - p) = 5 items in the mean

# ---- predicted ratings: e = r̂ - r, over all test ratings ----------------------------------------------------------


def mse(error: Doubles) -> float:
    """Σ e² / n."""
    return float(np.mean(error**2))


def rmse(error: Doubles) -> float:
    """√(Σ e² / n) over the whole set: never a mean of the RMSEs of its parts."""
    return float(np.sqrt(mse(error)))


def mae(error: Doubles) -> float:
    """Σ |e| / n."""
    return float(np.mean(np.abs(error)))


def exact(predicted: Floats, value: Floats, step: float) -> Doubles:
    """(n,) 1 where the prediction rounds to the true rating, else 0; halves of a step round up."""
    rounded = np.floor(predicted.astype(np.float64) / step + 0.5)
    return np.isclose(rounded, value.astype(np.float64) / step, rtol=0, atol=1e-4).astype(np.float64)


def standard_error(values: Doubles, of: Array | None = None) -> float:
    """Standard error of the mean of (n,) values, x̄. `of`: (n,) which user each value belongs to; None: all different.

    √(G/(G-1) Σ_g (Σ_{i in g} (x_i - x̄))²) / n over the G users: ratings of one user are not independent. With one value
    a user this is the ordinary s/√n. NaN for a single user.
    """
    deviation = values - values.mean()
    if of is not None:
        deviation = np.bincount(np.unique(of, return_inverse=True)[1], deviation)
    n_groups = len(deviation)
    if n_groups < 2:
        return float("nan")
    return float(np.sqrt(n_groups / (n_groups - 1) * np.sum(deviation**2)) / len(values))


# ---- ranking: one value per user, and for metrics at k one column per k ----------------------------------------------


def precision(cut: Cut) -> Doubles:
    """hits / k, also where a user has fewer than k candidates."""
    return cut.hits / cut.k


def recall(cut: Cut) -> Doubles:
    """hits / R."""
    return cut.hits / cut.relevant


def f1(cut: Cut) -> Doubles:
    """2 P R / (P + R) of a user's precision and recall = 2 hits / (k + R)."""
    return np.asarray(2 * cut.hits / (cut.k + cut.relevant))


def ndcg(cut: Cut) -> Doubles:
    """Σ_{hits} 1/log₂(1 + rank) / Σ_{j=1…min(R, k)} 1/log₂(1 + j): every relevant item gains 1."""
    return _discounted(cut, 1.0, cut.ranked.rank) / _discounted(cut, 1.0, cut.ranked.found)


def ndcg_rating(cut: Cut) -> Doubles:
    """Σ_{hits} r/log₂(1 + rank), over the same of the best order: a relevant item gains its rating, if positive."""
    return _graded(cut, _gains(cut))


def ndcg_exp(cut: Cut) -> Doubles:
    """The same with gains of 2^r - 1, which make five stars worth twice as much as four; NaN without a gain."""
    gains = _gains(cut)
    most = gains.max(initial=0.0)
    return _graded(cut, np.exp2(gains - most) - np.exp2(-most))  # both times 2^-most, which cancels: no overflow


def average_precision(cut: Cut) -> Doubles:
    """Σ_{hits} precision at the hit's rank / min(R, k)."""
    return cut.sum(cut.ranked.found / cut.ranked.rank, cut.ranked.rank) / np.minimum(cut.relevant, cut.k)


def hit_rate(cut: Cut) -> Doubles:
    """1 where hits > 0, else 0."""
    return (cut.hits > 0).astype(np.float64)


def reciprocal_rank(cut: Cut) -> Doubles:
    """1 / rank of the first relevant item where that is at most k, else 0."""
    return cut.sum((cut.ranked.found == 1) / cut.ranked.rank, cut.ranked.rank)


def serendipity(cut: Cut) -> Doubles:
    """Hits that are not among the first k by popularity / k."""
    assert cut.ranked.popular is not None, "serendipity needs to know what is popular"
    return (cut.hits - cut.sum(1.0, np.maximum(cut.ranked.rank, cut.ranked.popular))) / cut.k


def first_reciprocal_rank(ranked: Ranked) -> Doubles:
    """1 / rank of the first relevant item, wherever in the ranking it stands."""
    return ranked.sum((ranked.found == 1) / ranked.rank)


def auc(ranked: Ranked) -> Doubles:
    """Share of (relevant, other) pairs of candidates in the right order, a tie counted half; NaN without others.

    1 - (Σ mid_rank - R(R+1)/2) / (R (N - R)): what the relevant ranks exceed the best possible ones by is the number
    of other candidates that stand above them.
    """
    assert ranked.mid_rank is not None, "AUC needs to know which scores tie"
    relevant = ranked.relevant
    pairs = (relevant * (ranked.candidates - relevant)).astype(np.float64)
    misplaced = ranked.sum(ranked.mid_rank) - relevant * (relevant + 1) / 2
    share: Doubles = np.divide(misplaced, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return 1 - share


def full_average_precision(ranked: Ranked) -> Doubles:
    """Σ_{relevant items} precision at the item's rank / R."""
    return ranked.sum(ranked.found / ranked.rank) / ranked.relevant


def r_precision(ranked: Ranked) -> Doubles:
    """Relevant items among the first R / R."""
    return ranked.sum(ranked.rank <= ranked.relevant[ranked.user]) / ranked.relevant


def rank_biased_precision(ranked: Ranked) -> Doubles:
    """(1 - p) Σ_{relevant items} p^(rank - 1): the share of relevant items among those that somebody looks at who goes
    on from each item to the next with probability p."""
    return (1 - PERSISTENCE) * ranked.sum(np.power(PERSISTENCE, ranked.rank - 1.0))


def _gains(cut: Cut) -> Doubles:
    assert cut.ranked.rating is not None, "graded gains need to know the ratings"
    return np.maximum(cut.ranked.rating, 0)


def _graded(cut: Cut, gains: Doubles) -> Doubles:
    best = _discounted(cut, gains, cut.ranked.best_rank)
    share: Doubles = np.full(best.shape, np.nan)
    np.divide(_discounted(cut, gains, cut.ranked.rank), best, out=share, where=best > 0)
    return share


def _discounted(cut: Cut, gains: Doubles | float, place: Array) -> Doubles:
    """(n_users, n_k) Σ gain / log₂(1 + place) over the relevant items whose place is at most k."""
    return cut.sum(gains / np.log2(1.0 + place), place)


AT_K: dict[str, Callable[[Cut], Doubles]] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "ndcg": ndcg,
    "map": average_precision,
    "hit_rate": hit_rate,
    "mrr": reciprocal_rank,
    "ndcg_rating": ndcg_rating,
    "ndcg_exp": ndcg_exp,
    "serendipity": serendipity,
}
OVER_ALL: dict[str, Callable[[Ranked], Doubles]] = {
    "mrr": first_reciprocal_rank,
    "auc": auc,
    "map": full_average_precision,
    "r_precision": r_precision,
    "rbp": rank_biased_precision,
}
RATED: dict[str, Callable[[Cut], Doubles]] = {
    "rated_precision": precision,
    "rated_recall": recall,
    "rated_f1": f1,
}
