"""One sync of the disk for everybody who is waiting for one.

Whoever comes while a commit is under way waits for it, and then one of those who wait commits for all of them. So a
disk that syncs 500 times a second takes far more than 500 batches a second, and a caller who is alone waits for nobody.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Caller(Generic[T]):
    """Somebody who waits, and what became of it."""

    __slots__ = ("done", "error", "given")

    def __init__(self, given: T) -> None:
        self.given = given
        self.done = False
        self.error: Exception | None = None


class GroupCommit(Generic[T]):
    """Calls `commit`, never twice at once, with what was given by all who wait, in the order they came.

    Where a commit of several fails, each is tried alone: nobody's error is another's. But of an error in `shared` all
    are told at once, since trying again would be of no use and make the last wait for all.
    """

    def __init__(self, commit: Callable[[Sequence[T]], None], shared: type[Exception]) -> None:
        self.turn = Lock()  # held by whoever commits
        self._commit, self._shared = commit, shared
        self._guard = Lock()
        self._waiting: list[_Caller[T]] = []

    def put(self, given: T) -> Exception | None:
        """Returns when it is committed, or the error for which it is not."""
        mine = _Caller(given)
        with self._guard:
            self._waiting.append(mine)
        with self.turn:
            if not mine.done:
                self._commit_all()
        return mine.error

    def _commit_all(self) -> None:
        with self._guard:
            callers, self._waiting = self._waiting, []
        try:
            self._together(callers)
        finally:
            for one in callers:
                if not one.done:  # Ctrl-C struck
                    one.done, one.error = True, InterruptedError("interrupted")

    def _together(self, callers: list[_Caller[T]]) -> None:
        error = self._attempt(callers)
        if error is not None and len(callers) > 1 and not isinstance(error, self._shared):
            for one in callers:
                one.error, one.done = self._attempt([one]), True
            return
        for one in callers:
            one.error, one.done = error, True

    def _attempt(self, callers: list[_Caller[T]]) -> Exception | None:
        try:
            self._commit([one.given for one in callers])
        except Exception as error:
            return error
        return None
