"""A model: named arrays and the training data they belong to, and every query of them.

A kind of model defines how it scores (see `scoring`); lists, similar items and explanations are the same for all kinds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Mask, Rows, Times
from cofactor.data.ratings import TrainingData
from cofactor.errors import BadData
from cofactor.models.checks import check_arrays, check_length, check_n, check_rows, known_rows
from cofactor.models.networks.layers import Layers
from cofactor.models.scoring import ScoringModel
from cofactor.models.top_n.recommendations import (
    RatingEffect,
    Recommendation,
    history_from_ratings,
    recommendations,
    strongest,
    training_history,
)
from cofactor.models.top_n.selection import EXCLUDED, top_n, top_n_per_row
from cofactor.row_blocks import batch_slices

PREDICT_ROWS = 1 << 20  # pairs scored at a time


@dataclass(frozen=True, eq=False)
class Model(ScoringModel):
    """An immutable model: a frozen dataclass of named arrays and a TrainingData.

    Every field but `training_data` and `scale` is an array, a number or Layers: these are written when a model is saved
    and checked when it is loaded. Ids of users and items are str; methods whose names end in `_rows` take row numbers
    instead. An unknown id raises UnknownId, whose hint names the most similar known ids.
    """

    def __init_subclass__(cls) -> None:
        """The repr of a model is short, also of one that is a dataclass, which would show its arrays."""
        super().__init_subclass__()
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Model.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        low, high = self.scale or (0.0, 0.0)
        task = "ranks items" if self.scale is None else f"predicts ratings from {low:g} to {high:g}"
        return f"<{type(self).__name__} that {task}; {self.training_data!r}>"

    # Predictions

    def predict(self, user_ids: Sequence[str], item_ids: Sequence[str], times: Times | None = None) -> Floats:
        """(m,) scores of m pairs of ids, clipped to the scale if the model predicts ratings.

        times: (m,) seconds since 1970 of the ratings to predict; only some kinds use them. Raises UnknownId for an
        unknown id and BadData for ids that are not text.
        """
        users = known_rows(self.training_data.users, user_ids)
        items = known_rows(self.training_data.items, item_ids)
        return self.predict_rows(users, items, times)

    def predict_rows(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m,) scores of (m,) pairs of rows, as in `predict`."""
        users = check_rows(users, self.training_data.users)
        items = check_rows(items, self.training_data.items)
        if len(users) != len(items):
            raise BadData(f"{len(users):,} users for {len(items):,} items", "each pair needs a user and an item")
        if times is not None and len(times) != len(users):
            raise BadData(f"{len(times):,} times for {len(users):,} pairs", "give one time for each pair, or no times")
        out = np.empty(len(users), dtype=np.float32)
        for here in batch_slices(len(users), PREDICT_ROWS):
            out[here] = self.pair_scores(users[here], items[here])
            if times is not None:
                out[here] += self.time_effects(users[here], items[here], times[here])
        return self.clip(out)

    # Top-N lists

    def recommend(self, user_id: str, n: int = 10, *, exclude_seen: bool = True, why: int = 0) -> list[Recommendation]:
        """The n items with the highest scores that a user has not rated; with `why`, each with up to that many of the
        user's ratings that raise its score most.

        The list is shorter if fewer items are left. A user without training ratings gets the fallback list.
        """
        check_n(n)
        user = self.training_data.users.row(user_id)
        scores = self.scores(np.array([user], dtype=np.int32))[0]
        seen = self.training_data.rated(user)[0] if exclude_seen else None
        items, best = self.top_n_of_scores(scores, n, seen=seen)
        history = training_history(self.training_data, user_id) if check_length(why) else None
        return self.list_recommendations(items, best, history, why)

    def recommend_for_ratings(self, ratings: Mapping[str, float], n: int = 10, *, why: int = 0) -> list[Recommendation]:
        """The n best items for an unknown user with the given ratings: `fold_in(ratings).recommend(n, why=why)`."""
        check_n(n)
        return self.fold_in(ratings).recommend(n, why=why)

    def recommend_rows(self, users: Rows, n: int, *, exclude_seen: bool = True) -> tuple[Rows, Floats]:
        """(m, n) item rows, best first, and their clipped scores, for (m,) user rows; -1 and 0 after the end of a list.

        The order is that of the unclipped scores; equal scores are in order of item rows.
        """
        users = check_rows(users, self.training_data.users)
        items = np.empty((len(users), check_length(n)), dtype=np.int32)
        scores = np.empty((len(users), n), dtype=np.float32)
        for here in batch_slices(len(users), self._users_per_block()):
            seen = self.training_data.interactions[users[here]] if exclude_seen else None
            items[here], scores[here] = self._top_n_of_users(self.scores(users[here]), seen, n)
        return items, scores

    def top_n_of_scores(
        self, scores: Floats, n: int, *, seen: Rows | None = None, hidden: Mask | None = None
    ) -> tuple[Rows, Floats]:
        """(k,) item rows, best first, and scores of the k <= n best of one user's (n_items,) scores, which are
        overwritten; without the rows `seen` and the (n_items,) mask `hidden`, by default the items not `rankable`.

        Scores are not clipped, and an `EXCLUDED` item is not listed; equal scores are in order of item rows.
        """
        np.copyto(scores, EXCLUDED, where=self._unrankable if hidden is None else hidden)
        if seen is not None:
            scores[seen] = EXCLUDED
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
        exact = self.pair_scores(np.full(len(rows), user, dtype=np.int32), rows)
        order = np.argsort(-exact, kind="stable")[:n]
        return rows[order], exact[order]

    def similar_items(self, item_id: str, n: int = 10) -> list[Recommendation]:
        """The n items most similar to an item, without the item itself; their scores are `similarity`."""
        check_n(n)
        item = self.training_data.items.row(item_id)
        rows, scores = self.top_n_of_scores(self.similarity(item), n, seen=np.array([item], dtype=np.int32))
        return recommendations(self.training_data, rows, scores)

    # Unknown users

    def fold_in(self, ratings: Mapping[str, float]) -> "FoldedInUser":
        """A user who is not in the training data, given by ratings of item ids; the model does not change.

        The items' parameters stay as they were trained: `fold_in_scores` of each kind of model computes the user's
        scores from them. A user without ratings gets the scores of the fallback list. Raises UnknownId for an unknown
        item and BadData for a rating outside the data's scale.
        """
        return FoldedInUser(self, history_from_ratings(self.training_data, ratings))

    # Explanations

    def explain(self, user_id: str, item_id: str, n: int = 5) -> list[RatingEffect]:
        """The n training ratings of a user with the largest effect on an item's score, up or down."""
        check_n(n)
        item = self.training_data.items.row(item_id)
        return self.explain_rows(training_history(self.training_data, user_id), item, n)

    def explain_for_ratings(self, ratings: Mapping[str, float], item_id: str, n: int = 5) -> list[RatingEffect]:
        """The n ratings with the largest effect on an item's score: `fold_in(ratings).explain(item_id, n)`."""
        check_n(n)
        return self.fold_in(ratings).explain(item_id, n)

    def explain_rows(self, history: csr_array, item: int, n: int) -> list[RatingEffect]:
        """The n ratings of a (1, n_items) history with the largest effect on the score of an item row."""
        if history.nnz == 0:
            return []
        effects = self.attributions(history, np.array([item], dtype=np.int32))[:, 0]
        return list(strongest(self.training_data, history, effects, np.abs(effects), check_length(n)))

    def supporting_ratings(self, history: csr_array, items: Rows, n: int) -> list[tuple[RatingEffect, ...]]:
        """For each of (k,) items the up to n ratings of a (1, n_items) history that raise its score most."""
        return [strongest(self.training_data, history, one, one, n) for one in self.attributions(history, items).T]

    # Names of earlier versions

    recommend_from = recommend_for_ratings
    explain_from = explain_for_ratings

    # Saving and loading

    def arrays(self) -> dict[str, Array]:
        """Every array and number by the name of its field, those of Layers below that name: what is saved."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("training_data", "scale")}
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

    @cached_property
    def _unrankable(self) -> Mask:
        return ~self.rankable

    def _top_n_of_users(self, scores: Floats, seen: csr_array | None, n: int) -> tuple[Rows, Floats]:
        scores[:, self._unrankable] = EXCLUDED
        if seen is not None:
            scores[np.repeat(np.arange(len(scores)), np.diff(seen.indptr)), seen.indices] = EXCLUDED
        items, best = top_n_per_row(scores, n)
        return items, np.where(items < 0, np.float32(0), self.clip(best))

    def list_recommendations(
        self, items: Rows, scores: Floats, history: csr_array | None, why: int
    ) -> list[Recommendation]:
        """The list of (k,) items, each with up to `why` ratings of a history that raise its score."""
        scores = self.clip(scores)
        if why == 0 or history is None or history.nnz == 0:
            return recommendations(self.training_data, items, scores)
        return recommendations(self.training_data, items, scores, self.supporting_ratings(history, items, why))


@dataclass(frozen=True, eq=False)
class FoldedInUser:
    """A user who is not in the training data, with a (1, n_items) history of ratings; made by `Model.fold_in`."""

    model: Model
    history: csr_array

    @cached_property
    def scores(self) -> Floats:
        """(n_items,) unclipped scores of all items."""
        scores: Floats = self.model.fold_in_scores(self.history)[0]
        return scores

    def predict(self, item_ids: Sequence[str]) -> Floats:
        """(m,) scores of m items, clipped to the scale if the model predicts ratings; raises UnknownId."""
        return self.model.clip(self.scores[known_rows(self.model.training_data.items, item_ids)])

    def recommend(self, n: int = 10, *, why: int = 0) -> list[Recommendation]:
        """The n items with the highest scores that the user has not rated; with `why`, each with up to that many of
        the user's ratings that raise its score most. The list is shorter if fewer items are left."""
        check_n(n)
        items, best = self.model.top_n_of_scores(self.scores.copy(), n, seen=self.history.indices)
        return self.model.list_recommendations(items, best, self.history, check_length(why))

    def explain(self, item_id: str, n: int = 5) -> list[RatingEffect]:
        """The n of the user's ratings with the largest effect on an item's score, up or down."""
        check_n(n)
        return self.model.explain_rows(self.history, self.model.training_data.items.row(item_id), n)
