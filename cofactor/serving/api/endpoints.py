"""Endpoints: from a request to its response, with every error as a problem."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cofactor.errors import CofactorError
from cofactor.serving.api.context import RequestContext, context_of
from cofactor.serving.api.executors import Executor, Executors
from cofactor.serving.api.parameters import reader, segment
from cofactor.serving.api.problems import HttpProblem, from_error, printable
from cofactor.serving.api.request_body import FORM, JSON, BodyReader, parse_json
from cofactor.serving.api.routes import Answer, Route
from cofactor.serving.costs import cost_of
from cofactor.serving.deadline import Deadline
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.schemas import requests
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import FAST

Handler = Callable[[Request, RequestContext], Awaitable[Response]]

MAX_SECONDS = 8.0  # of computation for one request

log = logging.getLogger("cofactor.serving")


def json_response(answer: object) -> Response:
    """An object as JSON."""
    return Response(orjson.dumps(answer), media_type=JSON)


class Endpoint:
    """All methods of one path. An ASGI application, called by the router."""

    def __init__(self, path: str, handlers: Mapping[str, Handler], registry: ModelRegistry) -> None:
        self._path, self._registry = path, registry
        self._handlers = {**({"HEAD": handlers["GET"]} if "GET" in handlers else {}), **handlers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        context = context_of(scope)
        context.route = self._path
        response = await self._respond(Request(scope, receive), context)
        await response(scope, receive, send)

    async def _respond(self, request: Request, context: RequestContext) -> Response:
        try:
            if "name" in request.path_params:
                context.service = self._registry.service(segment(request.path_params["name"], "name"))
                context.version = context.service.version
            return await self._handler(request)(request, context)
        except HttpProblem as problem:
            context.refused = problem.refused
            return problem.response(context.version)
        except CofactorError as error:
            return from_error(error).response(context.version)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("request %s: %s %s failed", context.request_id, context.method, context.route)
            return HttpProblem(500, "the service failed to answer", "the log of the service has the details").response(
                context.version
            )

    def _handler(self, request: Request) -> Handler:
        if request.method in self._handlers:
            return self._handlers[request.method]
        allow = ("allow", ", ".join(sorted({*self._handlers, "OPTIONS"})))
        if request.method == "OPTIONS":
            return partial(_options, allow)
        detail = f"{printable(request.url.path)} does not support {printable(request.method)}"
        raise HttpProblem(405, detail, headers=[allow])


class ModelHandler:
    """Answers a route with the service of a model."""

    def __init__(
        self,
        route: Route,
        answer: Answer,
        executors: Executors,
        bodies: BodyReader,
        check_admin: Callable[[RequestContext], None],
    ) -> None:
        self._route, self._answer, self._executors, self._bodies = route, answer, executors, bodies
        self._check_admin = check_admin
        self._ids = route.ids
        self._read = reader(route.query)
        self._has_query = route.query is not requests.Nothing

    async def __call__(self, request: Request, context: RequestContext) -> Response:
        """The answer as JSON."""
        route = self._route
        if route.admin:
            self._check_admin(context)
        asked: list[Any] = [segment(request.path_params[name], name) for name in self._ids]
        query = self._read(await self._parameters(request))
        if self._has_query:
            asked.append(query)
        if route.body is not None:
            asked.append(parse_json(await self._bodies.read(request, JSON), route.body))
        executor = self._executor(context.service, asked)
        if route.scored and (scores := await self._executors.scores(context.service, asked[0])) is not None:
            asked.append(scores)
        answer, context.sources = await executor(partial(_compute, self._answer, context.service, asked))
        return Response(answer, media_type=JSON)

    def _executor(self, service: RecommendationService, asked: Sequence[Any]) -> Executor:
        """Where the answer is computed; raises RequestTooCostly for one that would take too long."""
        route = self._route
        seconds = cost_of(service, route.cost or route.operation, asked, asked[-1] if asked else None)
        if route.writes:
            return self._executors.disk
        waits = route.stored and service.store is not None and not service.store.fast_reads
        return self._executors.threads if waits or seconds > FAST else self._executors.loop

    async def _parameters(self, request: Request) -> bytes:
        """The query string, followed by the form in the body if the route has one."""
        query: bytes = request.scope["query_string"]
        sent = request.headers.get("content-type", "").lower()
        if self._route.form and (request.method == "POST" or sent.startswith(FORM)):
            form = await self._bodies.read(request, FORM)
            return b"&".join(part for part in (query, form) if part)
        return query


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """The response for a path without a route."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    problem = HttpProblem(404, f"there is nothing at {printable(scope['path'])}")
    await problem.response(context_of(scope).version)(scope, receive, send)


def by_path(routes: Sequence[tuple[Route, Handler]]) -> dict[str, dict[str, Handler]]:
    """The handlers of each path by method. Paths that end in an id come last, because an id may contain slashes."""
    paths: dict[str, dict[str, Handler]] = {}
    for route, handler in sorted(routes, key=lambda one: one[0].path.endswith("}")):
        paths.setdefault(route.path, {})[route.method] = handler
    return paths


async def _options(allow: tuple[str, str], request: Request, context: RequestContext) -> Response:
    return Response(status_code=204, headers=dict([allow]))


def _compute(answer: Answer, service: RecommendationService, asked: Sequence[Any]) -> tuple[bytes, list[str]]:
    """The answer as JSON, and the source of each list in it."""
    with Deadline(MAX_SECONDS):
        computed = answer(service, *asked)
    lists = [computed, *computed.get("lists", ())]
    return orjson.dumps(computed), [one["source"] for one in lists if "source" in one]
