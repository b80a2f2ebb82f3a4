"""Accumulates statistics of recommended lists, one block of users at a time, in bounded memory."""

from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Doubles, Mask, Rows
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics.intra_list_similarity import IntraListSimilarity
from cofactor.evaluation.metrics.item_statistics import ItemStatistics, mean_history_popularity
from cofactor.evaluation.metrics.list_properties import OF_A_LIST, Exposure, ListResults, ListStatistics
from cofactor.evaluation.metrics.threads import run_in_threads


class _PendingLists(NamedTuple):
    """Lists of some users with all statistics but the similarity of their items, which is computed in batches."""

    lists: Rows  # (m, n_top)
    length: Array  # (m, n_k), and so on, as in `ListStatistics`
    popular: Array
    sums: Doubles  # (m, n_k, 4) of the items' facts
    genres: Doubles
    usual: Doubles


class ListAccumulator:
    """Accumulator of list statistics. Each is a sum over a list, so that the lists themselves need not be kept."""

    def __init__(self, held_out: HeldOut, k: tuple[int, ...]) -> None:
        self.items, self.k = ItemStatistics(held_out), np.array(k, dtype=np.int64)
        self.similarity = IntraListSimilarity(self.items, self.k)
        self.exposure = np.zeros((len(k), held_out.n_items), dtype=np.int64)
        self.longest = np.zeros(len(k), dtype=np.int64)  # items in the longest list so far
        self.n_lists = 0
        self.pending: list[_PendingLists] = []
        self.values: list[dict[str, Doubles]] = []
        genres = self.items.genres
        facts = self.items.self_information, self.items.rating_counts, self.items.long_tail, genres.any(axis=1)
        self.facts = np.column_stack((*facts, genres)).astype(np.float64)

    def popularity_ranks(self, seen_start: Array, seen: Rows, query_start: Array, query: Rows) -> Rows:
        """(q,) ranks of (q,) items of (m,) users if their candidates were ordered by popularity; 0 for item -1."""
        from cofactor.kernels.list_statistics import popularity_ranks  # here, because importing Numba takes a while

        found = np.zeros(len(query), dtype=np.int32)

        def work(first: int, last: int) -> None:
            starts = seen_start[first : last + 1], query_start[first : last + 1]
            popularity_ranks(self.items.popularity_ranks, starts[0], seen, starts[1], query, found)

        run_in_threads(work, len(seen_start) - 1)
        return found

    def add(self, lists: Rows, measured: Mask, seen_start: Array, seen: Rows) -> None:
        """Add (m, n_top) lists. `measured`: (m,) mask of the users that count; seen_start, seen: their training
        items."""
        from cofactor.kernels.list_statistics import expose, tally

        m, n_top = lists.shape
        starts = np.arange(m + 1) * n_top
        popularity = self.popularity_ranks(seen_start, seen, starts, lists.ravel()).reshape(m, n_top)[measured]
        lists, m, n_k = lists[measured], int(np.count_nonzero(measured)), len(self.k)
        length, popular = np.zeros((2, m, n_k), dtype=np.int64)
        sums = np.zeros((m, n_k, self.facts.shape[1]))

        def work(first: int, last: int) -> None:
            mine = slice(first, last)
            tally(lists[mine], popularity[mine], self.facts, self.k, length[mine], popular[mine], sums[mine])

        run_in_threads(work, m)
        expose(lists, self.k, self.exposure)
        self.n_lists += int(np.count_nonzero(length[:, -1]))
        self.longest = np.maximum(self.longest, length.max(axis=0, initial=0))
        usual = mean_history_popularity(self.items.rating_counts, seen_start, seen)[measured, None]
        genres = np.sum(sums[:, :, 4:] ** 2, axis=2)
        self.pending.append(_PendingLists(lists, length, popular, sums[:, :, :4].copy(), genres, usual))
        if sum(one.lists.size for one in self.pending) >= self.similarity.batch_size:
            self._flush()

    def results(self) -> ListResults:
        """The properties of all lists that were added."""
        if self.pending:
            self._flush()
        names = self.values[0] if self.values else {}
        values = {name: np.concatenate([one.pop(name) for one in self.values]) for name in list(names)}
        counts = np.cumsum(self.exposure, axis=0)
        longest = self.longest.tolist()
        return ListResults(values, tuple(Exposure(c, self.n_lists, n) for c, n in zip(counts, longest, strict=True)))

    def _flush(self) -> None:
        """Compute the properties of the pending lists and drop them."""
        lists, length, popular, sums, genres, usual = (np.concatenate(one) for one in zip(*self.pending, strict=True))
        self.pending.clear()
        information, ratings, tail, known = np.moveaxis(sums, 2, 0)
        cosines = self.similarity.cosines(lists)
        statistics = ListStatistics(length, popular, information, ratings, tail, known, genres, cosines, usual)
        defined = [metric for metric in OF_A_LIST.values() if self.items.genres.size or not metric.needs_genres]
        self.values.append({metric.name: metric.compute(statistics) for metric in defined})
