"""What can be asked of one bundle. Knows nothing of HTTP."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.errors import BadData, UnknownId
from cofactor.feedback.store import Store
from cofactor.serving.filters import EVERYTHING, Shelf
from cofactor.serving.filters import Terms as Terms
from cofactor.serving.item_table import reason
from cofactor.serving.loaded_model import Bundle
from cofactor.serving.ranked_lists import Lists, nearest_users
from cofactor.serving.ratings_writer import Desk
from cofactor.serving.schemas.requests import (
    BatchBody,
    CategsQuery,
    ExplanationQuery,
    FoldedBody,
    ItemsQuery,
    ListBody,
    ListQuery,
    MapQuery,
    Page,
    PopularQuery,
    RatingsBody,
    RecoQuery,
    SearchQuery,
    SimilarQuery,
    SimilarUsersQuery,
)
from cofactor.serving.user_history import POPULAR_INSTEAD, History, given_history, history_of, stranger

Answer = dict[str, Any]  # what becomes a JSON object
BRIEF = 0.02  # seconds that other requests may well wait


@dataclass(frozen=True)
class Pace:
    """Seconds that a list takes for the user with the longest history: without reasons, and with."""

    plain: float = 0.0
    explained: float = 0.0


@dataclass(frozen=True)
class Answers:
    """Everything one request may ask, of one bundle: an answer never mixes two versions of a model.

    Each method takes what was asked, validated, and gives the dictionary of the class that `responses` names.
    """

    bundle: Bundle
    pace: Pace = Pace()
    store: Store | None = None
    terms: Terms = EVERYTHING
    name: str = "model"  # what the model is served as

    def brief(self, why: int = 0) -> bool:
        """Whether a list is made so quickly that handing it to another thread would cost more than waiting for it."""
        return (self.pace.explained if why else self.pace.plain) < BRIEF

    @property
    def version(self) -> str:
        return self.bundle.version

    # Lists for one person

    def recommendations(self, user: str, asked: ListQuery | ListBody) -> Answer:
        """UserList: what a user would rate highest of the items they have not rated, by all that is known of them.

        Raises UnknownId for somebody of whom nothing is known, unless the most rated items will do.
        """
        return self._of(user=user, **self._list_of(user, asked))

    def recommendations_from(self, asked: FoldedBody) -> Answer:
        """FoldedList: the same for a person given only by ratings (fold-in); without any, the model's list for nobody.

        Raises BadData for an item that is unknown or rated twice, and for a rating outside the scale.
        """
        history = given_history(self.bundle.model.training_data, asked.ratings)
        return self._of(**self._lists.of("", history, asked))

    def batch(self, asked: BatchBody) -> Answer:
        """BatchLists: a list for each of many users, or why there is none."""
        if asked.cursor and len(asked.users) > 1:
            raise BadData("a cursor goes on with the list of one user", "ask for each user's next page by itself")
        return self._of(lists=[self._one_of_many(user, asked) for user in asked.users])

    def reco(self, asked: RecoQuery) -> Answer:
        """Reco: a user's list as two columns: predicted ratings, and titles."""
        ratings, labels = self._lists.columns(self._history(asked.user), asked.n)
        return self._of(ratings=ratings, labels=labels)

    def explanation(self, user: str, item: str, asked: ExplanationQuery) -> Answer:
        """Explanation: a user's score for an item, and the n ratings of theirs that move it most, up or down."""
        model, history = self.bundle.model, self._history(user)
        row = model.training_data.items.row(item)
        if history.user is not None:
            score = model.predict_rows(np.array([history.user], dtype=np.int32), np.array([row], dtype=np.int32))
        else:
            score = model.clip(history.scores(model)[row : row + 1])
        because = model.explain_rows(history.sparse(len(model.training_data.items)), row, asked.n)
        line = {**self.bundle.items.item(row), "score": float(score[0]), "because": [reason(one) for one in because]}
        return self._of(user=user, **line)

    def similar_users(self, user: str, asked: SimilarUsersQuery) -> Answer:
        """SimilarUsers: whose taste is most like a user's."""
        return self._of(user=user, similar=nearest_users(self.bundle.model, user, self._history(user), asked.n))

    # Lists for everybody

    def popular(self, asked: PopularQuery) -> Answer:
        """Popular: the most rated items."""
        return self._of(**self._lists.popular(asked))

    def similar(self, item: str, asked: SimilarQuery) -> Answer:
        """Similar: the items most like one."""
        row = self.bundle.model.training_data.items.row(item)
        return self._of(**self.bundle.items.item(row), similar=self._lists.similar(row, asked.n, asked))

    # Finding items and users

    def item(self, item: str) -> Answer:
        """OneItem."""
        return self._of(**self.bundle.items.rated(self.bundle.model.training_data.items.row(item)))

    def items(self, asked: ItemsQuery) -> Answer:
        """Items: those whose titles hold every word of a query; the most rated ones for an empty query."""
        rows = self.bundle.titles.search(asked.query, asked.n, self._shelf.denied)
        return self._of(query=asked.query, items=[self.bundle.items.item(row) for row in rows])

    def search(self, asked: SearchQuery) -> Answer:
        """Found: items by words of titles and genres, typing errors and all."""
        rows, read_as = self.bundle.search.search(asked.q, asked.n, self._shelf.denied)
        return self._of(query=asked.q, read_as=read_as, items=[self.bundle.items.item(row) for row in rows])

    def categs(self, asked: CategsQuery) -> Answer:
        """Categs: items by a word in the title or genre, the most rated first."""
        rows = self.bundle.search.having(asked.words, asked.n, self._shelf.denied)
        table = self.bundle.items
        return self._of(items=[table.ids[row] for row in rows], labels=[table.titles[row] for row in rows])

    def genres(self) -> Answer:
        """Genres: how many items of each may be recommended, most first."""
        counts = {name: int((mask & ~self._shelf.hidden).sum()) for name, mask in self.bundle.items.of_genre.items()}
        most_first = sorted(counts.items(), key=lambda one: -one[1])
        return self._of(genres=[{"genre": name, "items": count} for name, count in most_first if count])

    def map(self, asked: MapQuery) -> Answer:
        """Map: the most rated items, alike ones near one another."""
        (rows, places), counts = self.bundle.map(asked.n), self.bundle.model.training_data.item_counts
        listed = [
            {**self.bundle.items.item(row), "x": x, "y": y, "ratings": int(counts[row])}
            for row, (x, y) in zip(rows.tolist(), places.tolist(), strict=True)
            if not self._shelf.denied[row]
        ]
        return self._of(items=listed)

    def users(self, asked: Page) -> Answer:
        """Users: a page of the users of training, in the order of their ids, with how many ratings each has."""
        training_data, here = self.bundle.model.training_data, slice(asked.offset, asked.offset + asked.n)
        counts = zip(training_data.users.ids[here].tolist(), training_data.user_counts[here].tolist(), strict=True)
        listed = [{"user": user, "ratings": count} for user, count in counts]
        return self._of(total=len(training_data.users), offset=asked.offset, users=listed)

    # Ratings

    def ratings(self, user: str, asked: Page) -> Answer:
        """UserRatings: what a user has rated."""
        total, listed = self._desk.ratings(user, asked)
        return self._of(user=user, total=total, offset=asked.offset, ratings=listed)

    def rate(self, asked: RatingsBody) -> Answer:
        """Taken: ratings that are safe now, all or none."""
        return self._of(taken=self._desk.rate(asked))

    def take_back(self, user: str, item: str) -> Answer:
        """TakenBack: a rating that is void now."""
        return self._of(user=user, item=item, taken_back=self._desk.take_back(user, item))

    # The model

    def card(self) -> Answer:
        """Card: what anybody may know of the model."""
        served = {"name": self.name, "takes_ratings": self.store is not None}
        return self._of(**{"curve": [], **self.bundle.card, **served})

    # How the answers are put together

    def _of(self, **fields: Any) -> Answer:
        return {"model": self.bundle.version, **fields}

    def _history(self, user: str) -> History:
        history = history_of(self.bundle.model.training_data, self.store, user)
        if history is None:
            raise stranger(self.bundle.model.training_data, user)
        return history

    def _list_of(self, user: str, asked: ListQuery | ListBody | BatchBody) -> Answer:
        history = history_of(self.bundle.model.training_data, self.store, user)
        if history is not None:
            return self._lists.of(user, history, asked)
        if asked.stranger == "refuse":
            raise stranger(self.bundle.model.training_data, user, POPULAR_INSTEAD)
        return self._lists.for_stranger(asked)

    def _one_of_many(self, user: str, asked: BatchBody) -> Answer:
        try:
            return {"user": user, **self._list_of(user, asked)}
        except UnknownId as problem:
            return {"user": user, "problem": {"detail": problem.message, "hint": problem.hint}}

    @cached_property
    def _shelf(self) -> Shelf:
        return Shelf(self.bundle.items, self.terms)

    @cached_property
    def _lists(self) -> Lists:
        return Lists(self.bundle.items, self._shelf, self.bundle.version)

    @cached_property
    def _desk(self) -> Desk:
        return Desk(self.bundle.items, self.terms, self.store)
