"""Deadlines for what waits for the other end of a socket, kept on this side: the other end may be frozen."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread


class SocketDeadlines:
    """Shuts down a socket at its deadline, so that the thread that waits for it gets an error at once.

    One thread watches all sockets. It starts with the first deadline.
    """

    def __init__(self) -> None:
        self._changed = Condition()  # held for microseconds
        self._deadlines: dict[socket.socket, float] = {}
        self._wakes_at: float | None = None  # None: not before it is notified
        self._thread: Thread | None = None

    @contextmanager
    def limit(self, descriptor: int, deadline: float) -> Iterator[None]:
        """Shuts the socket down if the block has not ended at `deadline` (seconds of `time.monotonic`)."""
        with socket.socket(fileno=os.dup(descriptor)) as watched:  # a copy, because the number may be used again
            with self._changed:
                self._deadlines[watched] = deadline
                if self._wakes_at is None or deadline < self._wakes_at:
                    self._wakes_at = deadline
                    self._start()
                    self._changed.notify()
            try:
                yield
            finally:
                with self._changed:
                    self._deadlines.pop(watched, None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._watch, name="socket deadlines", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for watched in [one for one, deadline in self._deadlines.items() if deadline <= now]:
                    del self._deadlines[watched]
                    with suppress(OSError):
                        watched.shutdown(socket.SHUT_RDWR)
                self._wakes_at = min(self._deadlines.values(), default=None)
                self._changed.wait(None if self._wakes_at is None else max(0.0, self._wakes_at - now))
