"""Processes that train side by side, each with its share of the cores, and what they say."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cofactor.errors import CofactorError
from cofactor.experiments.tuning.trial_worker import Message, receive, run_worker, send
from cofactor.machine import cores

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
DEFAULT_MAX_JOBS = 8  # unless more are asked for
MAX_FAILED_STARTS = 3  # times in a row that a process ends before it is ready


def divide_cores(jobs: int | None) -> tuple[int, int]:
    """How many processes where so many are asked for, and how many threads each may use: together one a core.

    Not asked, one a core and eight at most: two trainings at a time take fewer CPU seconds than one after the other on
    two threads each (benchmarks/tuning.py), but each process holds a copy of the ratings.
    """
    n_jobs = jobs or min(cores(), DEFAULT_MAX_JOBS)
    return n_jobs, max(1, cores() // n_jobs)


@dataclass(eq=False)
class TrialWorker:
    """What is known of a process here."""

    process: BaseProcess
    pipe: Connection
    ready: bool = False
    task: Any = None  # what it was given, None where it waits

    def send(self, message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # that it has ended is seen in `said`
            send(self.pipe, dict(message))


@dataclass
class WorkerPool:
    """As many processes as wanted, from `fill` on; one that dies costs the trial it was at and is replaced.

    folder: where the train and validation parts lie. threads: that each may use, in BLAS, OpenMP and Numba; what a
    trainer itself starts is its hyperparameter `threads`.
    """

    folder: Path
    size: int
    threads: int
    n_folds: int = 0
    seed: int = 0
    workers: list[TrialWorker] = field(default_factory=list)
    failed_starts: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in self.workers:
            self._end(one)

    def idle(self) -> list[TrialWorker]:
        """Those that can be given something."""
        return [one for one in self.workers if one.ready and one.task is None]

    def busy(self) -> list[TrialWorker]:
        return [one for one in self.workers if one.task is not None]

    def assign(self, worker: TrialWorker, task: Any, message: Mapping[str, Any]) -> None:
        """Something to train; `task` is what `said` names it by."""
        worker.task = task
        worker.send(message)

    def messages(self, seconds: float) -> Iterator[tuple[TrialWorker, Any, Message]]:
        """What comes within some seconds: the worker, its task, and its message; of one that has died, {"failed": …}.

        Raises CofactorError for what is wrong with the data or the machine, or where no process comes up at all.
        """
        by_pipe = {one.pipe: one for one in self.workers}
        for pipe in wait(list(by_pipe), seconds):
            one = by_pipe[pipe]  # type: ignore[index]
            try:
                message = receive(one.pipe)
            except (EOFError, OSError):
                message = self._replace(one)
            if "wrong" in message:
                raise CofactorError(*message["wrong"])
            if "ready" in message:
                one.ready, self.failed_starts = True, 0
                continue
            task = one.task
            if "step" not in message:
                one.task = None
            if task is not None:
                yield one, task, message

    def stop_busy(self) -> None:
        """Ends all that is being trained; the processes are gone then."""
        for one in self.busy():
            self._end(one)
            self.workers.remove(one)

    def start_missing(self) -> None:
        """Starts as many as are missing: all of them, at first."""
        while len(self.workers) < self.size:
            self.workers.append(self._start())

    def _replace(self, dead: TrialWorker) -> Message:
        """Another in its place; why the one ended."""
        dead.process.join()
        code = dead.process.exitcode or 0
        self.failed_starts += not dead.ready
        if self.failed_starts >= MAX_FAILED_STARTS:
            raise CofactorError(
                f"a process for training ended with {code} before it began", "COFACTOR_DEBUG=1 may tell"
            )
        dead.pipe.close()
        self.workers[self.workers.index(dead)] = self._start()
        return {
            "failed": f"its process was ended by {_signal_name(-code)}"
            if code < 0
            else f"its process ended with {code}"
        }

    def _start(self) -> TrialWorker:
        spawn = get_context("spawn")  # no state of this process, and no locks of its threads
        ours, theirs = spawn.Pipe()
        arguments = (theirs, str(self.folder), self.n_folds, self.seed)
        process = spawn.Process(target=run_worker, args=arguments, daemon=True)
        with _thread_variables(self.threads), _without_interrupts():
            process.start()
        theirs.close()
        return TrialWorker(process, ours)

    def _end(self, one: TrialWorker) -> None:
        one.process.kill()
        one.process.join()
        one.pipe.close()


@contextmanager
def _thread_variables(n: int) -> Iterator[None]:
    """What is started meanwhile finds n as the number of threads that libraries may use."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What is started meanwhile hears no Ctrl-C, not even before its first line; the main thread alone can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
