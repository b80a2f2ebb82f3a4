"""The route of the page: reads the user, model and filters from the address, and renders the page."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from cofactor.serving.api.context import RequestContext
from cofactor.serving.api.executors import Executors
from cofactor.serving.api.parameters import reader
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.page.rendering import PageQuery, render

_read = reader(PageQuery)


class PageHandler:
    """Answers with the page, rendered in a thread, because it contains a list with explanations."""

    def __init__(self, registry: ModelRegistry, executors: Executors) -> None:
        self._registry, self._executors = registry, executors

    async def __call__(self, request: Request, context: RequestContext) -> Response:
        """The page as HTML."""
        asked = _read(request.scope["query_string"])
        if asked.model:
            context.service = self._registry.service(asked.model)
            context.version = context.service.version
        work = partial(render, context.service, asked, self._registry.models()["models"])
        html = await self._executors.threads(work)
        return Response(html, media_type="text/html", headers={"cache-control": "no-cache"})
