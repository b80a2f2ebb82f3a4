"""Score once: each block of users is scored a single time, and every metric is read off what is kept of it here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics.list_accumulator import Listing
from cofactor.evaluation.metrics.list_properties import OF_ALL_LISTS, Lists
from cofactor.evaluation.metrics.ranked_items import Cut, Ranked
from cofactor.evaluation.metrics.relevance import AT_K, OVER_ALL, RATED
from cofactor.evaluation.scorer import Scorer
from cofactor.models.base import Model

SCORES_HELD = 1 << 23  # scores of a block of users: 32 MB; smaller blocks change too often between BLAS and Numba
VALUES_HELD = 1 << 22  # of users and lengths of list, where the lengths are many: 32 MB
NOBODY = Ranked(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32), None, np.empty(0, dtype=np.int64))
NO_LISTS = Lists({}, ())


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a model says about the test ratings: enough for every metric, by rating and by user."""

    held: HeldOut
    k: tuple[int, ...]
    score: Floats  # (n,) of each test rating at its time, not clipped
    users: Rows  # (n_ranked,) the test's own rows of the users who have a relevant item; none without a k
    ranked: Ranked  # over these users: all their candidates
    lists: Lists
    rated_users: Rows  # (n_rated,) the test's own rows of the users who have enough test ratings; none without a k
    rated: Ranked  # over these users: their test items alone

    def names(self) -> list[str]:
        """The metrics with a value per user, in a report's order, as far as there is a user to measure."""
        over_all, at_k = ([*OVER_ALL], [*AT_K, *self.lists.values]) if len(self.users) else ([], [])
        rated = [*RATED] if len(self.rated_users) else []
        return over_all + [f"{name}@{k}" for k in self.k for name in at_k + rated]

    def values(self) -> Iterator[tuple[str, Doubles]]:
        """Every metric of `names`, in another order, with its value for each user; NaN where it has none."""
        yield from ((name, OVER_ALL[name](self.ranked)) for name in OVER_ALL if len(self.users))
        for ranked, metrics in ((self.ranked, AT_K), (self.rated, RATED)):
            cut = Cut.at(ranked, *self.k)
            for name in metrics if len(ranked.candidates) else ():
                yield from ((f"{name}@{k}", one) for k, one in zip(self.k, metrics[name](cut).T, strict=True))
        for name, table in self.lists.values.items():
            yield from ((f"{name}@{k}", one) for k, one in zip(self.k, table.T, strict=True))

    def per_user(self, name: str) -> tuple[Rows, Doubles]:
        """The test's own rows of the users measured, and a metric's value for each; NaN where it has none."""
        measure, _, at = name.partition("@")
        if not at:
            return self.users, OVER_ALL[measure](self.ranked)
        if measure in RATED:
            return self.rated_users, RATED[measure](Cut.at(self.rated, int(at)))[:, 0]
        if measure in AT_K:
            return self.users, AT_K[measure](Cut.at(self.ranked, int(at)))[:, 0]
        return self.users, self.lists.values[measure][:, self.k.index(int(at))]

    def over_k(self, measure: str, k: Sequence[int]) -> Doubles:
        """(n_k,) the mean over the users of a metric of AT_K or RATED, at each of (n_k,) ascending k; NaN of nobody.

        The relevant items' ranks tell it for any k. Some users are taken at a time, so that memory is bounded.
        """
        ranked, metric = (self.rated, RATED[measure]) if measure in RATED else (self.ranked, AT_K[measure])
        lengths, size = np.array(k, dtype=np.int64), max(1, VALUES_HELD // max(1, len(k)))
        total, n_users = np.zeros((2, len(k)))
        for first in range(0, len(ranked.candidates), size):
            value = metric(Cut(ranked.users(first, first + size), lengths))
            total += np.nansum(value, axis=0)
            n_users += np.count_nonzero(~np.isnan(value), axis=0)
        mean: Doubles = np.divide(total, n_users, out=np.full(len(k), np.nan), where=n_users > 0)
        return mean

    def of_all_lists(self) -> dict[str, float]:
        """The figures that are one property of all lists together, NaN where they have none."""
        return {
            f"{name}@{k}": OF_ALL_LISTS[name](shown)
            for k, shown in zip(self.k, self.lists.exposures, strict=False)
            for name in OF_ALL_LISTS
        }


def gather(model: Model, held: HeldOut, relevant: Mask, k: tuple[int, ...], rated_at_least: int) -> Evidence:
    """Scores the test ratings and ranks the relevant ones, of which `relevant` is the (n,) mask.

    Memory: one block of scores, the lists of some users, and a few numbers per test rating, user and k. Without a k
    nothing is ranked and only the test pairs are scored.
    """
    scorer = Scorer(model, held)
    users = held.user[held.start[:-1]]
    if not k:
        score = scorer.pairs(held.model_user, held.model_item, held.time)
        return Evidence(held, k, score, users[:0], NOBODY, NO_LISTS, users[:0], NOBODY)
    score, ranked, lists = _rank_all(scorer, relevant, k)
    has_relevant = np.bincount(held.number, relevant) > 0
    enough = np.diff(held.start) >= rated_at_least
    rated = _rank_rated(held, score, enough[held.number])
    if held.time is not None:  # a list is made at no time in particular
        score = score + scorer.time_effects(held.model_user, held.model_item, held.time)
    return Evidence(held, k, score, users[has_relevant], ranked, lists, users[enough], rated)


def _rank_all(scorer: Scorer, relevant: Mask, k: tuple[int, ...]) -> tuple[Floats, Ranked, Lists]:
    """The score of every test rating, where the relevant ones stand, and what the lists hold."""
    held, listing = scorer.held, Listing(scorer.held, k)
    blocks = _blocks(scorer, relevant, listing, min(max(k), held.n_items))
    score, rank, mid_rank, popular, candidates = (np.concatenate(column) for column in zip(*blocks, strict=True))
    user = np.unique(held.number[relevant], return_inverse=True)[1]
    rating = held.value[relevant].astype(np.float64)
    return score, Ranked(user, rank, mid_rank, candidates, rating, popular), listing.lists()


class _Block(NamedTuple):
    """Some users, scored: their b test ratings, of which q are relevant, and the m' of them who have a relevant one."""

    score: Floats  # (b,)
    rank: Rows  # (q,)
    mid_rank: Doubles  # (q,)
    popular: Rows  # (q,) rank by popularity
    candidates: Array  # (m',)


def _blocks(scorer: Scorer, relevant: Mask, listing: Listing, n_top: int) -> Iterator[_Block]:
    """Blocks of users in order; their lists are added to `listing`."""
    from cofactor.kernels.ranks import ranks  # here, because importing Numba takes a while

    held = scorer.held
    n_users, size = len(held.start) - 1, max(1, SCORES_HELD // held.n_items)
    for first in range(0, n_users, size):
        start = held.start[first : first + size + 1]
        here = slice(start[0], start[-1])
        users, item, number = held.model_user[start[:-1]], held.model_item[here], held.number[here] - first
        scores = scorer.block(users)
        seen_start, seen = scorer.seen(users)
        n_asked = np.bincount(number[relevant[here]], minlength=len(users))
        asked_start, asked = np.concatenate(([0], np.cumsum(n_asked))), item[relevant[here]]
        rank, mid_rank, top = ranks(scores, scorer.rankable, seen_start, seen, asked_start, asked, n_top)
        listing.add(top, n_asked > 0, seen_start, seen)
        popular = listing.popularity_ranks(seen_start, seen, asked_start, asked)
        candidates = held.n_items - np.diff(seen_start)
        yield _Block(scores[number, item], rank, mid_rank, popular, candidates[n_asked > 0])


def _rank_rated(held: HeldOut, score: Floats, taken: Mask) -> Ranked:
    """The test items of the users `taken` (an (n,) mask), ranked by score among themselves, ties by row.

    Relevant is what a user rated no lower than their own mean test rating, so that everybody has a relevant item.
    """
    user = np.unique(held.number[taken], return_inverse=True)[1]
    score, item, value = score[taken], held.model_item[taken], held.value[taken].astype(np.float64)
    n_rated = np.bincount(user)
    order = np.lexsort((item, -score, user))
    rank = np.empty(len(user), dtype=np.int32)
    rank[order] = 1 + np.arange(len(user)) - np.repeat(np.cumsum(n_rated) - n_rated, n_rated)
    relevant = value >= (np.bincount(user, value) / n_rated)[user]
    return Ranked(user[relevant], rank[relevant], None, n_rated)
