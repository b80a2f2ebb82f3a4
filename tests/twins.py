"""Naive twins of the kernels: the same signature, the plainest loop there is. Slow, and easy to believe."""

import math

import numpy as np

# ---------------------------------------------------------------------------------------------- kernels/made.py

WORD = 2**64


def made_bits(key, n):
    z = (int(key) + (n + 1) * 0x9E3779B97F4A7C15) % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def made_unit(key, n):
    return (made_bits(key, n) >> 11) / 2**53


def made_normal(key, n):
    return math.sqrt(-2 * math.log(1 - made_unit(key, n))) * math.cos(2 * math.pi * made_unit(key, n + 1))


def made_vector(key, centres, spread):
    centre = centres[int(made_unit(key, 0) * len(centres))]
    return np.array([c + spread * made_normal(key, 4 + 2 * d) for d, c in enumerate(centre)])


def made_choose(seed, first, n, weights, vectors, centres, spread, item):
    for u in range(len(item) // n):
        key = made_bits(seed, first + u)
        taste = made_vector(key, centres, spread)
        left = weights[int(made_unit(key, 0) * len(weights))].copy()
        for j in range(n):
            draw = 4 + 2 * len(taste) + 8 * j
            i = made_at(left, made_unit(key, draw))
            if taste @ vectors[i] < 0 and made_unit(key, draw + 1) < 0.5:
                i = made_at(left, made_unit(key, draw + 2))
            left[i] = 0
            item[u * n + j] = i


def made_at(weights, u):
    return int(np.searchsorted(np.cumsum(weights), u * weights.sum(), side="right"))


def made_rate_by_taste(seed, first, n, item, mean, user_spread, item_bias, vectors, centres, spread, noise, value):
    error = 0.0
    for r, i in enumerate(item):
        key, j = made_bits(seed, first + r // n), r % n
        taste = made_vector(key, centres, spread)
        score = mean + user_spread * made_normal(key, 2) + item_bias[i] + taste @ vectors[i]
        value[r] = made_stars(score + noise * made_normal(key, 4 + 2 * len(taste) + 8 * j + 3))
        error += (value[r] - made_expected(score, noise)) ** 2
    return error


def made_stars(score):
    return min((0.5 + 0.5 * k for k in range(10)), key=lambda star: (abs(star - score), -star))


def made_expected(score, noise):
    """Σ star · P(star), each star's share of the normal between its two bounds."""
    if noise == 0:
        return made_stars(score)
    bounds = [-math.inf, *(0.75 + 0.5 * k for k in range(9)), math.inf]
    below = [0.5 * math.erfc((score - bound) / noise / math.sqrt(2)) for bound in bounds]
    return sum((0.5 + 0.5 * k) * (below[k + 1] - below[k]) for k in range(10))


# ---------------------------------------------------------------------------------------------- kernels/ranks.py


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


# ----------------------------------------------------------------------------------------------- kernels/sgd.py


def learn_one_by_one(user, item, value, P, Q, b, c, user_rate, item_rate, mean, l2, bias_l2):
    P, Q, b, c = (np.array(x, dtype=np.float64) for x in (P, Q, b, c))
    for u, i, r in zip(user, item, value, strict=True):
        e = r - (mean + b[u] + c[i] + P[u] @ Q[i])
        b[u], c[i] = b[u] + user_rate[u] * (e - bias_l2 * b[u]), c[i] + item_rate[i] * (e - bias_l2 * c[i])
        P[u], Q[i] = P[u] + user_rate[u] * (e * Q[i] - l2 * P[u]), Q[i] + item_rate[i] * (e * P[u] - l2 * Q[i])
    return P, Q, b, c


# ----------------------------------------------------------------------------------- kernels/als.py, conjugate.py


def regressions(starts, columns, targets, vectors, prior, pull, times):
    """Each row's normal matrix, moment and diagonal, in float64."""
    for row in range(len(starts) - 1):
        here = slice(starts[row], starts[row + 1])
        X, y = vectors[columns[here]].astype(np.float64), targets[here].astype(np.float64)
        D = np.diag(prior.astype(np.float64) + times[row] * pull)
        yield X.T @ X + D, X.T @ y, D


def solve_rows(starts, columns, targets, vectors, prior, pull, times, block, solutions):
    out = solutions.astype(np.float64)
    lengths = np.diff(starts)
    for row, (A, b, _) in enumerate(regressions(starts, columns, targets, vectors, prior, pull, times)):
        if lengths[row] <= block:
            out[row] = np.linalg.solve(A, b)
            continue
        for first in range(0, len(b), block):
            part = slice(first, first + block)
            out[row, part] -= np.linalg.solve(A[part, part], A[part] @ out[row] - b[part])
    return out


def descend_rows(starts, columns, targets, vectors, prior, pull, times, steps, solutions):
    out = solutions.astype(np.float64)
    for row, (A, b, D) in enumerate(regressions(starts, columns, targets, vectors, prior, pull, times)):
        if not b.any():
            out[row] = 0
            continue
        g = b - A @ out[row]
        p = z = np.linalg.solve(D, g)
        least = 1e-10 * (targets[starts[row] : starts[row + 1]].astype(np.float64) ** 2).sum()
        for _ in range(steps):
            if g @ z <= least:
                break
            a = (g @ z) / (p @ A @ p)
            out[row], after = out[row] + a * p, g - a * A @ p
            new = np.linalg.solve(D, after)
            p, g, z = new + (after @ new) / (g @ z) * p, after, new
    return out
