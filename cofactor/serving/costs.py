"""The cost of a request, estimated from its own size before the work starts.

The sizes are the length of a user's history (training and store), the ratings in the body, the users of a batch, and
the numbers of items, explanations and filters that are requested. The unit costs are measured for each model while it
is warmed up.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cofactor.data.ratings import TrainingData
from cofactor.feedback.store import RatingStore
from cofactor.serving.schemas import requests
from cofactor.serving.search.item_search import MOST_WORDS
from cofactor.serving.search.postings import words_of
from cofactor.serving.search.title_search import split_query
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import HistorySize, check_cost

MAP = 2.0  # seconds of a map that is not computed yet
RATING = 1e-5  # seconds of a rating to be stored
COMPARED = 5e-7  # seconds for a title in which all words of a query are looked for

Estimate = Callable[[RecommendationService, Sequence[str], Any], float]


def cost_of(service: RecommendationService, method: str | Callable[..., Any], ids: Sequence[str], asked: Any) -> float:
    """Seconds that a method of a service will take for the ids of a path and a validated request.

    Takes microseconds, and for a batch some microseconds for each user. A store without `fast_reads` is not asked for
    the sizes of histories; the service checks the cost again once it has read them. Raises RequestTooCostly for more
    than MAX_SECONDS.
    """
    name = method if isinstance(method, str) else method.__name__
    estimate = _ESTIMATES.get(name)
    seconds = 0.0 if estimate is None else estimate(service, ids, asked)
    check_cost(seconds)
    return seconds


def history_sizes(training_data: TrainingData, store: RatingStore | None, users: Sequence[str]) -> list[HistorySize]:
    """The sizes of the histories of users, without reading them."""
    counts = store.counts_of(set(users)) if store is not None and store.fast_reads else {}
    rows = [training_data.users.find(user) for user in users]
    trained = [0 if row is None else int(training_data.user_counts[row]) for row in rows]
    events = [counts.get(user, 0) for user in users]
    return [HistorySize(n + m, m, folded=m > 0) for n, m in zip(trained, events, strict=True)]


def _size(service: RecommendationService, user: str) -> HistorySize:
    training_data, store = service.loaded_model.model.training_data, service.store
    row = training_data.users.find(user)
    trained = 0 if row is None else int(training_data.user_counts[row])
    events = store.count_of(user) if store is not None and store.fast_reads else 0
    return HistorySize(trained + events, events, folded=events > 0)


def _one_list(service: RecommendationService, ids: Sequence[str], asked: requests.ListOptions) -> float:
    return service.costs.list(_size(service, ids[0]), asked)


def _folded_list(service: RecommendationService, ids: Sequence[str], asked: requests.FoldedBody) -> float:
    return service.costs.list(HistorySize(len(asked.ratings), folded=True), asked)


def _batch(service: RecommendationService, ids: Sequence[str], asked: requests.BatchBody) -> float:
    sizes = history_sizes(service.loaded_model.model.training_data, service.store, asked.users)
    return sum(service.costs.list(size, asked) for size in sizes)


def _popular(service: RecommendationService, ids: Sequence[str], asked: requests.PopularQuery) -> float:
    return service.costs.popular + service.costs.line * asked.n + service.costs.filters(asked)


def _similar(service: RecommendationService, ids: Sequence[str], asked: requests.SimilarQuery) -> float:
    return service.costs.similar + service.costs.line * asked.n + service.costs.filters(asked)


def _similar_users(service: RecommendationService, ids: Sequence[str], asked: requests.SimilarUsersQuery) -> float:
    return service.costs.similar_users + service.costs.history(_size(service, ids[0]))


def _explanation(service: RecommendationService, ids: Sequence[str], asked: requests.ExplanationQuery) -> float:
    size = _size(service, ids[0])
    return service.costs.history(size) + service.costs.explanations(size.ratings, 1)


def _reco(service: RecommendationService, ids: Sequence[str], asked: requests.RecoQuery) -> float:
    return service.costs.history(_size(service, asked.user)) + service.costs.line * asked.n


def _ratings(service: RecommendationService, ids: Sequence[str], asked: requests.Page) -> float:
    return service.costs.event * _size(service, ids[0]).ratings


def _rate(service: RecommendationService, ids: Sequence[str], asked: requests.RatingsBody) -> float:
    return RATING * len(asked.ratings)


def _search(service: RecommendationService, ids: Sequence[str], asked: requests.SearchQuery) -> float:
    return service.costs.word * _count_words(asked.q)


def _categs(service: RecommendationService, ids: Sequence[str], asked: requests.CategsQuery) -> float:
    return service.costs.word * _count_words(asked.words)


def _items(service: RecommendationService, ids: Sequence[str], asked: requests.ItemsQuery) -> float:
    words = len(split_query(asked.query))
    compared = COMPARED * len(service.loaded_model.items.ids) if words else 0.0
    return service.costs.title * max(1, words) + compared


def _genres(service: RecommendationService, ids: Sequence[str], asked: Any) -> float:
    return service.costs.genres


def _map(service: RecommendationService, ids: Sequence[str], asked: requests.MapQuery) -> float:
    return 0.0 if service.loaded_model.has_map(asked.n) else MAP


def _count_words(query: str) -> int:
    """The number of words that a search looks up, at least 1."""
    return max(1, min(MOST_WORDS, len(words_of(query))))


_ESTIMATES: Mapping[str, Estimate] = {
    "recommendations": _one_list,
    "recommendations_for_ratings": _folded_list,
    "batch": _batch,
    "popular": _popular,
    "similar": _similar,
    "similar_users": _similar_users,
    "explanation": _explanation,
    "reco": _reco,
    "ratings": _ratings,
    "rate": _rate,
    "search": _search,
    "categs": _categs,
    "items": _items,
    "genres": _genres,
    "map": _map,
}
