"""Mini-batch gradient descent on tables of rows, of which a batch touches few: only those are read and updated.

A user's row is [p_u, x_u, b_u] and an item's [q_i, y_i, b_i]: the vector of the product, that of the layers, the bias,
each padded to a multiple of LANES with zeros, which stay zero.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,var-annotated"

from typing import NamedTuple

import numpy as np

from cofactor.arrays import Floats, Rows
from cofactor.kernels.compilation.compile import compiled
from cofactor.kernels.compilation.simd import LANES, load, root, spread, store, total


class ParameterTable(NamedTuple):
    """Rows of parameters, the optimizer's state of each row, and memory for the gradients of a batch."""

    rows: Floats  # (n, width)
    first_moment: Floats  # (n, width) running mean of the gradients
    second_moment: Floats  # (n, width) running mean of their squares; (1, width) where the optimizer has none
    n_updates: Rows  # (n,) updates of a row, counting those that `apply_delayed_updates` made up for
    l2: Floats  # (1, width) λ of each column, per rating
    gradients: Floats  # (batch, width)
    touched: Rows  # (batch,) the row of each gradient
    n_ratings: Rows  # (batch,) how many ratings of the batch touch that row
    gradient_row: Rows  # (n,) where a row's gradient is, -1 between batches


class OptimizerConstants(NamedTuple):
    """m = β₁ m + α g,  v = β₂ v + (1 - β₂) g²,  w -= η c₁ m / (c₂ √v + ε); where not adaptive, w -= η m.

    Adam: α = 1 - β₁, c₁ = 1 / (1 - β₁ᵗ), c₂ = 1 / √(1 - β₂ᵗ) at a row's t-th update; RMSProp: β₁ = 0, α = c₁ = c₂ = 1;
    momentum: α = 1; plain descent: β₁ = 0, α = 1.
    """

    adaptive: bool
    beta1: np.float32  # β₁
    gradient_weight: np.float32  # α
    beta2: np.float32  # β₂
    epsilon: np.float32
    correction1: Floats  # (T,) c₁ at t = 1 … T; the last one counts from there on
    correction2: Floats  # (T,) c₂
    decay1: Floats  # (G,) β₁ᵏ for a row that k = 0 … G - 1 batches did not touch; (1,) where such rows do not change
    decay2: Floats  # (G,) β₂ᵏ
    delayed_steps: Floats  # (G,) Σ_{j=1…k} (β₁ / √β₂)ʲ, or of β₁ʲ where not adaptive


class Batch(NamedTuple):
    """(n,) ratings."""

    user: Rows
    item: Rows
    value: Floats


class Ranks(NamedTuple):
    """Padded widths of the vector of the product and of that of the layers."""

    product: int
    deep: int


class BatchBuffers(NamedTuple):
    """What a batch computes on its way."""

    mask: Floats  # (n, rank) factors by which dropout multiplies the products, or (0, rank) for none
    inputs: Floats  # (n, 2 · deep rank) [x_u; y_i], the input of the layers
    errors: Floats  # (n,)


@compiled(cache=True, nogil=True)
def apply_delayed_updates(
    table: ParameterTable, touched: Rows, n_batches: int, optimizer: OptimizerConstants, rate: np.float32
) -> None:
    """Brings rows up to date after `n_batches` batches: those that did not touch a row had a gradient of 0.

    In each of k such batches m and v decay by β₁ and β₂ and w moves by m; so all together

        w -= η c₁ m Σ_{j=1…k} (β₁ / √β₂)ʲ / (c₂ √v + ε),    m = β₁ᵏ m,    v = β₂ᵏ v

    with η as it is now and c₁, c₂ as in the first of them. Nothing is done where an optimizer leaves such rows as they
    are. touched: (n,) rows, which may repeat.
    """
    longest, last = len(optimizer.decay1) - 1, len(optimizer.correction1) - 1
    if longest == 0:
        return
    epsilon = spread(optimizer.epsilon)
    for t in range(len(touched)):
        row = touched[t]
        gap, at = min(n_batches - table.n_updates[row], longest), min(table.n_updates[row], last)
        if gap <= 0:
            continue
        table.n_updates[row] = n_batches
        step = spread(rate * optimizer.correction1[at] * optimizer.delayed_steps[gap])
        correction2 = spread(optimizer.correction2[at])
        decay1, decay2 = spread(optimizer.decay1[gap]), spread(optimizer.decay2[gap])
        for k in range(0, table.rows.shape[1], LANES):
            m = load(table.first_moment, row, k)
            store(table.first_moment, row, k, decay1 * m)
            if optimizer.adaptive:
                v = load(table.second_moment, row, k)
                store(table.second_moment, row, k, decay2 * v)
                m = m / (correction2 * root(v) + epsilon)
            store(table.rows, row, k, load(table.rows, row, k) - step * m)


@compiled(cache=True, nogil=True)
def predict(batch: Batch, users: Floats, items: Floats, ranks: Ranks, mean: np.float32, buffers: BatchBuffers) -> None:
    """errors[t] = r - (μ + b_u + b_i + Σ_k mask[t, k] p_uk q_ik) and inputs[t] = [x_u; y_i] of a batch of ratings.

    users, items: rows as in ParameterTable; the errors and the inputs are written.
    """
    user, item, value = batch.user, batch.item, batch.value
    rank, deep_rank, mask, inputs, errors = ranks.product, ranks.deep, buffers.mask, buffers.inputs, buffers.errors
    bias, masked = rank + deep_rank, len(mask) > 0
    for t in range(len(user)):
        u, i = user[t], item[t]
        product = spread(np.float32(0))
        for k in range(0, rank, LANES):
            one = load(users, u, k) * load(items, i, k)
            product = product + (one * load(mask, t, k) if masked else one)
        for k in range(0, deep_rank, LANES):
            store(inputs, t, k, load(users, u, rank + k))
            store(inputs, t, deep_rank + k, load(items, i, rank + k))
        errors[t] = value[t] - (mean + users[u, bias] + items[i, bias] + total(product))


