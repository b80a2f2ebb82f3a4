"""Operations of the service itself, not of a model."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cofactor.errors import Unavailable
from cofactor.serving.api.context import RequestContext
from cofactor.serving.api.endpoints import Handler, json_response
from cofactor.serving.api.executors import Executors
from cofactor.serving.api.parameters import reader, segment
from cofactor.serving.api.problems import HttpProblem
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.schemas.requests import Nothing

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

check_no_parameters = reader(Nothing)


class ServiceEndpoints:
    """Handlers by the name of their operation."""

    def __init__(
        self,
        registry: ModelRegistry,
        executors: Executors,
        document: Mapping[str, Any],
        metrics: Callable[[], bytes] | None,
    ) -> None:
        self._registry, self._executors, self._metrics = registry, executors, metrics
        self._document = document
        self.handlers: dict[str, Handler] = {
            "live": self._live,
            "ready": self._ready,
            "models": self._models,
            "reload": self._reload,
            "metrics": self._page_of_metrics,
            "openapi": self._openapi,
        }

    async def _live(self, request: Request, context: RequestContext) -> Response:
        check_no_parameters(request.scope["query_string"])
        return json_response({"model": context.version, "status": "live"})

    async def _ready(self, request: Request, context: RequestContext) -> Response:
        check_no_parameters(request.scope["query_string"])
        if not self._registry.ready:
            raise Unavailable("the model is warming up, or the service is stopping", "ask again in a second")
        return json_response({"model": context.version, "status": "ready"})

    async def _models(self, request: Request, context: RequestContext) -> Response:
        check_no_parameters(request.scope["query_string"])
        answer = self._registry.models()
        context.version = answer["model"]
        return json_response(answer)

    async def _reload(self, request: Request, context: RequestContext) -> Response:
        check_no_parameters(request.scope["query_string"])
        name = segment(request.path_params["name"], "name") if "name" in request.path_params else ""
        answer = await self._executors.reload(partial(self._registry.reload, name))
        context.version = answer["model"]
        return json_response(answer)

    async def _page_of_metrics(self, request: Request, context: RequestContext) -> Response:
        check_no_parameters(request.scope["query_string"])
        if self._metrics is None:
            raise HttpProblem(404, "no metrics are collected", "start the service with `cofactor serve`")
        return Response(await self._executors.metrics(self._metrics), headers={"content-type": PROMETHEUS})

    async def _openapi(self, request: Request, context: RequestContext) -> Response:
        check_no_parameters(request.scope["query_string"])
        return json_response(self._document)
