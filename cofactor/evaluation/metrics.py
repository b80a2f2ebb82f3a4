"""One line of algebra per metric. docs/metrics.md says the same in words.

Metrics of predicted ratings take (n,) arrays, one entry per test rating. Ranking metrics take `Ranked` and give one
value per user; the figure of a model is their mean, and its standard error is `standard_error`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows

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


# ---- ranking: one value per user ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ranked:
    """Where each user's relevant items stand among that user's candidates."""

    user: Array  # (r,) 0 … n_users-1, ascending; every user has one relevant item at least
    rank: Rows  # (r,) 1 is the top; candidates of equal score go by item row
    mid_rank: Doubles | None  # (r,) candidates of equal score share the mean of their ranks; None: not counted
    candidates: Array  # (n_users,) how many items were ranked

    @cached_property
    def relevant(self) -> Array:
        """(n_users,) relevant items of each user, R."""
        return np.bincount(self.user, minlength=len(self.candidates))

    def sum(self, values: Doubles | Mask) -> Doubles:
        """(n_users,) sum of (r,) values over each user's relevant items."""
        return np.asarray(np.bincount(self.user, values, minlength=len(self.candidates)), dtype=np.float64)

    def hits(self, k: int) -> Doubles:
        """(n_users,) relevant items among the first k."""
        return self.sum(self.rank <= k)

    @cached_property
    def found(self) -> Array:
        """(r,) relevant items down to this one's rank, itself included: 1 for the first of its user, 2, …"""
        order = np.lexsort((self.rank, self.user))
        first = np.cumsum(self.relevant) - self.relevant
        found = np.empty(len(order), dtype=np.int64)
        found[order] = 1 + np.arange(len(order)) - np.repeat(first, self.relevant)
        return found


def precision(ranked: Ranked, k: int) -> Doubles:
    """hits / k, also where a user has fewer than k candidates."""
    return ranked.hits(k) / k


def recall(ranked: Ranked, k: int) -> Doubles:
    """hits / R."""
    return np.asarray(ranked.hits(k) / ranked.relevant)


def f1(ranked: Ranked, k: int) -> Doubles:
    """2 P R / (P + R) of a user's precision and recall = 2 hits / (k + R)."""
    return np.asarray(2 * ranked.hits(k) / (k + ranked.relevant))


def ndcg(ranked: Ranked, k: int) -> Doubles:
    """Σ_{hits} 1/log₂(1 + rank) / Σ_{j=1…min(R, k)} 1/log₂(1 + j): every relevant item gains 1."""
    gain = np.where(ranked.rank <= k, 1 / np.log2(1.0 + ranked.rank), 0)
    longest = min(k, int(ranked.relevant.max(initial=0)))
    ideal: Doubles = np.cumsum(1 / np.log2(2.0 + np.arange(longest)))
    per_user: Doubles = ranked.sum(gain) / ideal[np.minimum(ranked.relevant, k) - 1]
    return per_user


def average_precision(ranked: Ranked, k: int) -> Doubles:
    """Σ_{hits} precision at the hit's rank / min(R, k)."""
    return ranked.sum(np.where(ranked.rank <= k, ranked.found / ranked.rank, 0)) / np.minimum(ranked.relevant, k)


def hit_rate(ranked: Ranked, k: int) -> Doubles:
    """1 where hits > 0, else 0."""
    return (ranked.hits(k) > 0).astype(np.float64)


def reciprocal_rank(ranked: Ranked) -> Doubles:
    """1 / rank of the first relevant item, wherever in the ranking it stands."""
    return ranked.sum(np.where(ranked.found == 1, 1 / ranked.rank, 0))


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


AT_K: dict[str, Callable[[Ranked, int], Doubles]] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "ndcg": ndcg,
    "map": average_precision,
    "hit_rate": hit_rate,
}
OVER_ALL: dict[str, Callable[[Ranked], Doubles]] = {"mrr": reciprocal_rank, "auc": auc}
RATED: dict[str, Callable[[Ranked, int], Doubles]] = {
    "rated_precision": precision,
    "rated_recall": recall,
    "rated_f1": f1,
}
