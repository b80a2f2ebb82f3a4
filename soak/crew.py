"""Many small cases in worker processes, so that a crash, a hang or a flood of memory ends a worker and not the run.

A case is a number. What it does follows from the seed and the number alone, so that one that failed can be done again.
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

LONGEST = 5.0  # seconds a case may take
STARTING = 60.0  # seconds the first case of a worker may take: it imports
MOST_MEMORY = 500 << 20  # bytes that a case may add
MEASURED_FROM = 200 << 20  # bytes that are said to be too many before the limit is reached, which not all survive

Case = Callable[[int], str]  # does the case of a number and names what came of it; raises for a fault
Maker = Callable[..., Case]  # makes the case in its worker, of plain arguments


@dataclass(frozen=True)
class Fault:
    """What should not have happened, in which case."""

    number: int
    what: str
    detail: str = ""
    spoils: bool = False  # the process that did it: what it does next says nothing


@dataclass
class Tally:
    """What came of the cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0
    figures: dict[str, str] = field(default_factory=dict)  # what else is to be told

    @property
    def cases(self) -> int:
        return self.outcomes.total() + len(self.faults)


def run(maker: Maker, arguments: tuple[Any, ...], n: int, workers: int = 2, longest: float = LONGEST) -> Tally:
    """Does the cases 0 … n - 1 in worker processes; a fault ends the worker where it has to, never the run."""
    tally, start = Tally(), time.perf_counter()
    shares = [_Share(maker, arguments, range(first, n, workers)) for first in range(min(workers, n))]
    try:
        while going := [share for share in shares if share.process]:
            for ready in wait([share.inbox for share in going], 0.2):
                share = next(share for share in going if share.inbox is ready)
                share.take(tally)
            for share in going:
                share.check(tally, longest)
    except KeyboardInterrupt:
        tally.figures["stopped"] = f"after {tally.cases:,} of {n:,}"
    finally:
        for share in shares:
            share.stop()
    tally.seconds = time.perf_counter() - start
    return tally


class _Share:
    """The cases of one worker, and the worker."""

    def __init__(self, maker: Maker, arguments: tuple[Any, ...], numbers: range) -> None:
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

    def take(self, tally: Tally) -> None:
        """Everything the worker has said since."""
        try:
            while self.inbox.poll():
                outcome, fault = self.inbox.recv()
                self.left = self.left[1:]
                self.since, self.first = time.monotonic(), False
                if not fault:
                    tally.outcomes[outcome] += 1
                    continue
                tally.faults.append(fault)
                if fault.spoils:
                    self.stop()
                    self._go_on()
                    return
        except EOFError:
            self._ended(tally)

    def check(self, tally: Tally, longest: float) -> None:
        """Ends a worker that has been at one case too long, and goes on behind it."""
        limit = STARTING if self.first else longest
        if self.process and self.left and time.monotonic() - self.since > limit and not self.inbox.poll():
            self.stop()
            self._went_wrong(tally, f"took more than {limit:g} s")

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
            self._went_wrong(tally, f"the process ended with {code}")

    def _went_wrong(self, tally: Tally, what: str) -> None:
        tally.faults.append(Fault(self.left[0], what))
        self.left = self.left[1:]
        self._go_on()

    def _go_on(self) -> None:
        if self.left:
            self._start()


def _work(outbox: Connection, maker: Maker, arguments: tuple[Any, ...], numbers: range) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the run, which ends its workers
    case = maker(*arguments)
    for place, number in enumerate(numbers):
        outbox.send(done(case, number))
        if place == 0:  # the first brings in what is imported late and kept; from now on memory is limited
            _limit_memory()


def done(case: Case, number: int) -> tuple[str, Fault | None]:
    """What came of one case: an outcome, or a fault."""
    before = _peak_from_now_on()
    try:
        outcome = case(number)
    except Exception as error:
        shown = f"{type(error).__name__}: {error}"[:300]
        return "", Fault(number, shown, traceback.format_exc(limit=-6), _is_flooded(before))
    if _is_flooded(before):
        return "", Fault(number, f"memory grew by {_bytes('VmHWM') - before >> 20} MiB", outcome, True)
    return outcome, None


def _peak_from_now_on() -> int:
    """Bytes that are resident; the highest number of them is counted anew from here."""
    Path("/proc/self/clear_refs").write_text("5")
    return _bytes("VmRSS")


def _is_flooded(before: int) -> bool:
    return _bytes("VmHWM") - before > MEASURED_FROM


def _limit_memory() -> None:
    limit = _bytes("VmData") + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def _bytes(name: str) -> int:
    return int(next(line for line in _status() if line.startswith(name + ":")).split()[1]) << 10


def _status() -> Iterator[str]:
    yield from Path("/proc/self/status").read_text().splitlines()
