"""Each route asks the right question, of the right model, with what stands in the address and in the body."""

import asyncio
import inspect
import re
from urllib.parse import quote

import pytest

from cofactor.serving.api.api_keys import read_keys
from cofactor.serving.api.application import create_app
from cofactor.serving.api.openapi import statuses
from cofactor.serving.api.problems import printable
from cofactor.serving.api.routes import ROUTES
from cofactor.serving.lists.user_scores import UserScores
from cofactor.serving.schemas import requests
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import UnitCosts
from tests.recording_service import Asked, Models
from tests.small_service import ask

KEY = "a-key-of-the-operator"
QUESTIONS = [
    ("GET", "/users/40/recommendations?n=3&seen=true", "recommendations", ("40", requests.ListQuery(n=3, seen=True))),
    (
        "GET",
        "/users/a%2Fb/recommendations?genre=Drama&genre=War&why=1&diversity=0.5",
        "recommendations",
        ("a/b", requests.ListQuery(genre=["Drama", "War"], why=1, diversity=0.5)),
    ),
    ("GET", "/users/40/similar", "similar_users", ("40", requests.SimilarUsersQuery())),
    ("GET", "/users/40/explanations/50?n=2", "explanation", ("40", "50", requests.ExplanationQuery(n=2))),
    ("GET", "/users/40/ratings?offset=5", "ratings", ("40", requests.Page(offset=5))),
    ("DELETE", "/users/40/ratings/x%20y", "delete_rating", ("40", "x y")),
    ("DELETE", "/users/a%2Fb", "forget_user", ("a/b",)),
    ("GET", "/users", "users", (requests.Page(),)),
    ("GET", "/items/50", "item", ("50",)),
    ("GET", "/items/50/similar?year_from=1990", "similar", ("50", requests.SimilarQuery(year_from=1990))),
    ("GET", "/items?query=star+wars", "items", (requests.ItemsQuery(query="star wars"),)),
    ("GET", "/search?q=sttar%20wras", "search", (requests.SearchQuery(q="sttar wras"),)),
    ("GET", "/categs?input_str=Drama&n_recos=2", "categs", (requests.CategsQuery(input_str="Drama", n_recos=2),)),
    ("GET", "/genres", "genres", ()),
    ("GET", "/map?n=7", "map", (requests.MapQuery(n=7),)),
    ("GET", "/popular?cursor=10-x", "popular", (requests.PopularQuery(cursor="10-x"),)),
    ("GET", "/model", "card", ()),
    ("GET", "/reco?UsrID=40&n_recos=5", "reco", (requests.RecoQuery(UsrID="40", n_recos=5),)),
]
BODIES = [
    ("/users/40/recommendations", "recommendations", ("40",), requests.ListBody),
    ("/recommendations", "recommendations_for_ratings", (), requests.FoldedBody),
    ("/batch/recommendations", "batch", (), requests.BatchBody),
    ("/ratings", "rate", (), requests.RatingsBody),
]


@pytest.mark.parametrize(("method", "path", "question", "asked"), QUESTIONS)
def test_an_address_is_the_question_it_says(method, path, question, asked):
    models = Models()
    config = ServerConfig(models=(), admin_keys=read_keys(KEY))
    answer = ask(create_app(models, config), path, method, headers={"x-api-key": KEY})
    assert answer.status_code == 200, answer.text
    assert models.service().asked == [(question, asked)]


@pytest.mark.parametrize(("path", "question", "ids", "kind"), BODIES)
def test_a_body_is_the_question_it_says(path, question, ids, kind):
    models = Models()
    (example,) = kind.model_json_schema()["examples"]
    answer = ask(create_app(models), path, "POST", json=example)
    assert answer.status_code == 200, answer.text
    assert models.service().asked == [(question, (*ids, kind.model_validate(example)))]


def test_every_question_of_the_service_is_asked_by_some_route():
    routed = {route.operation for route in ROUTES if route.answer is not None and not route.cost}
    assert {question for _, _, question, _ in QUESTIONS} | {question for _, question, _, _ in BODIES} == routed


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.answer is not None], ids=lambda one: f"{one.method} {one.path}"
)
def test_a_question_takes_what_its_route_brings(route):
    signature = inspect.signature(getattr(RecommendationService, route.cost or route.operation), eval_str=True)
    _, *parameters = signature.parameters.values()
    brought = [str] * len(route.ids)
    if (kind := route.body or route.query) is not requests.Nothing:
        brought.append(kind)
    if route.scored:
        brought.append(UserScores)
    assert len(parameters) == len(brought)
    for parameter, of in zip(parameters, brought, strict=True):
        taken = parameter.annotation
        assert of is taken or of in getattr(taken, "__args__", ()), parameter


@pytest.mark.parametrize("body", [False, True])
@pytest.mark.parametrize("brief", [False, True], ids=["in a thread", "in the loop"])
def test_the_model_that_is_named_answers_and_no_other(brief, body):
    costs = UnitCosts() if brief else UnitCosts(trained=1.0, folded=1.0)
    models = Models(first=Asked("v1", costs), second=Asked("v2", costs))
    app = create_app(models)
    for prefix, version in (("", "v1"), ("/models/first", "v1"), ("/models/second", "v2")):
        more = {"json": {"n": 2}} if body else {}
        answer = ask(app, f"{prefix}/users/40/recommendations", "POST" if body else "GET", **more)
        assert answer.json()["model"] == answer.headers["x-model-version"] == version
    assert [len(one.asked) for one in models.by_name.values()] == [2, 1]


