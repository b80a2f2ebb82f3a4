"""Items by the users they share: rows of the Gram matrix XᵀX, and each item's nearest neighbours.

Both walk an item's users and each user's items, so that all sums for one item stay in the first- or second-level cache:
Σ_u |R(u)|² additions in all, without a sparse product in memory.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Index = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@njit(cache=True, nogil=True)
def count_together(
    first: int, last: int, user_starts: Index, items: Rows, item_starts: Index, users: Rows, gram: Floats
) -> None:
    """Adds to gram[i, j], for i in [first, last) and j ≥ i, the number of users who rated both items.

    items: of user u, in order, items[user_starts[u]:user_starts[u+1]]; users: of item i, likewise; gram: (n_items,
    n_items) float32, exact up to 2²⁴ users.
    """
    for i in range(first, last):
        row = gram[i]
        for at in range(item_starts[i], item_starts[i + 1]):
            u = users[at]
            place = user_starts[u + 1] - 1
            while place >= user_starts[u] and items[place] >= i:
                row[items[place]] += np.float32(1)
                place -= 1


@njit(cache=True, nogil=True, fastmath=True)
def neighbours(
    first: int,
    last: int,
    user_starts: Index,
    items: Rows,
    by_user: Floats,
    item_starts: Index,
    users: Rows,
    by_item: Floats,
    norms: Floats,
    shrinkage: float,
    min_support: int,
    columns: Rows,
    values: Floats,
) -> None:
    """The k items most like each item i in [first, last), over the n users who rated both, and how alike they are:

        s_ij = Σ_u x_ui x_uj / √(Σ_u x_ui² Σ_u x_uj²) · n / (n + shrinkage)

    Shapes, for m users and n items:
        user_starts (m + 1,), items, by_user: items of each user, in order, and their x; item_starts (n + 1,), users,
        by_item: users of each item and their x; norms: (n,) √Σ_u x_ui² over all of an item's users, or (0,) for sums
        over the users in common; columns, values: (n, k) receive the neighbours in no order, -1 and 0 where there are
        fewer. Only s_ij > 0 over at least `min_support` users counts; of equal s_ij the lower row comes first.

    Rows are independent, so any range gives the same. Memory: 20 bytes an item.
    """
    n_items = len(columns)
    sums = np.zeros((n_items, 4), np.float32)  # Σ x_i x_j, Σ x_i², Σ x_j², n
    touched = np.empty(n_items, np.int32)
    for i in range(first, last):
        n_touched = 0
        for at in range(item_starts[i], item_starts[i + 1]):
            u, x = users[at], by_item[at]
            for place in range(user_starts[u], user_starts[u + 1]):
                y, sum_ = by_user[place], sums[items[place]]
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
            if j == i or n < min_support or dot <= 0:
                continue
            alike = float(dot / np.sqrt(np.float64(square_i) * square_j) * n / (n + shrinkage))
            length = _keep(columns[i], values[i], length, j, alike)
        columns[i, length:] = -1
        values[i, length:] = 0


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _worse(value: float, column: int, other_value: float, other_column: int) -> bool:
    return value < other_value or (value == other_value and column > other_column)
