"""Run many small cases in worker processes, so that a crash, a hang or excessive memory ends a worker, not the run.

A case is identified by a number. The seed and the number determine what it does, so a failed case can be repeated.
"""

import multiprocessing
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

CASE_SECONDS = 5.0  # that a case may take
FIRST_CASE_SECONDS = 60.0  # that the first case of a worker may take, with its imports
MEMORY_LIMIT = 500 << 20  # bytes that a case may allocate
REPORTED_MEMORY = 200 << 20  # bytes that are reported as a fault; a worker may not survive the limit

Case = Callable[[int], str]  # runs the case with a number and returns its outcome; raises for a fault
CaseFactory = Callable[..., Case]  # makes the case in its worker, from picklable arguments


@dataclass(frozen=True)
class Fault:
    """An unexpected result and the number of its case."""

    number: int
    what: str
    detail: str = ""
    ends_worker: bool = False  # the worker cannot be used any further


@dataclass
class Tally:
    """Outcomes and faults of a number of cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0
    measurements: dict[str, str] = field(default_factory=dict)  # further results, by name

    @property
    def cases(self) -> int:
        return self.outcomes.total() + len(self.faults)


def run(
    maker: CaseFactory, arguments: tuple[Any, ...], n: int, workers: int = 2, longest: float = CASE_SECONDS
) -> Tally:
    """Runs the cases 0 … n - 1 in worker processes. A fault may end a worker but never the run."""
    tally, start = Tally(), time.perf_counter()
    shares = [_Worker(maker, arguments, range(first, n, workers)) for first in range(min(workers, n))]
    try:
        while going := [share for share in shares if share.process]:
            for ready in wait([share.inbox for share in going], 0.2):
                share = next(share for share in going if share.inbox is ready)
                share.receive(tally)
            for share in going:
                share.check(tally, longest)
    except KeyboardInterrupt:
        tally.measurements["stopped"] = f"after {tally.cases:,} of {n:,}"
    finally:
        for share in shares:
            share.stop()
    tally.seconds = time.perf_counter() - start
    return tally


class _Worker:
    """A worker process and the cases that are left for it."""

    def __init__(self, maker: CaseFactory, arguments: tuple[Any, ...], numbers: range) -> None:
        self.maker, self.arguments, self.left = maker, arguments, numbers
        self.process: SpawnProcess | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.inbox, outbox = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(outbox, self.maker, self.arguments, self.left), daemon=True)
        self.process.start()
        outbox.close()
        self.since, self.first = time.monotonic(), True

    def receive(self, tally: Tally) -> None:
        """Receives all results that the worker has sent."""
        try:
            while self.inbox.poll():
                outcome, fault = self.inbox.recv()
                self.left = self.left[1:]
                self.since, self.first = time.monotonic(), False
                if not fault:
                    tally.outcomes[outcome] += 1
                    continue
                tally.faults.append(fault)
                if fault.ends_worker:
                    self.stop()
                    self._restart()
                    return
        except EOFError:
            self._ended(tally)

    def check(self, tally: Tally, longest: float) -> None:
        """Kills a worker whose case takes too long, and starts another one at the next case."""
        limit = FIRST_CASE_SECONDS if self.first else longest
        if self.process and self.left and time.monotonic() - self.since > limit and not self.inbox.poll():
            self.stop()
            self._record_fault(tally, f"took more than {limit:g} s")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.join()
            self.inbox.close()
            self.process = None

    def _ended(self, tally: Tally) -> None:
        assert self.process
        self.process.join()
        code = self.process.exitcode
        self.stop()
        if self.left:
            self._record_fault(tally, f"the process ended with {code}")

    def _record_fault(self, tally: Tally, what: str) -> None:
        tally.faults.append(Fault(self.left[0], what))
        self.left = self.left[1:]
        self._restart()

    def _restart(self) -> None:
        if self.left:
            self._start()


def _work(outbox: Connection, maker: CaseFactory, arguments: tuple[Any, ...], numbers: range) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends its workers
    case = maker(*arguments)
    for place, number in enumerate(numbers):
        outbox.send(run_case(case, number))
        if place == 0:  # the first case loads modules lazily; memory is limited from here on
            _limit_memory()


def run_case(case: Case, number: int) -> tuple[str, Fault | None]:
    """Runs one case; returns its outcome, or a fault."""
    before = _reset_peak()
    try:
        outcome = case(number)
    except Exception as error:
        shown = f"{type(error).__name__}: {error}"[:300]
        return "", Fault(number, shown, traceback.format_exc(limit=-6), _has_excessive_memory(before))
    if _has_excessive_memory(before):
        return "", Fault(number, f"memory grew by {_bytes('VmHWM') - before >> 20} MiB", outcome, True)
    return outcome, None


def _reset_peak() -> int:
    """Resets the peak of resident memory; returns the bytes that are resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _bytes("VmRSS")


def _has_excessive_memory(before: int) -> bool:
    return _bytes("VmHWM") - before > REPORTED_MEMORY


def _limit_memory() -> None:
    limit = _bytes("VmData") + MEMORY_LIMIT
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def _bytes(name: str) -> int:
    return int(next(line for line in _status() if line.startswith(name + ":")).split()[1]) << 10


def _status() -> Iterator[str]:
    yield from Path("/proc/self/status").read_text().splitlines()
