"""Recommendations of one person: what is ranked, in which order, and which page of it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.arrays import Floats, Mask, Rows
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import RatingEffect
from cofactor.models.top_n.selection import top_n
from cofactor.serving.diversity import POOL, diverse
from cofactor.serving.filters import Shelf, filters
from cofactor.serving.item_table import ItemTable
from cofactor.serving.pagination import digest, following, start_of
from cofactor.serving.schemas.requests import Choice, Listing, LongLists, PopularQuery
from cofactor.serving.user_history import History

Answer = dict[str, Any]
NONE = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Lists:
    """Every kind of list that is ranked and paged, of one bundle."""

    table: ItemTable
    shelf: Shelf
    version: str

    @property
    def model(self) -> Model:
        return self.table.model

    def of(self, user: str, history: History, asked: Listing) -> Answer:
        """The fields of a `List` for somebody with a history."""
        of_list = digest("list", user, *history.decides(), asked.seen, asked.diversity, *_decides(asked))
        start = start_of(asked.cursor, self.version, of_list)
        seen = NONE if asked.seen or _candidates(asked) else history.items
        scores, hidden = history.scores(self.model), self.shelf.hidden_by(asked)
        rows, page_scores, more = self._page(scores, seen, hidden, asked, start)
        because: Sequence[Sequence[RatingEffect]] = ()
        if asked.why and len(history.items):
            because = self.model.supporting_ratings(history.sparse(len(self.table.ids)), rows, asked.why)
        return {
            "source": history.source,
            "ratings": len(history.items),
            "recommendations": self.table.lines(rows, self.model.clip(page_scores), because),
            "next": following(start + asked.n, self.version, of_list) if more else None,
        }

    def for_stranger(self, asked: Listing) -> Answer:
        """The fields of a `List` for somebody of whom nothing is known: the most rated items, the same for everybody,
        with the scores that the model has for nobody in particular."""
        of_list = digest("stranger", asked.diversity, *_decides(asked))
        start = start_of(asked.cursor, self.version, of_list)
        counts = self.model.training_data.item_counts.astype(np.float32)
        rows, _, more = self._page(counts, NONE, self.shelf.hidden_by(asked), asked, start)
        return {
            "source": "popular",
            "ratings": 0,
            "recommendations": self.table.lines(rows, self.table.score_for_nobody[rows]),
            "next": following(start + asked.n, self.version, of_list) if more else None,
        }

    def popular(self, asked: PopularQuery) -> Answer:
        """The fields of `Popular`."""
        of_list = digest("popular", *_decides(asked))
        start = start_of(asked.cursor, self.version, of_list)
        order = self.table.by_popularity
        left = order[~self.shelf.hidden_by(asked)[order]]
        stop = start + asked.n
        return {
            "items": [self.table.rated(row) for row in left[start:stop].tolist()],
            "next": following(stop, self.version, of_list) if stop < len(left) else None,
        }

    def similar(self, item: int, n: int, asked: Choice) -> list[Answer]:
        """The lines of the n items most like one, among those that a choice leaves."""
        alike = self.model.similarity(item)
        itself = np.array([item], dtype=np.int32)
        rows, scores = self.model.top_n_of_scores(alike, n, seen=itself, hidden=self.shelf.hidden_by(asked))
        return self.table.lines(rows, scores)

    def columns(self, history: History, n: int) -> tuple[list[float], list[str]]:
        """The predicted ratings and the titles of the n best items that somebody has not rated."""
        scores = history.scores(self.model)
        rows, best = self.model.top_n_of_scores(scores, n, seen=history.items, hidden=self.shelf.hidden)
        return self.model.clip(best).tolist(), [self.table.titles[row] for row in rows.tolist()]

    def _page(self, scores: Floats, seen: Rows, hidden: Mask, asked: Listing, start: int) -> tuple[Rows, Floats, bool]:
        """(k,) item rows and unclipped scores of a page, and whether there is more of the list behind it."""
        stop = start + asked.n
        if not asked.diversity:
            rows, best = self.model.top_n_of_scores(scores, stop + 1, seen=seen, hidden=hidden)
            return rows[start:stop], best[start:stop], len(rows) > stop
        whole_pools = -(-(stop + 1) // POOL) * POOL
        rows, best = self.model.top_n_of_scores(scores, whole_pools, seen=seen, hidden=hidden)
        places = diverse(self.model, rows, best, asked.diversity, start, asked.n)
        return rows[places], best[places], len(rows) > stop


def nearest_users(model: Model, user: str, history: History, n: int) -> list[Answer]:
    """The n users most like somebody with a history, themself left out, and how many items both have rated."""
    training_data = model.training_data
    alike = model.user_similarity(history.user, history.sparse(len(training_data.items)))
    hidden = training_data.user_counts == 0
    if user in training_data.users:
        hidden[training_data.users.row(user)] = True
    alike[hidden] = -np.inf
    rated = np.zeros(len(training_data.items), dtype=bool)
    rated[history.items] = True
    rows, scores = top_n(alike, n)
    return [
        {
            "user": str(training_data.users.ids[row]),
            "score": score,
            "ratings": int(training_data.user_counts[row]),
            "common": int(np.count_nonzero(rated[training_data.rated(row)[0]])),
        }
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
    ]


def _candidates(asked: Choice) -> list[str]:
    return asked.candidates if isinstance(asked, LongLists) else []


def _decides(asked: Choice) -> tuple[object, ...]:
    """What of a choice decides a list, whatever the order it is written in."""
    if not filters(asked):
        return ()
    named = asked.genre, asked.without_genre, asked.allow, asked.deny, _candidates(asked)
    return (*(tuple(sorted(set(one))) if one else () for one in named), asked.year_from, asked.year_to)
