"""Score once: each block of users is scored a single time, and every metric is read off what is kept of it here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics import AT_K, OVER_ALL, RATED, Ranked
from cofactor.evaluation.scorer import Scorer
from cofactor.models.base import Model

SCORES_HELD = 1 << 23  # scores of a block of users: 32 MB; smaller blocks change too often between BLAS and Numba
IN_NO_LIST = np.iinfo(np.int32).max  # a place beyond the end of every list
NOBODY = Ranked(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32), None, np.empty(0, dtype=np.int64))


class Lists(NamedTuple):
    """What the recommended lists of the ranked users hold."""

    first_place: Array  # (n_items,) the best place, from 1, of an item in anybody's list; IN_NO_LIST: in none
    novelty: Doubles  # (n_ranked, n_k) mean -log₂ popularity share over the first k of a list; NaN for an empty list


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
        over_all, at_k = ([*OVER_ALL], [*AT_K, "novelty"]) if len(self.users) else ([], [])
        rated = [*RATED] if len(self.rated_users) else []
        return over_all + [f"{name}@{k}" for k in self.k for name in at_k + rated]

    def per_user(self, name: str) -> tuple[Rows, Doubles]:
        """The test's own rows of the users measured, and a metric's value for each; NaN where it has none."""
        measure, _, at = name.partition("@")
        if measure in RATED:
            return self.rated_users, RATED[measure](self.rated, int(at))
        if measure in OVER_ALL:
            return self.users, OVER_ALL[measure](self.ranked)
        if measure == "novelty":
            return self.users, self.lists.novelty[:, self.k.index(int(at))]
        return self.users, AT_K[measure](self.ranked, int(at))

    def coverage(self, k: int) -> float:
        """Share of the catalogue that stands among the first k of anybody's list."""
        return float(np.mean(self.lists.first_place <= k))


def gather(model: Model, held: HeldOut, relevant: Mask, k: tuple[int, ...], rated_at_least: int) -> Evidence:
    """Scores the test ratings and ranks the relevant ones, of which `relevant` is the (n,) mask.

    Memory: one block of scores, and a few numbers per test rating, user and k. Without a k nothing is ranked and only
    the test pairs are scored.
    """
    scorer = Scorer(model, held)
    users = held.user[held.start[:-1]]
    if not k:
        score = scorer.pairs(held.model_user, held.model_item, held.time)
        no_lists = Lists(np.full(held.n_items, IN_NO_LIST), np.empty((0, 0)))
        return Evidence(held, k, score, users[:0], NOBODY, no_lists, users[:0], NOBODY)
    score, ranked, lists = _rank_all(scorer, relevant, k)
    has_relevant = np.bincount(held.number, relevant) > 0
    enough = np.diff(held.start) >= rated_at_least
    rated = _rank_rated(held, score, enough[held.number])
    if held.time is not None:  # a list is made at no time in particular
        score = score + scorer.time_effects(held.model_user, held.model_item, held.time)
    return Evidence(held, k, score, users[has_relevant], ranked, lists, users[enough], rated)


def _rank_all(scorer: Scorer, relevant: Mask, k: tuple[int, ...]) -> tuple[Floats, Ranked, Lists]:
    """The score of every test rating, the ranks of the relevant ones, and what the lists of max(k) hold."""
    parts, novelty = [], []
    first_place = np.full(scorer.held.n_items, IN_NO_LIST)
    information = _information(scorer)
    for block in _blocks(scorer, relevant, min(max(k), scorer.held.n_items)):
        parts.append((block.score, block.rank, block.mid_rank, block.candidates))
        novelty.append(_novelty(block.top, information, k))
        for place, items in enumerate(block.top.T, start=1):
            listed = items[items >= 0]
            first_place[listed] = np.minimum(first_place[listed], place)
    score, rank, mid_rank, candidates = (np.concatenate(column) for column in zip(*parts, strict=True))
    user = np.unique(scorer.held.number[relevant], return_inverse=True)[1]
    return score, Ranked(user, rank, mid_rank, candidates), Lists(first_place, np.concatenate(novelty))


class _Block(NamedTuple):
    """Some users, scored: their b test ratings, of which q are relevant, and the m' of them who have a relevant one."""

    score: Floats  # (b,)
    rank: Rows  # (q,)
    mid_rank: Doubles  # (q,)
    candidates: Array  # (m',)
    top: Rows  # (m', n_top)


def _blocks(scorer: Scorer, relevant: Mask, n_top: int) -> Iterator[_Block]:
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
        asked_start = np.concatenate(([0], np.cumsum(n_asked)))
        rank, mid_rank, top = ranks(scores, scorer.rankable, seen_start, seen, asked_start, item[relevant[here]], n_top)
        candidates = held.n_items - np.diff(seen_start)
        yield _Block(scores[number, item], rank, mid_rank, candidates[n_asked > 0], top[n_asked > 0])


def _information(scorer: Scorer) -> Doubles:
    """(n_items,) -log₂ of the share of the training users who rated the item; 0 where nobody did."""
    catalog = scorer.held.catalog
    counts = np.append(catalog.item_counts, np.zeros(scorer.held.unknown_items, dtype=np.int32))
    n_users = max(1, np.count_nonzero(catalog.user_counts))
    information: Doubles = -np.log2(np.maximum(counts, 1) / n_users) * (counts > 0)
    return information


def _novelty(top: Rows, information: Doubles, k: tuple[int, ...]) -> Doubles:
    """(m, n_k) mean information over the first k of (m, n_top) lists."""
    listed = top >= 0
    total, length = np.cumsum(np.where(listed, information[top], 0), axis=1), np.cumsum(listed, axis=1)
    last = np.minimum(k, top.shape[1]) - 1
    mean: Doubles = np.full((len(top), len(k)), np.nan)
    np.divide(total[:, last], length[:, last], out=mean, where=length[:, last] > 0)
    return mean


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
