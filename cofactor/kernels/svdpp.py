"""Gradient descent for r̂ = μ + b_u + b_i + q_i · (p_u + |R(u)|^-½ Σ_{j∈R(u)} y_j), one user after the other.

A user's y_j are summed once and updated once a pass, however many ratings the user has, so a pass costs O(ratings ·
rank): each rating reads or writes its item's vector y three times.
"""

from typing import NamedTuple

import numpy as np

from cofactor.arrays import Array, Floats, Mask, Rows
from cofactor.kernels.compilation.compile import compiled


class UserRatings(NamedTuple):
    """Ratings user by user."""

    starts: Array  # (n_users + 1,) int64 first rating of each user
    items: Rows  # (n,)
    values: Floats  # (n,)
    pooled: Mask  # (n,) whether a rating belongs to R(u)


class PooledFactors(NamedTuple):
    user_vectors: Floats  # (n_users, rank) p
    item_vectors: Floats  # (n_items, rank) q
    set_vectors: Floats  # (n_items, rank) y
    user_bias: Floats  # (n_users,)
    item_bias: Floats  # (n_items,)


class PooledRates(NamedTuple):
    user_vectors: Floats  # (n_users,) η_p
    user_bias: Floats  # (n_users,) η_u
    items: Floats  # (n_items,) η_i, and η_j of y


class PooledConstants(NamedTuple):
    mean: np.float32  # μ
    vector_l2: np.float32  # λ
    set_l2: np.float32  # λ_y
    bias_l2: np.float32  # λ_b


@compiled(cache=True, nogil=True, fastmath=True)
def learn_users(
    order: Rows, ratings: UserRatings, factors: PooledFactors, rates: PooledRates, constants: PooledConstants
) -> float:
    """One pass over the ratings of the users in `order`; returns Σ e², each e as before its update. For each rating

        x = p_u + |S|^-½ Σ_{j∈S} y_j,  S = R(u) \\ {i}        e = r - (μ + b_u + b_i + x · q_i)
        b_u += η_u (e - λ_b b_u),  b_i += η_i (e - λ_b b_i),  p_u += η_p (e q_i - λ p_u),  q_i += η_i (e x - λ q_i)

    with the y_j as they were before the user's first rating; after the last one, for each pooled item j, by the
    gradient of all the errors in whose S it was and an implicit penalty,

        y_j = (y_j + η_j Σ_{i: j∈S_i} |S_i|^-½ e_i q_i) / (1 + η_j λ_y n_u)

    n_u: how many ratings the user has.
    """
    starts, items, values, pooled = ratings.starts, ratings.items, ratings.values, ratings.pooled
    user_vectors, item_vectors, set_vectors = factors.user_vectors, factors.item_vectors, factors.set_vectors
    user_bias, item_bias = factors.user_bias, factors.item_bias
    mean, vector_l2, set_l2, bias_l2 = constants.mean, constants.vector_l2, constants.set_l2, constants.bias_l2
    rank = item_vectors.shape[1]
    pool, gradient, x = np.empty(rank, np.float32), np.empty(rank, np.float32), np.empty(rank, np.float32)
    squared_errors = 0.0
    for u in order:
        n_pooled = _pool_set_vectors(starts[u], starts[u + 1], items, pooled, set_vectors, pool)
        whole = np.float32(1 / np.sqrt(max(n_pooled, 1)))
        without = np.float32(1 / np.sqrt(max(n_pooled - 1, 1)))
        gradient[:] = 0
        p, b, rate_p, rate_u = user_vectors[u], user_bias[u], rates.user_vectors[u], rates.user_bias[u]
        for t in range(starts[u], starts[u + 1]):
            i = items[t]
            q, y, rate_i = item_vectors[i], set_vectors[i], rates.items[i]
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
            weighted, excluded = weight * e, rate_i * own * e
            for k in range(rank):
                before = q[k]
                q[k] = before + rate_i * (e * x[k] - vector_l2 * before)
                p[k] += rate_p * (e * before - vector_l2 * p[k])
                gradient[k] += weighted * before
                y[k] -= excluded * before  # `_update_set_vectors` adds it; `pool` still holds y as it was
        user_bias[u] = b
        _update_set_vectors(starts[u], starts[u + 1], items, pooled, rates.items, set_l2, gradient, set_vectors)
    return squared_errors


@compiled(cache=True, nogil=True, fastmath=True)
def _pool_set_vectors(start: int, stop: int, items: Rows, pooled: Mask, set_vectors: Floats, pool: Floats) -> int:
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


@compiled(cache=True, nogil=True, fastmath=True)
def _update_set_vectors(
    start: int,
    stop: int,
    items: Rows,
    pooled: Mask,
    rates: Floats,
    l2: np.float32,
    gradient: Floats,
    set_vectors: Floats,
) -> None:
    """y_j = (y_j + η_j gradient) / (1 + η_j λ n) for a user's pooled ratings."""
    for t in range(start, stop):
        if pooled[t]:
            y, rate = set_vectors[items[t]], rates[items[t]]
            keep = np.float32(1) / (np.float32(1) + rate * l2 * np.float32(stop - start))
            for k in range(len(gradient)):
                y[k] = keep * (y[k] + rate * gradient[k])


@compiled(cache=True, nogil=True, fastmath=True)
def add_pools(ratings: UserRatings, set_vectors: Floats, user_vectors: Floats) -> None:
    """user_vectors[u] += |R(u)|^-½ Σ_{j∈R(u)} y_j for every user, R(u) being the pooled ratings."""
    starts, items, pooled = ratings.starts, ratings.items, ratings.pooled
    pool = np.empty(set_vectors.shape[1], np.float32)
    for u in range(len(starts) - 1):
        n = _pool_set_vectors(starts[u], starts[u + 1], items, pooled, set_vectors, pool)
        weight, p = np.float32(1 / np.sqrt(max(n, 1))), user_vectors[u]
        for k in range(len(pool)):
            p[k] += weight * pool[k]
