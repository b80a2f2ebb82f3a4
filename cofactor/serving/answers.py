"""What can be asked of one bundle. Knows nothing of HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.errors import BadData
from cofactor.models.base import Reason, Recommendation
from cofactor.serving.bundle import Bundle
from cofactor.serving.feedback import Store

Answer = dict[str, Any]  # what becomes a JSON object
BRIEF = 0.02  # seconds that other requests may well wait


@dataclass(frozen=True)
class Pace:
    """Seconds that a list takes for the user with the longest history: without reasons, and with."""

    plain: float = 0.0
    explained: float = 0.0


@dataclass(frozen=True)
class Terms:
    """What the operator decided, whatever is asked."""

    allow: frozenset[str] | None = None  # items that may be listed; None: all
    deny: frozenset[str] = frozenset()  # items that are never listed
    new_items: bool = False  # whether ratings of items are taken that the model does not know


@dataclass(frozen=True)
class Answers:
    """Everything one request may ask, of one bundle: an answer never mixes two versions of a model."""

    bundle: Bundle
    pace: Pace = Pace()
    store: Store | None = None
    terms: Terms = Terms()

    def brief(self, why: int = 0) -> bool:
        """Whether a list is made so quickly that handing it to another thread would cost more than waiting for it."""
        return (self.pace.explained if why else self.pace.plain) < BRIEF

    @property
    def version(self) -> str:
        return self.bundle.version

    def recommendations(self, user: str, n: int, why: int) -> Answer:
        """The n unseen items a known user would rate highest, each with up to `why` reasons."""
        return self._of(user=user, recommendations=_lines(self.bundle.model.recommend(user, n, why=why)))

    def recommendations_from(self, rated: Sequence[tuple[str, float]], n: int, why: int) -> Answer:
        """The same for a person given only by ratings (fold-in); an empty list is somebody of whom nothing is known.

        Raises BadData for an item that is unknown or rated twice, and for a rating outside the scale.
        """
        history = self._history(rated)
        return self._of(recommendations=_lines(self.bundle.model.recommend_from(history, n, why=why)))

    def similar(self, item: str, n: int) -> Answer:
        """The n items most like one."""
        row = self.bundle.model.catalog.items.row(item)
        return self._of(**self._item(row), similar=_lines(self.bundle.model.similar_items(item, n)))

    def explanation(self, user: str, item: str, n: int) -> Answer:
        """A user's score for an item, and the n ratings of theirs that move it most."""
        model = self.bundle.model
        user_row, item_row = model.catalog.users.row(user), model.catalog.items.row(item)
        score = model.predict(np.array([user_row], dtype=np.int32), np.array([item_row], dtype=np.int32))
        because = [_reason(one) for one in model.explain(user, item, n)]
        return self._of(user=user, **self._item(item_row), score=float(score[0]), because=because)

    def items(self, query: str, n: int) -> Answer:
        """Up to n items whose titles hold every word of a query; the most rated ones for an empty query."""
        return self._of(query=query, items=[self._item(row) for row in self.bundle.titles.search(query, n)])

    def users(self, offset: int, n: int) -> Answer:
        """A page of the known users, in the order of their ids, with how many ratings each was trained on."""
        catalog = self.bundle.model.catalog
        ids = catalog.users.ids[offset : offset + n].tolist()
        counts = catalog.user_counts[offset : offset + n].tolist()
        listed = [{"user": user, "ratings": count} for user, count in zip(ids, counts, strict=True)]
        return self._of(total=len(catalog.users), offset=offset, users=listed)

    def card(self) -> Answer:
        """What anybody may know of the model."""
        return self._of(**self.bundle.card)

    def reco(self, user: str, n: int) -> Answer:
        """The list as two columns: predicted ratings, and titles."""
        listed = self.bundle.model.recommend(user, n)
        return self._of(ratings=[one.score for one in listed], labels=[one.title for one in listed])

    def _of(self, **fields: Any) -> Answer:
        return {"model": self.version, **fields}

    def _item(self, row: int) -> Answer:
        catalog = self.bundle.model.catalog
        genres = "" if catalog.genres is None else catalog.genres[row]
        return {"item": str(catalog.items.ids[row]), "title": catalog.title(row), "genres": _listed(genres)}

    def _history(self, rated: Sequence[tuple[str, float]]) -> Mapping[str, float]:
        catalog = self.bundle.model.catalog
        history: dict[str, float] = {}
        for item, rating in rated:
            if item not in catalog.items:
                unknown = catalog.items.unknown(item)
                raise BadData(unknown.message, unknown.hint)
            if item in history:
                raise BadData(f"item {item!r} is rated twice", "rate each item once")
            history[item] = rating
        return history


def _lines(listed: Sequence[Recommendation]) -> list[Answer]:
    return [
        {
            "item": one.item,
            "title": one.title,
            "genres": _listed(one.genres),
            "score": one.score,
            "because": [_reason(reason) for reason in one.because],
        }
        for one in listed
    ]


def _reason(one: Reason) -> Answer:
    return {"item": one.item, "title": one.title, "rating": one.rating, "effect": one.effect}


def _listed(genres: str | None) -> list[str]:
    return [name for name in (genres or "").split("|") if name]
