"""Signals as something to wait for, beside pipes and processes."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Signals:
    """Which came in, and a socket that can be read once one did."""

    alarm: socket.socket
    seen: set[int] = field(default_factory=set)


@contextmanager
def handled(handler: Callable[[], None], *numbers: int) -> Iterator[None]:
    """Within it these signals call `handler`.

    A handler that is left in place outlives the modules that it belongs to, of which libraries complain at the end.
    """
    before = {number: signal.signal(number, lambda *_: handler()) for number in numbers}
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)


@contextmanager
def caught(*numbers: int) -> Iterator[Signals]:
    """Within it these signals are noted, and do nothing else."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signals = Signals(ours)
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda one, _: signals.seen.add(one)) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        ours.close()
        theirs.close()
