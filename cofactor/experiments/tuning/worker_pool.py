"""A pool of processes that train in parallel, each with its share of the cores."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from cofactor.errors import CofactorError
from cofactor.experiments.compilation_messages import announce_compilation
from cofactor.experiments.tuning.trial_worker import Message, receive, run_worker, send
from cofactor.machine import cores

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
DEFAULT_MAX_JOBS = 8  # unless --jobs asks for more
MAX_FAILED_STARTS = 3  # consecutive processes that end before they are ready


def divide_cores(jobs: int | None) -> tuple[int, int]:
    """The number of processes, and the number of threads for each: together one thread for each core.

    By default there is one process for each core, and at most 8: two parallel trainings take fewer CPU seconds than two
    trainings in turn on two threads each (benchmarks/tuning.py), but each process holds a copy of the ratings.
    """
    n_jobs = jobs or min(cores(), DEFAULT_MAX_JOBS)
    return n_jobs, max(1, cores() // n_jobs)


@dataclass(eq=False)
class TrialWorker:
    """A worker process, as the pool sees it."""

    process: BaseProcess
    pipe: Connection
    ready: bool = False
    task: Any = None  # the current task; None where the worker is idle

    def send(self, message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # `messages` notices that the process has ended
            send(self.pipe, dict(message))


@dataclass
class WorkerPool:
    """A pool of `size` processes, started by `start_missing`. A process that ends fails its trial and is replaced.

    folder: holds the train and validation parts. threads: for BLAS, OpenMP and Numba in each process; the threads of a
    trainer itself are its hyperparameter `threads`.
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
        """The workers that are ready for a task."""
        return [one for one in self.workers if one.ready and one.task is None]

    def busy(self) -> list[TrialWorker]:
        return [one for one in self.workers if one.task is not None]

    def assign(self, worker: TrialWorker, task: Any, message: Mapping[str, Any]) -> None:
        """Sends a training to a worker; `messages` returns `task` with its messages."""
        worker.task = task
        worker.send(message)

    def messages(self, seconds: float) -> Iterator[tuple[TrialWorker, Any, Message]]:
        """The messages that arrive within some seconds, with their worker and task; {"failed": …} for a dead process.

        Raises CofactorError for an error in the data or the machine, and where no process starts at all.
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
            if "compiling" in message:
                announce_compilation()
                continue
            if "ready" in message:
                one.ready, self.failed_starts = True, 0
                continue
            task = one.task
            if "step" not in message:
                one.task = None
            if task is not None:
                yield one, task, message

    def stop_busy(self) -> None:
        """Ends the running trainings together with their processes."""
        for one in self.busy():
            self._end(one)
            self.workers.remove(one)

    def start_missing(self) -> None:
        """Starts the processes that are missing; at first, all of them."""
        while len(self.workers) < self.size:
            self.workers.append(self._start())

    def _replace(self, dead: TrialWorker) -> Message:
        """Replaces a dead process; a message with the reason of its end."""
        dead.process.join()
        code = dead.process.exitcode or 0
        self.failed_starts += not dead.ready
        if self.failed_starts >= MAX_FAILED_STARTS:
            raise CofactorError(
                f"a training process ended with exit code {code} during its start",
                "COFACTOR_DEBUG=1 may show the reason",
            )
        dead.pipe.close()
        self.workers[self.workers.index(dead)] = self._start()
        return {
            "failed": f"its process was ended by {_signal_name(-code)}"
            if code < 0
            else f"its process ended with {code}"
        }

    def _start(self) -> TrialWorker:
        spawn = get_context("spawn")  # shares no state and no locks with this process
        ours, theirs = spawn.Pipe()
        arguments = (theirs, str(self.folder), self.n_folds, self.seed)
        process = spawn.Process(target=run_worker, args=arguments, daemon=True)
        with _thread_variables(self.threads), _without_interrupts(), _without_main_module():
            process.start()
        theirs.close()
        return TrialWorker(process, ours)

    def _end(self, one: TrialWorker) -> None:
        one.process.kill()
        one.process.join()
        one.pipe.close()


@contextmanager
def _thread_variables(n: int) -> Iterator[None]:
    """Processes that start meanwhile find n as the number of threads for libraries."""
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
def _without_main_module() -> Iterator[None]:
    """Processes that start meanwhile do not run the caller's script again, which `spawn` does to find its classes.

    A worker needs none of them: it receives JSON. So a script needs no `if __name__ == "__main__"`.
    """
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that start meanwhile ignore Ctrl-C from their first line on; only the main thread can set this."""
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
