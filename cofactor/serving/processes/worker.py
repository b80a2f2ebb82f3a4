"""A server process: opens and warms up the models, then follows their folders while requests are answered."""

import asyncio
import gc
import logging
import math
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from cofactor.errors import CofactorError, Unavailable
from cofactor.serving.api.application import create_app
from cofactor.serving.api.rate_limit import SharedTimes
from cofactor.serving.model_registry import SWAPPED, ModelRegistry
from cofactor.serving.processes.connections import OpenConnections
from cofactor.serving.processes.limits import ACCEPTED_WITHIN
from cofactor.serving.processes.run_folder import LAST_CALL, RunFolder
from cofactor.serving.processes.start_up import try_until_started
from cofactor.serving.telemetry.answered_request import Recorder
from cofactor.serving.telemetry.logs import LineWriter, RequestLog, logging_to
from cofactor.serving.telemetry.metrics import Metrics

TICK = 0.1  # seconds between looks at requests to stop or to reload
UPDATE = 1.0  # seconds between signs of life
RELOADED_WITHIN = 20.0  # seconds in which all processes carry out a requested reload
STOP_WITHIN = 10.0  # seconds for requests in progress when the service stops
LINGER = 4.0  # seconds for threads that work on when everything is answered
REFUSAL_DELAY = 1.0  # seconds for which a response that asks to retry later is held back

log = logging.getLogger("cofactor.serving")


def create() -> ASGIApp:
    """The application of a server process; called by the server before the process accepts connections."""
    app: ASGIApp = Worker(RunFolder.of_parent()).app
    return app


class Worker:
    """One server process."""

    def __init__(self, run: RunFolder) -> None:
        """Opens and warms up the models; exits if they cannot be served and the service has not started yet.

        BLAS uses one thread: a request scores one user, and several requests are answered at the same time.
        """
        threadpool_limits(1, "blas")
        self._run, self._config, self._writer = run, run.config(), LineWriter()
        self._handled = run.reloads
        self._is_main, self._keeps_socket = os.getpid() == run.main_process, run.is_inherited
        self._closing = False
        with logging_to(self._writer):
            self._registry, self._metrics = try_until_started(self._open, run)
        self._connections = OpenConnections(run.port)
        self._registry.on_requested_reload(self._reload_others)
        self._registry.on_reload(lambda name, result: _freeze() if result == SWAPPED else None)
        recorders: list[Recorder] = [self._metrics]
        if self._config.log != "none":
            recorders.append(RequestLog(self._writer, every=self._config.log == "all"))
        app = create_app(
            self._registry, self._config, recorders, self._metrics.page, SharedTimes(run.times),
            lambda: self._closing, REFUSAL_DELAY, self._lifespan,
        )  # fmt: skip
        self._in_flight = self._metrics.in_flight = lambda: app.in_flight
        self._metrics.connections = lambda: self._connections.count
        self._metrics.lost_lines = lambda: self._writer.lost
        proxies = list(self._config.proxies)
        self.app: Any = ProxyHeadersMiddleware(app, trusted_hosts=proxies) if proxies else app  # type: ignore[arg-type]

    def _open(self) -> tuple[ModelRegistry, Metrics]:
        registry = ModelRegistry.open(self._config)
        try:
            metrics = Metrics(registry)
            registry.observe(metrics)
            registry.warm_up()
        except BaseException:
            registry.close()
            raise
        return registry, metrics

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        ended = threading.Event()
        with logging_to(self._writer):
            _freeze()
            signs_of_life = asyncio.create_task(self._live())
            follower = threading.Thread(target=self._follow, args=(ended,), name="follow", daemon=True)
            follower.start()
            try:
                yield
            finally:
                ended.set()
                self._registry.stop_loading()
                signs_of_life.cancel()
                with suppress(asyncio.CancelledError):
                    await signs_of_life
                self._registry.close()
                follower.join(2 * TICK)
                _exit_within(LINGER)
                gc.unfreeze()  # libraries count the objects that are left at the end

    async def _live(self) -> None:
        """Signs of life come from the event loop, so that a process whose loop hangs has none."""
        next_update, ignore_at, refuse_at, exit_at = 0.0, math.inf, math.inf, math.inf
        while True:
            now = time.monotonic()
            if not self._closing and self._run.stopping:
                self._closing, self._registry.ready = True, False
                ignore_at = now + max(0.0, self._config.drain - LAST_CALL)
                exit_at = ignore_at + LAST_CALL + 2 * TICK
            if now >= ignore_at and not self._keeps_socket:
                self._connections.ignore_new()
                ignore_at, refuse_at = math.inf, now + ACCEPTED_WITHIN
            if now >= refuse_at:
                self._connections.refuse_new()
                refuse_at = math.inf
            if now >= exit_at and (self._in_flight() == 0 or now >= exit_at + STOP_WITHIN):
                self._exit()
            if now >= next_update:
                next_update = now + UPDATE
                self._stop_if_orphaned()
                with suppress(OSError):  # no more files can be opened
                    self._connections.update()
                    self._metrics.update()
                self._write_state()
            await asyncio.sleep(TICK)

    def _exit(self) -> None:
        """Ends the process once everything is answered: the server would wait for its closed socket."""
        if self._is_main:
            return  # the signal to stop ends it in good order
        self._registry.close()
        self._writer.flush()
        os._exit(0)

    def _stop_if_orphaned(self) -> None:
        try:
            orphaned = self._run.is_orphaned
        except FileNotFoundError:  # the folder of the main process is gone
            orphaned = True
        except OSError:  # no more files can be opened
            return
        if orphaned:
            log.warning("the process that started this worker is gone: it stops as well")
            self._run.remove()
            os.kill(os.getpid(), signal.SIGTERM)

    def _follow(self, ended: threading.Event) -> None:
        """Checks the models' folders: when they have changed, and when a reload is requested."""
        watch = self._config.watch
        next_look = time.monotonic()
        while not ended.wait(TICK):
            if (requested := self._run.reloads) > self._handled:
                self._reload(self._registry.folders)
                self._handled = requested
                self._write_state()
            if watch and time.monotonic() >= next_look:
                next_look = time.monotonic() + watch
                self._registry.check_folders()

    def _reload(self, names: Iterable[str]) -> None:
        for name in names:
            with suppress(CofactorError):  # the registry has logged it
                self._registry.reload_here(name)

    def _reload_others(self, name: str) -> None:
        """Returns when every process serves the version of this one; raises Unavailable if one does not in time."""
        requested, version = self._run.request_reload(), self._registry.versions()[name]
        end = time.monotonic() + RELOADED_WITHIN
        while (states := self._run.states()) and any(one.reloads < requested for one in states):
            if time.monotonic() > end:
                hint = "they follow as soon as they can; the log says when"
                raise Unavailable(f"not every process has checked the model {name!r} yet", hint)
            time.sleep(TICK)
        if behind := sum(one.versions.get(name) != version for one in states):
            raise Unavailable(f"{behind} other processes serve another version of the model {name!r}", "reload again")

    def _write_state(self) -> None:
        with suppress(OSError):  # the disk is full, or the service has ended
            self._run.write_state(self._handled, self._registry.versions())


def _exit_within(seconds: float) -> None:
    """Ends the process after some seconds even if threads still work for clients that have given up."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _freeze() -> None:
    """Leaves everything that exists out of garbage collections.

    A catalogue is half a million objects without a cycle. A full collection looks at all of them while requests wait:
    90 ms with 4,000 items.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
