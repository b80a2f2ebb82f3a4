"""What every request and every answer passes, whatever its route."""

import logging
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cofactor.serving.problems import problem
from cofactor.serving.service import Service

LARGEST_BODY = 1 << 18  # bytes
TOO_LARGE = HTTPException(413, f"the body is larger than {LARGEST_BODY:,} bytes")

# The page needs its own files and its own service, nothing else; nobody may frame it, and nothing sent from here is
# anything but what it says it is.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

log = logging.getLogger("cofactor.serving")


class Boundary:
    """Reads once which bundle is live, bounds the body, sends the headers of every answer, and answers for a fault.

    Paths are routed as they were sent, percent signs and all, so that an id may hold a slash: %2F is one only after
    the path has been taken apart.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answers = self.service.answers()
        scope.setdefault("state", {})["answers"] = answers
        if raw_path := scope.get("raw_path"):
            scope["path"] = raw_path.decode("latin-1")
        headers = [*HEADERS.items(), ("x-model-version", answers.version)]
        outward = _Outward(send, headers)
        try:
            await self.app(scope, _bounded(scope, receive), outward)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if outward.begun:
                raise
            await problem(500, "the service failed to answer", "the service's log says why", version=answers.version)(
                scope, receive, outward
            )


class _Outward:
    """Sends an answer with headers it does not set itself."""

    def __init__(self, send: Send, headers: Iterable[tuple[str, str]]) -> None:
        self.send = send
        self.headers = headers
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            own = MutableHeaders(scope=message)
            for name, value in self.headers:
                own.setdefault(name, value)
        await self.send(message)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """`receive`, until more than LARGEST_BODY bytes have come in or are announced."""
    left = LARGEST_BODY
    announced = Headers(scope=scope).get("content-length", "0")

    async def bounded() -> Message:
        nonlocal left
        if announced.isdigit() and int(announced[:20]) > LARGEST_BODY:
            raise TOO_LARGE
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TOO_LARGE
        return message

    return bounded
