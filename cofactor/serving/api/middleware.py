"""The outermost middleware: identifies a request, completes the headers of its response, and reports it."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from itertools import count
from random import uniform
from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cofactor.serving.api.context import REQUEST_ID, SCOPE_KEY, RequestContext
from cofactor.serving.api.problems import HttpProblem
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.telemetry.answered_request import AnsweredRequest, Recorder, known_method

Header = tuple[bytes, bytes]

# The page needs its own files and its own service, and nothing else; no other page may frame it.
SECURITY_HEADERS: tuple[Header, ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_STORE = (b"cache-control", b"no-store")
CLOSE = (b"connection", b"close")
CLIENT_GONE = 499  # recorded, never sent
INCOMPLETE = HttpProblem(
    400, "the body ended early, or its framing is malformed", "send the whole body", headers=[("connection", "close")]
)
RETRY_LATER = frozenset({429, 503})
MAX_DELAYED = 1024  # refusals that are delayed at the same time

log = logging.getLogger("cofactor.serving")


class RequestMiddleware:
    """Gives each request a context, and each response its common headers."""

    def __init__(
        self,
        app: ASGIApp,
        registry: ModelRegistry,
        recorders: Sequence[Recorder] = (),
        closing: Callable[[], bool] = lambda: False,
        delay: float = 0.0,
    ) -> None:
        """closing: whether clients should close their connections, because the process is about to stop.

        delay: Seconds for which a response that asks to retry later is held back. A client that does not wait would
        otherwise be refused thousands of times a second, at the expense of all others.
        """
        self._app, self._registry, self._recorders = app, registry, recorders
        self._closing, self._delay, self._delayed = closing, delay, 0
        self.in_flight = 0
        self._process = secrets.token_hex(4)
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; the path is matched as it was sent, so that an id may contain an encoded slash."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        context = RequestContext(scope, self._request_id(scope), self._registry.service())
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        own = {"path": path, "root_path": "", "headers": context.headers.raw, SCOPE_KEY: context}
        status = CLIENT_GONE

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status in RETRY_LATER and context.refused:
                    await self._hold()
                message = {**message, "headers": self._headers(context, message["headers"])}
            await send(message)

        self.in_flight += 1
        try:
            await self._app({**scope, **own}, receive, respond)
        except ClientDisconnect:  # the client is gone, or its body is malformed: then it gets this response
            await INCOMPLETE.response(context.version)(scope, receive, respond)
            status = CLIENT_GONE
        finally:
            self.in_flight -= 1
        self._record(context, status, perf_counter() - start)

    def _headers(self, context: RequestContext, own: Sequence[Header]) -> list[Header]:
        headers = [
            *own,
            (b"x-request-id", context.request_id.encode()),
            (b"x-model-version", context.version.encode()),
            *SECURITY_HEADERS,
        ]
        if not any(name == b"cache-control" for name, _ in own):
            headers.append(NO_STORE)
        if self._closing() and not any(name == b"connection" for name, _ in own):
            headers.append(CLOSE)
        return headers

    async def _hold(self) -> None:
        """Waits a little, by a random time, so that clients that were refused together do not come back together."""
        if self._delay and self._delayed < MAX_DELAYED:
            self._delayed += 1
            try:
                await asyncio.sleep(self._delay * uniform(1.0, 1.5))
            finally:
                self._delayed -= 1

    def _request_id(self, scope: Scope) -> str:
        """The client's own id if it is printable; otherwise one that no other process gives."""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                sent: str = value.decode("latin-1")
                if REQUEST_ID.fullmatch(sent):
                    return sent
        return f"{self._process}-{next(self._numbers):x}"

    def _record(self, context: RequestContext, status: int, seconds: float) -> None:
        if self._recorders:
            one = AnsweredRequest(
                known_method(context.method), context.route, status, seconds, context.request_id,
                context.key, context.version, context.refused, context.sources,
            )  # fmt: skip
            for recorder in self._recorders:
                recorder.answered(one)
