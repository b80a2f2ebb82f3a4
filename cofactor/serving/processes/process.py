"""One process that serves: opens, warms up, answers, and stops in good order."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from threadpoolctl import threadpool_limits

from cofactor.errors import CofactorError
from cofactor.serving.folder_watcher import FolderWatcher, every
from cofactor.serving.http.app import create_app
from cofactor.serving.http.boundary import Recorder
from cofactor.serving.http.rate import Times
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.processes.memory import settled
from cofactor.serving.processes.server import Server, Share
from cofactor.serving.processes.signals import handled
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry import logs
from cofactor.serving.telemetry.metrics import Metrics
from cofactor.serving.telemetry.shared_text import SharedText

Versions = dict[str, str]  # of each model by its name


def run(settings: ServerConfig, listening: Sequence[socket.socket], started: Callable[[Versions], None]) -> None:
    """Serves in this process until a signal says to stop. `started` is called once every model has answered."""
    with logs.to_stderr():
        Process(settings).serve(listening, started, lambda service: following(service, settings.watch))


class Process:
    """A service with its figures and its log, as one process runs it."""

    def __init__(
        self, settings: ServerConfig, slots: SharedText | None = None, place: int = 0, times: Times | None = None
    ) -> None:
        """Opens everything; raises BadArtifact, Unavailable.

        Workers have a place among the slots for figures, and share the times by which rates are held.
        """
        self.times = times
        self.settings = settings
        self.service = ModelRegistry.open(settings)
        self.metrics = Metrics(self.service, slots, place)
        self.service.observe(self.metrics)

    def serve(
        self,
        listening: Sequence[socket.socket],
        started: Callable[[Versions], None],
        beside: Callable[[ModelRegistry], AbstractContextManager[None]],
        share: Share | None = None,
    ) -> None:
        """Warms up and answers until a signal says to stop; `beside` is entered for what goes on meanwhile.

        BLAS runs on one thread: a request scores one user, and threads inside a product of that size cost more than
        they bring; requests already run side by side.
        """
        with threadpool_limits(1, "blas"):
            self.service.warm_up()
            recorders: list[Recorder] = [self.metrics]
            if self.settings.log != "none":
                recorders.append(logs.RequestLog(every=self.settings.log == "all"))
            app = create_app(self.service, self.settings, recorders, self.metrics.page, self.times)
            server = Server(self.service, app, self.settings, self.metrics, share)
            for one in listening:
                one.listen(server.config.backlog)
            # uvicorn has handlers of its own, but only while it runs: before it does, a signal to stop counts as well;
            # and it raises the signal again when it has stopped in good order, with nothing left to interrupt.
            stopped_by = handled(server.stop, signal.SIGINT, signal.SIGTERM)
            with stopped_by, settled(self.service), beside(self.service):
                started(self.service.versions())
                server.run(sockets=list(listening))
        self.service.close()


@contextmanager
def following(service: ModelRegistry, seconds: float) -> Iterator[None]:
    """Reloads what changes in the folders of models, looking every so many seconds, and everything at SIGHUP."""
    watch = FolderWatcher(service.folders)

    def all_of_them() -> None:
        threading.Thread(target=_reload, args=(service, list(service.folders)), name="reload").start()

    with handled(all_of_them, signal.SIGHUP), every(seconds, lambda: _reload(service, watch.changed())):
        yield


def _reload(service: ModelRegistry, names: Sequence[str]) -> None:
    for name in names:
        try:
            service.reload_here(name)
        except CofactorError:  # the service has logged it
            continue
