"""One event loop that answers: uvicorn with our bounds, and an end that loses no request."""

import asyncio
import socket
from collections.abc import MutableSequence
from typing import Any

import uvicorn

from cofactor.serving.http.boundary import Boundary
from cofactor.serving.http.connection import Connection
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.processes.turnstile import Turnstile
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry.metrics import Metrics

Share = tuple[MutableSequence[int], int]  # of connections: the number in each process, and our place among them

BACKLOG = 2048  # connections waiting to be accepted
IDLE = 30  # seconds that a connection may rest between two requests; proxies keep theirs open for longer or shorter
STOP_WITHIN = 10  # seconds for requests that are under way
LAST_CALL = 1.0  # seconds in which clients with open connections are told that the next answer is the last


class Server(uvicorn.Server):
    """uvicorn's own, which ends in steps: not ready, then no new connections, then the open ones say goodbye."""

    def __init__(
        self,
        service: ModelRegistry,
        app: Boundary,
        settings: ServerConfig,
        metrics: Metrics,
        share: Share | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=Connection,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.proxies),
                forwarded_allow_ips=list(settings.proxies),
                backlog=BACKLOG,
                timeout_keep_alive=IDLE,
                timeout_graceful_shutdown=STOP_WITHIN,
            )
        )
        self.service = service
        self.drain = settings.drain
        self._share = share or ([0], 0)
        self._turnstiles: list[Turnstile] = []
        self.metrics = metrics
        metrics.in_flight = lambda: len(self.server_state.tasks)
        metrics.connections = self._connections
        self._admitted: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets connections in by turnstiles in place of uvicorn's servers, which share nothing out among processes.

        A process that is alone has one too: uvloop takes one connection in each pass of the loop, and of a thousand
        that come while it is busy the last would wait for a minute.
        """
        await super().startup([])
        for one in sockets or []:
            one.setblocking(False)
            self._turnstiles.append(Turnstile(one, self._admit, self._connections, *self._share))

    def stop(self) -> None:
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        for one in self._turnstiles:
            one.tell()
        if counter % 10 == 0:
            self._close_overdue()
            self.metrics.flush()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers on for `drain` seconds, then to open connections only, each for one more request."""
        self.service.ready = False
        await self._rest(self.drain)
        for one in self._turnstiles:
            one.close()
        # A connection closed from here could cross a request on its way; one that the client closes cannot.
        self.server_state.default_headers.append((b"connection", b"close"))
        await self._rest(LAST_CALL, until_closed=True)
        await super().shutdown(sockets)

    def _connections(self) -> int:
        return len(self.server_state.connections) + len(self._admitted)

    def _admit(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(self._connection, accepted))
        self._admitted.add(task)
        task.add_done_callback(self._admitted.discard)

    def _connection(self) -> Connection:
        return Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def _rest(self, seconds: float, until_closed: bool = False) -> None:
        """Waits, at most until a second signal or, where that is asked, until nobody is connected."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end and not self.force_exit:
            if until_closed and not self.server_state.connections:
                return
            await asyncio.sleep(0.02)

    def _close_overdue(self) -> None:
        now = asyncio.get_running_loop().time()
        for one in list(self.server_state.connections):
            if isinstance(one, Connection) and one.overdue(now):
                one.hurry()
