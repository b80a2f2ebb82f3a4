"""The main process of a service: runs an HTTP server with its workers.

The server is granian (or uvicorn). It accepts connections, bounds what a client may send before a request is complete,
starts workers again that end, and stops them.
"""

import socket
from multiprocessing import set_start_method

from cofactor.errors import CofactorError
from cofactor.serving.processes.granian_server import run_granian
from cofactor.serving.processes.run_folder import RunFolder
from cofactor.serving.processes.uvicorn_server import run_uvicorn
from cofactor.serving.processes.watchdog import Started, Watchdog
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry.logs import LineWriter, logging_to


class ServiceNotStarted(CofactorError):
    """A worker cannot start."""


def serve(config: ServerConfig, listening: socket.socket, started: Started, inherited: bool = False) -> None:
    """Serves until a signal to stop.

    Args:
        config: The configuration.
        listening: A socket that is bound to the address. Only uvicorn uses it; granian opens its own ones.
        started: Called with the version of each model when all workers answer.
        inherited: Whether the socket listens already and must be used and kept open, which only uvicorn can.

    Raises:
        ServiceNotStarted: If a worker cannot start.
    """
    set_start_method("spawn", force=True)  # a fork would copy the threads' locks
    address, port = listening.getsockname()[:2]
    with logging_to(LineWriter()), RunFolder.create(config, port, inherited) as run:
        watchdog = Watchdog(run, config.workers, started)
        try:
            with watchdog.running(listening):
                if inherited or config.server == "uvicorn":
                    run_uvicorn(config, run, listening)
                else:
                    run_granian(config, run, address, port)
        except SystemExit as ended:
            if ended.code and run.failure is None and not run.stopping:
                hint = "the log says when workers ended; the log of the system says why, if it ended them"
                raise ServiceNotStarted("workers end again and again", hint) from None
        if run.failure is not None and not run.started:
            raise ServiceNotStarted(*run.failure)
