"""Gathers what the recommended lists hold, block by block of users, in bounded memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Mask, Rows
from cofactor.evaluation.catalogue import Items, usual_ratings
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.lists import OF_A_LIST, Exposure, Held, Lists

PLACES_KEPT = 1 << 25  # of lists that wait for their pairs to be looked at: 128 MB
COUNTS_HELD = 1 << 24  # of users who rated two items, at a time: 64 MB


class _Waiting(NamedTuple):
    """Lists of some users, and all that is known of them but how alike their items are."""

    lists: Rows  # (m, n_top)
    length: Array  # (m, n_k), and so on, as in `Held`
    popular: Array
    sums: Doubles  # (m, n_k, 4) of the items' facts
    genres: Doubles
    usual: Doubles


class Listing:
    """The lists so far. Every figure is a sum over a list, so that the lists themselves are not kept for long."""

    def __init__(self, held: HeldOut, k: tuple[int, ...]) -> None:
        self.held, self.items, self.k = held, Items(held), np.array(k, dtype=np.int64)
        self.exposure = np.zeros((len(k), held.n_items), dtype=np.int64)
        self.listed = np.zeros(len(k), dtype=np.int64)  # items in the longest list so far
        self.n_lists = 0
        self.waiting: list[_Waiting] = []
        self.values: list[dict[str, Doubles]] = []
        genres = self.items.genres
        facts = self.items.information, self.items.ratings, self.items.tail, genres.any(axis=1)
        self.facts = np.column_stack((*facts, genres)).astype(np.float64)

    def popularity_ranks(self, seen_start: Array, seen: Rows, asked_start: Array, asked: Rows) -> Rows:
        """(q,) ranks of (q,) items asked of (m,) users, were their candidates ordered by popularity; 0 for -1."""
        from cofactor.kernels.lists import popularity_ranks  # here, because importing Numba takes a while

        found = np.zeros(len(asked), dtype=np.int32)

        def work(first: int, last: int) -> None:
            starts = seen_start[first : last + 1], asked_start[first : last + 1]
            popularity_ranks(self.items.place, starts[0], seen, starts[1], asked, found)

        _side_by_side(work, len(seen_start) - 1)
        return found

    def add(self, lists: Rows, measured: Mask, seen_start: Array, seen: Rows) -> None:
        """(m, n_top) lists of users of whom some, an (m,) mask, are measured, and what each of the m has seen."""
        from cofactor.kernels.lists import expose, tally

        m, n_top = lists.shape
        starts = np.arange(m + 1) * n_top
        popularity = self.popularity_ranks(seen_start, seen, starts, lists.ravel()).reshape(m, n_top)[measured]
        lists, m, n_k = lists[measured], int(np.count_nonzero(measured)), len(self.k)
        length, popular = np.zeros((2, m, n_k), dtype=np.int64)
        sums = np.zeros((m, n_k, self.facts.shape[1]))

        def work(first: int, last: int) -> None:
            mine = slice(first, last)
            tally(lists[mine], popularity[mine], self.facts, self.k, length[mine], popular[mine], sums[mine])

        _side_by_side(work, m)
        expose(lists, self.k, self.exposure)
        self.n_lists += int(np.count_nonzero(length[:, -1]))
        self.listed = np.maximum(self.listed, length.max(axis=0, initial=0))
        usual = usual_ratings(self.items.ratings, seen_start, seen)[measured, None]
        genres = np.sum(sums[:, :, 4:] ** 2, axis=2)
        self.waiting.append(_Waiting(lists, length, popular, sums[:, :, :4].copy(), genres, usual))
        if sum(one.lists.size for one in self.waiting) > PLACES_KEPT:
            self._measure()

    def lists(self) -> Lists:
        """All that was asked for, once every list was added."""
        if self.waiting:
            self._measure()
        names = self.values[0] if self.values else {}
        values = {name: np.concatenate([one[name] for one in self.values]) for name in names}
        counts = np.cumsum(self.exposure, axis=0)
        longest = self.listed.tolist()
        return Lists(values, tuple(Exposure(c, self.n_lists, n) for c, n in zip(counts, longest, strict=True)))

    def _measure(self) -> None:
        """Every property of the lists that wait, which are then let go."""
        lists, length, popular, sums, genres, usual = (np.concatenate(one) for one in zip(*self.waiting, strict=True))
        self.waiting.clear()
        information, ratings, tail, known = np.moveaxis(sums, 2, 0)
        held = Held(length, popular, information, ratings, tail, known, genres, self._cosines(lists), usual)
        names = [name for name in OF_A_LIST if name != "genre_diversity" or self.items.genres.size]
        self.values.append({name: OF_A_LIST[name](held) for name in names})

    def _cosines(self, lists: Rows) -> Doubles:
        """(m, n_k) the sum over the pairs among the first k of (m, n_top) lists of the cosines of who rated them."""
        from cofactor.kernels.alike import add_cosines, count_together

        listed = np.unique(lists[lists >= 0])
        number = np.full(len(self.items.ratings) + 1, -1, dtype=np.int32)  # the last: of -1
        number[listed] = np.arange(len(listed), dtype=np.int32)
        numbered, inverse = number[lists], self.items.inverse[listed]
        start, items = self._histories(number)
        sums = np.zeros((len(lists), len(self.k)))
        rows = max(1, COUNTS_HELD // max(1, len(listed)))
        together = np.empty((min(rows, len(listed)), len(listed)), dtype=np.int32)
        for first in range(0, len(listed), rows):
            counts = together[: len(listed) - first]
            counts[:] = 0

            def count(a: int, b: int, first: int = first, counts: Rows = counts) -> None:
                count_together(start, items, first + a, counts[a:b])

            def add(a: int, b: int, first: int = first, counts: Rows = counts) -> None:
                add_cosines(numbered[a:b], first, counts, inverse, self.k, sums[a:b])

            _side_by_side(count, len(counts))
            _side_by_side(add, len(lists))
        return np.cumsum(sums, axis=1)

    def _histories(self, number: Rows) -> tuple[Array, Rows]:
        """(n_users + 1,) where each user's training items begin, and the numbers of these, without those of -1."""
        history = self.held.catalog.history
        items = number[history.indices]
        there = items >= 0
        before = np.concatenate(([0], np.cumsum(there)))
        return before[history.indptr], items[there]


def _side_by_side(work: Callable[[int, int], object], n: int) -> None:
    """work(first, last) over 0 … n, as many parts at once as Numba has threads."""
    import numba

    edges = np.linspace(0, n, numba.get_num_threads() + 1).astype(int).tolist()
    with ThreadPoolExecutor(len(edges) - 1) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
