"""Whose turn it is: what keeps a worker answering, and reading its sockets, when more is asked than it can do.

A server starts a task for each request it has read, and a task that never waits runs to its end: a thousand requests
would occupy the event loop for a thousand times as long as one takes, and nobody would hear even /live meanwhile.
So the work that requests ask of one pass of the loop is bounded, what is left over waits in the order it came, and what
finds too many waiting is told so at once, which costs a hundredth of an answer.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from cofactor.serving.http.problems import Problem, later

SLICE = 0.005  # seconds of work in one pass of the event loop, or one piece of work where that takes longer

Work = Callable[[], Any]


def busy() -> Problem:
    return later("more is asked than can be answered", "ask again in a second, and less often", 1, "Busy")


class Turns:
    """Work done in the event loop itself, at most `waiting` pieces of it put off. Costs nothing while there is room."""

    def __init__(self, waiting: int, slice_: float = SLICE) -> None:
        self._most = waiting
        self._slice = slice_
        self._spent = 0.0  # seconds of work in this pass of the loop
        self._left: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._looking: asyncio.AbstractEventLoop | None = None  # the loop that calls `_next_pass` once it has polled

    @property
    def waiting(self) -> int:
        return len(self._left)

    async def __call__(self, work: Work) -> Any:
        """The result of a piece of work; raises Problem (503) where too many wait for theirs."""
        loop = asyncio.get_running_loop()
        if self._looking is not loop:
            self._looking = loop
            self._spent = 0.0
            loop.call_soon(self._next_pass)
        if self._spent < self._slice and not self._left:
            return self._timed(work)
        if len(self._left) >= self._most:
            raise busy()
        turn: asyncio.Future[Any] = loop.create_future()
        self._left.append((work, turn))
        return await turn

    def _next_pass(self) -> None:
        """Runs once in each pass: what is handed to `call_soon` now runs after the sockets have been looked at."""
        self._spent = 0.0
        while self._left and (self._spent == 0.0 or self._spent < self._slice):
            work, turn = self._left.popleft()
            if turn.done():  # nobody waits for it any more
                continue
            try:
                turn.set_result(self._timed(work))
            except Exception as error:
                turn.set_exception(error)
        if self._spent or self._left:
            asyncio.get_running_loop().call_soon(self._next_pass)
        else:
            self._looking = None

    def _timed(self, work: Work) -> Any:
        start = perf_counter()
        try:
            return work()
        finally:
            self._spent += perf_counter() - start


class Threads:
    """Work done beside the event loop by a fixed number of threads; at most `waiting` pieces more are taken."""

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        self._threads, self._name = threads, name
        self._most = threads + waiting
        self._taken = 0
        self._pool: ThreadPoolExecutor | None = None  # made when it is needed, and again after it was closed

    async def __call__(self, work: Work) -> Any:
        """The result of a piece of work; raises Problem (503) where too many wait for theirs."""
        if self._taken >= self._most:
            raise busy()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._taken -= 1

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
