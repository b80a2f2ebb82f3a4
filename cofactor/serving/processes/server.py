"""The main process of a service: runs a server with its workers, and watches over them.

The server is granian (or uvicorn). It accepts connections, bounds what a client may send before a request is complete,
starts workers again that end, and stops them.
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import set_start_method
from typing import Any

import uvicorn
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server as Granian

from cofactor.errors import CofactorError
from cofactor.serving.processes.run_folder import LAST_CALL, RunFolder
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry.logs import LineWriter, logging_to

APPLICATION = "cofactor.serving.processes.worker:create"
BACKLOG = 2048  # connections that wait to be accepted
MAX_CONNECTIONS = 8192  # of each worker
MAX_HEAD = 1 << 15  # bytes of the request line and all headers
IDLE = 15  # seconds until the headers of a request are complete, and between two requests of a connection
STOP_WITHIN = 12  # seconds for requests in progress; then workers are killed
LOOK = 0.05  # seconds between looks at workers that start
WATCH = 1.0  # seconds between looks at workers that run

Started = Callable[[dict[str, str]], None]

log = logging.getLogger("cofactor.serving")


class ServiceNotStarted(CofactorError):
    """A worker cannot start."""


def serve(config: ServerConfig, listening: socket.socket, started: Started, inherited: bool = False) -> None:
    """Serves until a signal to stop.

    Args:
        config: The configuration.
        listening: A socket that is bound to the address. Only uvicorn uses it; granian opens its own ones.
        started: Called with the version of each model when all workers answer.
        inherited: Whether the socket listens already and must be used, which only uvicorn can.

    Raises:
        ServiceNotStarted: If a worker cannot start.
    """
    set_start_method("spawn", force=True)  # a fork would copy the threads' locks
    address, port = listening.getsockname()[:2]
    with logging_to(LineWriter()), RunFolder.create(config, port) as run:
        watchdog = Watchdog(run, config.workers, started)
        run_server = _run_uvicorn if inherited or config.server == "uvicorn" else _run_granian
        try:
            with watchdog.running(listening):
                run_server(config, run, address, listening)
        except SystemExit as ended:
            if ended.code and run.failure is None and not run.stopping:
                raise ServiceNotStarted(
                    "a worker ended, and could not be started again", "the log has the details"
                ) from None
        if run.failure is not None and not run.started:
            raise ServiceNotStarted(*run.failure)


class Watchdog:
    """Waits in a thread until all workers answer, and kills those that hang."""

    def __init__(self, run: RunFolder, n_workers: int, started: Started) -> None:
        self._run, self._n_workers, self._started = run, n_workers, started
        self._ended = threading.Event()

    @contextmanager
    def running(self, listening: socket.socket) -> Iterator[None]:
        """Within the context the workers are watched. The socket keeps the port until they listen."""
        thread = threading.Thread(target=self._watch, args=(listening,), name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()

    def _watch(self, listening: socket.socket) -> None:
        while not self._all_answer(listening):
            if self._run.failure is not None:
                os.kill(os.getpid(), signal.SIGINT)
                return
            if self._ended.wait(LOOK):
                return
        self._run.note_start()
        with suppress(OSError):  # nobody reads what is printed, or the disk is full
            self._started(self._run.states()[0].versions)
        while not self._ended.wait(WATCH):
            for state in self._run.states():
                if state.is_silent and not self._run.stopping:
                    log.error("worker %s gives no sign of life and is killed", state.process)
                    with suppress(ProcessLookupError):
                        os.kill(state.process, signal.SIGKILL)

    def _all_answer(self, listening: socket.socket) -> bool:
        if len(self._run.states()) < self._n_workers:
            return False
        address, port = listening.getsockname()[:2]
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return False
        return True


def _run_granian(config: ServerConfig, run: RunFolder, address: str, listening: socket.socket) -> None:
    server = Granian(
        APPLICATION,
        factory=True,
        address=address,
        port=listening.getsockname()[1],
        interface=Interfaces.ASGI,
        workers=config.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=1000 * IDLE, max_buffer_size=MAX_HEAD),
        log_level=LogLevels.error,
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_WITHIN,
    )
    server.on_startup(lambda: _handle_signals(run, config.drain))
    server.serve()


def _handle_signals(run: RunFolder, drain: float) -> None:
    """Before the server stops its workers, /ready fails and responses ask clients to close their connections.

    SIGHUP checks the models. A second signal, or Ctrl-C, stops at once.
    """
    stop_server: Any = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        if run.stopping or number == signal.SIGINT:
            run.begin_stop()
            stop_server(number, frame)
            return
        run.begin_stop()
        timer = threading.Timer(max(drain, LAST_CALL), os.kill, (os.getpid(), number))
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, lambda *_: run.request_reload())


def _run_uvicorn(config: ServerConfig, run: RunFolder, address: str, listening: socket.socket) -> None:
    """When uvicorn has stopped in good order, it raises the signal to stop again; the exit code is to be 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: run.request_reload())
    uvicorn.run(
        APPLICATION,
        factory=True,
        fd=listening.fileno(),
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
