"""Reloads on their way through the workers."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from cofactor.serving.processes.worker import Worker, send

log = logging.getLogger("cofactor.serving")


@dataclass
class Round:
    """A reload that goes from worker to worker, one after the other: the rest serve at full speed meanwhile."""

    name: str
    left: list[Worker]
    asker: Worker | None = None  # who waits for the end of it
    failed: list[str] = field(default_factory=list)


class Rounds:
    """One round at a time; the next begins when it has ended."""

    def __init__(self) -> None:
        self._rounds: deque[Round] = deque()  # the first is under way

    def begin(self, name: str, workers: Sequence[Worker], asker: Worker | None = None) -> None:
        self._rounds.append(Round(name, list(workers), asker))
        if len(self._rounds) == 1:
            self._ask()

    def answered(self, worker: Worker, why: str) -> None:
        """A worker has reloaded, or says why it has not; what one refuses is not put to the rest."""
        if not self._rounds or self._rounds[0].left[:1] != [worker]:
            return
        current = self._rounds[0]
        current.left.pop(0)
        if why:
            current.failed.append(why)
            current.left.clear()
        self._ask()

    def lost(self, worker: Worker) -> None:
        """A worker is gone; the one after it will open what lies in the folder by then."""
        waited_for = bool(self._rounds) and self._rounds[0].left[:1] == [worker]
        for one in self._rounds:
            one.left = [other for other in one.left if other is not worker]
            one.asker = None if one.asker is worker else one.asker
        if waited_for:
            self._ask()

    def _ask(self) -> None:
        """The next worker of the round under way; at its end, the one who waits for it, and the next round."""
        while self._rounds:
            current = self._rounds[0]
            if current.left and _said(current.left[0], {"reload": current.name}):
                return
            if current.left:
                current.left.pop(0)
                continue
            if current.asker is not None:
                _said(current.asker, {"told": current.failed})
            self._rounds.popleft()


def _said(worker: Worker, message: dict[str, object]) -> bool:
    """Whether a message could be sent; one that dies at this moment is found by its sentinel."""
    try:
        send(worker.pipe, message)
    except OSError:
        return False
    return True
