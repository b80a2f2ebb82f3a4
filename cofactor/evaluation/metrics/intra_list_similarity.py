"""How alike the items of lists are, by who rated them, in bounded memory for any catalogue."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Rows
from cofactor.evaluation.metrics.item_statistics import ItemStatistics

MAX_COUNTS = 1 << 24  # how many users rated both of two items: so many numbers at a time, 64 MB
LARGE_BATCH = 1 << 25  # of the lists that are looked at in one go where the counts have to be made each time: 128 MB
BATCH = 1 << 22  # where they have not


class _NumberedItems(NamedTuple):
    """Items that stand in lists, numbered from 0, and who rated them."""

    number: Rows  # (n_items + 1,) -1 for one that is in no list, and last for the -1 behind the end of a list
    n: int
    start: Array  # (n_users + 1,) where the training items of each user begin
    rated: Rows  # their numbers


@dataclass(frozen=True, eq=False)
class IntraListSimilarity:
    """Cosines of the items' training ratings, |U_i ∩ U_j| / √(|U_i| |U_j|), summed over the pairs of lists.

    The numerators of a small catalogue are counted once. Those of a large one do not fit into memory: they are counted
    for some items at a time, beside every other that is in a list, and anew for each call.
    """

    items: ItemStatistics
    k: Array  # (n_k,) ascending

    @property
    def batch_size(self) -> int:
        """How many places of lists to hand over at a time."""
        return BATCH if self._fits_in_memory else LARGE_BATCH

    def cosines(self, lists: Rows) -> Doubles:
        """(m, n_k) sums over the pairs among the first k of (m, n_top) lists, -1 behind the end of one."""
        from cofactor.kernels.intra_list_similarity import add_cosines  # here, because importing Numba takes a while

        numbered = self._whole_catalogue if self._fits_in_memory else self._number_items(lists)
        numbers, inverse = numbered.number[lists], np.empty(numbered.n)
        there = numbered.number[:-1] >= 0
        inverse[numbered.number[:-1][there]] = self.items.inverse_norms[there]
        sums = np.zeros((len(lists), len(self.k)))
        for first, together in [(0, self._all_counts)] if self._fits_in_memory else self._count_blocks(numbered):

            def add(a: int, b: int, first: int = first, together: Rows = together) -> None:
                add_cosines(numbers[a:b], first, together, inverse, self.k, sums[a:b])

            run_in_threads(add, len(lists))
        return np.cumsum(sums, axis=1)

    @property
    def _fits_in_memory(self) -> bool:
        return len(self.items.rating_counts) ** 2 <= MAX_COUNTS

    @cached_property
    def _whole_catalogue(self) -> _NumberedItems:
        history, n_items = self.items.held_out.training_data.interactions, len(self.items.rating_counts)
        number = np.append(np.arange(n_items, dtype=np.int32), np.int32(-1))
        return _NumberedItems(
            number, n_items, history.indptr.astype(np.int64), history.indices.astype(np.int32, copy=False)
        )

    @cached_property
    def _all_counts(self) -> Rows:
        return next(self._count_blocks(self._whole_catalogue))[1]

    def _number_items(self, lists: Rows) -> _NumberedItems:
        from cofactor.kernels.intra_list_similarity import renumbered

        listed = np.unique(lists[lists >= 0])
        number = np.full(len(self.items.rating_counts) + 1, -1, dtype=np.int32)
        number[listed] = np.arange(len(listed), dtype=np.int32)
        history = self.items.held_out.training_data.interactions
        start, rated = renumbered(history.indptr.astype(np.int64), history.indices.astype(np.int32, copy=False), number)
        return _NumberedItems(number, len(listed), start, rated)

    def _count_blocks(self, numbered: _NumberedItems) -> Iterator[tuple[int, Rows]]:
        """The first of some items, and for each of these how many users rated both it and each of the n."""
        from cofactor.kernels.intra_list_similarity import count_together

        rows = max(1, MAX_COUNTS // max(1, numbered.n))
        for first in range(0, numbered.n, rows):
            together = np.zeros((min(rows, numbered.n - first), numbered.n), dtype=np.int32)

            def count(a: int, b: int, first: int = first, together: Rows = together) -> None:
                count_together(numbered.start, numbered.rated, first + a, together[a:b])

            run_in_threads(count, len(together))
            yield first, together


def run_in_threads(work: Callable[[int, int], object], n: int) -> None:
    """work(first, last) over 0 … n, in as many parts at once as Numba has threads."""
    import numba

    edges = np.linspace(0, n, numba.get_num_threads() + 1).astype(int).tolist()
    with ThreadPoolExecutor(len(edges) - 1) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
