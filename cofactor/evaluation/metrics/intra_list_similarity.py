"""How alike the items of lists are, by who rated them, in bounded memory for any catalogue."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Rows
from cofactor.evaluation.metrics.item_statistics import Items

COUNTS_HELD = 1 << 24  # how many users rated both of two items: so many numbers at a time, 64 MB
PLACES_KEPT = 1 << 25  # of the lists that are looked at in one go where the counts have to be made each time: 128 MB
PLACES = 1 << 22  # where they have not


class _Numbered(NamedTuple):
    """Items that stand in lists, numbered from 0, and who rated them."""

    number: Rows  # (n_items + 1,) -1 for one that is in no list, and last for the -1 behind the end of a list
    n: int
    start: Array  # (n_users + 1,) where the training items of each user begin
    rated: Rows  # their numbers


@dataclass(frozen=True, eq=False)
class Alike:
    """Cosines of the items' training ratings, |U_i ∩ U_j| / √(|U_i| |U_j|), summed over the pairs of lists.

    The numerators of a small catalogue are counted once. Those of a large one do not fit into memory: they are counted
    for some items at a time, beside every other that is in a list, and anew for each call.
    """

    items: Items
    k: Array  # (n_k,) ascending

    @property
    def places(self) -> int:
        """How many places of lists to hand over at a time."""
        return PLACES if self._fit else PLACES_KEPT

    def cosines(self, lists: Rows) -> Doubles:
        """(m, n_k) sums over the pairs among the first k of (m, n_top) lists, -1 behind the end of one."""
        from cofactor.kernels.intra_list_similarity import add_cosines  # here, because importing Numba takes a while

        numbered = self._all if self._fit else self._listed(lists)
        numbers, inverse = numbered.number[lists], np.empty(numbered.n)
        there = numbered.number[:-1] >= 0
        inverse[numbered.number[:-1][there]] = self.items.inverse[there]
        sums = np.zeros((len(lists), len(self.k)))
        for first, together in [(0, self._all_together)] if self._fit else self._counted(numbered):

            def add(a: int, b: int, first: int = first, together: Rows = together) -> None:
                add_cosines(numbers[a:b], first, together, inverse, self.k, sums[a:b])

            side_by_side(add, len(lists))
        return np.cumsum(sums, axis=1)

    @property
    def _fit(self) -> bool:
        return len(self.items.ratings) ** 2 <= COUNTS_HELD

    @cached_property
    def _all(self) -> _Numbered:
        history, n_items = self.items.held.training_data.interactions, len(self.items.ratings)
        number = np.append(np.arange(n_items, dtype=np.int32), np.int32(-1))
        return _Numbered(number, n_items, history.indptr.astype(np.int64), history.indices.astype(np.int32, copy=False))

    @cached_property
    def _all_together(self) -> Rows:
        return next(self._counted(self._all))[1]

    def _listed(self, lists: Rows) -> _Numbered:
        from cofactor.kernels.intra_list_similarity import renumbered

        listed = np.unique(lists[lists >= 0])
        number = np.full(len(self.items.ratings) + 1, -1, dtype=np.int32)
        number[listed] = np.arange(len(listed), dtype=np.int32)
        history = self.items.held.training_data.interactions
        start, rated = renumbered(history.indptr.astype(np.int64), history.indices.astype(np.int32, copy=False), number)
        return _Numbered(number, len(listed), start, rated)

    def _counted(self, numbered: _Numbered) -> Iterator[tuple[int, Rows]]:
        """The first of some items, and for each of these how many users rated both it and each of the n."""
        from cofactor.kernels.intra_list_similarity import count_together

        rows = max(1, COUNTS_HELD // max(1, numbered.n))
        for first in range(0, numbered.n, rows):
            together = np.zeros((min(rows, numbered.n - first), numbered.n), dtype=np.int32)

            def count(a: int, b: int, first: int = first, together: Rows = together) -> None:
                count_together(numbered.start, numbered.rated, first + a, together[a:b])

            side_by_side(count, len(together))
            yield first, together


def side_by_side(work: Callable[[int, int], object], n: int) -> None:
    """work(first, last) over 0 … n, in as many parts at once as Numba has threads."""
    import numba

    edges = np.linspace(0, n, numba.get_num_threads() + 1).astype(int).tolist()
    with ThreadPoolExecutor(len(edges) - 1) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
