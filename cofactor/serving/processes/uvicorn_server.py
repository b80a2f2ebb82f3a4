"""uvicorn as the HTTP server: its workers share one socket, which a service manager may have opened."""

import asyncio
import signal
import socket
import sys
from types import FrameType

import uvicorn
from uvicorn.supervisors import Multiprocess

from cofactor.serving.processes.limits import ACCEPTED_WITHIN, APPLICATION, BACKLOG, IDLE, MAX_HEAD, raise_open_files
from cofactor.serving.processes.run_folder import RunFolder
from cofactor.serving.processes.stop_signals import STOP_WITHIN, StopSignals
from cofactor.serving.server_config import ServerConfig


def run_uvicorn(config: ServerConfig, run: RunFolder, listening: socket.socket) -> None:
    """Serves until a signal to stop. When uvicorn has stopped in good order, it raises the signal again; the exit code
    is to be 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: run.request_reload())
    settings = uvicorn.Config(
        APPLICATION,
        factory=True,
        workers=config.workers,
        loop="uvloop",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=STOP_WITHIN - 2,
        h11_max_incomplete_event_size=MAX_HEAD,
    )
    raise_open_files()
    stops = StopSignals(run, config.drain)
    if config.workers == 1:
        OneProcess(settings, stops).run([listening])
    else:
        Supervisor(settings, run, stops, listening).run()


class OneProcess(uvicorn.Server):
    """A server whose process is the main process as well."""

    def __init__(self, config: uvicorn.Config, stops: StopSignals) -> None:
        super().__init__(config)
        self._stops = stops

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops the server when clients have been told."""
        if self._stops.is_final(sig):
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts nothing from now on, and closes connections when those just accepted have had time for a request."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(ACCEPTED_WITHIN)
        await super().shutdown(sockets)


class Supervisor(Multiprocess):
    """The main process of several workers."""

    def __init__(self, config: uvicorn.Config, run: RunFolder, stops: StopSignals, listening: socket.socket) -> None:
        super().__init__(config, sockets=[listening])
        self._run, self._stops = run, stops

    def keep_subprocess_alive(self) -> None:
        """Starts workers again that have ended, but not while the service stops."""
        if not self._run.stopping:
            super().keep_subprocess_alive()

    def handle_term(self) -> None:
        """Stops the workers when clients have been told."""
        if self._stops.is_final(signal.SIGTERM):
            super().handle_term()

    def handle_int(self) -> None:
        """Stops the workers at once."""
        self._stops.is_final(signal.SIGINT)
        super().handle_int()

    def handle_hup(self) -> None:
        """Checks the models."""
        self._run.request_reload()
