"""Group commit: one sync of the disk for all callers that wait for one.

One thread commits the batches of all waiting callers together; batches that arrive meanwhile wait for the next commit.
So a disk that syncs 500 times a second stores far more than 500 batches a second, and a single caller never waits.
"""

import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

GRACE = 0.2  # seconds after the deadline in which a commit may still report its outcome
MAX_WAITING = 10_000  # batches; only a commit that hangs lets so many wait


class NotStarted(Exception):
    """The deadline of a batch passed before its commit was begun: it is not committed."""


class OutcomeUnknown(Exception):
    """The deadline of a batch passed during its commit: it may or may not be committed."""


class _Submission(Generic[T]):
    """A batch whose caller waits, and the error of its commit."""

    __slots__ = ("batch", "deadline", "done", "error", "taken")

    def __init__(self, batch: T, deadline: float) -> None:
        self.batch, self.deadline = batch, deadline
        self.error: Exception | None = None
        self.taken = Lock()  # acquired by the committing thread, or by a caller that gives up: whichever is first
        self.done = Lock()  # released when the batch is committed or has failed
        self.done.acquire()


class GroupCommit(Generic[T]):
    """Calls `commit` with the batches of all waiting callers, in order of arrival, and with the earliest of their
    deadlines (seconds of `time.monotonic`), from a single thread.

    If a commit of several batches fails, each is tried alone, so that no caller gets another one's error. An error of
    type `shared` would fail them all again: it is given to all callers at once, without another attempt.
    """

    def __init__(self, commit: Callable[[Sequence[T], float], None], shared: type[Exception]) -> None:
        self.committing = Lock()  # held during a commit
        self._commit, self._shared = commit, shared
        self._queue: SimpleQueue[_Submission[T] | None] = SimpleQueue()
        self._submitting, self._closed = Lock(), False  # held for microseconds
        self._thread = Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def submit(self, batch: T, deadline: float) -> Exception | None:
        """Returns None when the batch is committed, otherwise its error; InterruptedError after `close`.

        It returns at the deadline even if a commit hangs, with NotStarted or OutcomeUnknown.
        """
        submission = _Submission(batch, deadline)
        with self._submitting:
            if self._closed:
                return InterruptedError("closed")
            if self._queue.qsize() >= MAX_WAITING:
                return NotStarted()
            self._queue.put(submission)
        if submission.done.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return submission.error
        if submission.taken.acquire(blocking=False):
            return NotStarted()
        in_time = submission.done.acquire(timeout=GRACE)  # the commit has the same deadline, and tells more
        return submission.error if in_time else OutcomeUnknown()

    def close(self, timeout: float) -> bool:
        """Commits what was submitted, and ends the thread; false if that takes longer. May be called twice."""
        with self._submitting:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        last = False
        while not last:
            waiting = [self._queue.get()]
            with self.committing:
                waiting += [self._queue.get() for _ in range(self._queue.qsize())]  # no other thread takes any
                last = waiting[-1] is None  # nothing comes after it
                self._commit_together([one for one in waiting if one is not None and one.taken.acquire(blocking=False)])

    def _commit_together(self, submissions: list[_Submission[T]]) -> None:
        error = self._try_commit(submissions) if submissions else None
        alone = error is not None and len(submissions) > 1 and not isinstance(error, self._shared)
        for one in submissions:
            one.error = self._try_commit([one]) if alone else error
            one.done.release()

    def _try_commit(self, submissions: list[_Submission[T]]) -> Exception | None:
        try:
            self._commit([one.batch for one in submissions], min(one.deadline for one in submissions))
        except Exception as error:
            return error
        return None
