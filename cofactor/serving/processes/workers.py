"""Several processes that serve one address, and the one that looks after them.

Each opens the models itself: their arrays are mapped into memory, so that all share the same pages.
"""

import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait

from cofactor.errors import CofactorError
from cofactor.serving.folder_watcher import FolderWatcher
from cofactor.serving.http.rate import Shared
from cofactor.serving.processes.rounds import Rounds
from cofactor.serving.processes.signals import caught
from cofactor.serving.processes.turnstile import AWAY
from cofactor.serving.processes.worker import Worker, receive, work
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry import logs
from cofactor.serving.telemetry.shared_text import SharedText

STOPPED_WITHIN = 15.0  # seconds for a worker to end by itself, which takes up to ten while requests are under way
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a worker that died is started again, doubled each time
WELL_AFTER = 60.0  # seconds after which a worker counts as one that runs well

log = logging.getLogger("cofactor.serving")


class NotStarted(CofactorError):
    """A worker could not begin to serve, for the reason that it gave."""


class Workers:
    """Starts them, starts them again where one dies, passes reloads on, and ends them."""

    def __init__(self, settings: ServerConfig, listening: Sequence[socket.socket]) -> None:
        self._settings, self._listening = settings, listening
        self._spawn = multiprocessing.get_context("spawn")
        self._counts = self._spawn.RawArray("i", [AWAY] * settings.workers)  # connections of each worker
        self._slots = SharedText(settings.workers)  # figures of each worker
        self._times = Shared()  # of who may ask again when, of all workers
        self._live: dict[int, Worker] = {}  # by place
        self._again: dict[int, float] = {}  # when to start a worker at a place where one died
        self._pauses = [FIRST_PAUSE] * settings.workers
        self._names = [name for name, _ in settings.models]
        self._rounds = Rounds()
        self._watch = FolderWatcher(dict(settings.models))
        self._next_look = time.monotonic() + settings.watch

    def run(self, started: Callable[[dict[str, str]], None]) -> None:
        """Serves until a signal says to stop; `started` is called with the versions when all have warmed up.

        Raises NotStarted where a worker cannot begin. One that dies later is started again.
        """
        with logs.to_stderr(), caught(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            try:
                for place in range(self._settings.workers):
                    self._start(place)
                versions = [self._first_word(worker) for worker in self._live.values()]
                started(versions[0])
                self._reload(self._names)  # should a folder have changed between two workers
                while not signals.seen & {signal.SIGTERM, signal.SIGINT}:
                    self._turn(signals.alarm)
                    if signal.SIGHUP in signals.seen:
                        signals.seen.discard(signal.SIGHUP)
                        self._reload(self._names)
            finally:
                self._stop()

    def _start(self, place: int) -> None:
        ours, theirs = self._spawn.Pipe()
        shared = self._counts, self._slots, self._times
        process = self._spawn.Process(
            target=work, args=(self._settings, self._listening, theirs, place, *shared), daemon=True
        )
        process.start()
        theirs.close()  # theirs alone now, so that its end is the end of the worker
        self._live[place] = Worker(place, process, ours, time.monotonic())

    def _first_word(self, worker: Worker) -> dict[str, str]:
        """The versions that a worker serves, once it is ready."""
        try:
            said = receive(worker.pipe)
        except (EOFError, OSError):
            raise NotStarted("a worker ended before it could serve", "what it said stands above") from None
        if "failed" in said:
            raise NotStarted(said["failed"], said["hint"])
        worker.ready = True
        versions: dict[str, str] = said["ready"]
        return versions

    def _turn(self, alarm: socket.socket) -> None:
        """Waits for whatever comes next, and deals with it."""
        by_pipe = {one.pipe: one for one in self._live.values() if not one.silent}
        by_end = {one.process.sentinel: one for one in self._live.values()}
        for source in wait([alarm, *by_pipe, *by_end], self._patience()):
            if isinstance(source, socket.socket):
                source.recv(4096)
            elif isinstance(source, Connection):
                self._hear(by_pipe[source])
            elif isinstance(source, int):
                self._lost(by_end[source])
        now = time.monotonic()
        for place in [place for place, when in self._again.items() if when <= now]:
            del self._again[place]
            self._start(place)
        if self._settings.watch and now >= self._next_look:
            self._next_look = now + self._settings.watch
            self._reload(self._watch.changed())

    def _patience(self) -> float | None:
        """Seconds until something is to be done without being asked."""
        times = [*self._again.values(), *([self._next_look] if self._settings.watch else [])]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _hear(self, worker: Worker) -> None:
        try:
            said = receive(worker.pipe)
        except (EOFError, OSError):  # it ends; its sentinel tells when it has
            worker.silent = True
            return
        if "ready" in said:
            worker.ready = True
            for name in self._names:  # should a folder have changed since it was opened
                self._rounds.begin(name, [worker])
        elif "failed" in said:
            log.error("worker %s cannot begin: %s", worker.place, said["failed"])
        elif "tell" in said:
            self._rounds.begin(said["tell"], [one for one in self._ready() if one is not worker], worker)
        elif "reloaded" in said:
            self._rounds.answered(worker, said["why"])

    def _lost(self, worker: Worker) -> None:
        """Plans the next one at its place: after a while, and after longer and longer where none runs well."""
        place, pause = worker.place, self._pauses[worker.place]
        lived = time.monotonic() - worker.since
        worker.process.join()
        worker.pipe.close()
        del self._live[place]
        self._counts[place] = AWAY
        self._rounds.lost(worker)
        if lived > WELL_AFTER:
            pause = FIRST_PAUSE
        self._pauses[place] = min(2 * pause, LONGEST_PAUSE)
        self._again[place] = time.monotonic() + pause
        code = worker.process.exitcode
        log.error("worker %s ended with code %s; another starts in %.1f s", place, code, pause)

    def _reload(self, names: Sequence[str]) -> None:
        for name in names:
            self._rounds.begin(name, self._ready())

    def _ready(self) -> list[Worker]:
        return [one for one in self._live.values() if one.ready]

    def _stop(self) -> None:
        """Tells all to stop in good order, and ends those that do not."""
        for listening in self._listening:  # theirs are the last doors: nobody is to wait at ours
            listening.close()
        for one in self._live.values():
            one.process.terminate()
        end = time.monotonic() + STOPPED_WITHIN + self._settings.drain
        for one in self._live.values():
            one.process.join(max(0.0, end - time.monotonic()))
            if one.process.is_alive():
                log.error("worker %s did not stop in time and is ended", one.place)
                one.process.kill()
                one.process.join()
            one.pipe.close()
