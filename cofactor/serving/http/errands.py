"""What is asked of the service itself, not of a model."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from cofactor.errors import Unavailable
from cofactor.serving.http.endpoint import Lanes
from cofactor.serving.http.exchange import Call, Reply
from cofactor.serving.http.parameters import reader
from cofactor.serving.http.problems import Problem
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.schemas.requests import Nothing

PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"

no_parameters = reader(Nothing)


class Errands:
    """Each method answers the route that names it; none but `reload` waits for its turn."""

    def __init__(
        self, service: ModelRegistry, lanes: Lanes, document: dict[str, Any], metrics: Callable[[], bytes] | None
    ) -> None:
        self._service = service
        self._lanes = lanes
        self._document = orjson.dumps(document)
        self._metrics = metrics

    async def live(self, call: Call, ids: tuple[str, ...]) -> Reply:
        no_parameters(call.query)
        return Reply(orjson.dumps({"model": call.version, "status": "live"}))

    async def ready(self, call: Call, ids: tuple[str, ...]) -> Reply:
        no_parameters(call.query)
        if not self._service.ready:
            raise Unavailable("the model is warming up", "ask again in a second")
        return Reply(orjson.dumps({"model": call.version, "status": "ready"}))

    async def models(self, call: Call, ids: tuple[str, ...]) -> Reply:
        no_parameters(call.query)
        answer = self._service.models()
        call.version = answer["model"]
        return Reply(orjson.dumps(answer))

    async def reload(self, call: Call, ids: tuple[str, ...]) -> Reply:
        no_parameters(call.query)
        answer = await self._lanes.disk(partial(self._service.reload, call.name))
        call.version = answer["model"]
        return Reply(orjson.dumps(answer))

    async def metrics(self, call: Call, ids: tuple[str, ...]) -> Reply:
        no_parameters(call.query)
        if self._metrics is None:
            raise Problem(404, "no metrics are kept", "start the service by `cofactor serve`")
        return Reply(self._metrics(), PROMETHEUS)

    async def openapi(self, call: Call, ids: tuple[str, ...]) -> Reply:
        no_parameters(call.query)
        return Reply(self._document)
