"""What training leaves behind: named arrays over a catalogue, and everything that can be asked of them.

A kind of model states how it scores; recommending, similar items and explanations are written once, here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats, Mask, Rows
from cofactor.data.ratings import Catalog
from cofactor.errors import BadArtifact

PREDICT_ROWS = 1 << 20  # pairs scored at a time
SCORE_USERS = 256  # users whose scores for all items are held at a time


@dataclass(frozen=True)
class Reason:
    """One rating in a user's history and what it does to a recommended item's score."""

    item: str
    title: str
    rating: float
    effect: float  # score with this rating minus score without it


@dataclass(frozen=True)
class Recommendation:
    """One line of a list: the item, its score (in the data's units where the model predicts ratings), and why."""

    item: str
    title: str
    genres: str
    score: float
    because: tuple[Reason, ...] = ()


@dataclass(frozen=True, eq=False)
class Model(ABC):
    """An immutable model: a frozen dataclass of named arrays plus a Catalog.

    `scale` is set where scores are ratings in the data's units (RMSE and MAE apply), None where the model only ranks.
    Every field but `catalog` and `scale` is an array or a number; that is what saving writes and loading checks.
    """

    kind: ClassVar[str]

    catalog: Catalog
    scale: tuple[float, float] | None

    @abstractmethod
    def scores(self, users: Rows) -> Floats:
        """(m, n_items) float32 scores of all items for (m,) user rows. Not clipped: a list needs its order."""

    @abstractmethod
    def scores_from(self, histories: csr_array) -> Floats:
        """(m, n_items) float32 scores for (m, n_items) sparse histories of users the model has not seen (fold-in)."""

    @classmethod
    @abstractmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        """The shape of every array by name; a str is a size of its own that must agree wherever it is named."""

    def predict(self, users: Rows, items: Rows) -> Floats:
        """(m,) scores of (m,) pairs, clipped to the scale where the model predicts ratings."""
        out = np.empty(len(users), dtype=np.float32)
        for start in range(0, len(users), PREDICT_ROWS):
            here = slice(start, start + PREDICT_ROWS)
            out[here] = self.pair_scores(users[here], items[here])
        return self.clip(out)

    def pair_scores(self, users: Rows, items: Rows) -> Floats:
        """(m,) unclipped scores of (m,) pairs; kinds that can do it without scoring every item override it."""
        distinct, where = np.unique(users, return_inverse=True)
        order = np.argsort(where, kind="stable")
        out = np.empty(len(users), dtype=np.float32)
        for first in range(0, len(distinct), SCORE_USERS):
            start, stop = np.searchsorted(where[order], (first, first + SCORE_USERS))
            here = order[start:stop]
            scores = self.scores(distinct[first : first + SCORE_USERS])
            out[here] = scores[where[here] - first, items[here]]
        return out

    def clip(self, scores: Floats) -> Floats:
        """Scores held within the scale, where there is one."""
        return scores if self.scale is None else np.clip(scores, *self.scale)

    @property
    def rankable(self) -> Mask:
        """(n_items,) true for the items that may be recommended: those that somebody rated in training."""
        return self.catalog.item_counts > 0

    def arrays(self) -> dict[str, Array]:
        """Every array and number by its field's name: what a saved model consists of."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("catalog", "scale")}
        return {name: np.asarray(value) for name, value in named.items() if value is not None}

    @classmethod
    def of_arrays(cls, catalog: Catalog, scale: tuple[float, float] | None, arrays: Mapping[str, Array]) -> Self:
        """A model of saved arrays; raises BadArtifact where one is missing, unknown, misshapen or not finite."""
        expected = cls.shapes(len(catalog.users), len(catalog.items))
        _check(cls, expected, arrays)
        plain = {name: float(a) if expected[name] == () else a for name, a in arrays.items()}
        return cls(catalog, scale, **plain)


def _check(cls: type[Model], expected: Mapping[str, tuple[int | str, ...]], arrays: Mapping[str, Array]) -> None:
    optional = {f.name for f in fields(cls) if f.default is None}
    for name in expected.keys() - arrays.keys() - optional:
        raise BadArtifact(
            f"the {cls.kind} model has no array {name!r}", "the folder is incomplete: save the model again"
        )
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        if name not in expected:
            raise BadArtifact(f"a {cls.kind} model has no array called {name!r}", "the folder holds something else")
        wanted = tuple(
            sizes.setdefault(n, have) if isinstance(n, str) else n
            for n, have in zip(expected[name], array.shape, strict=False)
        )
        if array.shape != wanted or len(expected[name]) != array.ndim:
            raise BadArtifact(f"array {name!r} is {array.shape}, not {expected[name]}", "the folder is damaged")
        if not np.isfinite(array).all():
            raise BadArtifact(f"array {name!r} holds NaN or infinity", "the folder is damaged: save the model again")
