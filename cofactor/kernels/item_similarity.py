"""Items by the users they share: rows of the Gram matrix XᵀX, and each item's nearest neighbours.

Both walk an item's users and each user's items, so that all sums for one item stay in the first- or second-level cache:
Σ_u |R(u)|² additions in all, without a sparse product in memory.
"""

from typing import NamedTuple

import numpy as np

from cofactor.arrays import Floats, Rows
from cofactor.kernels.compilation.compile import compiled
from cofactor.kernels.sparse_rows import SparseRows


class Similarity(NamedTuple):
    """Which similarity counts."""

    norms: Floats  # (n_items,) √Σ_u x_ui² over all users of an item, or (0,) for sums over the users in common
    shrinkage: float
    min_support: int  # users in common, at least


class Neighbours(NamedTuple):
    """(n_items, k) neighbours of each item in no order; -1 and 0 where there are fewer than k."""

    columns: Rows
    values: Floats


@compiled(cache=True, nogil=True)
def gram_of_items(first: int, last: int, by_user: SparseRows, by_item: SparseRows, gram: Floats) -> None:
    """Adds Σ_u x_ui x_uj to gram[i, j], for i in [first, last) and j ≥ i.

    by_user: ascending items (int32) of each user and their x; by_item: users (int32) of each item and their x. gram:
    (n_items, n_items) float32; where every x is 1, it is exact up to 2²⁴ users.
    """
    user_starts, items, user_values = by_user.starts, by_user.columns, by_user.values
    item_starts, users, item_values = by_item.starts, by_item.columns, by_item.values
    for i in range(first, last):
        row = gram[i]
        for at in range(item_starts[i], item_starts[i + 1]):
            u, x = users[at], item_values[at]
            place = user_starts[u + 1] - 1
            while place >= user_starts[u] and items[place] >= i:
                row[items[place]] += x * user_values[place]
                place -= 1


@compiled(cache=True, nogil=True, fastmath=True)
def find_neighbours(
    first: int, last: int, by_user: SparseRows, by_item: SparseRows, similarity: Similarity, out: Neighbours
) -> None:
    """Writes the k most similar items of each item i in [first, last), and their similarity over the n users of both:

        s_ij = Σ_u x_ui x_uj / √(Σ_u x_ui² Σ_u x_uj²) · n / (n + shrinkage)

    by_user: ascending items (int32) of each user and their x; by_item: users (int32) of each item and their x. Only
    s_ij > 0 over at least `min_support` users counts; of equal s_ij the lower row comes first.

    Rows are independent, so any division into ranges gives the same. Memory: 20 bytes per item.
    """
    user_starts, items, user_values = by_user.starts, by_user.columns, by_user.values
    item_starts, users, item_values = by_item.starts, by_item.columns, by_item.values
    norms, columns, values, n_items = similarity.norms, out.columns, out.values, len(out.columns)
    sums = np.zeros((n_items, 4), np.float32)  # Σ x_i x_j, Σ x_i², Σ x_j², n
    touched = np.empty(n_items, np.int32)
    for i in range(first, last):
        n_touched = 0
        for at in range(item_starts[i], item_starts[i + 1]):
            u, x = users[at], item_values[at]
            for place in range(user_starts[u], user_starts[u + 1]):
                y, sum_ = user_values[place], sums[items[place]]
                if sum_[3] == 0:
                    touched[n_touched] = items[place]
                    n_touched += 1
                sum_[0] += x * y
                sum_[1] += x * x
                sum_[2] += y * y
                sum_[3] += np.float32(1)
        length = 0
        for t in range(n_touched):
            j = touched[t]
            dot, square_i, square_j, n = sums[j]
            if len(norms) > 0:
                square_i, square_j = norms[i] ** 2, norms[j] ** 2
            sums[j] = 0
            if j == i or n < similarity.min_support or dot <= 0:
                continue
            alike = float(dot / np.sqrt(np.float64(square_i) * square_j) * n / (n + similarity.shrinkage))
            length = _keep(columns[i], values[i], length, j, alike)
        columns[i, length:] = -1
        values[i, length:] = 0


@compiled(cache=True, nogil=True)
def _keep(columns: Rows, values: Floats, length: int, column: int, value: float) -> int:
    """Puts an item among the k best of a heap whose root is the worst; returns how many the heap now holds."""
    if length < len(columns):
        place = length
        length += 1
        while place > 0 and _worse(value, column, values[(place - 1) // 2], columns[(place - 1) // 2]):
            columns[place], values[place] = columns[(place - 1) // 2], values[(place - 1) // 2]
            place = (place - 1) // 2
    else:
        if not _worse(values[0], columns[0], value, column):
            return length
        place = 0
        while True:
            child = 2 * place + 1
            if child + 1 < length and _worse(values[child + 1], columns[child + 1], values[child], columns[child]):
                child += 1
            if child >= length or not _worse(values[child], columns[child], value, column):
                break
            columns[place], values[place] = columns[child], values[child]
            place = child
    columns[place], values[place] = column, value
    return length


@compiled(cache=True, nogil=True)
def _worse(value: float, column: int, other_value: float, other_column: int) -> bool:
    return value < other_value or (value == other_value and column > other_column)
