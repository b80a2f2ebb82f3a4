"""Gradient descent for r̂ = μ + b_u + b_i + q_i · (p_u + |R(u)|^-½ Σ_{j∈R(u)} y_j), one user after the other.

A user's y_j are summed once and moved once a visit, however many ratings the user has, so a pass costs
O(ratings · rank): each rating reads or writes its item's vector y three times.
"""

# mypy: disable-error-code="no-untyped-call"

import numba as nb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]
Starts = NDArray[np.int64]
Mask = NDArray[np.bool_]


@nb.njit(cache=True, nogil=True, fastmath=True)
def learn_users(
    order: Rows,
    starts: Starts,
    items: Rows,
    values: Floats,
    pooled: Mask,
    user_vectors: Floats,
    item_vectors: Floats,
    set_vectors: Floats,
    user_bias: Floats,
    item_bias: Floats,
    vector_rate: Floats,
    user_rate: Floats,
    item_rate: Floats,
    mean: np.float32,
    vector_l2: np.float32,
    set_l2: np.float32,
    bias_l2: np.float32,
) -> float:
    """One pass over the ratings of the users in `order`; returns Σ e², each e as before its update. For each rating

        x = p_u + |S|^-½ Σ_{j∈S} y_j,  S = R(u) \\ {i}        e = r - (μ + b_u + b_i + x · q_i)
        b_u += η_u (e - λ_b b_u),  b_i += η_i (e - λ_b b_i),  p_u += η_p (e q_i - λ p_u),  q_i += η_i (e x - λ q_i)

    with the y_j of the beginning of the visit, and at the end of it for each pooled item j, by the gradient of all the
    errors in whose S it was and an implicit pull towards zero,

        y_j = (y_j + η_j Σ_{i: j∈S_i} |S_i|^-½ e_i q_i) / (1 + η_j λ_y n_u)

    starts: (n_users + 1,) of each user's n_u ratings; items, values: (n,) item rows and ratings; pooled: (n,) whether a
    rating belongs to R(u); vectors: (·, rank); vector_rate, user_rate: η_p and η_u; item_rate: η_i, and η_j of y.
    """
    rank = item_vectors.shape[1]
    pool, pull, x = np.empty(rank, np.float32), np.empty(rank, np.float32), np.empty(rank, np.float32)
    squared_errors = 0.0
    for u in order:
        n_pooled = _sum(starts[u], starts[u + 1], items, pooled, set_vectors, pool)
        whole = np.float32(1 / np.sqrt(max(n_pooled, 1)))
        without = np.float32(1 / np.sqrt(max(n_pooled - 1, 1)))
        pull[:] = 0
        p, b, rate_p, rate_u = user_vectors[u], user_bias[u], vector_rate[u], user_rate[u]
        for t in range(starts[u], starts[u + 1]):
            i = items[t]
            q, y, rate_i = item_vectors[i], set_vectors[i], item_rate[i]
            weight = without if pooled[t] else whole
            own = weight if pooled[t] else np.float32(0)
            dot = np.float32(0)
            for k in range(rank):
                x[k] = p[k] + weight * pool[k] - own * y[k]
                dot += x[k] * q[k]
            e = values[t] - mean - b - item_bias[i] - dot
            squared_errors += np.float64(e * e)
            b += rate_u * (e - bias_l2 * b)
            item_bias[i] += rate_i * (e - bias_l2 * item_bias[i])
            weighted, taken_back = weight * e, rate_i * own * e
            for k in range(rank):
                before = q[k]
                q[k] = before + rate_i * (e * x[k] - vector_l2 * before)
                p[k] += rate_p * (e * before - vector_l2 * p[k])
                pull[k] += weighted * before
                y[k] -= taken_back * before  # of what the end of the visit adds; `pool` still holds y as it was
        user_bias[u] = b
        _move(starts[u], starts[u + 1], items, pooled, item_rate, set_l2, pull, set_vectors)
    return squared_errors


@nb.njit(cache=True, nogil=True, fastmath=True)
def _sum(start: int, stop: int, items: Rows, pooled: Mask, set_vectors: Floats, pool: Floats) -> int:
    """Writes Σ y_j over a user's pooled ratings; returns how many there are."""
    pool[:] = 0
    n = 0
    for t in range(start, stop):
        if pooled[t]:
            n += 1
            y = set_vectors[items[t]]
            for k in range(len(pool)):
                pool[k] += y[k]
    return n


@nb.njit(cache=True, nogil=True, fastmath=True)
def _move(
    start: int, stop: int, items: Rows, pooled: Mask, rates: Floats, l2: np.float32, pull: Floats, set_vectors: Floats
) -> None:
    """Ends a visit: y_j = (y_j + η_j pull) / (1 + η_j λ n) for a user's pooled ratings."""
    for t in range(start, stop):
        if pooled[t]:
            y, rate = set_vectors[items[t]], rates[items[t]]
            keep = np.float32(1) / (np.float32(1) + rate * l2 * np.float32(stop - start))
            for k in range(len(pull)):
                y[k] = keep * (y[k] + rate * pull[k])


@nb.njit(cache=True, nogil=True, fastmath=True)
def add_pools(starts: Starts, items: Rows, pooled: Mask, set_vectors: Floats, user_vectors: Floats) -> None:
    """user_vectors[u] += |R(u)|^-½ Σ_{j∈R(u)} y_j for every user, R(u) being the pooled ratings."""
    pool = np.empty(set_vectors.shape[1], np.float32)
    for u in range(len(starts) - 1):
        n = _sum(starts[u], starts[u + 1], items, pooled, set_vectors, pool)
        weight, p = np.float32(1 / np.sqrt(max(n, 1))), user_vectors[u]
        for k in range(len(pool)):
            p[k] += weight * pool[k]
