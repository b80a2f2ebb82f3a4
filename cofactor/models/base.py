"""A model: named arrays and the training data they belong to, and every query of them.

A kind of model defines how it scores (see `scoring`); lists, similar items and explanations are the same for all kinds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, Unpack, overload

import numpy as np

from cofactor.argument_names import check_arguments
from cofactor.arrays import Array, Floats, Rows, Times
from cofactor.control_characters import escape_controls
from cofactor.data.ratings import TrainingData
from cofactor.models.checks import check_arrays, check_n, check_rows
from cofactor.models.networks.layers import Layers
from cofactor.models.queries.cold_start import ColdStartScorer
from cofactor.models.queries.facts import model_as_html
from cofactor.models.queries.ids import Id, is_id, known_item, known_row, known_rows
from cofactor.models.queries.pairs import PairRows, check_lengths, find_pairs
from cofactor.models.queries.parameters import ModelParameters, parameters_of
from cofactor.models.queries.similar_users import UserNeighbours, find_similar_users
from cofactor.models.top_n.folded_in_user import FoldedInUser
from cofactor.models.top_n.list_filters import FilterArguments
from cofactor.models.top_n.ranking import RankingModel
from cofactor.models.top_n.recommendations import (
    RatingEffects,
    Recommendations,
    RecommendationsByUser,
    history_from_ratings,
    recommendations,
    training_history,
)
from cofactor.models.top_n.top_n_options import TopNOptions
from cofactor.row_blocks import batch_slices

NO_ARRAYS = ("training_data", "scale", "provenance")  # fields of a model
PREDICT_ROWS = 1 << 20  # pairs scored at a time


@dataclass(frozen=True, eq=False)
class Model(RankingModel):
    """An immutable model: a frozen dataclass of named arrays and a TrainingData.

    Every field but `training_data`, `scale` and `provenance` is an array, a number or Layers: these are written when a
    model is saved and checked when it is loaded. An id of a user or an item is text, or a whole number, which stands
    for its text. Methods whose names speak of rows, such as `score_rows`, take row numbers instead. An unknown id
    raises UnknownId, whose hint names the most similar known ids, except in `predict`.
    """

    def __init_subclass__(cls) -> None:
        """The repr of a model is short, also of one that is a dataclass, which would show its arrays."""
        super().__init_subclass__()
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Model.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        low, high = self.scale or (0.0, 0.0)
        task = "ranks items" if self.scale is None else f"predicts ratings from {low:g} to {high:g}"
        name = type(self).__name__ if self.provenance is None else f"{escape_controls(self.provenance.trainer)} model"
        return f"<{name} that {task}; {self.training_data!r}>"

    def _repr_html_(self) -> str:
        return model_as_html(self)

    # Predictions

    @check_arguments()
    def predict(self, user_ids: object, item_ids: object = None, times: object = None) -> Floats:
        """(m,) scores of m pairs, clipped to the scale if the model predicts ratings.

        user_ids, item_ids: lists or columns of ids of the same length, or one id each; or one table with a column of
        each, under one of their common names: a data frame, an Arrow table or a mapping of columns. times: (m,) times
        of the ratings, in seconds since 1970 or as datetime64; only some kinds use them, and take them from a table
        that has them.

        Cold start: an unknown user is scored as a user without ratings. The score of an unknown item is the mean rating
        plus what the model knows of the user (`unknown_item_scores`), and -∞ if the model only ranks.

        Raises BadData for lists of different lengths, and for a value that is no id.
        """
        return self.predict_rows(*self.find_pairs(user_ids, item_ids, times), unknown=True)

    def predict_rows(self, users: Rows, items: Rows, times: Times | None = None, *, unknown: bool = False) -> Floats:
        """(m,) scores of (m,) pairs of rows, as in `predict`; with `unknown`, a row of -1 stands for an unknown id."""
        users = check_rows(users, self.training_data.users, unknown=unknown)
        items = check_rows(items, self.training_data.items, unknown=unknown)
        check_lengths(users, items, times)
        out = np.empty(len(users), dtype=np.float32)
        for here in batch_slices(len(users), PREDICT_ROWS):
            out[here] = self.cold_start.score_pairs(users[here], items[here], None if times is None else times[here])
        return self.clip(out)

    def find_pairs(self, user_ids: object, item_ids: object = None, times: object = None) -> PairRows:
        """The rows of pairs of ids, -1 for an unknown id, as `predict` takes them."""
        ids, given = (self.training_data.users, self.training_data.items), (user_ids, item_ids)
        return find_pairs(*ids, given, times, with_times=self.uses_times)

    @cached_property
    def cold_start(self) -> ColdStartScorer:
        """The scores of pairs with unknown ids."""
        return ColdStartScorer(self)

    # Top-N lists

    if TYPE_CHECKING:

        @overload
        def recommend(  # type: ignore[overload-overlap]  # text is one id
            self,
            user_ids: Id,
            n: int = 10,
            *,
            include_seen: bool = False,
            diversity: float = 0.0,
            why: int = 0,
            **filters: Unpack[FilterArguments],
        ) -> Recommendations: ...

        @overload
        def recommend(
            self,
            user_ids: Iterable[Id],
            n: int = 10,
            *,
            include_seen: bool = False,
            diversity: float = 0.0,
            why: int = 0,
            **filters: Unpack[FilterArguments],
        ) -> RecommendationsByUser: ...

    def recommend(
        self,
        user_ids: Id | Iterable[Id],
        n: int = 10,
        *,
        include_seen: bool = False,
        diversity: float = 0.0,
        why: int = 0,
        **filters: Unpack[FilterArguments],
    ) -> Recommendations | RecommendationsByUser:
        """The n items with the highest scores that a user has not rated; of several users, their lists by user id.

        A list is shorter if fewer items are left. A user without training ratings gets the fallback list.

        include_seen: also items that the user has rated. diversity: from 0, by score alone, to 1, items as different
        from each other as possible (maximal marginal relevance, see `diversify`). why: the number of the user's ratings
        that explain each item, those that raise its score most.

        Filters, each an id or a genre, or a list of them: `candidates`: rank only these items, whether the user has
        rated them or not. `allow`, `deny`: only these items, none of these. `genre`, `without_genre`: items of any of
        these genres, of none of them. `year_from`, `year_to`: items of these years, which are read from the titles.

        Raises UnknownId for an unknown user, BadData for an unknown candidate or genre and for a wrong option.
        """
        options = TopNOptions.of(n, include_seen, diversity, why, filters)
        if is_id(user_ids):
            rows = np.array([known_row(self.training_data.users, user_ids)], dtype=np.int32)
            return next(self.lists_of_users(rows, options))
        rows = known_rows(self.training_data.users, user_ids)
        ids = self.training_data.users.ids[rows].tolist()
        return RecommendationsByUser(zip(ids, self.lists_of_users(rows, options), strict=True))

    def recommend_for_ratings(
        self,
        ratings: Mapping[str, float] | Mapping[int, float],
        n: int = 10,
        *,
        diversity: float = 0.0,
        why: int = 0,
        **filters: Unpack[FilterArguments],
    ) -> Recommendations:
        """The n best items for an unknown user with the given ratings: `fold_in(ratings).recommend(n, …)`."""
        check_n(n)
        return self.fold_in(ratings).recommend(n, diversity=diversity, why=why, **filters)

    def similar_items(self, item_id: Id, n: int = 10, **filters: Unpack[FilterArguments]) -> Recommendations:
        """The n items most similar to an item, without the item itself; their scores are `similarity_to_row`. The
        filters are those of `recommend`."""
        check_n(n)
        item = known_item(self.training_data, item_id)
        hidden = self.hidden_by(TopNOptions.of(n, filters=filters))
        rows, scores = self.top_n_of_scores(self.similarity_to_row(item), n, seen=np.array([item]), hidden=hidden)
        return recommendations(self.training_data, rows, scores)

    @check_arguments()
    def similar_users(self, user_id: Id, n: int = 10) -> UserNeighbours:
        """The n users most similar to a user by their vectors, or by their ratings in a model without vectors."""
        check_n(n)
        row = known_row(self.training_data.users, user_id)
        return find_similar_users(self, row, training_history(self.training_data, row), n, without=row)

    # Unknown users

    def fold_in(self, ratings: Mapping[str, float] | Mapping[int, float]) -> FoldedInUser:
        """A user who is not in the training data, given by ratings of item ids; the model does not change.

        The items' parameters stay as they were trained: `fold_in_scores` of each kind of model computes the user's
        scores from them. A user without ratings gets the scores of the fallback list. Raises UnknownId for an unknown
        item and BadData for a rating outside the data's scale.
        """
        return FoldedInUser(self, history_from_ratings(self.training_data, ratings))

    # Explanations

    @check_arguments()
    def explain(self, user_id: Id, item_id: Id, n: int = 5) -> RatingEffects:
        """The n training ratings of a user with the largest effect on an item's score, up or down."""
        check_n(n)
        item = known_item(self.training_data, item_id)
        user = known_row(self.training_data.users, user_id)
        return self.explain_rows(training_history(self.training_data, user), item, n)

    @check_arguments()
    def explain_for_ratings(
        self, ratings: Mapping[str, float] | Mapping[int, float], item_id: Id, n: int = 5
    ) -> RatingEffects:
        """The n ratings with the largest effect on an item's score: `fold_in(ratings).explain(item_id, n)`."""
        check_n(n)
        return self.fold_in(ratings).explain(item_id, n)

    # Names of earlier versions

    recommend_from = recommend_for_ratings
    explain_from = explain_for_ratings

    # Parameters

    @cached_property
    def parameters(self) -> Mapping[str, ModelParameters]:
        """The parameters that users or items have, such as `user_vectors` and `item_bias`, with the ids."""
        return MappingProxyType(parameters_of(self.training_data, type(self).shapes, self.arrays()))

    # Saving and loading

    def arrays(self) -> dict[str, Array]:
        """Every array and number by the name of its field, those of Layers below that name: what is saved."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in NO_ARRAYS}
        plain = {name: np.asarray(one) for name, one in named.items() if one is not None and name not in self.networks}
        for name in self.networks:
            plain |= named[name].arrays(name)
        return plain

    @classmethod
    def from_arrays(
        cls, training_data: TrainingData, scale: tuple[float, float] | None, arrays: Mapping[str, Array]
    ) -> Self:
        """A model of saved arrays; raises BadArtifact if one is missing, unknown, of a wrong shape or type, not finite,
        or an index outside its table (see `check`)."""
        arrays = dict(arrays)
        layers = {name: Layers.from_arrays(arrays, name) for name in cls.networks}
        expected = cls.shapes(len(training_data.users), len(training_data.items))
        optional = {f.name for f in fields(cls) if f.default is None}
        check_arrays(cls.kind, expected, arrays, optional=optional, indices=cls.indices)
        plain = {name: float(a) if expected[name] == () else a for name, a in arrays.items()}
        model = cls(training_data, scale, **plain, **layers)
        model.check()
        return model

    def __post_init__(self) -> None:
        """Makes the arrays read-only."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, field.name, view)
