"""Where connections are accepted: shared out evenly among processes, and none is left at the door at the end.

Whoever wakes first would take all that wait: of 16 connections opened at once, one process of two had 16. They stay
for long (keep-alive), so that the other had nothing to do. One socket for each process (SO_REUSEPORT) tosses a coin for
each connection, which is fairer, but leaves those at the door of a process that died.
"""

import asyncio
import socket
from collections.abc import Callable, MutableSequence

HOLD = 0.001  # seconds for another process to take a connection
HOLD_AT_MOST = 0.01  # seconds: then the others are busy, and it is taken here
AT_ONCE = 64  # connections taken in one pass of the event loop, at most
OUT_OF_FILES = 1.0  # seconds to wait where the system has no more descriptors or memory for connections
AWAY = 1 << 30  # connections of a process that is not there: nobody waits for it to take one


class Turnstile:
    """Accepts connections, and holds back while another process has fewer."""

    def __init__(
        self,
        listening: socket.socket,
        admit: Callable[[socket.socket], None],
        open_here: Callable[[], int],
        counts: MutableSequence[int],
        place: int,
    ) -> None:
        """`counts` is shared memory with the connections of each process; only that at our `place` is written here."""
        self._listening, self._admit, self._open_here = listening, admit, open_here
        self._counts, self._place = counts, place
        self._held_since: float | None = None  # when the first one at the door was left to others
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self.tell()
        self._open()

    def tell(self) -> None:
        """Lets the others know how many connections are open here."""
        self._counts[self._place] = self._open_here()

    def close(self) -> None:
        """Takes in who waits and closes the door; who comes later is refused, or finds another process' door open.

        Connections that wait when the last process closes its socket are reset by the system, requests and all.
        """
        if self._listening.fileno() < 0:
            return
        self._closing = True
        self._counts[self._place] = AWAY
        self._loop.remove_reader(self._listening)
        if self._later is not None:
            self._later.cancel()
        while self._accept():
            pass
        self._listening.close()

    def _open(self) -> None:
        self._loop.add_reader(self._listening, self._next)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening)
        self._later = self._loop.call_later(seconds, self._open)

    def _next(self) -> None:
        """Takes what waits, as far as our share goes: one in a pass of a busy loop would keep hundreds at the door."""
        self.tell()
        for _ in range(AT_ONCE):
            least = min(self._counts)
            if self._counts[self._place] > least + least // 8 and self._may_hold():
                self._pause(HOLD)
                return
            self._held_since = None
            if not self._accept():
                return
            self._counts[self._place] += 1

    def _may_hold(self) -> bool:
        """Whether who is at the door may wait on; measured in time, for a pass of a busy loop takes long."""
        now = self._loop.time()
        if self._held_since is None:
            self._held_since = now
        return now - self._held_since < HOLD_AT_MOST

    def _accept(self) -> bool:
        """Whether somebody came in."""
        try:
            accepted, _ = self._listening.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):  # another was quicker, or the client is gone
            return False
        except OSError:
            if not self._closing:
                self._pause(OUT_OF_FILES)
            return False
        accepted.setblocking(False)
        self._admit(accepted)
        return True
