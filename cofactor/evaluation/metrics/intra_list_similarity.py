"""Cosine similarity of the items of lists by their training ratings, in bounded memory for any catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Rows
from cofactor.evaluation.metrics.item_statistics import ItemStatistics
from cofactor.evaluation.metrics.threads import run_in_threads

MAX_COUNTS = 1 << 24  # co-occurrence counts of pairs of items in memory at a time: 64 MB
LARGE_BATCH = 1 << 25  # items of lists per batch if counts are recomputed for each batch: 128 MB
BATCH = 1 << 22  # items of lists per batch otherwise


class _NumberedItems(NamedTuple):
    """The items that occur in lists, numbered from 0, and the users who rated them."""

    number: Rows  # (n_items + 1,) -1 for an item in no list, and last for the padding -1 of short lists
    n: int
    start: Array  # (n_users + 1,) index of each user's first training item
    rated: Rows  # their numbers


@dataclass(frozen=True, eq=False)
class IntraListSimilarity:
    """Cosines of the items' training ratings, |U_i ∩ U_j| / √(|U_i| |U_j|), summed over the pairs of lists.

    The co-occurrence counts of a small catalogue are computed once. Those of a large one do not fit into memory: they
    are computed for a block of items against all items that occur in a list, and again for each call.
    """

    items: ItemStatistics
    k: Array  # (n_k,) ascending

    @property
    def batch_size(self) -> int:
        """The number of items of lists to pass to `cosines` at a time."""
        return BATCH if self._fits_in_memory else LARGE_BATCH

    def cosines(self, lists: Rows) -> Doubles:
        """(m, n_k) sums over the pairs among the first k of (m, n_top) lists, padded with -1."""
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
        n_items = len(self.items.rating_counts)
        number = np.append(np.arange(n_items, dtype=np.int32), np.int32(-1))
        return _NumberedItems(number, n_items, *self._history)

    @property
    def _history(self) -> tuple[Array, Rows]:
        """Where the items of each user begin, and the items."""
        history = self.items.held_out.training_data.interactions
        return history.indptr.astype(np.int64), _read_only(history.indices.astype(np.int32, copy=False))

    @cached_property
    def _all_counts(self) -> Rows:
        return next(self._count_blocks(self._whole_catalogue))[1]

    def _number_items(self, lists: Rows) -> _NumberedItems:
        from cofactor.kernels.intra_list_similarity import renumbered

        listed = np.unique(lists[lists >= 0])
        number = np.full(len(self.items.rating_counts) + 1, -1, dtype=np.int32)
        number[listed] = np.arange(len(listed), dtype=np.int32)
        start, rated = renumbered(*self._history, number)
        return _NumberedItems(number, len(listed), start, _read_only(rated))

    def _count_blocks(self, numbered: _NumberedItems) -> Iterator[tuple[int, Rows]]:
        """Blocks of items: the first of them, and for each the number of users who rated both it and each of the n
        items."""
        from cofactor.kernels.intra_list_similarity import count_together

        rows = max(1, MAX_COUNTS // max(1, numbered.n))
        for first in range(0, numbered.n, rows):
            together = np.zeros((min(rows, numbered.n - first), numbered.n), dtype=np.int32)

            def count(a: int, b: int, first: int = first, together: Rows = together) -> None:
                count_together(numbered.start, numbered.rated, first + a, together[a:b])

            run_in_threads(count, len(together))
            yield first, together


def _read_only(rows: Rows) -> Rows:
    """A view that is read-only, as the history of a saved model is: for another type kernels are compiled again."""
    view = rows.view()
    view.flags.writeable = False
    return view
