"""What alternating least squares of every kind share: the ratings by row, and rows solved on several threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import ThreadpoolController

from cofactor.arrays import Array, Doubles, Floats
from cofactor.machine import cores

PIECES = 32  # of the rows, whatever the number of threads: sums over them are always added in the same order
A_ROW = 16  # what a row costs besides its entries, in entries
WORTH_A_THREAD = 2_000_000  # ratings × rank from which a second thread gains more than it costs


@dataclass(frozen=True, eq=False)
class Table:
    """Ratings by row, in pieces of about equal work."""

    starts: Array  # (n_rows + 1,) int64
    columns: Array  # (n,) uint32
    values: Floats  # (n,)
    counts: Array  # (n_rows,)
    edges: Array  # (PIECES + 1,) rows at which a piece begins

    @classmethod
    def of(cls, matrix: csr_array) -> "Table":
        starts = matrix.indptr.astype(np.int64)
        counts = np.diff(starts)
        work = np.append(0, np.cumsum(counts + A_ROW))
        edges = np.searchsorted(work, np.linspace(0, work[-1], PIECES + 1))
        return cls(starts, matrix.indices.astype(np.uint32), matrix.data, counts, edges)


@dataclass(frozen=True)
class Workers:
    """Threads, each of which uses the BLAS alone: threads that it started inside them would wait for one another."""

    pool: ThreadPoolExecutor
    blas: Any  # what limits the threads of the BLAS; looking for its libraries takes longer than a small epoch

    def over(self, edges: Array, work: Callable[[int, int], Any]) -> list[Any]:
        """The results of `work` on every piece of rows, in their order."""
        with self.blas.limit(limits=1, user_api="blas"):
            return list(self.pool.map(work, edges[:-1].tolist(), edges[1:].tolist()))

    def axes(self, vectors: Floats) -> tuple[Doubles, Doubles]:
        """(width,) eigenvalues, rising, and (width, width) eigenvectors of XᵀX."""
        pieces = self.over(even(len(vectors)), lambda first, last: vectors[first:last].T @ vectors[first:last])
        with self.blas.limit(limits=1, user_api="blas"):
            values, axes = np.linalg.eigh(np.sum(pieces, axis=0, dtype=np.float64))
        return values, axes

    def turn(self, vectors: Floats, basis: Floats) -> None:
        """X becomes X · basis."""

        def part(first: int, last: int) -> None:
            vectors[first:last] = vectors[first:last] @ basis

        self.over(even(len(vectors)), part)


@contextmanager
def workers(threads: int, work: int) -> Iterator[Workers]:
    """As many as asked for, 0 for one a core; one where there is little `work` (ratings × rank)."""
    with ThreadPoolExecutor((threads or cores()) if work >= WORTH_A_THREAD else 1) as pool:
        yield Workers(pool, ThreadpoolController())


def even(n: int) -> Array:
    """(PIECES + 1,) edges of pieces of n rows."""
    return np.arange(PIECES + 1) * n // PIECES
