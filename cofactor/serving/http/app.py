"""The service over HTTP: `create_app(service)` builds it from one list of routes and one of files."""

import hashlib
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import PurePath

from cofactor.serving.http import document
from cofactor.serving.http.boundary import Answering, Boundary, Recorder
from cofactor.serving.http.endpoint import Lanes, Question
from cofactor.serving.http.errands import Errands
from cofactor.serving.http.exchange import Call, Reply
from cofactor.serving.http.guard import Guard
from cofactor.serving.http.rate import Times
from cofactor.serving.http.routes import ROUTES, Route
from cofactor.serving.http.table import Table
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.page.handler import Front
from cofactor.serving.server_config import ServerConfig

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
FOLDER = files("cofactor.serving") / "page" / "assets"
PAGE = {  # address -> name and media type of each file that the page loads
    f"/{one.name}": (one.name, KINDS[PurePath(one.name).suffix])
    for one in FOLDER.iterdir()
    if PurePath(one.name).suffix in KINDS
}


def create_app(
    service: ModelRegistry,
    settings: ServerConfig = ServerConfig(models=()),  # noqa: B008  # frozen
    recorders: Sequence[Recorder] = (),
    metrics: Callable[[], bytes] | None = None,
    times: Times | None = None,
) -> Boundary:
    """The application that answers for a service, as any ASGI server runs it; `times` as `Guard` has them."""
    lanes = Lanes(settings.waiting)
    errands = Errands(service, lanes, document.openapi(settings), metrics)
    answering: list[tuple[Route, Answering]] = [
        (route, getattr(errands, route.ask) if route.errand else Question(route, lanes)) for route in ROUTES
    ]
    pages: list[tuple[Route, Answering]] = [(_page("/"), Front(service, lanes))]
    pages += [(_page(path), _file(*file)) for path, file in PAGE.items()]
    return Boundary(service, Guard(settings, times), Table.of([*answering, *pages]), recorders, lanes.close)


def _page(path: str) -> Route:
    return Route(path, "page", None, "", errand=True, twin=False)


def _file(name: str, media_type: str) -> Answering:
    """Answers with a file of the page, or with nothing to whoever has it already."""
    content = (FOLDER / name).read_bytes()
    tag = b'"%s"' % hashlib.sha256(content).hexdigest()[:32].encode()
    headers = ((b"etag", tag), (b"cache-control", b"no-cache"))

    async def page(call: Call, ids: tuple[str, ...]) -> Reply:
        if call.headers.get(b"if-none-match") == tag:
            return Reply(b"", status=304, headers=headers)
        return Reply(content, media_type.encode(), headers=headers)

    return page
