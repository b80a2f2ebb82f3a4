"""One process that serves: opens, warms up, answers, and stops in good order."""

import signal
import socket
import threading
from collections.abc import Callable, Sequence

from threadpoolctl import threadpool_limits

from cofactor.errors import CofactorError
from cofactor.serving import logs
from cofactor.serving.app import create_app
from cofactor.serving.boundary import Recorder
from cofactor.serving.metrics import Metrics
from cofactor.serving.server import Server, Share
from cofactor.serving.service import Service
from cofactor.serving.settings import Settings
from cofactor.serving.slots import Slots
from cofactor.serving.watch import Watch, every

Versions = dict[str, str]  # of each model by its name
End = Callable[[], None]


def run(settings: Settings, listening: Sequence[socket.socket], started: Callable[[Versions], None]) -> None:
    """Serves in this process until a signal says to stop. `started` is called once every model has answered."""
    Process(settings).serve(listening, started, lambda service: follow(service, settings.watch))


class Process:
    """A service with its figures and its log, as one process runs it."""

    def __init__(self, settings: Settings, slots: Slots | None = None, place: int = 0) -> None:
        """Opens everything; raises BadArtifact, Unavailable. Workers have a place among the slots for figures."""
        logs.to_stderr()
        self.settings = settings
        self.service = Service.open(settings)
        self.metrics = Metrics(self.service, slots, place)
        self.service.observe(self.metrics)

    def serve(
        self,
        listening: Sequence[socket.socket],
        started: Callable[[Versions], None],
        follow: Callable[[Service], End],
        share: Share | None = None,
    ) -> None:
        """Warms up and answers until a signal says to stop; `follow` begins what goes on beside and returns its end.

        BLAS runs on one thread: a request scores one user, and threads inside a product of that size cost more than
        they bring; requests already run side by side.
        """
        with threadpool_limits(1, "blas"):
            self.service.warm_up()
            recorders: list[Recorder] = [self.metrics]
            if self.settings.log != "none":
                recorders.append(logs.Requests(every=self.settings.log == "all"))
            app = create_app(self.service, self.settings, recorders, self.metrics.page)
            server = Server(self.service, app, self.settings, self.metrics, share)
            # uvicorn stops in good order and then raises the signal again; by then there is nothing to interrupt.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
            for one in listening:
                one.listen(server.config.backlog)
            end = follow(self.service)
            started(self.service.versions())
            try:
                server.run(sockets=list(listening))
            finally:
                end()
                self.service.close()


def follow(service: Service, seconds: float) -> End:
    """Reloads what changes in the folders of models, and everything at SIGHUP."""

    def all_of_them(*_: object) -> None:
        threading.Thread(target=_reload, args=(service, list(service.folders)), name="reload").start()

    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, all_of_them)
    watch = Watch(service.folders)
    return every(seconds, lambda: _reload(service, watch.newer())) if seconds else lambda: None


def _reload(service: Service, names: Sequence[str]) -> None:
    for name in names:
        try:
            service.reload_here(name)
        except CofactorError:  # the service has logged it
            continue
