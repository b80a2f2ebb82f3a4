"""Top-N lists as rows: the items with the highest scores, without those that are left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Mask, Rows
from cofactor.models.checks import check_length, check_rows
from cofactor.models.scoring import ScoringModel
from cofactor.models.top_n.diversity import POOL, diversify
from cofactor.models.top_n.item_attributes import ItemAttributes
from cofactor.models.top_n.list_filters import FilterMasks
from cofactor.models.top_n.recommendations import (
    RatingEffect,
    RatingEffects,
    Recommendations,
    recommendations,
    single_history,
    strongest,
)
from cofactor.models.top_n.selection import EXCLUDED, move_last, top_n, top_n_per_row
from cofactor.models.top_n.top_n_options import TopNOptions
from cofactor.row_blocks import batch_slices

MIN_ITEMS_TOGETHER = 8_192  # of a catalogue for which scoring several users in one product is faster
CELLS_TOGETHER = 1 << 22  # scores that are computed in one product: 16 MiB


@dataclass(frozen=True, eq=False)
class RankingModel(ScoringModel):
    """The part of a model that makes lists of the scores of users."""

    def recommend_rows(self, users: Rows, n: int, *, include_seen: bool = False) -> tuple[Rows, Floats]:
        """(m, n) item rows, best first, and their clipped scores, for (m,) user rows; -1 and 0 after the end of a list.

        The order is that of the unclipped scores; equal scores are in order of item rows.
        """
        users = check_rows(users, self.training_data.users)
        items = np.empty((len(users), check_length(n)), dtype=np.int32)
        scores = np.empty((len(users), n), dtype=np.float32)
        for here in batch_slices(len(users), self._users_per_block()):
            seen = None if include_seen else self.training_data.interactions[users[here]]
            items[here], scores[here] = self._top_n_of_users(self.score_rows(users[here]), seen, n)
        return items, scores

    def top_n_of_scores(
        self, scores: Floats, n: int, *, seen: Rows | None = None, hidden: Mask | None = None
    ) -> tuple[Rows, Floats]:
        """(k,) item rows, best first, and scores of the k <= n best of one user's (n_items,) scores, which are
        overwritten; without the rows `seen` and the (n_items,) mask `hidden`, by default the items not `rankable`.

        Scores are not clipped, and an `EXCLUDED` item is not listed; equal scores are in order of item rows.
        """
        np.copyto(scores, EXCLUDED, where=self.unrankable if hidden is None else hidden)
        if seen is not None:
            scores[seen] = EXCLUDED
        move_last(scores, self._listed_last)
        return top_n(scores, check_length(n))

    def top_n_of_user(
        self, user: int, scores: Floats, n: int, *, seen: Rows | None = None, hidden: Mask | None = None
    ) -> tuple[Rows, Floats]:
        """As `top_n_of_scores`, for the (n_items,) `scores` of a user row; the result does not depend on the users that
        they were computed with.

        A matrix product rounds differently for other numbers of rows. So the items that may be among the n best within
        `score_error` are scored again one by one.
        """
        error = self.score_error(user)
        rows, best = self.top_n_of_scores(scores, n, seen=seen, hidden=hidden)
        if error is None or not len(rows):
            return rows, best
        if len(rows) == n:
            least = np.nextafter(np.float32(float(best[-1]) - 2 * error), EXCLUDED)
            rows = np.flatnonzero((scores >= least) & (scores > EXCLUDED)).astype(np.int32)
        else:
            rows = np.sort(rows)
        exact = self.score_pair_rows(np.full(len(rows), user, dtype=np.int32), rows)
        move_last(exact, None if self._listed_last is None else self._listed_last[rows])
        order = np.argsort(-exact, kind="stable")[:n]
        return rows[order], exact[order]

    def list_slice(
        self,
        scores: Floats,
        start: int,
        n: int,
        *,
        seen: Rows | None = None,
        hidden: Mask | None = None,
        diversity: float = 0.0,
        user: int | None = None,
    ) -> tuple[Rows, Floats, bool]:
        """(k,) item rows and unclipped scores of the places `start` … `start + n - 1` of a list, and whether the list
        continues after them.

        The scores, seen and hidden are as in `top_n_of_scores`. diversity: see `diversify`. user: the row of the user
        whose scores these are, if they may have been computed with those of others (see `is_scored_with_others`).
        """
        stop = start + n
        wanted = -(-(stop + 1) // POOL) * POOL if diversity else stop + 1
        if user is None:
            rows, best = self.top_n_of_scores(scores, wanted, seen=seen, hidden=hidden)
        else:
            rows, best = self.top_n_of_user(user, scores, wanted, seen=seen, hidden=hidden)
        places = diversify(self, rows, best, diversity, start, n) if diversity else slice(start, stop)
        return rows[places], best[places], len(rows) > stop

    def list_for_history(
        self,
        scores: Floats,
        rated: tuple[Rows, Floats],
        options: TopNOptions,
        hidden: Mask,
        user: int | None = None,
    ) -> Recommendations:
        """The list of a user with (h,) rated item rows, ascending, and their ratings, and with (n_items,) unclipped
        scores, which are overwritten.

        hidden: (n_items,) true for the items that are left out. user: as in `list_slice`.
        """
        seen = rated[0] if options.excludes_seen else None
        rows, best, _ = self.list_slice(
            scores, 0, options.n, seen=seen, hidden=hidden, diversity=options.diversity, user=user
        )
        because: Sequence[tuple[RatingEffect, ...]] = ()
        if options.why and len(rated[0]):
            because = self.supporting_ratings(single_history(*rated, len(scores)), rows, options.why)
        return recommendations(self.training_data, rows, self.clip(best), because)

    def hidden_by(self, options: TopNOptions) -> Mask:
        """(n_items,) true for the items that the filters of a list exclude."""
        return self._filter_masks.hidden_by(options.filters)

    def explain_rows(self, history: csr_array, item: int, n: int) -> RatingEffects:
        """The n ratings of a (1, n_items) history with the largest effect on the score of an item row."""
        if history.nnz == 0:
            return RatingEffects()
        effects = self.attributions(history, np.array([item], dtype=np.int32))[:, 0]
        return RatingEffects(strongest(self.training_data, history, effects, np.abs(effects), check_length(n)))

    def supporting_ratings(self, history: csr_array, items: Rows, n: int) -> list[tuple[RatingEffect, ...]]:
        """For each of (k,) items the up to n ratings of a (1, n_items) history that raise its score most."""
        return [strongest(self.training_data, history, one, one, n) for one in self.attributions(history, items).T]

    def lists_of_users(self, users: Rows, options: TopNOptions) -> Iterator[Recommendations]:
        """The list of each user row; users are scored together where that is faster and changes no list."""
        hidden = self.hidden_by(options)
        for here in batch_slices(len(users), self.users_per_product()):
            block = users[here].tolist()
            together = [user for user in block if self.is_scored_with_others(user)]
            scores = self._score_each(together) if together else {}
            for user in block:
                own = scores[user].copy() if user in scores else self._score_each([user])[user]
                rated = self.training_data.rated(user)
                yield self.list_for_history(own, rated, options, hidden, user if user in scores else None)

    def _score_each(self, users: Sequence[int]) -> dict[int, Floats]:
        """(n_items,) unclipped scores by user row, from one product."""
        return dict(zip(users, self.score_rows(np.array(users, dtype=np.int32)), strict=True))

    def is_scored_with_others(self, user: int) -> bool:
        """Whether a user row is scored together with others: if that is faster, and does not change the user's list."""
        return len(self.training_data.items) >= MIN_ITEMS_TOGETHER and self.score_error(user) is not None

    def users_per_product(self) -> int:
        """The number of users whose scores are computed at a time."""
        return max(1, CELLS_TOGETHER // max(1, len(self.training_data.items)))

    @cached_property
    def unrankable(self) -> Mask:
        """(n_items,) true for the items that a list without filters does not contain."""
        return ~self.rankable

    @cached_property
    def _listed_last(self) -> Mask | None:
        return self.listed_last

    def _top_n_of_users(self, scores: Floats, seen: csr_array | None, n: int) -> tuple[Rows, Floats]:
        scores[:, self.unrankable] = EXCLUDED
        if seen is not None:
            scores[np.repeat(np.arange(len(scores)), np.diff(seen.indptr)), seen.indices] = EXCLUDED
        move_last(scores, self._listed_last)
        items, best = top_n_per_row(scores, n)
        return items, np.where(items < 0, np.float32(0), self.clip(best))

    @cached_property
    def _filter_masks(self) -> FilterMasks:
        return FilterMasks(ItemAttributes(self.training_data), self.unrankable)
