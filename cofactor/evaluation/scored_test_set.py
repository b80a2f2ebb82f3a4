"""The test set scored by a model. Each block of users is scored once, and every metric is computed from the result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics.list_accumulator import ListAccumulator
from cofactor.evaluation.metrics.list_properties import OF_ALL_LISTS, ListResults
from cofactor.evaluation.metrics.metric import Metric
from cofactor.evaluation.metrics.ranked_items import RanksAtK, RelevantRanks
from cofactor.evaluation.metrics.ranking_metrics import AT_K, GRADED, OVER_ALL, RATED, AtK
from cofactor.evaluation.metrics.threads import run_in_threads
from cofactor.evaluation.scorer import Scorer
from cofactor.models.base import Model
from cofactor.models.top_n.selection import move_last

if TYPE_CHECKING:
    from cofactor.kernels.ranks import Ranking, UserItems

MAX_SCORES = 1 << 23  # scores of a block of users: 32 MB; smaller blocks switch too often between BLAS and Numba
MAX_VALUES = 1 << 22  # values of a block of users and many k: 32 MB
NO_RANKS = RelevantRanks(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32), None, np.empty(0, dtype=np.int64))
NO_LISTS = ListResults({}, ())


@dataclass(frozen=True, eq=False)
class ScoredTestSet:
    """The scores and ranks of the test ratings: enough to compute every metric, by rating and by user."""

    held_out: HeldOut
    k: tuple[int, ...]
    scores: Floats  # (n,) of each test rating at its time, not clipped
    ranked_users: Rows  # (n_ranked,) the test's rows of the users with a relevant item; empty without a k
    ranks: RelevantRanks  # of these users, among all their candidates
    lists: ListResults
    rated_users: Rows  # (n_rated,) the test's rows of the users with enough test ratings; empty without a k
    rated_ranks: RelevantRanks  # of these users, among their test items alone

    @property
    def at_k(self) -> dict[str, Metric[AtK]]:
        """`AT_K`, without those whose gains are ratings where the values are counts or pairs."""
        graded = self.held_out.kind == "ratings"
        return {name: metric for name, metric in AT_K.items() if graded or name not in GRADED}

    def names(self) -> list[str]:
        """The metrics with a value per user, in the order of a report, as far as a user can be measured."""
        over_all, at_k = ([*OVER_ALL], [*self.at_k, *self.lists.values]) if len(self.ranked_users) else ([], [])
        rated = [*RATED] if len(self.rated_users) else []
        return over_all + [f"{name}@{k}" for k in self.k for name in at_k + rated]

    def values(self) -> Iterator[tuple[str, Doubles]]:
        """Every metric of `names`, in another order, with its value for each user; NaN where it is undefined."""
        if len(self.ranked_users):
            yield from ((name, metric.compute(self.ranks)) for name, metric in OVER_ALL.items())
        for ranks, metrics in ((self.ranks, self.at_k), (self.rated_ranks, RATED)):
            cut = RanksAtK.at(ranks, *self.k)
            for name, metric in metrics.items() if len(ranks.n_candidates) else ():
                yield from ((f"{name}@{k}", column) for k, column in zip(self.k, metric.compute(cut).T, strict=True))
        for name, table in self.lists.values.items():
            yield from ((f"{name}@{k}", column) for k, column in zip(self.k, table.T, strict=True))

    def per_user(self, name: str) -> tuple[Rows, Doubles]:
        """The test's rows of the measured users, and a metric's value for each; NaN where it is undefined."""
        base, _, k = name.partition("@")
        if not k:
            return self.ranked_users, OVER_ALL[base].compute(self.ranks)
        if base in RATED:
            return self.rated_users, RATED[base].compute(RanksAtK.at(self.rated_ranks, int(k)))[:, 0]
        if base in AT_K:
            return self.ranked_users, AT_K[base].compute(RanksAtK.at(self.ranks, int(k)))[:, 0]
        return self.ranked_users, self.lists.values[base][:, self.k.index(int(k))]

    def over_k(self, name: str, k: Sequence[int]) -> Doubles:
        """(n_k,) the mean over the users of a metric of AT_K or RATED at (n_k,) ascending k; NaN without users.

        The ranks of the relevant items determine it for any k. Users are taken in blocks, so that memory is bounded.
        """
        ranks, metric = (self.rated_ranks, RATED[name]) if name in RATED else (self.ranks, AT_K[name])
        lengths, size = np.array(k, dtype=np.int64), max(1, MAX_VALUES // max(1, len(k)))
        total, n_users = np.zeros((2, len(k)))
        for first in range(0, len(ranks.n_candidates), size):
            values = metric.compute(RanksAtK(ranks.slice_users(first, first + size), lengths))
            total += np.nansum(values, axis=0)
            n_users += np.count_nonzero(~np.isnan(values), axis=0)
        mean: Doubles = np.divide(total, n_users, out=np.full(len(k), np.nan), where=n_users > 0)
        return mean

    def aggregate_values(self) -> dict[str, float]:
        """The properties of all lists together, NaN where they are undefined."""
        return {
            f"{name}@{k}": metric.compute(exposure)
            for k, exposure in zip(self.k, self.lists.exposures, strict=False)
            for name, metric in OF_ALL_LISTS.items()
        }


def score_test_set(
    model: Model, held_out: HeldOut, relevant: Mask, k: tuple[int, ...], min_test_ratings: int
) -> ScoredTestSet:
    """Score the test ratings and rank the relevant ones, given by the (n,) mask `relevant`.

    Memory: one block of scores, the lists of some users, and a few numbers per test rating, user and k. Without a k
    nothing is ranked and only the test pairs are scored.
    """
    scorer = Scorer(model, held_out)
    users = held_out.user[held_out.start[:-1]]
    if not k:
        scores = scorer.score_pairs(held_out.model_user, held_out.model_item, held_out.time)
        return ScoredTestSet(held_out, k, scores, users[:0], NO_RANKS, NO_LISTS, users[:0], NO_RANKS)
    scores, ranks, lists = _rank_all(scorer, relevant, k)
    has_relevant = np.bincount(held_out.user_number, relevant) > 0
    enough = (np.diff(held_out.start) >= min_test_ratings) & (held_out.kind == "ratings")
    rated_ranks = _rank_rated(held_out, scores, enough[held_out.user_number])
    if held_out.time is not None:  # lists have no time: its effect is added after ranking
        scores = scores + scorer.time_effect_rows(held_out.model_user, held_out.model_item, held_out.time)
    return ScoredTestSet(held_out, k, scores, users[has_relevant], ranks, lists, users[enough], rated_ranks)


def _rank_all(scorer: Scorer, relevant: Mask, k: tuple[int, ...]) -> tuple[Floats, RelevantRanks, ListResults]:
    """The score of every test rating, the ranks of the relevant ones, and the properties of the lists."""
    held_out, lists = scorer.held_out, ListAccumulator(scorer.held_out, k)
    blocks = _score_blocks(scorer, relevant, lists, min(max(k), held_out.n_items))
    scores, ranks, mid_ranks, popular, candidates = (np.concatenate(column) for column in zip(*blocks, strict=True))
    user = np.unique(held_out.user_number[relevant], return_inverse=True)[1]
    ratings = held_out.value[relevant].astype(np.float64)
    return scores, RelevantRanks(user, ranks, mid_ranks, candidates, ratings, popular), lists.results()


class _ScoredUsers(NamedTuple):
    """Scores of a block of users: b test ratings, of which q are relevant, and the m' users with a relevant one."""

    scores: Floats  # (b,)
    ranks: Rows  # (q,)
    mid_ranks: Doubles  # (q,)
    popularity_ranks: Rows  # (q,)
    n_candidates: Array  # (m',)


