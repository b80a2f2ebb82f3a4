"""Warming up a model: its first requests, sent before a user waits for them, and the measurement of its costs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import thread_time
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.models.top_n.recommendations import single_history
from cofactor.serving.schemas.requests import (
    FoldedBody,
    ItemsQuery,
    ListQuery,
    PopularQuery,
    Rated,
    SearchQuery,
    SimilarQuery,
    SimilarUsersQuery,
)
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import UnitCosts

Service = TypeVar("Service", bound=RecommendationService)

SHORT, REPEATS = 0.005, 3  # seconds of a measurement that is repeated, and how often
FEW, MANY = 8, 256  # ratings of the histories that are measured
LISTED = 10  # items that are explained
ANY_YEAR = {"year_from": 1000, "year_to": 2999}
EVENT = 3e-6  # seconds for an event of the store
NAMED = 1e-6  # seconds for an id in a filter
REASON = 1e-5  # seconds for a rating that is shown with an item


def warm(service: Service) -> Service:
    """The service with every index built that is built on first use, and with the costs of its answers."""
    timed = replace(service, costs=_measure(service))
    timed.popular(PopularQuery(n=1))  # builds what belongs to the service, not to the model
    return timed


def _measure(service: RecommendationService) -> UnitCosts:
    """The costs of answers, measured by requests of each kind."""
    training_data = service.loaded_model.model.training_data
    _build(service)
    costs = UnitCosts(
        popular=_seconds(partial(service.popular, PopularQuery(n=1))),
        word=max(_seconds(partial(service.search, SearchQuery(q=word, n=1))) for word in ("a", "qzxkv")),
        title=_seconds(partial(service.items, ItemsQuery(query="a \x7f"))) / 2,  # counts two words in all titles
        genres=_seconds(service.genres),
        event=EVENT,
        named=NAMED,
    )
    if not len(training_data.items) or not len(training_data.users):
        return costs
    return _with_lists(service, _with_histories(service, costs))


def _build(service: RecommendationService) -> None:
    """Builds what is built on first use, so that the measurements are those of later requests."""
    for build in (service.card, service.genres):
        build()
    service.popular(PopularQuery(n=1))
    service.items(ItemsQuery(query="a", n=1))
    service.search(SearchQuery(q="qzxkv", n=1))
    if len(service.loaded_model.items.ids):
        example = _Example.make(service, FEW)
        service.recommendations_for_ratings(example.body)
        service.loaded_model.model.supporting_ratings(example.history, service.loaded_model.items.by_popularity[:1], 1)


def _with_lists(service: RecommendationService, costs: UnitCosts) -> UnitCosts:
    """The costs of the lists of the user with the most training ratings."""
    training_data = service.loaded_model.model.training_data
    longest = str(training_data.users.ids[int(training_data.user_counts.argmax())])
    item = str(training_data.items.ids[int(training_data.item_counts.argmax())])
    hidden = service.loaded_model.items.rankable

    service.recommendations(longest, ListQuery(stranger="popular"))  # builds what lists need
    service.similar(item, SimilarQuery(n=1))

    def listed(**options: object) -> float:
        query = ListQuery.model_validate({"stranger": "popular", **options})
        return _seconds(partial(service.recommendations, longest, query))

    plain = listed()
    return replace(
        costs,
        trained=plain,
        line=max(0.0, listed(n=100) - plain) / 90,
        reason=REASON,
        filtered=max(0.0, listed(**ANY_YEAR) - plain),
        genre=2 * _seconds(partial(np.logical_or, hidden, hidden)),
        pool=max(0.0, listed(diversity=0.5) - plain),
        similar=_seconds(partial(service.similar, item, SimilarQuery(n=1))),
        similar_users=_seconds(partial(service.similar_users, longest, SimilarUsersQuery())),
    )


def _with_histories(service: RecommendationService, costs: UnitCosts) -> UnitCosts:
    """The costs that depend on the length of a history: those of fold-ins and of explanations."""
    model, rows = service.loaded_model.model, service.loaded_model.items.by_popularity
    few, many = _Example.make(service, FEW), _Example.make(service, MANY)
    more = max(1, len(many) - len(few))
    short, long = (_seconds(partial(service.recommendations_for_ratings, one.body)) for one in (few, many))
    explained, by_rating, by_pair = (
        _seconds(partial(model.supporting_ratings, one.history, rows[:n], 1))
        for one, n in ((few, 1), (many, 1), (many, LISTED))
    )
    return replace(
        costs,
        folded=short,
        folded_rating=max(0.0, long - short) / more,
        explained=explained,
        explained_rating=max(0.0, by_rating - explained) / more,
        explained_pair=max(0.0, by_pair - by_rating) / (len(many) * (LISTED - 1)),
    )


@dataclass(frozen=True)
class _Example:
    """A history of the most rated items, as a request and as a matrix."""

    body: FoldedBody
    history: csr_array

    @classmethod
    def make(cls, service: RecommendationService, n: int) -> "_Example":
        table, scale = service.loaded_model.items, service.loaded_model.model.training_data.scale
        rows = np.sort(table.by_popularity[:n])
        ratings = np.resize(np.array(scale, dtype=np.float32), len(rows))
        rated = [
            Rated.model_construct(item=table.ids[row], rating=rating)
            for row, rating in zip(rows.tolist(), ratings.tolist(), strict=True)
        ]
        return cls(FoldedBody.model_construct(ratings=rated), single_history(rows, ratings, len(table.ids)))

    def __len__(self) -> int:
        return int(self.history.nnz)


def _seconds(request: Callable[[], object]) -> float:
    """Seconds of CPU time of this thread: other processes and threads on a busy machine do not count."""
    start = thread_time()
    request()
    seconds = thread_time() - start
    for _ in range(REPEATS if seconds < SHORT else 0):
        start = thread_time()
        request()
        seconds = min(seconds, thread_time() - start)
    return seconds
