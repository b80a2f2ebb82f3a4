"""What lists of items hold: their lengths and sums, how popular their items are, and how often each is in one.

Lists are (m, n) rows of items, best first, with -1 behind the end of a list that is shorter than n. The (n_k,) lengths
k rise, and the last is no shorter than n. Everything is added to arrays that are passed in, so that users may be dealt
out to threads.
"""

import numpy as np
import numpy.typing as npt

from cofactor.kernels.compilation.compile import compiled

Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]


@compiled(cache=True, nogil=True)
def popularity_ranks(
    place: Rows, seen_start: Counts, seen: Rows, asked_start: Counts, asked: Rows, ranks: Rows
) -> None:
    """Fills (q,) ranks, from 1, of the asked items among each user's candidates in the order of popularity.

    place: (n_items,) of each among all in that order, from 0. The others as in `ranks`: (m + 1,) where the items seen
    and those asked of each user begin, and these; -1 is no item. A candidate's rank is its place less the seen items
    before it. These are counted: a vector loop for each asked item, of which there are few, is faster than sorting.
    """
    most = 0
    for user in range(len(seen_start) - 1):
        most = max(most, seen_start[user + 1] - seen_start[user])
    taken = np.empty(most, np.int32)
    for user in range(len(seen_start) - 1):
        first, n_seen = seen_start[user], seen_start[user + 1] - seen_start[user]
        for at in range(n_seen):
            taken[at] = place[seen[first + at]]
        for at in range(asked_start[user], asked_start[user + 1]):
            if asked[at] >= 0:
                ranks[at] = 1 + place[asked[at]] - _count_below(taken, n_seen, place[asked[at]])


@compiled(cache=True, nogil=True)
def _count_below(numbers: Rows, n: int, bound: np.int32) -> int:
    """How many of the first n numbers are less than a bound."""
    below = np.int32(0)
    for at in range(n):
        below = np.int32(below + np.int32(numbers[at] < bound))  # in 32 bits, or the loop is not vectorised
    return int(below)


@compiled(cache=True, nogil=True)
def tally(
    lists: Rows, popularity: Rows, values: Doubles, k: Counts, length: Counts, popular: Counts, sums: Doubles
) -> None:
    """Adds what the first k of each list hold:

    to (m, n_k) `length`, how many items they are; to (m, n_k) `popular`, how many of these are among the user's first k
    by popularity, of which (m, n) `popularity` has the ranks; to (m, n_k, v) `sums`, the items' (n_items, v) values.
    """
    n_k, n_values = len(k), values.shape[1]
    for user in range(len(lists)):
        at = 0
        for place in range(lists.shape[1]):
            item = lists[user, place]
            if item < 0:
                break
            at += place == k[at]
            length[user, at] += 1
            for column in range(n_values):
                sums[user, at, column] += values[item, column]
            both = at  # becomes the first k that reaches the item in the list and by popularity
            while both < n_k and k[both] < popularity[user, place]:
                both += 1
            if both < n_k:
                popular[user, both] += 1
        for longer in range(1, n_k):
            length[user, longer] += length[user, longer - 1]
            popular[user, longer] += popular[user, longer - 1]
            for column in range(n_values):
                sums[user, longer, column] += sums[user, longer - 1, column]


@compiled(cache=True, nogil=True)
def expose(lists: Rows, k: Counts, exposure: Counts) -> None:
    """Adds to (n_k, n_items) `exposure` how many lists hold each item among the first k but not among the k before."""
    for user in range(len(lists)):
        at = 0
        for place in range(lists.shape[1]):
            item = lists[user, place]
            if item < 0:
                break
            at += place == k[at]
            exposure[at, item] += 1
