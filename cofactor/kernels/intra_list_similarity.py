"""How alike the items of a list are: cosines of all its pairs, by who rated them.

cos(i, j) = |U_i ∩ U_j| / √(|U_i| |U_j|) with U_i the users who rated item i. The numerators are counted for some items
at a time, beside all others, so that memory is bounded for any catalogue.
"""

import numpy as np
import numpy.typing as npt

from cofactor.kernels.compilation.compile import compiled

Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]


@compiled(cache=True, nogil=True)
def count_together(start: Counts, items: Rows, first: int, together: Rows) -> None:
    """Adds to (c, n_items) `together` how many users rated both item first + row and each other one.

    start: (n_users + 1,) where each user's `items` begin.
    """
    for user in range(len(start) - 1):
        rated = items[start[user] : start[user + 1]]
        for item in rated:
            if first <= item < first + len(together):
                counts = together[item - first]
                for other in rated:
                    counts[other] += 1


@compiled(cache=True, nogil=True)
def renumbered(start: Counts, items: Rows, number: Rows) -> tuple[Counts, Rows]:
    """The same lists with the (n_items + 1,) new numbers of their items, less those whose number is -1."""
    begin = np.zeros(len(start), np.int64)
    for user in range(len(start) - 1):
        begin[user + 1] = begin[user]
        for item in items[start[user] : start[user + 1]]:
            begin[user + 1] += number[item] >= 0
    kept, at = np.empty(begin[-1], np.int32), 0
    for item in items[start[0] : start[-1]]:
        if number[item] >= 0:
            kept[at] = number[item]
            at += 1
    return begin, kept


@compiled(cache=True, nogil=True, fastmath=True)
def add_cosines(lists: Rows, first: int, together: Rows, inverse: Doubles, k: Counts, sums: Doubles) -> None:
    """Adds to (m, n_k) sums the cosines of pairs whose lower item is among the first k but not the k before.

    lists: (m, n) as in lists.py, k: (n_k,) ascending, the last no shorter than a list. Counted are the pairs whose
    lower item is one of first … first + c - 1, of which (c, n_items) `together` says how many rated both it and each
    other. inverse: (n_items,) |U_i|^-½, 0 where nobody rated the item.
    """
    weight = np.empty(lists.shape[1], np.float64)
    for user in range(len(lists)):
        one, at = lists[user], 0
        for place, item in enumerate(one):
            if item < 0:
                break
            at += place == k[at]
            weight[place] = inverse[item]
            if first <= item < first + len(together):
                counts, total = together[item - first], 0.0
                for above in range(place):
                    total += counts[one[above]] * weight[above]
                sums[user, at] += total * weight[place]
