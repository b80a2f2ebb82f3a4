"""The ASGI application: routes, middleware, the page, and the start and end of a process."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Router
from starlette.routing import Route as StarletteRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from cofactor.serving.api import openapi
from cofactor.serving.api.access import ASSETS, AccessControl
from cofactor.serving.api.context import context_of
from cofactor.serving.api.endpoints import Endpoint, Handler, ModelHandler, by_path, not_found
from cofactor.serving.api.executors import Executors
from cofactor.serving.api.middleware import RequestMiddleware
from cofactor.serving.api.rate_limit import Times
from cofactor.serving.api.request_body import BodyReader
from cofactor.serving.api.routes import ROUTES, Route
from cofactor.serving.api.service_endpoints import ServiceEndpoints
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.page.handler import PageHandler
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry.answered_request import Recorder

ASSETS_FOLDER = Path(str(files("cofactor.serving") / "page" / "assets"))
ASSET_NAMES = frozenset(file.name for file in ASSETS_FOLDER.iterdir() if file.suffix in ASSETS)
CORS_METHODS = ("GET", "HEAD", "POST", "DELETE")
CORS_HEADERS = ("authorization", "content-type", "x-api-key", "x-request-id")
READABLE_HEADERS = ("retry-after", "x-model-version", "x-request-id")

Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def create_app(
    registry: ModelRegistry,
    config: ServerConfig = ServerConfig(models=()),  # noqa: B008  # frozen
    recorders: Sequence[Recorder] = (),
    metrics: Callable[[], bytes] | None = None,
    times: Times | None = None,
    closing: Callable[[], bool] = lambda: False,
    delay: float = 0.0,
    lifespan: Lifespan | None = None,
) -> RequestMiddleware:
    """The application for any ASGI server.

    Args:
        registry: The models that answer.
        config: Keys, hosts, origins and limits.
        recorders: Metrics and logs that receive every answered request.
        metrics: Gives the answer to GET /metrics.
        times: Times of the rate limits, if they are shared with other processes.
        closing: Whether clients should close their connections.
        delay: Seconds for which a response that asks to retry later is held back.
        lifespan: Context that is entered before the first request and left after the last one.
    """
    executors, router = Executors(config.waiting), Router(default=not_found, redirect_slashes=False)
    access = AccessControl(router, config, times)
    document = openapi.openapi(config)
    service = ServiceEndpoints(registry, executors, document, metrics).handlers
    bodies = BodyReader()

    def handler(route: Route) -> Handler:
        if route.answer is None:
            return service[route.operation]
        return ModelHandler(route, route.answer, executors, bodies, access.check_admin)

    def endpoints(routes: Sequence[Route]) -> list[BaseRoute]:
        paths = by_path([(route, handler(route)) for route in routes])
        return [
            StarletteRoute(path.replace("}", ":path}"), Endpoint(path, handlers, registry))
            for path, handlers in paths.items()
        ]

    page = Endpoint("/", {"GET": PageHandler(registry, executors)}, registry)
    router.routes += [
        *endpoints(ROUTES),
        StarletteRoute("/", page),
        Mount("/models/{name}", Router(endpoints([route for route in ROUTES if route.named]), default=not_found)),
        StarletteRoute("/{asset}", Assets()),
    ]

    @asynccontextmanager
    async def lifespan_of_process(app: Any) -> AsyncIterator[None]:
        try:
            if lifespan is None:
                yield
            else:
                async with lifespan(app):
                    yield
        finally:
            executors.close()

    router.lifespan_context = lifespan_of_process
    return RequestMiddleware(_with_cors(access, config), registry, recorders, closing, delay)


class Assets:
    """The files of the page. An ASGI application, called by the router."""

    def __init__(self) -> None:
        self._files = StaticFiles(directory=ASSETS_FOLDER)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answers with a file, or with 304 if the client has it. Files are small: ranges of them are ignored."""
        name = scope["path_params"]["asset"]
        if name not in ASSET_NAMES or scope["method"] not in ("GET", "HEAD"):
            await not_found(scope, receive, send)
            return
        context_of(scope).route = f"/{name}"
        response: Response = await self._files.get_response(name, scope)
        response.headers["cache-control"] = "no-cache"
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await response({**scope, "headers": headers}, receive, send)


def _with_cors(app: ASGIApp, config: ServerConfig) -> ASGIApp:
    if not config.origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=config.origins,
        allow_methods=CORS_METHODS,
        allow_headers=CORS_HEADERS,
        expose_headers=READABLE_HEADERS,
    )
