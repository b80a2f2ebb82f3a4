"""Naive twins of the kernels: the same signature, the plainest loop there is. Slow, and easy to believe."""

import math

import numpy as np

# ------------------------------------------------------------------------------------------------------ kernels/made.py

WORD = 2**64


def synthetic_bits(key, n):
    z = (int(key) + (n + 1) * 0x9E3779B97F4A7C15) % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def synthetic_unit(key, n):
    return (synthetic_bits(key, n) >> 11) / 2**53


def synthetic_normal(key, n):
    return math.sqrt(-2 * math.log(1 - synthetic_unit(key, n))) * math.cos(2 * math.pi * synthetic_unit(key, n + 1))


def synthetic_vector(key, centres, spread):
    centre = centres[int(synthetic_unit(key, 0) * len(centres))]
    return np.array([c + spread * synthetic_normal(key, 4 + 2 * d) for d, c in enumerate(centre)])


def synthetic_choose(seed, first, n, weights, vectors, centres, spread, item):
    for u in range(len(item) // n):
        key = synthetic_bits(seed, first + u)
        taste = synthetic_vector(key, centres, spread)
        left = weights[int(synthetic_unit(key, 0) * len(weights))].copy()
        for j in range(n):
            draw = 4 + 2 * len(taste) + 8 * j
            i = synthetic_at(left, synthetic_unit(key, draw))
            if taste @ vectors[i] < 0 and synthetic_unit(key, draw + 1) < 0.5:
                i = synthetic_at(left, synthetic_unit(key, draw + 2))
            left[i] = 0
            item[u * n + j] = i


def synthetic_at(weights, u):
    return int(np.searchsorted(np.cumsum(weights), u * weights.sum(), side="right"))


def synthetic_rate_by_taste(seed, first, n, item, mean, user_spread, item_bias, vectors, centres, spread, noise, value):
    error = 0.0
    for r, i in enumerate(item):
        key, j = synthetic_bits(seed, first + r // n), r % n
        taste = synthetic_vector(key, centres, spread)
        score = mean + user_spread * synthetic_normal(key, 2) + item_bias[i] + taste @ vectors[i]
        value[r] = synthetic_stars(score + noise * synthetic_normal(key, 4 + 2 * len(taste) + 8 * j + 3))
        error += (value[r] - synthetic_expected(score, noise)) ** 2
    return error


def synthetic_stars(score):
    return min((0.5 + 0.5 * k for k in range(10)), key=lambda star: (abs(star - score), -star))


def synthetic_expected(score, noise):
    """Σ star · P(star), each star's share of the normal between its two bounds."""
    if noise == 0:
        return synthetic_stars(score)
    bounds = [-math.inf, *(0.75 + 0.5 * k for k in range(9)), math.inf]
    below = [0.5 * math.erfc((score - bound) / noise / math.sqrt(2)) for bound in bounds]
    return sum((0.5 + 0.5 * k) * (below[k + 1] - below[k]) for k in range(10))


# ----------------------------------------------------------------------------------------------------- kernels/ranks.py


def ranks(scores, rankable, seen_start, seen, asked_start, asked, n_top):
    """Sorts each user's candidates, then looks."""
    rank, mid_rank, top = [], [], np.full((len(scores), n_top), -1)
    for user, row in enumerate(scores):
        row = np.where(rankable, row, -np.inf)
        out = set(seen[seen_start[user] : seen_start[user + 1]])
        candidates = sorted((item for item in range(len(row)) if item not in out), key=lambda item: (-row[item], item))
        for item in asked[asked_start[user] : asked_start[user + 1]]:
            rank.append(1 + candidates.index(item))
            mid_rank.append(np.mean([1 + place for place, other in enumerate(candidates) if row[other] == row[item]]))
        listed = [item for item in candidates if rankable[item]][:n_top]
        top[user, : len(listed)] = listed
    return np.array(rank, dtype=np.int32), np.array(mid_rank, dtype=np.float64), top


# ------------------------------------------------------------------------------------------------------- kernels/sgd.py


def learn_one_by_one(ratings, factors, rates, constants):
    """Factors after one pass."""
    _, user, item, value = ratings
    (user_rate, item_rate), (mean, l2, bias_l2) = rates, constants
    P, Q, b, c = (np.array(x, dtype=np.float64) for x in factors)
    for u, i, r in zip(user, item, value, strict=True):
        e = r - (mean + b[u] + c[i] + P[u] @ Q[i])
        b[u], c[i] = b[u] + user_rate[u] * (e - bias_l2 * b[u]), c[i] + item_rate[i] * (e - bias_l2 * c[i])
        P[u], Q[i] = P[u] + user_rate[u] * (e * Q[i] - l2 * P[u]), Q[i] + item_rate[i] * (e * P[u] - l2 * Q[i])
    return P, Q, b, c


# ----------------------------------------------------------------------------------------------------- kernels/svdpp.py


def learn_users_one_by_one(order, ratings, factors, rates, constants):
    """Pools again for each rating, and adds up the gradient of each y_j by itself: quadratic in a user's ratings."""
    starts, items, values, pooled = ratings
    (vector_rate, user_rate, item_rate), (mean, l2, set_l2, bias_l2) = rates, constants
    P, Q, Y, b, c = (np.array(x, dtype=np.float64) for x in factors)
    squares = 0.0
    for u in order:
        rated = range(starts[u], starts[u + 1])
        gradient = {items[t]: np.zeros(Q.shape[1]) for t in rated if pooled[t]}
        for t in rated:
            i, others = items[t], [j for j in gradient if j != items[t]]
            weight = len(others) ** -0.5 if others else 0.0
            x = P[u] + weight * sum((Y[j] for j in others), np.zeros(Q.shape[1]))
            e = values[t] - (mean + b[u] + c[i] + x @ Q[i])
            squares += e**2
            for j in others:
                gradient[j] += weight * e * Q[i]
            b[u], c[i] = b[u] + user_rate[u] * (e - bias_l2 * b[u]), c[i] + item_rate[i] * (e - bias_l2 * c[i])
            P[u], Q[i] = P[u] + vector_rate[u] * (e * Q[i] - l2 * P[u]), Q[i] + item_rate[i] * (e * x - l2 * Q[i])
        for j, pull in gradient.items():
            Y[j] = (Y[j] + item_rate[j] * pull) / (1 + item_rate[j] * set_l2 * len(rated))
    return P, Q, Y, b, c, squares


# ----------------------------------------------------------------------------------------------------- kernels/gibbs.py


def accumulate_posterior(first, last, ratings, partners, noise, alpha, precision, own, out):
    starts, partner, day, value = ratings
    vectors, days = partners
    factor, moment, simulated, squares = out
    k = vectors.shape[1]
    for u in range(first, last):
        gram, c, e, total = np.zeros((k, k)), np.zeros(k), np.zeros(k), 0.0
        for t in range(starts[u], starts[u + 1]):
            other = vectors[partner[t]].astype(np.float64)
            x, r = np.append(other[:-1], 1), value[t] - other[-1]
            if len(day):
                of_day = days[day[t]].astype(np.float64)
                x[:-1] += of_day[:-1]
                r -= of_day[-1] + of_day[:-1] @ other[:-1]
            gram, c, total = gram + np.outer(x, x), c + r * x, total + r * r
            e += noise[t] * x if len(noise) else 0
        squares[u], moment[u] = total, alpha * c
        simulated[u] = alpha * c + alpha * gram @ own[u] + math.sqrt(alpha) * e
        factor[u] = packed(precision + alpha * gram)


def packed(a):
    """R with RᵀR = a above the diagonal, Rᵀ below, 1 / R_jj on it."""
    lower = np.linalg.cholesky(np.asarray(a, dtype=np.float64))
    return lower.T + lower - np.diag(2 * np.diag(lower) - 1 / np.diag(lower))


def unpacked(factor):
    """R."""
    return np.triu(factor, 1).astype(np.float64) + np.diag(1 / np.diag(factor).astype(np.float64))


def solve(first, last, factor, b, out):
    for u in range(first, last):
        R = unpacked(factor[u])
        out[u] = np.linalg.solve(R.T @ R, b[u].astype(np.float64))


def add_noise(first, last, factor, mean, noise, out):
    for u in range(first, last):
        out[u] = mean[u] + np.linalg.solve(unpacked(factor[u]), noise[u].astype(np.float64))


def squared_error(first, last, posterior, precision, alpha, vectors):
    factor, moment, _, squares = posterior
    total = 0.0
    for u in range(first, last):
        R, T = unpacked(factor[u]), vectors[u].astype(np.float64)
        gram = (R.T @ R - precision) / alpha
        total += squares[u] - 2 * moment[u] @ T / alpha + T @ gram @ T
    return total


def product(first, last, matrix, vectors, out):
    starts, columns, weights = matrix
    for u in range(first, last):
        here = slice(starts[u], starts[u + 1])
        out[u] = sum((w * vectors[m].astype(np.float64) for m, w in zip(columns[here], weights[here], strict=True)), 0)


# ------------------------------------------------------------------------------------------- kernels/item_similarity.py


def table(starts, columns, values, n_columns):
    dense, there = np.zeros((len(starts) - 1, n_columns)), np.zeros((len(starts) - 1, n_columns), dtype=bool)
    for row in range(len(starts) - 1):
        here = slice(starts[row], starts[row + 1])
        dense[row, columns[here]], there[row, columns[here]] = values[here], True
    return dense, there


def gram_of_items(first, last, by_user, by_item, gram):
    x, there = table(*by_user, len(by_item.starts) - 1)
    for i in range(first, last):
        for j in range(i, gram.shape[1]):
            both = there[:, i] & there[:, j]
            gram[i, j] += np.sum(x[both, i] * x[both, j])


def find_neighbours(first, last, by_user, by_item, similarity, out):
    (norms, shrinkage, min_support), (columns, values) = similarity, out
    x, there = table(*by_user, len(by_item.starts) - 1)
    for i in range(first, last):
        alike = {}
        for j in range(len(columns)):
            both = there[:, i] & there[:, j]
            n, dot = both.sum(), np.sum(x[both, i] * x[both, j])
            norm = norms[i] * norms[j] if len(norms) else np.sqrt(np.sum(x[both, i] ** 2) * np.sum(x[both, j] ** 2))
            if j != i and n >= min_support and dot > 1e-9:
                alike[j] = dot / norm * n / (n + shrinkage)
        nearest = sorted(alike, key=lambda j: (-alike[j], j))[: columns.shape[1]]
        columns[i], values[i] = -1, 0
        columns[i, : len(nearest)], values[i, : len(nearest)] = nearest, [alike[j] for j in nearest]


# ------------------------------------------------------------------------------- kernels/als.py, conjugate_gradients.py


def regressions(table, vectors, ridge, weights=()):
    """Each row's normal matrix, moment and diagonal, in float64."""
    (starts, columns, targets), (shared_diagonal, penalty, row_weight) = table, ridge
    for row in range(len(starts) - 1):
        here = slice(starts[row], starts[row + 1])
        X, y = vectors[columns[here]].astype(np.float64), targets[here].astype(np.float64)
        D = np.diag(shared_diagonal.astype(np.float64) + row_weight[row] * penalty)
        omega = weights[here].astype(np.float64) if len(weights) else np.ones(len(y))
        yield X.T * omega @ X + D, X.T @ (omega * y), D


def solve_rows(table, vectors, ridge, block, solutions):
    out = solutions.astype(np.float64)
    lengths = np.diff(table.starts)
    for row, (A, b, _) in enumerate(regressions(table, vectors, ridge)):
        if lengths[row] <= block:
            out[row] = np.linalg.solve(A, b)
            continue
        for first in range(0, len(b), block):
            part = slice(first, first + block)
            out[row, part] -= np.linalg.solve(A[part, part], A[part] @ out[row] - b[part])
    return out


def descend_rows(table, weights, vectors, ridge, steps, solutions):
    out, (starts, _, targets) = solutions.astype(np.float64), table
    squares = targets.astype(np.float64) ** 2 * (weights if len(weights) else 1)
    for row, (A, b, D) in enumerate(regressions(table, vectors, ridge, weights)):
        if not b.any():
            out[row] = 0
            continue
        g = b - A @ out[row]
        p = z = np.linalg.solve(D, g)
        least = 1e-10 * squares[starts[row] : starts[row + 1]].sum()
        for _ in range(steps):
            if g @ z <= least:
                break
            a = (g @ z) / (p @ A @ p)
            out[row], after = out[row] + a * p, g - a * A @ p
            new = np.linalg.solve(D, after)
            p, g, z = new + (after @ new) / (g @ z) * p, after, new
    return out


# -------------------------------------------------------------------------------------------- kernels/masked_product.py


def multiply_rows(first, last, matrix, dense, out):
    starts, columns, values = matrix
    for r in range(first, last):
        rated = range(starts[r], starts[r + 1])
        out[r] = sum((values[t] * dense[columns[t]].astype(np.float64) for t in rated), np.zeros(dense.shape[1]))


def dot_rows(first, last, cells, left, right, out):
    starts, columns, _ = cells
    for r in range(first, last):
        for t in range(starts[r], starts[r + 1]):
            out[t] = left[r].astype(np.float64) @ right[columns[t]]
