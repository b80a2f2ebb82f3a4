"""The HTTP protocol of uvicorn, with limits on connections and on the time that a client takes for a request's head.

uvicorn itself limits only the time between a response and the next byte of its connection. A client that sends nothing,
or a byte now and then, would keep its connection for ever, and could open connections until no file can be opened.
"""

import asyncio
from functools import cache
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from cofactor.serving.processes.limits import IDLE, max_connections, raise_open_files


@cache
def most_connections() -> int:
    """Connections that this process keeps."""
    return max_connections(raise_open_files())


class LimitedProtocol(H11Protocol):
    """Closes a connection on which no request is complete in time, and one that is too many."""

    head_seconds: ClassVar[float] = IDLE
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > self.most():
            transport.abort()
        self._wait_for_head()

    def most(self) -> int:
        """The number of connections that are kept."""
        return most_connections()

    def data_received(self, data: bytes) -> None:
        """Stops waiting once the head of a request is complete."""
        super().data_received(data)
        self._wait_for_head()

    def on_response_complete(self) -> None:
        """Begins to wait for the next request."""
        super().on_response_complete()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        super().connection_lost(exc)
        self._stop_waiting()

    def _wait_for_head(self) -> None:
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            self._stop_waiting()
        elif self._closing is None:
            self._closing = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
