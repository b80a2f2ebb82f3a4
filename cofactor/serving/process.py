"""One process that serves: opens, warms up, answers, follows its folders, and stops in good order."""

import logging
import signal
import socket
import threading
from collections.abc import Callable, Sequence

from threadpoolctl import threadpool_limits

from cofactor.errors import CofactorError
from cofactor.serving.app import create_app
from cofactor.serving.server import Server, Share
from cofactor.serving.service import Service
from cofactor.serving.settings import Settings
from cofactor.serving.watch import Watch, every

Versions = dict[str, str]

log = logging.getLogger("cofactor.serving")


def run(settings: Settings, listening: Sequence[socket.socket], started: Callable[[Versions], None]) -> None:
    """Serves in this process until a signal says to stop. `started` is called once every model has answered."""
    service = Service.open(settings)
    watch = Watch(service.folders)

    def look() -> None:
        reload_all(service, watch.newer())

    def follow() -> Callable[[], None]:
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=reload_all, args=(service,)).start())
        return every(settings.watch, look) if settings.watch else lambda: None

    serve(service, settings, listening, started, follow)


def serve(
    service: Service,
    settings: Settings,
    listening: Sequence[socket.socket],
    started: Callable[[Versions], None],
    follow: Callable[[], Callable[[], None]],
    share: Share | None = None,
) -> None:
    """Warms up and answers until a signal says to stop; `follow` begins what goes on beside and returns its end.

    BLAS runs on one thread: a request scores one user, and threads inside a product of that size cost more than they
    bring; requests already run side by side.
    """
    with threadpool_limits(1, "blas"):
        service.warm_up()
        server = Server(service, create_app(service), settings, share)
        # uvicorn stops in good order and then raises the signal again; by then there is nothing left to interrupt.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        for one in listening:
            one.listen(server.config.backlog)
        end = follow()
        started(service.versions())
        try:
            server.run(sockets=list(listening))
        finally:
            end()
            service.close()


def reload_all(service: Service, names: Sequence[str] | None = None) -> None:
    """Reloads models by name, by default all; a damaged one is in the log by then."""
    for name in service.folders if names is None else names:
        try:
            service.reload_here(name)
        except CofactorError:
            continue
