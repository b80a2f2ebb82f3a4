"""The service over HTTP: `create_app(service)` builds it from one list of routes and one of errors."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path
from fastapi import Query as FromQuery
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from cofactor.errors import CofactorError, Unavailable
from cofactor.serving import problems, rendering, requests, responses
from cofactor.serving.answers import Answer, Answers
from cofactor.serving.boundary import Boundary
from cofactor.serving.service import Service

API_VERSION = "1"
ABOUT = """Recommendations from one trained model.

Every answer names the version of the model that gave it, in `model` and in the header `X-Model-Version`. Everything
outside 2xx is a problem (RFC 9457) with a `detail` and a `hint`.
"""
UserId = Annotated[requests.Segment, Path(description="a user's id, percent-encoded")]
ItemId = Annotated[requests.Segment, Path(description="an item's id, percent-encoded")]


async def live(request: Request) -> Response:
    """Answers as long as the process does."""
    return _json({"model": _ask(request).version, "status": "live"})


async def ready(request: Request) -> Response:
    """200 once the model has answered a first request; 503 before."""
    service: Service = request.app.state.service
    if not service.ready:
        raise Unavailable("the model is warming up", "ask again in a second")
    return _json({"model": _ask(request).version, "status": "ready"})


async def recommendations(
    request: Request, user: UserId, query: Annotated[requests.ListQuery, FromQuery()]
) -> Response:
    """What a known user would rate highest of the items they have not rated, best first."""
    return await _answer(request, Answers.recommendations, user, query.n, query.why, why=query.why)


async def recommendations_from(request: Request, body: requests.FoldedBody) -> Response:
    """The same for anybody, from the ratings in the request. Nothing is stored."""
    rated = [(one.item, one.rating) for one in body.ratings]
    return await _answer(request, Answers.recommendations_from, rated, body.n, body.why, why=body.why)


async def explanation(
    request: Request, user: UserId, item: ItemId, query: Annotated[requests.ExplanationQuery, FromQuery()]
) -> Response:
    """A user's score for an item, and which of their ratings move it most."""
    return await _answer(request, Answers.explanation, user, item, query.n, why=query.n)


async def similar(request: Request, item: ItemId, query: Annotated[requests.SimilarQuery, FromQuery()]) -> Response:
    """The items most like one."""
    return await _answer(request, Answers.similar, item, query.n)


async def items(request: Request, query: Annotated[requests.ItemsQuery, FromQuery()]) -> Response:
    """Items by words of their titles, without case and accents; without a query, the most rated."""
    return await _answer(request, Answers.items, query.query, query.n)


async def users(request: Request, query: Annotated[requests.Page, FromQuery()]) -> Response:
    """The known users, a page at a time."""
    return _json(_ask(request).users(query.offset, query.n))


async def reco(request: Request, query: Annotated[requests.RecoQuery, FromQuery()]) -> Response:
    """A user's recommendations as two columns: predicted ratings and titles."""
    return await _answer(request, Answers.reco, query.user, query.n)


async def card(request: Request) -> Response:
    """What the model is: how it was trained, how well it did, its sizes and its scale."""
    return _json(_ask(request).card())


async def front(request: Request, query: Annotated[rendering.PageQuery, FromQuery()]) -> Response:
    """The page, with a user's list in it."""
    html = await run_in_threadpool(rendering.render, _ask(request), query)
    return Response(html, media_type="text/html; charset=utf-8", headers={"cache-control": "no-cache"})


@dataclass(frozen=True)
class At:
    """A method and a path, who answers, and what an answer looks like."""

    path: str
    handler: Callable[..., Any]
    answer: type[BaseModel]
    method: str = "GET"
    problems: tuple[int, ...] = (404, 422)


ROUTES = [
    At("/users/{user:path}/recommendations", recommendations, responses.UserList),
    At("/users/{user:path}/explanations/{item:path}", explanation, responses.Explanation),
    At("/users", users, responses.Users, problems=(422,)),
    At("/recommendations", recommendations_from, responses.FoldedList, "POST", problems=(400, 413, 422)),
    At("/items/{item:path}/similar", similar, responses.Similar),
    At("/items", items, responses.Items, problems=(422,)),
    At("/reco", reco, responses.Reco),
    At("/model", card, responses.Card, problems=()),
    At("/live", live, responses.Status, problems=()),
    At("/ready", ready, responses.Status, problems=(503,)),
]
PAGE = rendering.FILES
ERRORS: dict[int | type[Exception], Any] = {
    CofactorError: problems.refused,
    HTTPException: problems.not_served,
    RequestValidationError: problems.misasked,
}


def create_app(service: Service) -> FastAPI:
    """The application that answers for a service.

    FastAPI's own pages of documentation load scripts from elsewhere, which neither the content-security policy nor a
    machine without a network allows: /openapi.json is served, and they are not.
    """
    app = FastAPI(
        title="cofactor",
        version=API_VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=ERRORS,
        middleware=[Middleware(Boundary, service=service)],
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    for at in ROUTES:
        app.add_api_route(
            at.path,
            at.handler,
            methods=[at.method],
            response_model=at.answer,
            summary=(at.handler.__doc__ or "").split("\n")[0],
            responses={status: _documented(status) for status in at.problems},
        )
    app.add_api_route("/", front, include_in_schema=False)
    for path, (name, media_type) in PAGE.items():
        app.add_route(path, _page(name, media_type), include_in_schema=False)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # how FastAPI lets a schema be amended
    return app


def _ask(request: Request) -> Answers:
    answers: Answers = request.state.answers
    return answers


async def _answer(request: Request, question: Callable[..., Answer], *asked: Any, why: int = 0) -> Response:
    """The answer to a question, in the event loop where it is brief and in another thread where it is not.

    A list of a few thousand items takes half a millisecond, most of it in Python: a second thread would wait for the
    interpreter's lock and make it four times as long. A list of a million items takes tens, outside the lock.
    """
    answers = _ask(request)
    if answers.brief(why):
        return _json(question(answers, *asked))
    return _json(await run_in_threadpool(question, answers, *asked))


def _json(answer: Answer) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")


def _page(name: str, media_type: str) -> Callable[[Request], Any]:
    content = (files("cofactor.serving") / "page" / name).read_bytes()

    async def page(request: Request) -> Response:
        return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})

    return page


def _documented(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": HTTPStatus(status).phrase, "content": {problems.MEDIA_TYPE: {"schema": schema}}}


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
        schema["components"]["schemas"]["Problem"] = responses.Problem.model_json_schema()
        app.openapi_schema = schema
    return app.openapi_schema
