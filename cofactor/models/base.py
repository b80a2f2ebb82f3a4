"""What training leaves behind: named arrays over a catalogue, and everything that can be asked of them.

A kind of model states how it scores; recommending, similar items and explanations are written once, here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows, Times
from cofactor.data.ratings import TrainingData
from cofactor.errors import BadData
from cofactor.models.checks import check_arrays
from cofactor.models.networks.layers import Layers
from cofactor.models.top_n.recommendations import Reason as Reason
from cofactor.models.top_n.recommendations import Recommendation as Recommendation
from cofactor.models.top_n.recommendations import given_history, known_history, left_out, recommendations, strongest
from cofactor.models.top_n.selection import NEVER, highest, highest_of_one

PREDICT_ROWS = 1 << 20  # pairs scored at a time
SCORE_USERS = 4096  # users whose scores for all items are held at a time, at most
SCORE_CELLS = 1 << 22  # scores held at a time: 16 MiB; much smaller blocks lose their time to the threads of the BLAS


@dataclass(frozen=True, eq=False)
class Model(ABC):
    """An immutable model: a frozen dataclass of named arrays plus a TrainingData.

    `scale` is set where scores are ratings in the data's units (RMSE and MAE apply), None where the model only ranks.
    Every field but `training_data` and `scale` is an array, a number or Layers: what saving writes and loading checks.
    Ids of users and items are str; an id that the model does not know is an UnknownId with the nearest known ones.
    """

    kind: ClassVar[str]
    indices: ClassVar[frozenset[str]] = frozenset()  # the arrays that hold row numbers: int32 or int64, not float32
    networks: ClassVar[frozenset[str]] = frozenset()  # the fields that are Layers

    training_data: TrainingData
    scale: tuple[float, float] | None

    # What a kind of model states

    @abstractmethod
    def scores(self, users: Rows) -> Floats:
        """(m, n_items) float32 scores of all items for (m,) user rows, in a new array. Not clipped: a list needs its
        order. A user without training ratings gets the scores of the fallback list."""

    @abstractmethod
    def scores_from(self, histories: csr_array) -> Floats:
        """(m, n_items) float32 scores for (m, n_items) sparse histories of users the model has not seen (fold-in)."""

    @classmethod
    @abstractmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        """The shape of every array by name; a str is a size of its own that must agree wherever it is named."""

    # What a kind may state better

    def pair_scores(self, users: Rows, items: Rows) -> Floats:
        """(m,) unclipped scores of (m,) pairs; kinds that can do it without scoring every item override it."""
        distinct, where = np.unique(users, return_inverse=True)
        order = np.argsort(where, kind="stable")
        out, block = np.empty(len(users), dtype=np.float32), self._users_at_a_time()
        for first in range(0, len(distinct), block):
            start, stop = np.searchsorted(where[order], (first, first + block))
            here = order[start:stop]
            scores = self.scores(distinct[first : first + block])
            out[here] = scores[where[here] - first, items[here]]
        return out

    def time_effects(self, users: Rows, items: Rows, times: Times) -> Floats:
        """(m,) what the (m,) times of ratings, in seconds since 1970, add to `pair_scores`; here nothing."""
        return np.zeros(len(users), dtype=np.float32)

    @property
    def without_item(self) -> Floats:
        """(n_users + 1,) what is left of a score where nothing is known of the item, for every user and, last, for
        somebody without a rating. Here the mean training rating, -∞ where the model only ranks."""
        mean = NEVER if self.scale is None else self.training_data.interactions.data.mean()
        return np.full(len(self.training_data.users) + 1, mean, dtype=np.float32)

    def effects(self, history: csr_array, items: Rows) -> Doubles:
        """(h, m): the score of each of (m,) items minus what it is without each of the h ratings of a (1, n_items)
        history; by scoring every left-out history, in blocks."""
        h, n_items = history.nnz, history.shape[1]
        score = self.scores_from(history)[0, items].astype(np.float64)
        out = np.empty((h, len(items)))
        block = max(1, SCORE_CELLS // max(h, n_items))
        for first in range(0, h, block):
            places = np.arange(first, min(first + block, h))
            out[places] = score - self.scores_from(left_out(history, places))[:, items]
        return out

    def check(self) -> None:  # noqa: B027  # most kinds have nothing more to check
        """Raises BadArtifact where the arrays do not fit each other in more than shape and type."""

    def similarity(self, item: int) -> Floats:
        """(n_items,) how alike an item row and every other are, `NEVER` where nothing says so; in a new array.

        Here the cosine of their columns of training ratings, Σ_u r_ui r_uj / (|r_i| |r_j|), over the users of both.
        """
        history = self.training_data.interactions
        at = np.flatnonzero(history.indices == item)
        raters = np.searchsorted(history.indptr, at, side="right") - 1
        weights = csr_array((history.data[at], np.arange(len(at)), [0, len(at)]), shape=(1, len(at)))
        products = weights @ history[raters]
        out = np.full(history.shape[1], NEVER)
        norms = self._rating_norms[products.indices] * self._rating_norms[item]
        out[products.indices] = products.data / np.maximum(norms, 1e-12)
        return out

    def similarities(self, items: Rows) -> Floats:
        """(k, k) how alike (k,) items are to one another: `similarity` of each row, at the columns of the others."""
        rated = self.training_data.interactions[:, items]
        products = (rated.T @ rated).tocoo()
        out = np.full((len(items), len(items)), NEVER)
        norms = self._rating_norms[items]
        row, column = products.coords
        out[row, column] = products.data / np.maximum(norms[row] * norms[column], 1e-12)
        return out

    def user_similarity(self, user: int | None, history: csr_array) -> Floats:
        """(n_users,) how alike every user and somebody are, `NEVER` where nothing says so; in a new array.

        user: their row where they are as they were trained, None where only their (1, n_items) history counts. Here the
        cosine of the rows of training ratings, Σ_i r_ui r_vi / (|r_u| |r_v|), over the items of both.
        """
        rated = np.zeros(history.shape[1])
        rated[history.indices] = history.data
        products = self.training_data.interactions @ rated
        norms = self._user_norms * np.linalg.norm(rated)
        return np.where(products != 0, products / np.maximum(norms, 1e-12), NEVER).astype(np.float32)

    # What can be asked of every model

    def predict(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m,) scores of (m,) pairs of rows, clipped to the scale where the model predicts ratings.

        times: (m,) seconds since 1970 of the ratings to predict; only some kinds make use of them.
        """
        users, items = (
            _within(users, len(self.training_data.users), "user"),
            _within(items, len(self.training_data.items), "item"),
        )
        if times is not None and len(times) != len(users):
            raise BadData(f"{len(times):,} times for {len(users):,} pairs", "give each pair one, or none at all")
        out = np.empty(len(users), dtype=np.float32)
        for start in range(0, len(users), PREDICT_ROWS):
            here = slice(start, start + PREDICT_ROWS)
            out[here] = self.pair_scores(users[here], items[here])
            if times is not None:
                out[here] += self.time_effects(users[here], items[here], times[here])
        return self.clip(out)

    def clip(self, scores: Floats) -> Floats:
        """Scores held within the scale, where there is one."""
        if self.scale is None:
            return scores
        lowest, highest = self.scale
        return np.minimum(np.maximum(scores, lowest), highest)  # of a few scores np.clip takes three times as long

    @property
    def rankable(self) -> Mask:
        """(n_items,) true for the items that may be recommended: those that somebody rated in training."""
        return self.training_data.item_counts > 0

    def top(self, users: Rows, n: int, *, exclude_seen: bool = True) -> tuple[Rows, Floats]:
        """(m, n) item rows, best first, and their clipped scores, for (m,) user rows; -1 and 0 where a list ended.

        The order is that of the unclipped scores; of equal scores the lower item row comes first.
        """
        users = _within(users, len(self.training_data.users), "user")
        items = np.empty((len(users), _length(n)), dtype=np.int32)
        scores = np.empty((len(users), n), dtype=np.float32)
        block = self._users_at_a_time()
        for start in range(0, len(users), block):
            here = slice(start, start + block)
            seen = self.training_data.interactions[users[here]] if exclude_seen else None
            items[here], scores[here] = self._best(self.scores(users[here]), seen, n)
        return items, scores

    def best(
        self, scores: Floats, n: int, *, seen: Rows | None = None, hidden: Mask | None = None
    ) -> tuple[Rows, Floats]:
        """(k,) item rows, best first, and scores of the k <= n best of one person's (n_items,) scores, which are used
        up; none of the rows `seen`, and none of the (n_items,) mask `hidden`, by default what is not `rankable`.

        Scores are not clipped, and `NEVER` is not listed; of equal scores the lower item row comes first.
        """
        np.copyto(scores, NEVER, where=self._unrankable if hidden is None else hidden)
        if seen is not None:
            scores[seen] = NEVER
        return highest_of_one(scores, _length(n))

    def recommend(self, user_id: str, n: int = 10, *, exclude_seen: bool = True, why: int = 0) -> list[Recommendation]:
        """The n best items a user has not rated; with `why`, each with up to that many ratings that speak for it.

        A shorter list where fewer are left. A user without training ratings gets the fallback list.
        """
        user = self.training_data.users.row(user_id)
        scores = self.scores(np.array([user], dtype=np.int32))[0]
        seen = self.training_data.rated(user)[0] if exclude_seen else None
        items, best = self.best(scores, n, seen=seen)
        return self._listed(items, best, known_history(self.training_data, user_id) if _length(why) else None, why)

    def recommend_from(self, ratings: Mapping[str, float], n: int = 10, *, why: int = 0) -> list[Recommendation]:
        """The n best items for a user given only by ratings of item ids, none of those among them.

        Raises UnknownId for an item the model does not know, BadData for a rating that is not on the data's scale.
        """
        history = given_history(self.training_data, ratings)
        items, best = self.best(self.scores_from(history)[0], n, seen=history.indices)
        return self._listed(items, best, history, _length(why))

    def similar_items(self, item_id: str, n: int = 10) -> list[Recommendation]:
        """The n items most alike (see `similarity`, which is their score), without the item itself."""
        item = self.training_data.items.row(item_id)
        rows, scores = self.best(self.similarity(item), n, seen=np.array([item], dtype=np.int32))
        return recommendations(self.training_data, rows, scores)

    def explain(self, user_id: str, item_id: str, n: int = 5) -> list[Reason]:
        """The n training ratings of a user that move an item's score most, up or down; none where nothing does."""
        return self.moved_by(known_history(self.training_data, user_id), self.training_data.items.row(item_id), n)

    def explain_from(self, ratings: Mapping[str, float], item_id: str, n: int = 5) -> list[Reason]:
        """The n of the given ratings that move an item's score most, up or down."""
        return self.moved_by(given_history(self.training_data, ratings), self.training_data.items.row(item_id), n)

    def moved_by(self, history: csr_array, item: int, n: int) -> list[Reason]:
        """The n ratings of a (1, n_items) history that move the score of an item row most, up or down."""
        if history.nnz == 0:
            return []
        effects = self.effects(history, np.array([item], dtype=np.int32))[:, 0]
        return list(strongest(self.training_data, history, effects, np.abs(effects), _length(n)))

    def reasons(self, history: csr_array, items: Rows, n: int) -> list[tuple[Reason, ...]]:
        """For each of (k,) items the up to n ratings of a (1, n_items) history that raise its score most."""
        return [strongest(self.training_data, history, one, one, n) for one in self.effects(history, items).T]

    # What saving and loading need

    def arrays(self) -> dict[str, Array]:
        """Every array and number by its field's name, those of Layers below it: what a saved model consists of."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("training_data", "scale")}
        plain = {name: np.asarray(one) for name, one in named.items() if one is not None and name not in self.networks}
        for name in self.networks:
            plain |= named[name].arrays(name)
        return plain

    @classmethod
    def of_arrays(
        cls, training_data: TrainingData, scale: tuple[float, float] | None, arrays: Mapping[str, Array]
    ) -> Self:
        """A model of saved arrays; raises BadArtifact where one is missing, unknown, misshapen, not finite, or an index
        that points nowhere (see `check`)."""
        arrays = dict(arrays)
        layers = {name: Layers.taken(arrays, name) for name in cls.networks}
        expected = cls.shapes(len(training_data.users), len(training_data.items))
        check_arrays(cls, expected, arrays)
        plain = {name: float(a) if expected[name] == () else a for name, a in arrays.items()}
        model = cls(training_data, scale, **plain, **layers)
        model.check()
        return model

    # How the answers are put together

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, field.name, view)

    @cached_property
    def _rating_norms(self) -> Doubles:
        history = self.training_data.interactions
        squares = history.data.astype(np.float64) ** 2
        return np.sqrt(np.bincount(history.indices, squares, minlength=history.shape[1]))

    @cached_property
    def _user_norms(self) -> Doubles:
        history, of = (
            self.training_data.interactions,
            np.repeat(np.arange(len(self.training_data.users)), self.training_data.user_counts),
        )
        return np.sqrt(np.bincount(of, history.data.astype(np.float64) ** 2, minlength=len(self.training_data.users)))

    def _users_at_a_time(self) -> int:
        return min(SCORE_USERS, max(1, SCORE_CELLS // max(1, len(self.training_data.items))))

    @cached_property
    def _unrankable(self) -> Mask:
        return ~self.rankable

    def _best(self, scores: Floats, seen: csr_array | None, n: int) -> tuple[Rows, Floats]:
        scores[:, self._unrankable] = NEVER
        if seen is not None:
            scores[np.repeat(np.arange(len(scores)), np.diff(seen.indptr)), seen.indices] = NEVER
        items, best = highest(scores, n)
        return items, np.where(items < 0, np.float32(0), self.clip(best))

    def _listed(self, items: Rows, scores: Floats, history: csr_array | None, why: int) -> list[Recommendation]:
        """One user's list of (k,) items, each with up to `why` ratings of a history that raise its score."""
        scores = self.clip(scores)
        if why == 0 or history is None or history.nnz == 0:
            return recommendations(self.training_data, items, scores)
        return recommendations(self.training_data, items, scores, self.reasons(history, items, why))


def _within(rows: Rows, n: int, noun: str) -> Rows:
    rows = np.asarray(rows)
    bad = np.flatnonzero((rows < 0) | (rows >= n))
    if len(bad):
        raise BadData(f"{noun} row {rows[bad[0]]} of {n:,}", f"rows come from the model's own {noun} vocabulary")
    return rows


def _length(n: int) -> int:
    if n < 0:
        raise BadData(f"a list of {n}", "ask for 0 or more")
    return n