def test_every_route_about_a_model_has_a_twin_and_no_other():
    app = create_app(Models())
    for route in ROUTES:
        path = "/models/first" + re.sub(r"\{\w+\}", "1", route.path)
        status = ask(app, path, route.method, **({"content": b""} if route.body else {})).status_code
        assert (status == 404) is not route.named, path
        assert status in (200, 404, 415, 422) or (route.admin and status == 403)


@pytest.mark.parametrize("name", ["third", "%FF", "a%2Fb", ""])
def test_a_model_that_is_not_there_is_404_or_422(name):
    assert ask(create_app(Models()), f"/models/{name}/popular").status_code in (404, 422)


def test_reloading_answers_for_the_model_that_is_live_then():
    models = Models()
    models.reload = lambda name: (models.by_name.update(first=Asked("new")), Models.reload(models, name))[1]
    app = create_app(models, ServerConfig(models=(), admin_keys=read_keys(KEY)))
    answer = ask(app, "/admin/reload", "POST", headers={"x-api-key": KEY})
    assert answer.json()["model"] == answer.headers["x-model-version"] == "new"
    models.reload = lambda name: Models.reload(models, name)
    models.damaged = True
    refused = ask(app, "/admin/reload", "POST", headers={"x-api-key": KEY})
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:cofactor:problem:bad-candidate"
    assert refused.json()["model"] == "new"


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_head_is_get_without_a_body_and_options_says_what_is_taken(route):
    app = create_app(Models(), ServerConfig(models=(), admin_keys=read_keys(KEY)), metrics=lambda: b"up 1\n")
    path = re.sub(r"\{\w+\}", "1", route.path) + "?" * bool(required := _required(route)) + required
    key = {"headers": {"x-api-key": KEY}}
    options = ask(app, path, "OPTIONS", **key)
    assert options.status_code == 204
    assert route.method in options.headers["allow"].split(", ")
    if route.method == "GET":
        head, get = ask(app, path, "HEAD"), ask(app, path)
        assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
        assert head.headers["content-length"] == str(len(get.content))
        assert head.headers["content-type"] == get.headers["content-type"]
    refused = ask(app, path, "PATCH", **key)
    assert refused.status_code == 405
    assert route.method in refused.headers["allow"].split(", ")
    assert 422 in statuses(route)


def _required(route):
    fields = route.query.model_fields.values()
    return "&".join(f"{field.alias or 'q'}={quote('a b')}" for field in fields if field.is_required())


def test_a_form_is_answered_as_the_predecessor_documented_it():
    """curl localhost:PORT/reco -d "UsrID=40" -d "n_recos=5" -X GET"""
    form = {"content": b"UsrID=40&n_recos=5", "headers": {"content-type": "application/x-www-form-urlencoded"}}
    for method, path in (("GET", "/reco"), ("POST", "/reco")):
        models = Models()
        assert ask(create_app(models), path, method, **form).status_code == 200
        assert models.service().asked == [("reco", (requests.RecoQuery(UsrID="40", n_recos=5),))]
    assert ask(create_app(Models()), "/reco?UsrID=40", "GET", **form).status_code == 422  # there twice
    assert ask(create_app(Models()), "/reco?UsrID=40", "POST").status_code == 415


def test_a_key_twice_in_an_object_is_refused():
    twice = b'{"ratings": [{"user": "a", "item": "1", "rating": 1, "rating": 5}]}'
    answer = ask(create_app(Models()), "/ratings", "POST", content=twice, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "'rating' is there twice" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("host", "localhost"), ("host", "localhost")], 421),
        ([("host", "[::1]evil")], 421),
        ([("host", "localhost"), ("transfer-encoding", "gzip, chunked")], 501),
        ([("host", "localhost"), ("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], 501),
    ],
)
def test_lenient_framing_is_refused(headers, status):
    app, sent = create_app(Models()), []
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "GET", "path": "/genres", "query_string": b"", "headers": raw}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, None, send))
    assert sent[0]["status"] == status


def test_what_a_server_adds_to_the_headers_after_the_head_does_not_count():
    """Trailers of a chunked body: a server may append them to its list while the body arrives."""
    app, sent = create_app(Models(), ServerConfig(models=(), admin_keys=read_keys(KEY))), []
    raw = [(b"host", b"localhost"), (b"content-type", b"text/plain"), (b"origin", b"https://evil.example")]
    scope = {"type": "http", "method": "POST", "path": "/ratings", "query_string": b"", "headers": raw}

    async def receive():
        raw[1:] = [(b"content-type", b"application/json")]
        return {"type": "http.request", "body": b'{"ratings": []}', "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 403


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("é" * 200, "é" * 200),
        ("é" * 201, "é" * 199 + "…"),
        ("é" * 9000, "é" * 199 + "…"),
        ("a\x00b\udc80c\n", "a\ufffdb\ufffdc\ufffd"),
    ],
)
def test_a_problem_says_at_most_two_hundred_characters_that_can_be_printed(text, shown):
    assert printable(text) == shown
