"""One connection: HTTP/1.1 read by httptools, with bounds on what may come in before a request is understood.

Routes bound bodies; nothing there sees a request whose headers never end, and httptools itself sets no limit.
"""

import asyncio
from random import uniform
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from cofactor.serving.http.problems import Problem

LARGEST_HEAD = 1 << 15  # bytes of the request line and all headers: the longest address the routes take fits twice
HEAD_WITHIN = 10.0  # seconds from a connection, or the first byte of a further request, to the end of its headers
REQUEST_WITHIN = 30.0  # seconds from there to the end of its body

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # as uvicorn sends it
HINT = "an HTTP client library writes requests as they are expected"


class OnePiece:
    """Sends the head of an answer together with its body: uvicorn writes each by itself, and the second call of the
    system, and the second packet, cost a fifth of what is spent on a request outside of its answer."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head or data == CONTINUE:
            self._send(self._head + data)
            self._head = b""
        else:
            self._head = data

    def close(self) -> None:
        if self._head:  # what should have followed failed
            self._send(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():  # uvloop raises where nobody is there any more
            self._transport.write(data)


class Connection(HttpToolsProtocol):
    """uvicorn's own, which gives up on heads that are too long, and tells which clients are too slow."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.refusal = self.config.app.refusal  # type: ignore[union-attr]  # a Boundary
        self.head: int | None = 0  # bytes received of a head that is not complete; None: it is
        self.coming = 0  # the same with what is being read
        self.too_long = False
        self.rest = 0.0  # seconds that nothing more is to be read after the answer under way
        if not self.config.proxy_headers:  # a proxy's connection carries the requests of others as well
            self.app_state = {**self.app_state, "rest": self.rest_for}  # what an application finds in `state`
        self.since: float | None = self.loop.time()  # when the request began that is coming in; None: there is none

    def data_received(self, data: bytes) -> None:
        if self.since is None:
            self.since, self.head = self.loop.time(), 0
        self.coming = (self.head or 0) + len(data)
        super().data_received(data)
        if self.head is not None and not self.transport.is_closing():
            self.head = self.coming
            if self.head > LARGEST_HEAD:
                self._refuse_head()

    def on_headers_complete(self) -> None:
        if self.coming > LARGEST_HEAD and self._length() > LARGEST_HEAD:  # in one piece, with what follows it
            self.too_long = True
            raise ValueError("too long")  # the parser stops, and `send_400_response` is called
        self.head = None
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":
            self.cycle.transport = OnePiece(self.transport)  # type: ignore[assignment]  # all that a cycle asks of one

    def on_message_complete(self) -> None:
        self.since = None
        super().on_message_complete()

    def rest_for(self, seconds: float) -> None:
        """After the answer that follows, whoever asks again before they were told to is heard as late as that.

        A thousand clients that do not wait would otherwise be refused ten thousand times a second, and whoever comes
        anew, /live for one, would wait for all of them. They do not come back together, as they were refused: up to
        half as long again is added by lot.
        """
        self.rest = seconds * uniform(1.0, 1.5)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.rest and not self.transport.is_closing():
            self.flow.pause_reading()
            self.loop.call_later(self.rest, self._go_on)
        self.rest = 0.0

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def overdue(self, now: float) -> bool:
        """Whether the client has had its time to say what it wants."""
        return self.since is not None and now - self.since > (REQUEST_WITHIN if self.head is None else HEAD_WITHIN)

    def hurry(self) -> None:
        """Ends a connection that is overdue, with an answer where none has begun."""
        head_awaited = self.head is not None
        answering = self.cycle is not None and self.cycle.response_started
        if answering and not (head_awaited and self.cycle.response_complete):
            self.transport.close()
        else:
            self.refuse(408, "the request took too long to arrive", "send it at once")

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered like every error."""
        if self.too_long:
            self._refuse_head()
        else:
            self.refuse(400, "this is not a request of HTTP/1.1", HINT)

    def refuse(self, status: int, detail: str, hint: str) -> None:
        """The last answer of a connection, which never came to a route."""
        status, headers, body = self.refusal(Problem(status, detail, hint, refused="malformed"))
        lines = [b"%s: %s\r\n" % one for one in (*headers, (b"connection", b"close"))]
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        self.transport.close()

    def _refuse_head(self) -> None:
        self.refuse(431, f"the headers are larger than {LARGEST_HEAD:,} bytes", "send fewer and shorter ones")

    def _length(self) -> int:
        """Bytes of a complete head, but for a few of punctuation."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _unsupported_upgrade_warning(self) -> None:
        """A request for a WebSocket is answered as if it had asked for none: that is not worth a line in the log."""
