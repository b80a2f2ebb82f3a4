"""A thread of the main process that waits until all workers answer, and then watches over them."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cofactor.serving.processes.run_folder import RunFolder, WorkerState

LOOK = 0.05  # seconds between looks at workers that start
WATCH = 1.0  # seconds between looks at workers that run

Started = Callable[[dict[str, str]], None]

log = logging.getLogger("cofactor.serving")


class Watchdog:
    """Waits until all workers answer, reports those that end, and kills those that hang."""

    def __init__(self, run: RunFolder, n_workers: int, started: Started) -> None:
        self._run, self._n_workers, self._started = run, n_workers, started
        self._ended = threading.Event()
        self._known: set[int] = set()  # workers at the last look

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
        states = self._run.states()
        self._known = {state.process for state in states}
        with suppress(OSError):  # nobody reads what is printed, or the disk is full
            self._started(states[0].versions)
        while not self._ended.wait(WATCH):
            with suppress(OSError):  # no more files can be opened
                self._look()

    def _look(self) -> None:
        states = self._run.states()
        if not self._run.stopping:
            self._report_ended({state.process for state in states})
            self._kill_silent(states)

    def _all_answer(self, listening: socket.socket) -> bool:
        if len(self._run.states()) < self._n_workers:
            return False
        address, port = listening.getsockname()[:2]
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return False
        return True

    def _report_ended(self, alive: set[int]) -> None:
        for process in sorted(self._known - alive):
            log.error("worker %s has ended; another one takes its place", process)
        self._known = alive

    def _kill_silent(self, states: list[WorkerState]) -> None:
        for state in states:
            if state.is_silent:
                log.error("worker %s gives no sign of life and is killed", state.process)
                with suppress(ProcessLookupError):
                    os.kill(state.process, signal.SIGKILL)
