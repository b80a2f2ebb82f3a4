"""Gathers what the recommended lists hold, block by block of users, in bounded memory."""

from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Mask, Rows
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics.intra_list_similarity import Alike, side_by_side
from cofactor.evaluation.metrics.item_statistics import Items, usual_ratings
from cofactor.evaluation.metrics.list_properties import OF_A_LIST, Exposure, Held, Lists


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
        self.items, self.k = Items(held), np.array(k, dtype=np.int64)
        self.alike = Alike(self.items, self.k)
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

        side_by_side(work, len(seen_start) - 1)
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

        side_by_side(work, m)
        expose(lists, self.k, self.exposure)
        self.n_lists += int(np.count_nonzero(length[:, -1]))
        self.listed = np.maximum(self.listed, length.max(axis=0, initial=0))
        usual = usual_ratings(self.items.ratings, seen_start, seen)[measured, None]
        genres = np.sum(sums[:, :, 4:] ** 2, axis=2)
        self.waiting.append(_Waiting(lists, length, popular, sums[:, :, :4].copy(), genres, usual))
        if sum(one.lists.size for one in self.waiting) >= self.alike.places:
            self._measure()

    def lists(self) -> Lists:
        """All that was asked for, once every list was added."""
        if self.waiting:
            self._measure()
        names = self.values[0] if self.values else {}
        values = {name: np.concatenate([one.pop(name) for one in self.values]) for name in list(names)}
        counts = np.cumsum(self.exposure, axis=0)
        longest = self.listed.tolist()
        return Lists(values, tuple(Exposure(c, self.n_lists, n) for c, n in zip(counts, longest, strict=True)))

    def _measure(self) -> None:
        """Every property of the lists that wait, which are then let go."""
        lists, length, popular, sums, genres, usual = (np.concatenate(one) for one in zip(*self.waiting, strict=True))
        self.waiting.clear()
        information, ratings, tail, known = np.moveaxis(sums, 2, 0)
        held = Held(length, popular, information, ratings, tail, known, genres, self.alike.cosines(lists), usual)
        names = [name for name in OF_A_LIST if name != "genre_diversity" or self.items.genres.size]
        self.values.append({name: OF_A_LIST[name](held) for name in names})
