"""Warming up a model: its first requests, sent before a user waits for them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TypeVar

from cofactor.serving.schemas.requests import ItemsQuery, ListQuery, SearchQuery, SimilarQuery
from cofactor.serving.service import Latency, RecommendationService

Service = TypeVar("Service", bound=RecommendationService)


def warm(service: Service) -> Service:
    """The service with every index built that is built on first use, and with the latency of its costliest lists."""
    timed = replace(service, latency=_exercise(service))
    _exercise(timed)  # builds what belongs to the service, not to the model
    return timed


def _exercise(service: RecommendationService) -> Latency:
    """Sends one request of each costly kind, and measures a list for the user with the longest history."""
    training_data = service.loaded_model.model.training_data
    service.items(ItemsQuery(query="a", n=1))
    service.search(SearchQuery(q="a", n=1))
    service.card()
    if len(training_data.items):
        service.similar(str(training_data.items.ids[0]), SimilarQuery())
    if not len(training_data.users):
        return Latency()
    longest = str(training_data.users.ids[int(training_data.user_counts.argmax())])
    request = {why: partial(service.recommendations, longest, ListQuery(why=why, stranger="popular")) for why in (1, 0)}
    request[1]()
    return Latency(plain=_seconds(request[0]), explained=_seconds(request[1]))


def _seconds(request: Callable[[], object]) -> float:
    start = perf_counter()
    request()
    return perf_counter() - start
