"""granian as the HTTP server: it opens a socket for each worker, and starts workers again that end."""

import logging
import signal
import time
from collections import deque
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from cofactor.serving.processes.limits import APPLICATION, BACKLOG, IDLE, MAX_HEAD, max_connections, raise_open_files
from cofactor.serving.processes.run_folder import RunFolder
from cofactor.serving.processes.stop_signals import STOP_WITHIN, StopSignals
from cofactor.serving.server_config import ServerConfig

MAX_RESTARTS, PERIOD = 5, 120.0  # of all workers in these seconds; a further one ends the service
NO_LOGGERS = {"_granian": {"handlers": [], "propagate": False}}  # the service adds its own; granian writes to stdout
PAUSE = 1.0  # seconds before the workers are started again

log = logging.getLogger("cofactor.serving")


def run_granian(config: ServerConfig, run: RunFolder, address: str, port: int) -> None:
    """Serves until a signal to stop.

    granian starts a worker again that ends, and gives up if the new one ends within seconds. As this may be a short
    lack of memory, all workers are started again then. Raises SystemExit if that happens more than MAX_RESTARTS times
    in PERIOD.
    """
    restarts: deque[float] = deque(maxlen=MAX_RESTARTS)
    while True:
        try:
            _serve(config, run, address, port)
            return
        except SystemExit as ended:
            if run.stopping and run.started:
                return
            crashed_often = len(restarts) == MAX_RESTARTS and time.monotonic() - restarts[0] < PERIOD
            if not ended.code or not run.started or crashed_often:
                raise
        log.error("a worker ended twice within seconds: all workers are started again in %g s", PAUSE)
        restarts.append(time.monotonic())
        time.sleep(PAUSE)
        if run.stopping:  # a signal came meanwhile
            return


def _serve(config: ServerConfig, run: RunFolder, address: str, port: int) -> None:
    server = Server(
        APPLICATION,
        factory=True,
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        workers=config.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=max_connections(raise_open_files()),
        http1_settings=HTTP1Settings(header_read_timeout=1000 * IDLE, max_buffer_size=MAX_HEAD),
        log_level=LogLevels.error,
        log_enabled=False,
        log_dictconfig={"loggers": NO_LOGGERS},
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_WITHIN,
    )
    server.on_startup(lambda: _handle_signals(run, config.drain))
    server.serve()


def _handle_signals(run: RunFolder, drain: float) -> None:
    """SIGHUP checks the models; a signal to stop reaches the server when clients have been told."""
    stop_server: Any = signal.getsignal(signal.SIGTERM)
    stops = StopSignals(run, drain)

    def stop(number: int, frame: Any) -> None:
        if stops.is_final(number):
            stop_server(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, lambda *_: run.request_reload())
