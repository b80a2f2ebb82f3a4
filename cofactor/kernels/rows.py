"""Mini-batch gradient descent on tables of rows, of which a batch touches few: only those are read, summed and moved.

A user's row is [p_u, x_u, b_u] and an item's [q_i, y_i, b_i]: the vector of the product, that of the layers, the bias,
each padded to a multiple of LANES with zeros, which stay zero.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,var-annotated"

from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from cofactor.kernels.lanes import LANES, load, root, spread, store, total

Array = NDArray[Any]
Rows = NDArray[np.int32]
Floats = NDArray[np.float32]


class Table(NamedTuple):
    """Rows, what the optimiser remembers of each, and room for the gradients of a batch."""

    rows: Floats  # (n, width)
    first: Floats  # (n, width) running mean of the gradients
    second: Floats  # (n, width) running mean of their squares; (1, width) where the optimiser has none
    moves: Rows  # (n,) how often a row was moved, or could have been: see `settle`
    pull: Floats  # (1, width) λ of each column, for each rating
    gradients: Floats  # (batch, width)
    touched: Rows  # (batch,) the row of each gradient
    times: Rows  # (batch,) how many ratings of the batch touch it
    place: Rows  # (n,) the gradient of each row, -1 between batches


class Optimiser(NamedTuple):
    """m = β₁ m + α g,  v = β₂ v + (1 - β₂) g²,  w -= η c₁ m / (c₂ √v + ε); where not adaptive, w -= η m.

    Adam: α = 1 - β₁, c₁ = 1 / (1 - β₁ᵗ), c₂ = 1 / √(1 - β₂ᵗ) at a row's t-th move; RMSProp: β₁ = 0, α = c₁ = c₂ = 1;
    momentum: α = 1; plain descent: β₁ = 0, α = 1.
    """

    adaptive: bool
    keep_first: np.float32  # β₁
    add_first: np.float32  # α
    keep_second: np.float32  # β₂
    epsilon: np.float32
    correct_first: Floats  # (T,) c₁ at t = 1 … T and, the last, ever after
    correct_second: Floats  # (T,) c₂
    rest_first: Floats  # (G,) β₁ᵏ for a row that k = 0 … G - 1 batches did not touch; (1,) where nothing becomes of it
    rest_second: Floats  # (G,) β₂ᵏ
    rest_moves: Floats  # (G,) Σ_{j=1…k} (β₁ / √β₂)ʲ, or of β₁ʲ where not adaptive


@nb.njit(cache=True, nogil=True)
def settle(table: Table, touched: Rows, done: int, optimiser: Optimiser, rate: np.float32) -> None:
    """Makes rows what they are after `done` batches with gradients of 0 in those that did not touch them.

    In each of k such batches m and v fall by β₁ and β₂ and w goes on by m; so all together

        w -= η c₁ m Σ_{j=1…k} (β₁ / √β₂)ʲ / (c₂ √v + ε),    m = β₁ᵏ m,    v = β₂ᵏ v

    with η as it is now and c₁, c₂ as in the first of them. Where nothing is to become of such rows, nothing is done.
    touched: (n,) rows, some of them perhaps several times.
    """
    most, last = len(optimiser.rest_first) - 1, len(optimiser.correct_first) - 1
    if most == 0:
        return
    epsilon = spread(optimiser.epsilon)
    for t in range(len(touched)):
        row = touched[t]
        gap, at = min(done - table.moves[row], most), min(table.moves[row], last)
        if gap <= 0:
            continue
        table.moves[row] = done
        step = spread(rate * optimiser.correct_first[at] * optimiser.rest_moves[gap])
        correct = spread(optimiser.correct_second[at])
        keep_first, keep_second = spread(optimiser.rest_first[gap]), spread(optimiser.rest_second[gap])
        for k in range(0, table.rows.shape[1], LANES):
            m = load(table.first, row, k)
            store(table.first, row, k, keep_first * m)
            if optimiser.adaptive:
                v = load(table.second, row, k)
                store(table.second, row, k, keep_second * v)
                m = m / (correct * root(v) + epsilon)
            store(table.rows, row, k, load(table.rows, row, k) - step * m)


@nb.njit(cache=True, nogil=True)
def predict(
    user: Rows, item: Rows, value: Floats, users: Floats, items: Floats, rank: int, deep_rank: int, mean: np.float32,
    kept: Floats, inputs: Floats, errors: Floats,
) -> None:  # fmt: skip
    """errors[t] = r - (μ + b_u + b_i + Σ_k kept[t, k] p_uk q_ik) and inputs[t] = [x_u; y_i] of a batch of ratings.

    user, item, value: (n,); users, items: rows as in Table; rank, deep_rank: padded; kept: (n, rank) what dropout
    leaves, or (0, rank) for all; inputs: (n, 2 · deep_rank), errors: (n,) are written.
    """
    bias, masked = rank + deep_rank, len(kept) > 0
    for t in range(len(user)):
        u, i = user[t], item[t]
        product = spread(np.float32(0))
        for k in range(0, rank, LANES):
            one = load(users, u, k) * load(items, i, k)
            product = product + (one * load(kept, t, k) if masked else one)
        for k in range(0, deep_rank, LANES):
            store(inputs, t, k, load(users, u, rank + k))
            store(inputs, t, deep_rank + k, load(items, i, rank + k))
        errors[t] = value[t] - (mean + users[u, bias] + items[i, bias] + total(product))


@nb.njit(cache=True, nogil=True)
def learn(
    user: Rows, item: Rows, errors: Floats, slopes: Floats, users: Table, items: Table, rank: int, deep_rank: int,
    kept: Floats, optimiser: Optimiser, rate: np.float32,
) -> tuple[float, float]:  # fmt: skip
    """One step down ½ Σ_t (e_t² + Σ λ users[u]² + Σ λ items[i]²), summed over a batch; all else as in `predict`.

    errors: (n,) e as they are now; slopes: (n, 2 · deep_rank) of ½ e² by [x_u; y_i]. Gradients of ratings of the same
    row are summed, then the row is moved once. Returns Σ e² and the penalties, both as before the step.
    """
    squared, n_users, n_items = 0.0, 0, 0
    bias, masked = rank + deep_rank, len(kept) > 0
    for t in range(len(user)):
        u, i, e = user[t], item[t], errors[t]
        a, n_users = _place(users, u, n_users)
        b, n_items = _place(items, i, n_items)
        error = spread(e)
        for k in range(0, rank, LANES):
            pulled = error * load(kept, t, k) if masked else error
            store(users.gradients, a, k, load(users.gradients, a, k) - pulled * load(items.rows, i, k))
            store(items.gradients, b, k, load(items.gradients, b, k) - pulled * load(users.rows, u, k))
        for k in range(0, deep_rank, LANES):
            at = rank + k
            store(users.gradients, a, at, load(users.gradients, a, at) + load(slopes, t, k))
            store(items.gradients, b, at, load(items.gradients, b, at) + load(slopes, t, deep_rank + k))
        users.gradients[a, bias] -= e
        items.gradients[b, bias] -= e
        squared += np.float64(e) * np.float64(e)
    return squared, _move(users, n_users, optimiser, rate) + _move(items, n_items, optimiser, rate)


@nb.njit(cache=True, nogil=True)
def move(table: Table, optimiser: Optimiser, rate: np.float32) -> float:
    """One step of a table of which every row has its gradient in its own place; returns the penalties before it."""
    for row in range(len(table.rows)):
        table.touched[row] = row
        table.times[row] = 1
    penalty: float = _move(table, len(table.rows), optimiser, rate)
    return penalty


@nb.njit(cache=True, nogil=True)
def rectify(x: Floats, drop: float, scale: np.float32, key: int) -> None:
    """x = scale · max(x, 0), or 0 with the chance `drop`, in place; (n,) contiguous.

    Of x[t] decide 32 bits that are a hash of t and the two halves of the key.
    """
    low, high = np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32)
    bound, zero = np.uint32(drop * 2.0**32), np.float32(0)
    for t in range(len(x)):
        bits = np.uint32(t) + low
        bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> np.uint32(16))) * np.uint32(0x7FEB352D))
        bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> np.uint32(15))) * np.uint32(0x846CA68B))
        bits = np.uint32(np.uint32(bits ^ high) * np.uint32(0x9E3779B1))
        bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> np.uint32(15))) * np.uint32(0x2C1B3C6D))
        bits = np.uint32(bits ^ np.uint32(bits >> np.uint32(16)))
        above = scale * max(x[t], zero)
        x[t] = above if bits >= bound else zero


@nb.njit(cache=True, nogil=True)
def rectified_slopes(slopes: Floats, x: Floats, scale: np.float32) -> None:
    """Slopes by what `rectify` made x of, in place of those by x: what is not above 0 has been cut or dropped."""
    for t in range(len(x)):
        slopes[t] = scale * slopes[t] if x[t] > 0 else np.float32(0)


@nb.njit(nogil=True)
def _place(table, row, n):
    """Where the gradient of a row is summed, and how many rows of the batch have a place now."""
    place = table.place[row]
    if place < 0:
        place = n
        table.place[row], table.touched[place], table.times[place] = place, row, 0
        nothing = spread(np.float32(0))
        for k in range(0, table.gradients.shape[1], LANES):
            store(table.gradients, place, k, nothing)
        n += 1
    table.times[place] += 1
    return place, n


@nb.njit(nogil=True)
def _move(table, n, optimiser, rate):
    last, width = len(optimiser.correct_first) - 1, table.rows.shape[1]
    keep_first, add_first = spread(optimiser.keep_first), spread(optimiser.add_first)
    keep_second, add_second = spread(optimiser.keep_second), spread(np.float32(1) - optimiser.keep_second)
    epsilon, squares = spread(optimiser.epsilon), 0.0
    for place in range(n):
        row = table.touched[place]
        table.place[row] = -1
        at = min(table.moves[row], last)
        table.moves[row] += 1
        times, step = spread(np.float32(table.times[place])), spread(rate * optimiser.correct_first[at])
        correct, penalty = spread(optimiser.correct_second[at]), spread(np.float32(0))
        for k in range(0, width, LANES):
            w = load(table.rows, row, k)
            pulled = times * load(table.pull, 0, k) * w
            penalty = penalty + pulled * w
            g = load(table.gradients, place, k) + pulled
            m = keep_first * load(table.first, row, k) + add_first * g
            store(table.first, row, k, m)
            if optimiser.adaptive:
                v = keep_second * load(table.second, row, k) + add_second * g * g
                store(table.second, row, k, v)
                m = m / (correct * root(v) + epsilon)
            store(table.rows, row, k, w - step * m)
        squares += np.float64(total(penalty))
    return squares
