"""One sync of the disk for everybody who is waiting for one.

A thread commits what all who wait have given; whoever comes meanwhile waits for the next commit. So a disk that syncs
500 times a second takes far more than 500 batches a second, and a caller who is alone waits for nobody.
"""

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class _Caller(Generic[T]):
    """Somebody who waits, and what became of it."""

    __slots__ = ("error", "given", "told")

    def __init__(self, given: T) -> None:
        self.given = given
        self.error: Exception | None = None
        self.told = Lock()  # released when it is done
        self.told.acquire()


class GroupCommit(Generic[T]):
    """Calls `commit` with what was given by all who wait, in the order they came; always from one thread.

    Where a commit of several fails, each is tried alone: nobody's error is another's. But of an error in `shared` all
    are told at once, since trying again would be of no use and make the last wait for all.
    """

    def __init__(self, commit: Callable[[Sequence[T]], None], shared: type[Exception]) -> None:
        self.turn = Lock()  # held while it commits
        self._commit, self._shared = commit, shared
        self._coming: SimpleQueue[_Caller[T] | None] = SimpleQueue()
        self._door, self._closed = Lock(), False
        self._thread = Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def put(self, given: T) -> Exception | None:
        """Returns when it is committed, or the error for which it is not; InterruptedError once this is closed."""
        mine = _Caller(given)
        with self._door:
            if self._closed:
                return InterruptedError("closed")
            self._coming.put(mine)
        mine.told.acquire()
        return mine.error

    def close(self) -> None:
        """Commits what was given until now, and ends; calling twice does no harm."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._coming.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            callers = [self._coming.get()]
            with self.turn:
                callers += [self._coming.get() for _ in range(self._coming.qsize())]  # nobody else takes any
                last = callers[-1] is None  # nothing comes after it
                self._together([one for one in callers if one is not None])

    def _together(self, callers: list[_Caller[T]]) -> None:
        error = self._attempt(callers) if callers else None
        alone = error is not None and len(callers) > 1 and not isinstance(error, self._shared)
        for one in callers:
            one.error = self._attempt([one]) if alone else error
            one.told.release()

    def _attempt(self, callers: list[_Caller[T]]) -> Exception | None:
        try:
            self._commit([one.given for one in callers])
        except Exception as error:
            return error
        return None
