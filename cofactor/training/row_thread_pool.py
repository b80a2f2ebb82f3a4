"""Threads for work on ranges of rows that does not depend on how the rows are divided."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from cofactor.arrays import Array
from cofactor.machine import cores

R = TypeVar("R")


def useful_threads(threads: int, work: int, threshold: int) -> int:
    """How many threads to use: `threads`, or one per core where that is 0, but a single one for less work than the
    threshold from which a second thread gains more than it costs."""
    return (threads or cores()) if work >= threshold else 1


class RowThreadPool:
    """A single thread is the calling one."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._executor = ThreadPoolExecutor(n_threads) if n_threads > 1 else None

    def map(self, function: Callable[[int, int], R], bounds: "Array | Sequence[int]") -> list[R]:
        """What function(first, last) returns for each range of rows between two successive bounds, in their order."""
        ranges = list(pairwise(int(bound) for bound in bounds))
        if self._executor is None:
            return [function(first, last) for first, last in ranges]
        settings = np.geterr()  # which a thread of the pool does not have

        def call(rows: tuple[int, int]) -> R:
            with np.errstate(**settings):
                return function(*rows)

        return list(self._executor.map(call, ranges))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown()