@compiled(cache=True, nogil=True)
def update_batch(
    batch: Batch,
    users: ParameterTable,
    items: ParameterTable,
    ranks: Ranks,
    buffers: BatchBuffers,
    input_gradients: Floats,
    optimizer: OptimizerConstants,
    rate: np.float32,
) -> tuple[float, float]:
    """One step down ½ Σ_t (e_t² + Σ λ users[u]² + Σ λ items[i]²), summed over a batch.

    input_gradients: (n, 2 · deep_rank) of ½ e² by [x_u; y_i]. Gradients of ratings of the same row are summed, then the
    row is updated once. Returns Σ e² and the penalties, both as before the step.
    """
    user, item, errors, mask = batch.user, batch.item, buffers.errors, buffers.mask
    rank, deep_rank = ranks.product, ranks.deep
    squared, n_users, n_items = 0.0, 0, 0
    bias, masked = rank + deep_rank, len(mask) > 0
    for t in range(len(user)):
        u, i, e = user[t], item[t], errors[t]
        a, n_users = _gradient_row(users, u, n_users)
        b, n_items = _gradient_row(items, i, n_items)
        error = spread(e)
        for k in range(0, rank, LANES):
            masked_error = error * load(mask, t, k) if masked else error
            store(users.gradients, a, k, load(users.gradients, a, k) - masked_error * load(items.rows, i, k))
            store(items.gradients, b, k, load(items.gradients, b, k) - masked_error * load(users.rows, u, k))
        for k in range(0, deep_rank, LANES):
            at = rank + k
            store(users.gradients, a, at, load(users.gradients, a, at) + load(input_gradients, t, k))
            store(items.gradients, b, at, load(items.gradients, b, at) + load(input_gradients, t, deep_rank + k))
        users.gradients[a, bias] -= e
        items.gradients[b, bias] -= e
        squared += np.float64(e) * np.float64(e)
    return squared, _update_rows(users, n_users, optimizer, rate) + _update_rows(items, n_items, optimizer, rate)


@compiled(cache=True, nogil=True)
def update_all_rows(table: ParameterTable, optimizer: OptimizerConstants, rate: np.float32) -> float:
    """One step of a table in which gradient r is that of row r; returns the penalties before it."""
    for row in range(len(table.rows)):
        table.touched[row] = row
        table.n_ratings[row] = 1
    penalty: float = _update_rows(table, len(table.rows), optimizer, rate)
    return penalty


@compiled(cache=True, nogil=True)
def relu_dropout(x: Floats, drop: float, scale: np.float32, key: int) -> None:
    """x = scale · max(x, 0), or 0 with the chance `drop`, in place; (n,) contiguous.

    Whether x[t] is dropped is decided by 32 bits: a hash of t and the two halves of the key.
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


@compiled(cache=True, nogil=True)
def relu_dropout_gradients(gradients: Floats, x: Floats, scale: np.float32) -> None:
    """Turns gradients by x, the output of `relu_dropout`, into those by its input, in place: an output that is not
    above 0 was cut or dropped."""
    for t in range(len(x)):
        gradients[t] = scale * gradients[t] if x[t] > 0 else np.float32(0)


@compiled(nogil=True)
def _gradient_row(table, row, n):
    """Where the gradient of a row is summed, and how many rows of the batch have such a place now."""
    place = table.gradient_row[row]
    if place < 0:
        place = n
        table.gradient_row[row], table.touched[place], table.n_ratings[place] = place, row, 0
        zeros = spread(np.float32(0))
        for k in range(0, table.gradients.shape[1], LANES):
            store(table.gradients, place, k, zeros)
        n += 1
    table.n_ratings[place] += 1
    return place, n


@compiled(nogil=True)
def _update_rows(table, n, optimizer, rate):
    last, width = len(optimizer.correction1) - 1, table.rows.shape[1]
    beta1, gradient_weight = spread(optimizer.beta1), spread(optimizer.gradient_weight)
    beta2, square_weight = spread(optimizer.beta2), spread(np.float32(1) - optimizer.beta2)
    epsilon, squares = spread(optimizer.epsilon), 0.0
    for place in range(n):
        row = table.touched[place]
        table.gradient_row[row] = -1
        at = min(table.n_updates[row], last)
        table.n_updates[row] += 1
        n_ratings, step = spread(np.float32(table.n_ratings[place])), spread(rate * optimizer.correction1[at])
        correction2, penalty = spread(optimizer.correction2[at]), spread(np.float32(0))
        for k in range(0, width, LANES):
            w = load(table.rows, row, k)
            decay = n_ratings * load(table.l2, 0, k) * w
            penalty = penalty + decay * w
            g = load(table.gradients, place, k) + decay
            m = beta1 * load(table.first_moment, row, k) + gradient_weight * g
            store(table.first_moment, row, k, m)
            if optimizer.adaptive:
                v = beta2 * load(table.second_moment, row, k) + square_weight * g * g
                store(table.second_moment, row, k, v)
                m = m / (correction2 * root(v) + epsilon)
            store(table.rows, row, k, w - step * m)
        squares += np.float64(total(penalty))
    return squares
