"""The route of the page: reads the user, model and filters from the address, and renders the page."""

from functools import partial

from cofactor.serving.http.endpoint import Lanes
from cofactor.serving.http.exchange import Call, Reply
from cofactor.serving.http.parameters import reader
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.page.rendering import PageQuery, render

HTML = b"text/html; charset=utf-8"
HEADERS = ((b"cache-control", b"no-cache"),)

_read = reader(PageQuery)


class Front:
    """Answers with the page, rendered in a thread, because it contains a list with explanations."""

    def __init__(self, service: ModelRegistry, lanes: Lanes) -> None:
        self._service = service
        self._lanes = lanes

    async def __call__(self, call: Call, ids: tuple[str, ...]) -> Reply:
        asked = _read(call.query)
        if asked.model:
            call.answers = self._service.service(asked.model)
            call.version = call.answers.version
        work = partial(render, call.answers, asked, self._service.models()["models"])
        return Reply(await self._lanes.thread(work), HTML, headers=HEADERS)
