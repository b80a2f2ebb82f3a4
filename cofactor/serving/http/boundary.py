"""What every request and every answer passes, whatever its route."""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Protocol

from cofactor.errors import CofactorError
from cofactor.serving.http import problems
from cofactor.serving.http.body import Gone
from cofactor.serving.http.exchange import Call, Header, Receive, Reply, Scope, Send
from cofactor.serving.http.guard import Guard
from cofactor.serving.http.parameters import segment
from cofactor.serving.http.problems import Problem
from cofactor.serving.http.table import Table
from cofactor.serving.model_registry import ModelRegistry

# The page needs its own files and its own service, nothing else; nobody may frame it, and nothing sent from here is
# anything but what it says it is.
HEADERS: tuple[Header, ...] = (
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
    (b"cache-control", b"no-store"),
)
EMPTY = frozenset({204, 304})  # statuses whose answers have no body, nor headers about one
HUNG_UP = 499  # noted, never sent
TOLD_TO_WAIT = frozenset({"busy", "too-many-requests", "too-many-guesses"})  # who asks on at once costs others most
TWIN = re.compile(r"/models/([^/]+)(/.*)", re.DOTALL)
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger("cofactor.serving")

Answering = Callable[[Call, tuple[str, ...]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What is noted of a request: nothing that a person wrote, and no key."""

    method: str
    route: str  # its template; "" where no route was found
    status: int
    seconds: float
    request_id: str
    key: str  # the name of the key that asked
    version: str  # of the model that answered
    refused: str = ""  # why, in a word, for what was refused before it was looked at


class Recorder(Protocol):
    """Whoever wants to know of each request: figures, logs."""

    def answered(self, one: Answered) -> None: ...


class Boundary:
    """The application: numbers a request, finds its route, asks the guard, answers, and answers for every fault.

    A plain ASGI callable. Between the server and a question there is nothing else: frameworks take longer for a request
    than a model for a list.
    """

    def __init__(
        self,
        service: ModelRegistry,
        guard: Guard,
        table: Table[Answering],
        recorders: Sequence[Recorder] = (),
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.service = service
        self._guard = guard
        self._table = table
        self._recorders = recorders
        self._close = close
        self._process = secrets.token_hex(4)
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._beside_http(scope, receive, send)
            return
        start = perf_counter()
        call = Call(scope, receive, self._request_id(scope["headers"]))
        call.answers = self.service.service()
        call.version = call.answers.version
        try:
            reply = await self._reply(call)
            if reply.refused in TOLD_TO_WAIT and (rest_for := scope.get("state", {}).get("rest")):
                rest_for(problems.LATER)  # a server of ours; others have no such thing
            await self._send(call, reply, send)
        except Gone:
            reply = Reply(b"", status=HUNG_UP)
        self._note(call, reply, perf_counter() - start)

    def refusal(self, problem: Problem) -> tuple[int, list[Header], bytes]:
        """The answer to what never became a request: status, headers and body."""
        call = Call({"method": "", "path": "", "query_string": b"", "headers": ()}, None, self._request_id(()))
        call.version = self.service.service().version
        reply = problem.reply(call.version)
        self._note(call, reply, 0.0)
        return reply.status, self._headers(call, reply), reply.body

    async def _reply(self, call: Call) -> Reply:
        try:
            return await self._answer(call)
        except Problem as problem:
            return problem.reply(call.version)
        except CofactorError as error:
            return problems.of(error).reply(call.version)
        except Gone:
            raise
        except Exception:
            log.exception("request %s: %s %s failed", call.request_id, call.method, call.route)
            return Problem(500, "the service failed to answer", "the service's log says why").reply(call.version)

    async def _answer(self, call: Call) -> Reply:
        if preflight := self._guard.preflight(call):
            return Reply(b"", status=204, headers=preflight)
        if call.path.startswith("/models/") and (match := TWIN.fullmatch(call.path)):
            call.name, call.path = match.groups()
        try:
            route, answering, ids = self._table.find(call.method, call.path, bool(call.name))
            call.route = route.path
        except Problem:
            self._guard.admit(call)  # who may not ask is not told what there is
            if call.method == "OPTIONS":
                return Reply(b"", status=204, headers=[self._table.allow(call.path, bool(call.name))])
            raise
        self._guard.admit(call)
        if call.name:
            call.answers = self.service.service(segment(call.name, "name"))
            call.version = call.answers.version
        return await answering(call, ids)

    async def _send(self, call: Call, reply: Reply, send: Send) -> None:
        await send({"type": "http.response.start", "status": reply.status, "headers": self._headers(call, reply)})
        await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else reply.body})

    def _headers(self, call: Call, reply: Reply) -> list[Header]:
        headers = [(b"x-request-id", call.request_id.encode()), (b"x-model-version", call.version.encode())]
        if reply.status not in EMPTY:
            headers += ((b"content-type", reply.media_type), (b"content-length", b"%d" % len(reply.body)))
        if not reply.headers:
            return [*headers, *HEADERS, *self._guard.cors(call)]
        own = {name for name, _ in reply.headers}
        return [*headers, *reply.headers, *(one for one in HEADERS if one[0] not in own), *self._guard.cors(call)]

    def _request_id(self, headers: Sequence[Header]) -> str:
        """The caller's own where it is fit to print; otherwise a number that no other process gives."""
        for name, value in headers:
            if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
                return value.decode()
        return f"{self._process}-{next(self._numbers):x}"

    def _note(self, call: Call, reply: Reply, seconds: float) -> None:
        if self._recorders:
            one = Answered(
                call.method, call.route, reply.status, seconds, call.request_id, call.key, call.version, reply.refused
            )
            for recorder in self._recorders:
                recorder.answered(one)

    async def _beside_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A server's start and stop; nothing else is spoken here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        while scope["type"] == "lifespan":
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self._close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})
