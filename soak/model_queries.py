"""Queries that every model that loads must answer, whatever its numbers are."""

import math
from typing import Any

import numpy as np
import orjson
from scipy.sparse import csr_array

from cofactor.errors import UnknownId
from cofactor.ids import find_id_fault, normalize_id
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import Recommendation
from cofactor.serving.api.routes import ROUTES
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.schemas import requests
from cofactor.serving.service import RecommendationService
from cofactor.serving.warm_up import warm

SHAPES = {route.operation: route.response for route in ROUTES if route.response is not None}


class WrongAnswer(Exception):
    """An answer that no model may give."""


def query_everything(bundle: LoadedModel) -> None:
    """Sends all queries to a model; raises WrongAnswer, or what a query raises."""
    model, rng = bundle.model, np.random.default_rng(0)
    users, items = model.training_data.users.ids.tolist(), model.training_data.items.ids.tolist()
    for user in _some(users, model.training_data.user_counts):
        _check(model, model.recommend(user, 5, why=2), 5)
        _check(model, model.recommend(user, len(items) + 3, include_seen=True), len(items))
        for item in items[:1]:
            for reason in model.explain(user, item):
                _check_number(reason.effect, "the effect in an explanation")
    for item in _some(items, model.training_data.item_counts):
        _check(model, model.similar_items(item, 5), 5, clipped=False)
    _check(model, model.recommend_for_ratings({}, 5), 5)
    middle = sum(model.training_data.scale) / 2
    for chosen in (items[:1], items[-4:]):
        _check(model, model.recommend_for_ratings(dict.fromkeys(chosen, middle), 5, why=1), 5)
    _query_rows(model, rng)
    _query_service(bundle, _some(users, model.training_data.user_counts)[:2], items[:1], middle)


def _query_service(bundle: LoadedModel, users: list[str], items: list[str], rating: float) -> None:
    """Sends all queries of the service and validates the answers, as JSON, against their schemas. JSON turns NaN and
    infinity into null, which no schema allows in the place of a number."""
    answers = warm(RecommendationService(bundle))
    askable = [item for item in items if find_id_fault(normalize_id(item)) is None]  # others cannot be in a request
    folded = requests.FoldedBody(ratings=[{"item": item, "rating": rating} for item in askable], n=3, why=1)
    asked: list[tuple[str, tuple[Any, ...]]] = [
        ("recommendations_for_ratings", (folded,)),
        ("popular", (requests.PopularQuery(),)),
        ("items", (requests.ItemsQuery(query="a"),)),
        ("search", (requests.SearchQuery(q="film"),)),
        ("categs", (requests.CategsQuery(input_str="a"),)),
        ("genres", ()),
        ("map", (requests.MapQuery(n=5),)),
        ("users", (requests.Page(),)),
        ("card", ()),
    ]
    for user in users:
        listed = requests.ListQuery(n=4, why=1, stranger="popular", diversity=0.5)
        asked += [("recommendations", (user, listed)), ("ratings", (user, requests.Page()))]
        asked += [("explanation", (user, item, requests.ExplanationQuery())) for item in items]
    for item in items:
        asked += [("similar", (item, requests.SimilarQuery())), ("item", (item,))]
    for question, arguments in asked:
        try:
            answer = getattr(answers, question)(*arguments)
        except UnknownId:  # a user without ratings has no explanations
            continue
        SHAPES[question].model_validate_json(orjson.dumps(answer))


def _query_rows(model: Model, rng: np.random.Generator) -> None:
    n_users, n_items = len(model.training_data.users), len(model.training_data.items)
    every = np.arange(n_users, dtype=np.int32)
    if model.score_rows(every).shape != (n_users, n_items) or model.unknown_item_scores.shape != (n_users + 1,):
        raise WrongAnswer("scores of another shape")
    dense = rng.choice([0, 0, 1, 3], (3, n_items)).astype(np.float32)
    if model.fold_in_scores(csr_array(dense)).shape != (3, n_items):
        raise WrongAnswer("scores of histories of another shape")
    if n_users and n_items:
        pairs = rng.integers(0, n_users, 7).astype(np.int32), rng.integers(0, n_items, 7).astype(np.int32)
        for times in (None, np.array([0, 1, 86400 * 3, 86400 * 5, -1, 1 << 40, 86400 * 4])):
            model.predict_rows(*pairs, times)


def _check(model: Model, listed: list[Recommendation], n: int, *, clipped: bool = True) -> None:
    if len(listed) > n or len({line.item for line in listed}) < len(listed):
        raise WrongAnswer(f"a list of {len(listed)} for {n}, or something in it twice")
    for line in listed:
        _check_number(line.score, "a score")
        if clipped and model.scale and not model.scale[0] - 1e-3 <= line.score <= model.scale[1] + 1e-3:
            raise WrongAnswer(f"a score of {line.score} outside {model.scale}")
        for reason in line.because:
            _check_number(reason.effect, "the effect in an explanation")
            _check_number(reason.rating, "a rating")
    orjson.dumps([(line.item, line.title, line.genres) for line in listed])
    if [line.score for line in listed] != sorted((line.score for line in listed), reverse=True):
        raise WrongAnswer("a list that is not in order")


def _check_number(value: Any, what: str) -> None:
    if not isinstance(value, float) or not math.isfinite(value):
        raise WrongAnswer(f"{what} is {value!r}, which JSON cannot hold")


def _some(ids: list[str], counts: Any) -> list[str]:
    """The first id, the last id, and the id with the most ratings."""
    return list(dict.fromkeys([ids[0], ids[-1], ids[int(counts.argmax())]])) if ids else []
