"""Group commit: one sync of the disk for all callers that wait for one.

One thread commits the batches of all waiting callers together; batches that arrive meanwhile wait for the next commit.
So a disk that syncs 500 times a second stores far more than 500 batches a second, and a single caller never waits.
"""

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class _Submission(Generic[T]):
    """A batch whose caller waits, and the error of its commit."""

    __slots__ = ("batch", "done", "error")

    def __init__(self, batch: T) -> None:
        self.batch = batch
        self.error: Exception | None = None
        self.done = Lock()  # released when the batch is committed or has failed
        self.done.acquire()


class GroupCommit(Generic[T]):
    """Calls `commit` with the batches of all waiting callers, in order of arrival, from a single thread.

    If a commit of several batches fails, each is tried alone, so that no caller gets another one's error. An error of
    type `shared` would fail them all again: it is given to all callers at once, without another attempt.
    """

    def __init__(self, commit: Callable[[Sequence[T]], None], shared: type[Exception]) -> None:
        self.committing = Lock()  # held during a commit
        self._commit, self._shared = commit, shared
        self._queue: SimpleQueue[_Submission[T] | None] = SimpleQueue()
        self._submitting, self._closed = Lock(), False
        self._thread = Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def submit(self, batch: T) -> Exception | None:
        """Returns None when the batch is committed, otherwise its error; InterruptedError after `close`."""
        submission = _Submission(batch)
        with self._submitting:
            if self._closed:
                return InterruptedError("closed")
            self._queue.put(submission)
        submission.done.acquire()
        return submission.error

    def close(self) -> None:
        """Commits what was submitted, and ends the thread; may be called twice."""
        with self._submitting:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            waiting = [self._queue.get()]
            with self.committing:
                waiting += [self._queue.get() for _ in range(self._queue.qsize())]  # no other thread takes any
                last = waiting[-1] is None  # nothing comes after it
                self._commit_together([one for one in waiting if one is not None])

    def _commit_together(self, submissions: list[_Submission[T]]) -> None:
        error = self._try_commit(submissions) if submissions else None
        alone = error is not None and len(submissions) > 1 and not isinstance(error, self._shared)
        for one in submissions:
            one.error = self._try_commit([one]) if alone else error
            one.done.release()

    def _try_commit(self, submissions: list[_Submission[T]]) -> Exception | None:
        try:
            self._commit([one.batch for one in submissions])
        except Exception as error:
            return error
        return None
