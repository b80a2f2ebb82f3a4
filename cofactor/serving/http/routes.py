"""The routes: what is asked where, with what, and what comes back. The document of the API is made from this list."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from cofactor.serving.schemas import requests, responses
from cofactor.serving.service import FAST, RecommendationService

Place = Callable[
    [RecommendationService, Any], bool
]  # whether an answer is so brief that the event loop makes it itself


def at_once(answers: RecommendationService, asked: Any) -> bool:
    return True


def beside(answers: RecommendationService, asked: Any) -> bool:
    return False


def history(answers: RecommendationService, asked: Any) -> bool:
    """Ratings that came in while serving may lie on another machine."""
    return answers.store is None or answers.store.fast_reads


def one_list(answers: RecommendationService, asked: requests.ListOptions) -> bool:
    return answers.is_fast(asked.why) and history(answers, asked)


def folded_list(answers: RecommendationService, asked: requests.FoldedBody) -> bool:
    return answers.is_fast(asked.why)


def many_lists(answers: RecommendationService, asked: requests.BatchBody) -> bool:
    each = answers.latency.explained if asked.why else answers.latency.plain
    return each * len(asked.users) < FAST and history(answers, asked)


def reasons(answers: RecommendationService, asked: Any) -> bool:
    return answers.is_fast(1) and history(answers, asked)


def plain_list(answers: RecommendationService, asked: Any) -> bool:
    return answers.is_fast() and history(answers, asked)


@dataclass(frozen=True)
class Route:
    """A method and a path, the question they ask, and the shapes of what comes in and goes out.

    `ask` names a method of RecommendationService, which is called with the ids of the path and then with the query or
    the body; for routes about the service, not about a model, it names an errand (errands.py).
    """

    path: str
    ask: str
    answer: type[BaseModel] | None  # None: not an object of ours
    summary: str
    method: str = "GET"
    query: type[BaseModel] = requests.Nothing
    body: type[BaseModel] | None = None
    place: Place = at_once
    writes: bool = False  # waits for a disk
    errand: bool = False
    twin: bool = True  # whether /models/{name}/… has it too
    problems: tuple[int, ...] = ()  # beside those that follow from the rest
    tag: str = "recommending"

    @property
    def ids(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def methods(self) -> frozenset[str]:
        return frozenset({"GET", "HEAD"} if self.method == "GET" else {self.method})


OF_USER = "/users/{user}"
OF_ITEM = "/items/{item}"

ROUTES = [
    Route(
        f"{OF_USER}/recommendations",
        "recommendations",
        responses.UserList,
        "What a user would rate highest of the items they have not rated, best first",
        query=requests.ListQuery,
        place=one_list,
    ),
    Route(
        f"{OF_USER}/recommendations",
        "recommendations",
        responses.UserList,
        "The same with longer lists of items to allow, to deny or to rank",
        "POST",
        body=requests.ListBody,
        place=one_list,
    ),
    Route(
        "/recommendations",
        "recommendations_for_ratings",
        responses.FoldedList,
        "The same for anybody, from the ratings in the request; nothing is stored",
        "POST",
        body=requests.FoldedBody,
        place=folded_list,
    ),
    Route(
        "/batch/recommendations",
        "batch",
        responses.BatchLists,
        "Lists for many users at once",
        "POST",
        body=requests.BatchBody,
        place=many_lists,
    ),
    Route("/popular", "popular", responses.Popular, "The most rated items", query=requests.PopularQuery),
    Route(
        f"{OF_ITEM}/similar",
        "similar",
        responses.Similar,
        "The items most like one",
        query=requests.SimilarQuery,
        place=plain_list,
    ),
    Route(
        f"{OF_USER}/similar",
        "similar_users",
        responses.SimilarUsers,
        "The users most like one",
        query=requests.SimilarUsersQuery,
        place=plain_list,
    ),
    Route(
        f"{OF_USER}/explanations/{{item}}",
        "explanation",
        responses.Explanation,
        "A user's score for an item, and which of their ratings move it most",
        query=requests.ExplanationQuery,
        place=reasons,
    ),
    Route(
        "/reco",
        "reco",
        responses.Reco,
        "A user's recommendations as two columns: predicted ratings and titles",
        query=requests.RecoQuery,
        place=plain_list,
    ),
    Route(
        f"{OF_USER}/ratings",
        "ratings",
        responses.UserRatings,
        "What a user has rated, a page at a time",
        query=requests.Page,
        place=history,
        tag="ratings",
    ),
    Route(
        "/ratings",
        "rate",
        responses.Taken,
        "Takes ratings; answers once they would survive a power cut",
        "POST",
        body=requests.RatingsBody,
        place=beside,
        writes=True,
        tag="ratings",
    ),
    Route(
        f"{OF_USER}/ratings/{{item}}",
        "delete_rating",
        responses.TakenBack,
        "Takes a rating back, one of training too",
        "DELETE",
        place=beside,
        writes=True,
        tag="ratings",
    ),
    Route(
        "/items",
        "items",
        responses.Items,
        "Items by words of their titles, without case and accents; without a query, the most rated",
        query=requests.ItemsQuery,
        tag="finding",
    ),
    Route(OF_ITEM, "item", responses.OneItem, "One item", tag="finding"),
    Route(
        "/search",
        "search",
        responses.Found,
        "Items by words of their titles or genres, typing errors and all",
        query=requests.SearchQuery,
        tag="finding",
    ),
    Route(
        "/categs",
        "categs",
        responses.Categs,
        "Titles by a word in the title or genre",
        query=requests.CategsQuery,
        tag="finding",
    ),
    Route("/genres", "genres", responses.Genres, "The genres there are", tag="finding"),
    Route(
        "/map",
        "map",
        responses.Map,
        "The most rated items as points of a plane",
        query=requests.MapQuery,
        place=beside,
        tag="finding",
    ),
    Route(
        "/users",
        "users",
        responses.Users,
        "The users of the training, a page at a time",
        query=requests.Page,
        tag="finding",
    ),
    Route(
        "/model",
        "card",
        responses.Card,
        "What the model is: how it was trained, how well it did, its sizes and its scale",
        tag="service",
    ),
    Route("/models", "models", responses.Models, "The models that are served", errand=True, twin=False, tag="service"),
    Route(
        "/admin/reload",
        "reload",
        responses.Reloaded,
        "Serves what lies in the model's folder now; a damaged model changes nothing",
        "POST",
        errand=True,
        problems=(401, 403, 409),
        tag="service",
    ),
    Route("/live", "live", responses.Status, "200 as long as the process runs", errand=True, twin=False, tag="service"),
    Route(
        "/ready",
        "ready",
        responses.Status,
        "200 once each model has answered a first request",
        errand=True,
        twin=False,
        problems=(503,),
        tag="service",
    ),
    Route("/metrics", "metrics", None, "Figures for Prometheus", errand=True, twin=False, tag="service"),
    Route("/openapi.json", "openapi", None, "This document", errand=True, twin=False, tag="service"),
]
