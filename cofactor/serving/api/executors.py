"""Where the work of a request is done, and how much of it may wait: load shedding.

A server starts a task for each request, and a task that does not wait runs to its end: a thousand requests would keep
the event loop busy for a thousand times as long as one takes, and /live would wait for all of them. So the work in one
pass of the event loop is bounded, the rest waits in order of arrival, and a request that finds too many waiting is
refused at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from cofactor.machine import cores
from cofactor.serving.api.problems import HttpProblem, retry_later
from cofactor.serving.lists.score_batcher import ScoreBatcher
from cofactor.serving.lists.user_scores import UserScores
from cofactor.serving.service import RecommendationService

PASS = 0.005  # seconds of work in one pass of the event loop, or one piece of work if that takes longer
DEADLINE = 10.0  # seconds that a client waits for work in a thread
RELOAD_DEADLINE = 60.0  # the same for a model that is loaded
MAX_RELOADS = 4  # that wait for the one in progress
MAX_SCRAPES = 4  # requests for metrics that wait for the one in progress
WRITERS = 32  # threads that wait for a disk: ratings that come in together are written together

Work = Callable[[], Any]
Executor = Callable[[Work], Awaitable[Any]]


def busy() -> HttpProblem:
    """The problem for a request that finds too many waiting."""
    return retry_later("too many requests are waiting", "ask again in a second, and less often", 1, "Busy")


class EventLoopExecutor:
    """Does work in the event loop itself; at most `max_waiting` pieces of it wait for a later pass."""

    def __init__(self, max_waiting: int, seconds: float = PASS) -> None:
        self._max_waiting, self._seconds = max_waiting, seconds
        self._spent = 0.0  # seconds of work in this pass of the loop
        self._waiting: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None  # the loop that will call `_next_pass`

    @property
    def waiting(self) -> int:
        """Pieces of work that wait."""
        return len(self._waiting)

    async def __call__(self, work: Work) -> Any:
        """The result of a piece of work; raises HttpProblem (503) if too many wait."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._spent = loop, 0.0
            loop.call_soon(self._next_pass)
        if self._spent < self._seconds and not self._waiting:
            return self._timed(work)
        if len(self._waiting) >= self._max_waiting:
            raise busy()
        result: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, result))
        return await result

    def _next_pass(self) -> None:
        """Runs once in each pass: a callback that is added now runs after the loop has looked at its sockets."""
        self._spent = 0.0
        while self._waiting and (self._spent == 0.0 or self._spent < self._seconds):
            work, result = self._waiting.popleft()
            if result.done():  # the client is gone
                continue
            try:
                result.set_result(self._timed(work))
            except Exception as error:
                result.set_exception(error)
        if self._spent or self._waiting:
            asyncio.get_running_loop().call_soon(self._next_pass)
        else:
            self._loop = None

    def _timed(self, work: Work) -> Any:
        start = perf_counter()
        try:
            return work()
        finally:
            self._spent += perf_counter() - start


class ThreadExecutor:
    """Does work in a fixed number of threads; at most `max_waiting` pieces more are accepted."""

    def __init__(self, threads: int, max_waiting: int, name: str, deadline: float = DEADLINE) -> None:
        self._threads, self._name, self._deadline = threads, name, deadline
        self._most = threads + max_waiting
        self._accepted = 0
        self._pool: ThreadPoolExecutor | None = None  # created on first use, and again after `close`

    async def __call__(self, work: Work) -> Any:
        """The result of a piece of work; raises HttpProblem (503) if too many wait, or at the deadline."""
        if self._accepted >= self._most:
            raise busy()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        self._accepted += 1
        result = asyncio.get_running_loop().run_in_executor(self._pool, work)
        result.add_done_callback(self._finished)
        done, _ = await asyncio.wait([result], timeout=self._deadline)
        if done:
            return result.result()
        result.cancel()
        detail = f"the answer took longer than {self._deadline:g} seconds"
        raise retry_later(detail, "ask for less at a time", 1, "TooSlow")

    def close(self) -> None:
        """Ends the threads when they have done their present work; waiting work is dropped."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _finished(self, result: "asyncio.Future[Any]") -> None:
        self._accepted -= 1
        if not result.cancelled():
            result.exception()  # marks it as retrieved: after the deadline nobody asks for it


class ScoreExecutor:
    """Scores users for several requests together; at most `max_waiting` requests wait for scores."""

    def __init__(self, max_waiting: int) -> None:
        self._batcher, self._max_waiting, self._waiting = ScoreBatcher(), max_waiting, 0

    async def __call__(self, service: RecommendationService, user: str) -> UserScores | None:
        """The scores of a user, or None if they are better computed alone; raises HttpProblem (503)."""
        if self._waiting >= self._max_waiting:
            raise busy()
        self._waiting += 1
        try:
            return await self._batcher.scores(service, user)
        finally:
            self._waiting -= 1


class Executors:
    """The event loop, and the threads: for long work, for waiting for disks, for loading models, and for metrics, which
    are needed most when all others are busy."""

    def __init__(self, max_waiting: int) -> None:
        self.scores = ScoreExecutor(max_waiting)
        self.loop = EventLoopExecutor(max_waiting)
        self.threads = ThreadExecutor(cores(), max_waiting, "list")
        self.disk = ThreadExecutor(WRITERS, max_waiting, "store")
        self.reload = ThreadExecutor(1, MAX_RELOADS, "reload", RELOAD_DEADLINE)
        self.metrics = ThreadExecutor(1, MAX_SCRAPES, "metrics")

    def close(self) -> None:
        """Ends all threads."""
        for one in (self.threads, self.disk, self.reload, self.metrics):
            one.close()
