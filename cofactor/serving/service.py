"""Every query of one served model. Independent of HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.data.ratings import TrainingData
from cofactor.errors import BadData, UnknownId
from cofactor.feedback.store import RatingStore
from cofactor.models.top_n.item_attributes import NO_YEAR
from cofactor.row_blocks import batch_slices
from cofactor.serving.deadline import check_deadline
from cofactor.serving.item_table import ItemTable, JsonObject, describe_effect
from cofactor.serving.lists.filters import NO_RULES, ItemFilter
from cofactor.serving.lists.filters import OperatorRules as OperatorRules
from cofactor.serving.lists.ranked_lists import RankedLists, nearest_users
from cofactor.serving.lists.rounding import round_score
from cofactor.serving.lists.user_scores import UserScores, score_users
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.ratings.forgotten_users import ForgottenUsers
from cofactor.serving.ratings.rating_counts import RatingCounts
from cofactor.serving.ratings.ratings_writer import RatingsWriter
from cofactor.serving.ratings.user_history import (
    POPULAR_INSTEAD,
    UserHistory,
    history_from_request,
    load_history,
    unknown_user,
)
from cofactor.serving.schemas.requests import (
    BatchBody,
    CategsQuery,
    ExplanationQuery,
    FoldedBody,
    ItemsQuery,
    ListBody,
    ListOptions,
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
from cofactor.serving.unit_costs import UNMEASURED, HistorySize, UnitCosts, check_cost


@dataclass(frozen=True)
class RecommendationService:
    """The queries of one model: an answer never mixes two versions of it.

    Each method takes a validated request (`schemas.requests`) and returns the fields of a class of `schemas.responses`,
    which its docstring names.
    """

    loaded_model: LoadedModel
    store: RatingStore | None = None
    rules: OperatorRules = NO_RULES
    name: str = "model"  # under which the model is served
    costs: UnitCosts = UNMEASURED

    @property
    def version(self) -> str:
        return self.loaded_model.version

    # Lists for one user

    def recommendations(self, user: str, asked: ListQuery | ListBody, scored: UserScores | None = None) -> JsonObject:
        """UserList: the items with the highest scores that a user has not rated, by all of the user's ratings.

        scored: the scores of the user's row if they are computed already (see `find_scored_row`).
        Raises UnknownId for a user without ratings, unless the request asks for the most rated items then.
        """
        return self._answer(user=user, **self._list_of(user, asked, self._load(user), scored))

    def find_scored_row(self, user: str) -> int | None:
        """The row of a user whose list is computed faster together with others; None for other users and models."""
        row = self._training_data.users.find(user)
        if row is None or not self.loaded_model.model.is_scored_with_others(row):
            return None
        if self.store is None:
            return row
        if not self.store.fast_reads or self.store.count_of(user):
            return None
        return self._forgotten.trained_row(self._training_data, user)

    def recommendations_for_ratings(self, asked: FoldedBody) -> JsonObject:
        """FoldedList: the same for a new user, given by ratings (fold-in); without ratings, the fallback list.

        Raises BadData for an item that is unknown or rated twice, and for a rating outside the scale.
        """
        history = history_from_request(self._training_data, asked.ratings)
        self._check_cost(history, asked)
        return self._answer(**self._lists.for_user("", history, asked))

    def batch(self, asked: BatchBody) -> JsonObject:
        """BatchLists: a list for each of many users, or the reason why there is none."""
        if asked.cursor and len(asked.users) > 1:
            raise BadData("a cursor continues the list of a single user", "ask for each user's next page separately")
        block = self.loaded_model.model.users_per_product()
        lists = []
        for here in batch_slices(len(asked.users), block):
            check_deadline()
            lists += self._many_lists(asked.users[here], asked)
        return self._answer(lists=lists)

    def reco(self, asked: RecoQuery) -> JsonObject:
        """Reco: a user's list as two columns, predicted ratings and titles."""
        ratings, labels = self._lists.columns(self._history(asked.user), asked.n)
        return self._answer(ratings=ratings, labels=labels)

    def explanation(self, user: str, item: str, asked: ExplanationQuery) -> JsonObject:
        """Explanation: a user's score for an item, and the n of the user's ratings with the largest effect on it."""
        model, history = self.loaded_model.model, self._history(user)
        check_cost(self.costs.explanations(len(history.items), 1))
        row = model.training_data.items.row(item)
        if history.user is not None:
            score = model.predict_rows(np.array([history.user], dtype=np.int32), np.array([row], dtype=np.int32))
        else:
            score = model.clip(history.scores(model)[row : row + 1])
        because = model.explain_rows(history.sparse(len(model.training_data.items)), row, asked.n)
        line = {
            **self._items.item(row),
            "score": round_score(float(score[0]), model.scale),
            "because": [describe_effect(one) for one in because],
        }
        return self._answer(user=user, **line)

    def similar_users(self, user: str, asked: SimilarUsersQuery) -> JsonObject:
        """SimilarUsers: the users most similar to a user."""
        return self._answer(
            user=user,
            similar=nearest_users(self.loaded_model.model, user, self._history(user), asked.n, self._forgotten),
        )

    # Lists for everybody

    def popular(self, asked: PopularQuery) -> JsonObject:
        """Popular: the most rated items."""
        return self._answer(**self._lists.popular(asked))

    def similar(self, item: str, asked: SimilarQuery) -> JsonObject:
        """Similar: the items most similar to one."""
        row = self._training_data.items.row(item)
        return self._answer(**self._items.item(row), similar=self._lists.similar(row, asked.n, asked))

    # Finding items and users

    def item(self, item: str) -> JsonObject:
        """OneItem: an item with its statistics."""
        return self._answer(
            **self._items.item_with_statistics(self._training_data.items.row(item), self._counts.current())
        )

    def items(self, asked: ItemsQuery) -> JsonObject:
        """Items: those whose titles contain every word of a query; the most rated ones for an empty query."""
        rows = self.loaded_model.titles.search(asked.query, asked.n, self._filter.denied)
        return self._answer(query=asked.query, items=[self._items.item(row) for row in rows])

    def search(self, asked: SearchQuery) -> JsonObject:
        """Found: items by words of titles and genres; typing errors are corrected."""
        rows, read_as = self.loaded_model.search.search(asked.q, asked.n, self._filter.denied)
        return self._answer(query=asked.q, read_as=read_as, items=[self._items.item(row) for row in rows])

    def categs(self, asked: CategsQuery) -> JsonObject:
        """Categs: items by a word of their titles or genres, the most rated first."""
        rows = self.loaded_model.search.search_words(asked.words, asked.n, self._filter.denied)
        table = self._items
        return self._answer(items=[table.ids[row] for row in rows], labels=[table.titles[row] for row in rows])

    def genres(self) -> JsonObject:
        """Genres: the number of items of each that may be recommended, in descending order."""
        counts = {name: int((mask & ~self._filter.hidden).sum()) for name, mask in self._items.genre_masks.items()}
        most_first = sorted(counts.items(), key=lambda one: -one[1])
        return self._answer(genres=[{"genre": name, "items": count} for name, count in most_first if count])

    @property
    def has_years(self) -> bool:
        """Whether the title of an item ends with a year."""
        return bool((self._items.year_array != NO_YEAR).any())

    def map(self, asked: MapQuery) -> JsonObject:
        """Map: the most rated items in two dimensions, similar ones close together."""
        (rows, places), counts = self.loaded_model.map(asked.n), self._training_data.item_counts
        listed = [
            {**self._items.item(row), "x": round_score(x), "y": round_score(y), "ratings": int(counts[row])}
            for row, (x, y) in zip(rows.tolist(), places.tolist(), strict=True)
            if not self._filter.denied[row]
        ]
        return self._answer(items=listed)

    def users(self, asked: Page) -> JsonObject:
        """Users: a page of the trained users in order of ids, each with the number of ratings."""
        training_data, here = self._training_data, slice(asked.offset, asked.offset + asked.n)
        counts = zip(training_data.users.ids[here].tolist(), training_data.user_counts[here].tolist(), strict=True)
        found = list(counts)
        gone = self._forgotten.among([user for user, _ in found])
        listed = [{"user": user, "ratings": count} for user, count in found if user not in gone]
        return self._answer(total=len(training_data.users), offset=asked.offset, users=listed)

    # Ratings

    def ratings(self, user: str, asked: Page) -> JsonObject:
        """UserRatings: a page of a user's ratings."""
        return self._answer(user=user, offset=asked.offset, **self._writer.ratings(user, asked))

    def rate(self, asked: RatingsBody) -> JsonObject:
        """Taken: the number of ratings stored."""
        return self._answer(taken=self._writer.rate(asked))

    def delete_rating(self, user: str, item: str) -> JsonObject:
        """TakenBack: whether a rating was deleted."""
        return self._answer(user=user, item=item, taken_back=self._writer.delete_rating(user, item))

    def forget_user(self, user: str) -> JsonObject:
        """Forgotten: erases a user from the store; the user is unknown from then on, also to the models."""
        return self._answer(user=user, **self._writer.forget(user))

    # The model

    def card(self) -> JsonObject:
        """Card: the public description of the model."""
        served = {"name": self.name, "takes_ratings": self.store is not None}
        return self._answer(**{"curve": [], **self.loaded_model.card, **served})

    # Parts of the answers

    @property
    def _training_data(self) -> TrainingData:
        return self.loaded_model.model.training_data

    @property
    def _items(self) -> ItemTable:
        return self.loaded_model.items

    def _answer(self, **fields: Any) -> JsonObject:
        return {"model": self.loaded_model.version, **fields}

    def _check_cost(self, history: UserHistory, asked: ListOptions) -> None:
        """Raises RequestTooCostly for a list that would take too long; a batch is also bounded by its deadline."""
        check_cost(self.costs.list(HistorySize(len(history.items), folded=history.user is None), asked))

    def _history(self, user: str) -> UserHistory:
        history = self._load(user)
        if history is None:
            raise unknown_user(self._training_data, user, forgotten=self._forgotten)
        return history

    def _load(self, user: str) -> UserHistory | None:
        return load_history(self._training_data, self.store, user, self._forgotten)

    def _list_of(
        self,
        user: str,
        asked: ListQuery | ListBody | BatchBody,
        history: UserHistory | None,
        scored: UserScores | None = None,
    ) -> JsonObject:
        if history is not None:
            if self.store is not None and not self.store.fast_reads:
                self._check_cost(history, asked)  # `cost_of` did not know the size of this history
            scores = scored.scores if scored is not None and scored.user == history.user else None
            return self._lists.for_user(user, history, asked, scores)
        if asked.stranger == "refuse":
            raise unknown_user(self._training_data, user, POPULAR_INSTEAD, self._forgotten)
        return self._lists.for_unknown_user(asked)

    def _many_lists(self, users: Sequence[str], asked: BatchBody) -> list[JsonObject]:
        """A list for each user; those of trained users from one matrix product, if that is faster."""
        model, histories = self.loaded_model.model, [self._load(user) for user in users]
        rows = [None if history is None else history.user for history in histories]
        together = [row for row in rows if row is not None and model.is_scored_with_others(row)]
        scored = {one.user: one for one in score_users(model, together)} if len(together) > 1 else {}
        lists = []
        for user, history, row in zip(users, histories, rows, strict=True):
            check_deadline()
            lists.append(self._one_of_many(user, asked, history, scored.pop(row, None) if row is not None else None))
        return lists

    def _one_of_many(
        self, user: str, asked: BatchBody, history: UserHistory | None, scored: UserScores | None
    ) -> JsonObject:
        try:
            return {"user": user, **self._list_of(user, asked, history, scored)}
        except UnknownId as problem:
            return {"user": user, "problem": {"detail": problem.message, "hint": problem.hint}}

    @cached_property
    def _filter(self) -> ItemFilter:
        return ItemFilter(self._items, self.rules)

    @cached_property
    def _lists(self) -> RankedLists:
        return RankedLists(self._items, self._filter, self.loaded_model.version, self._counts)

    @cached_property
    def _writer(self) -> RatingsWriter:
        return RatingsWriter(self._items, self.rules, self.store, self._forgotten)

    @cached_property
    def _forgotten(self) -> ForgottenUsers:
        return ForgottenUsers.of(self.store, self.loaded_model.manifest)

    @cached_property
    def _counts(self) -> RatingCounts:
        return RatingCounts(
            self._training_data, self._items.trained_counts, self.store, self._items.interaction_weights
        )
