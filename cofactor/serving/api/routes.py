"""The routes of the API, from which the application and its OpenAPI document are made."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from cofactor.serving.schemas import requests as q
from cofactor.serving.schemas import responses as r

Answer = Callable[..., Any]  # called with the service of a model, the ids of the path, and the parameters or the body


@dataclass(frozen=True)
class Route:
    """One operation of the API.

    Args:
        path: Template of the path.
        operation: Name of the operation in the OpenAPI document.
        response: Class of the response; None: not an object of ours.
        summary: One line for the OpenAPI document.
        answer: Computes the response of a model's service; None for operations of the service itself.
        method: HTTP method.
        query: Class of the parameters.
        body: Class of the JSON body.
        cost: Operation by which its cost is estimated, if it is another one.
        scored: Whether it takes the scores of the user, which are computed for several requests together.
        stored: Whether it reads stored ratings, which may be on another machine.
        writes: Whether it waits for a disk.
        form: Whether the parameters may also come as a form in the body.
        admin: Whether it requires an admin key.
        named: Whether /models/{name}/… has it too.
        problems: Statuses beside those that follow from the rest.
        tag: Section of the OpenAPI document.
    """

    path: str
    operation: str
    response: type[BaseModel] | None
    summary: str
    answer: Answer | None = None
    method: str = "GET"
    query: type[BaseModel] = q.Nothing
    body: type[BaseModel] | None = None
    cost: str = ""
    scored: bool = False
    stored: bool = False
    writes: bool = False
    form: bool = False
    admin: bool = False
    named: bool = True
    problems: tuple[int, ...] = ()
    tag: str = "recommending"

    @property
    def ids(self) -> list[str]:
        """Names of the ids in the path."""
        return re.findall(r"\{(\w+)\}", self.path)


USER, ITEM = "/users/{user}", "/items/{item}"
LISTS = f"{USER}/recommendations"

ROUTES = [
    Route(
        LISTS, "recommendations", r.UserList, "Items with the highest scores that a user has not rated, best first",
        lambda service, user, asked, scored=None: service.recommendations(user, asked, scored),
        query=q.ListQuery, stored=True, scored=True,
    ),
    Route(
        LISTS, "recommendations_by_body", r.UserList, "The same with longer lists of items to allow, deny or rank",
        lambda service, user, asked, scored=None: service.recommendations(user, asked, scored), "POST", body=q.ListBody,
        cost="recommendations", stored=True, scored=True,
    ),
    Route("/live", "live", r.Status, "200 while the process runs", named=False, tag="service"),
    Route(
        "/recommendations", "recommendations_for_ratings", r.FoldedList,
        "The same for the ratings in the request, which are not stored",
        lambda service, asked: service.recommendations_for_ratings(asked), "POST", body=q.FoldedBody,
    ),
    Route(
        "/batch/recommendations", "batch", r.BatchLists, "Lists for many users",
        lambda service, asked: service.batch(asked), "POST", body=q.BatchBody, stored=True,
    ),
    Route(
        "/popular", "popular", r.Popular, "The most rated items",
        lambda service, asked: service.popular(asked), query=q.PopularQuery,
    ),
    Route(
        f"{ITEM}/similar", "similar", r.Similar, "The items most similar to one",
        lambda service, item, asked: service.similar(item, asked), query=q.SimilarQuery,
    ),
    Route(
        f"{USER}/similar", "similar_users", r.SimilarUsers, "The users most similar to one",
        lambda service, user, asked: service.similar_users(user, asked), query=q.SimilarUsersQuery, stored=True,
    ),
    Route(
        f"{USER}/explanations/{{item}}", "explanation", r.Explanation,
        "A user's score for an item, and the ratings with the largest effect on it",
        lambda service, user, item, asked: service.explanation(user, item, asked),
        query=q.ExplanationQuery, stored=True,
    ),
    Route(
        "/reco", "reco", r.Reco, "A user's recommendations as two columns: predicted ratings and titles",
        lambda service, asked: service.reco(asked), query=q.RecoQuery, stored=True, form=True,
    ),
    Route(
        "/reco", "reco_by_form", r.Reco, "The same with the parameters as a form",
        lambda service, asked: service.reco(asked), "POST", query=q.RecoQuery, cost="reco", stored=True, form=True,
    ),
    Route(
        f"{USER}/ratings", "ratings", r.UserRatings, "A page of a user's ratings",
        lambda service, user, asked: service.ratings(user, asked), query=q.Page, stored=True, tag="ratings",
    ),
    Route(
        "/ratings", "rate", r.Taken, "Stores ratings; answers when they would survive a power failure",
        lambda service, asked: service.rate(asked), "POST", body=q.RatingsBody, writes=True, tag="ratings",
    ),
    Route(
        f"{USER}/ratings/{{item}}", "delete_rating", r.TakenBack, "Deletes a rating, also one of the training data",
        lambda service, user, item: service.delete_rating(user, item), "DELETE", writes=True, tag="ratings",
    ),
    Route(
        USER, "forget_user", r.Forgotten, "Erases a user's ratings; the user is unknown from then on",
        lambda service, user: service.forget_user(user), "DELETE", writes=True, admin=True, tag="ratings",
    ),
    Route(
        "/items", "items", r.Items, "Items by words of their titles; the most rated ones without a query",
        lambda service, asked: service.items(asked), query=q.ItemsQuery, tag="finding",
    ),
    Route(ITEM, "item", r.OneItem, "One item", lambda service, item: service.item(item), tag="finding"),
    Route(
        "/search", "search", r.Found, "Items by words of titles and genres; typing errors are corrected",
        lambda service, asked: service.search(asked), query=q.SearchQuery, tag="finding",
    ),
    Route(
        "/categs", "categs", r.Categs, "Titles by a word in the title or genre",
        lambda service, asked: service.categs(asked), query=q.CategsQuery, tag="finding",
    ),
    Route("/genres", "genres", r.Genres, "The genres", lambda service: service.genres(), tag="finding"),
    Route(
        "/map", "map", r.Map, "The most rated items in two dimensions",
        lambda service, asked: service.map(asked), query=q.MapQuery, tag="finding",
    ),
    Route(
        "/users", "users", r.Users, "A page of the users of the training data",
        lambda service, asked: service.users(asked), query=q.Page, tag="finding",
    ),
    Route(
        "/model", "card", r.Card, "The model: its training, its metrics, its size and its scale",
        lambda service: service.card(), tag="service",
    ),
    Route("/models", "models", r.Models, "The served models", named=False, tag="service"),
    Route(
        "/admin/reload", "reload", r.Reloaded, "Serves the model in its folder; a damaged one changes nothing",
        method="POST", admin=True, problems=(401, 403, 409), tag="service",
    ),
    Route("/ready", "ready", r.Status, "200 once all models answer", named=False, problems=(503,), tag="service"),
    Route("/metrics", "metrics", None, "Metrics for Prometheus", named=False, tag="service"),
    Route("/openapi.json", "openapi", None, "This document", named=False, tag="service"),
]  # fmt: skip
