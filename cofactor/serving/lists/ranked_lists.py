"""Ranked, paged lists of items: the recommendations of a user, the most rated items, similar items."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from cofactor.arrays import Floats, Rows
from cofactor.models.base import Model
from cofactor.models.queries.similar_users import find_similar_users
from cofactor.models.top_n.recommendations import RatingEffect
from cofactor.row_blocks import batch_slices
from cofactor.serving.deadline import check_deadline
from cofactor.serving.item_table import ItemTable, JsonObject
from cofactor.serving.lists.filters import ItemFilter, has_filters, requested
from cofactor.serving.lists.pagination import digest, next_cursor, start_of_page
from cofactor.serving.lists.rounding import round_score
from cofactor.serving.ratings.forgotten_users import NOBODY, ForgottenUsers
from cofactor.serving.ratings.rating_counts import RatingCounts
from cofactor.serving.ratings.user_history import UserHistory
from cofactor.serving.schemas.requests import FilterOptions, ListOptions, PopularQuery

MAX_PAIRS = 100_000  # of ratings and items that are explained between two checks of the deadline
NONE = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Every kind of ranked list of one model."""

    table: ItemTable
    filter: ItemFilter
    version: str
    rating_counts: RatingCounts

    @property
    def model(self) -> Model:
        return self.table.model

    def for_user(
        self, user: str, history: UserHistory, options: ListOptions, scores: Floats | None = None
    ) -> JsonObject:
        """The fields of a `List` for a user with a history.

        scores: (n_items,) those of the trained user if they are computed already; they are overwritten.
        """
        of_list = digest(
            "list", user, *history.digest_parts(), options.seen, options.diversity, *_filter_parts(options)
        )
        start = start_of_page(options.cursor, self.version, of_list)
        seen = NONE if options.seen or requested(options, "candidates") is not None else history.items
        scores, hidden = history.scores(self.model) if scores is None else scores, self.filter.hidden_by(options)
        rows, page_scores, more = self.model.list_slice(
            scores,
            start,
            options.n,
            seen=seen,
            hidden=hidden,
            diversity=options.diversity,
            user=self._user_scored_with_others(history),
        )
        because = self._explain(history, rows, options.why) if options.why else ()
        return {
            "source": history.source,
            "ratings": len(history.items),
            "recommendations": self.table.lines(rows, self.model.clip(page_scores), because, scale=self.model.scale),
            "next": next_cursor(start + options.n, self.version, of_list) if more else None,
        }

    def _user_scored_with_others(self, history: UserHistory) -> int | None:
        """The row of a user whose scores may come from a product for several users, which rounds differently."""
        return history.user if history.user is not None and self.model.is_scored_with_others(history.user) else None

    def for_unknown_user(self, options: ListOptions) -> JsonObject:
        """The fields of a `List` for a user without ratings: the items with the most positives, with the scores that
        the model computes for an empty history."""
        of_list = digest("stranger", options.diversity, *_filter_parts(options))
        start = start_of_page(options.cursor, self.version, of_list)
        counts = self.rating_counts.current().popularity.astype(np.float32)
        hidden = self.filter.hidden_by(options)
        rows, _, more = self.model.list_slice(counts, start, options.n, hidden=hidden, diversity=options.diversity)
        return {
            "source": "popular",
            "ratings": 0,
            "recommendations": self.table.lines(rows, self.table.unknown_user_scores[rows], scale=self.model.scale),
            "next": next_cursor(start + options.n, self.version, of_list) if more else None,
        }

    def popular(self, options: PopularQuery) -> JsonObject:
        """The fields of `Popular`."""
        of_list = digest("popular", *_filter_parts(options))
        start = start_of_page(options.cursor, self.version, of_list)
        counts = self.rating_counts.current()
        order = counts.by_popularity
        listed = order[~self.filter.hidden_by(options)[order]]
        stop = start + options.n
        return {
            "items": [self.table.item_with_statistics(row, counts) for row in listed[start:stop].tolist()],
            "next": next_cursor(stop, self.version, of_list) if stop < len(listed) else None,
        }

    def similar(self, item: int, n: int, options: FilterOptions) -> list[JsonObject]:
        """The lines of the n items most similar to an item row, among those that the filters leave."""
        similarity = self.model.similarity_to_row(item)
        itself = np.array([item], dtype=np.int32)
        rows, scores = self.model.top_n_of_scores(similarity, n, seen=itself, hidden=self.filter.hidden_by(options))
        return self.table.lines(rows, scores)

    def columns(self, history: UserHistory, n: int) -> tuple[list[float], list[str]]:
        """The predicted ratings and the titles of the n best items that a user has not rated."""
        rows, best, _ = self.model.list_slice(
            history.scores(self.model), 0, n, seen=history.items, hidden=self.filter.hidden, user=history.user
        )
        ratings = [round_score(score, self.model.scale) for score in self.model.clip(best).tolist()]
        return ratings, [self.table.titles[row] for row in rows.tolist()]

    def _explain(self, history: UserHistory, rows: Rows, why: int) -> list[Sequence[RatingEffect]]:
        """For each of (k,) items the up to `why` ratings that raise its score most, in blocks of items."""
        if not len(history.items):
            return []
        sparse, because = history.sparse(len(self.table.ids)), list[Sequence[RatingEffect]]()
        for here in batch_slices(len(rows), max(1, MAX_PAIRS // len(history.items))):
            check_deadline()
            because += self.model.supporting_ratings(sparse, rows[here], why)
        return because


def nearest_users(
    model: Model, user: str, history: UserHistory, n: int, forgotten: ForgottenUsers = NOBODY
) -> list[JsonObject]:
    """The n users most similar to a user with a history, and how many items both have rated; without that user and
    without those who were forgotten."""
    training_data = model.training_data
    row = training_data.users.row(user) if user in training_data.users else None
    found = find_similar_users(
        model, history.user, history.sparse(len(training_data.items)), n + forgotten.count(), without=row
    )
    gone = forgotten.among([one.user for one in found])
    return [{**asdict(one), "score": round_score(one.score)} for one in found if one.user not in gone][:n]


def _filter_parts(options: FilterOptions) -> tuple[object, ...]:
    """The filters of a request, for the digest of a list; their order in the request does not matter."""
    if not has_filters(options):
        return ()
    named = [requested(options, name) for name in ("genre", "without_genre", "allow", "deny", "candidates")]
    lists = (() if one is None else tuple(sorted(set(one))) or None for one in named)
    return (*lists, options.year_from, options.year_to)