def _score_blocks(scorer: Scorer, relevant: Mask, lists: ListAccumulator, n_top: int) -> Iterator[_ScoredUsers]:
    """Score blocks of users in order and add their top-n lists to `lists`."""
    from cofactor.kernels.ranks import UserItems  # here, because importing Numba takes a while

    held_out = scorer.held_out
    n_users, size = len(held_out.start) - 1, max(1, MAX_SCORES // held_out.n_items)
    for first in range(0, n_users, size):
        start = held_out.start[first : first + size + 1]
        here = slice(start[0], start[-1])
        users, item = held_out.model_user[start[:-1]], held_out.model_item[here]
        number = held_out.user_number[here] - first
        scores = scorer.score_users(users)
        move_last(scores, scorer.listed_last)
        seen_start, seen = scorer.training_items(users)
        n_relevant = np.bincount(number[relevant[here]], minlength=len(users))
        query_start, query = np.concatenate(([0], np.cumsum(n_relevant))), item[relevant[here]]
        asked = UserItems(query_start, query)
        found = compute_ranks(scores, scorer.rankable, UserItems(seen_start, seen), asked, n_top)
        lists.add(found.top, n_relevant > 0, seen_start, seen)
        popularity_ranks = lists.popularity_ranks(seen_start, seen, query_start, query)
        n_candidates = held_out.n_items - np.diff(seen_start)
        n_candidates = n_candidates[n_relevant > 0]
        yield _ScoredUsers(scores[number, item], found.rank, found.mid_rank, popularity_ranks, n_candidates)


def compute_ranks(scores: Floats, rankable: Mask, seen: "UserItems", asked: "UserItems", n_top: int) -> "Ranking":
    """The ranks of the asked items and the `n_top` first candidates of each user, as `rank_items` fills them in."""
    from cofactor.kernels.ranks import Ranking, rank_items

    m, q = len(scores), len(asked.items)
    top = np.full((m, n_top), -1, np.int32)
    found = Ranking(np.empty(q, np.int32), np.empty(q, np.float64), top)
    run_in_threads(lambda first, last: rank_items(first, last, scores, rankable, seen, asked, found), m)
    return found


def _rank_rated(held_out: HeldOut, scores: Floats, selected: Mask) -> RelevantRanks:
    """The test items of the selected users ((n,) mask of ratings), ranked by score among themselves, ties by row.

    An item is relevant if its rating is not below the user's mean test rating, so that every user has a relevant item.
    """
    user = np.unique(held_out.user_number[selected], return_inverse=True)[1]
    scores, item = scores[selected], held_out.model_item[selected]
    value = held_out.value[selected].astype(np.float64)
    n_rated = np.bincount(user)
    order = np.lexsort((item, -scores, user))
    ranks = np.empty(len(user), dtype=np.int32)
    ranks[order] = 1 + np.arange(len(user)) - np.repeat(np.cumsum(n_rated) - n_rated, n_rated)
    relevant = value >= (np.bincount(user, value) / n_rated)[user]
    return RelevantRanks(user[relevant], ranks[relevant], None, n_rated)
