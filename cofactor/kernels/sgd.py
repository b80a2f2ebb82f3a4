"""Stochastic gradient descent for r̂ = μ + b_u + b_i + p_u · q_i, over ratings in the order of `rating_blocks`.

One rating costs 10 · rank floating-point operations and touches 16 · rank bytes. Numba does not turn the loops over a
vector of unknown length into good code (it loses a factor of two to four), so the step for one rating is written in
LLVM's vector instructions: `_step`.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,var-annotated"

from typing import NamedTuple

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from cofactor.arrays import Array, Doubles, Floats
from cofactor.kernels.compilation.compile import compiled
from cofactor.kernels.rating_blocks import RatingBlocks

WIDTH = 16  # floats handled at once: one 512-bit register or two of 256; ranks are padded to a multiple of it
AHEAD = 16  # ratings ahead of the one being learned whose vectors are fetched: twice as fast where they are not cached


class Factors(NamedTuple):
    """What is learned; the vectors are C-contiguous, of a padded rank."""

    user_vectors: Floats  # (n_users, padded rank)
    item_vectors: Floats  # (n_items, padded rank)
    user_bias: Floats  # (n_users,)
    item_bias: Floats  # (n_items,)


class LearningRates(NamedTuple):
    """η of each row."""

    users: Floats  # (n_users,)
    items: Floats  # (n_items,)


class SGDConstants(NamedTuple):
    mean: np.float32  # μ
    vector_l2: np.float32  # λ
    bias_l2: np.float32  # λ_b


def padded(rank: int) -> int:
    """The stored length of a vector of `rank` numbers."""
    return -(-rank // WIDTH) * WIDTH


def aligned(n_rows: int, n_columns: int) -> Floats:
    """(n_rows, n_columns) float32 zeros that begin at a cache line, which spares split reads and writes."""
    buffer = np.zeros(n_rows * n_columns + WIDTH, dtype=np.float32)
    skip = (-buffer.ctypes.data % 64) // 4
    return buffer[skip : skip + n_rows * n_columns].reshape(n_rows, n_columns)


@intrinsic
def _step(typing, user_vectors, item_vectors, user, item, bias_error, user_rate, item_rate, l2, chunks):
    """One rating: e = bias_error - p·q; p, q = (1 - η_u λ) p + η_u e q, (1 - η_i λ) q + η_i e p. Returns e.

    chunks: the padded rank over WIDTH. Both loops run over vectors of WIDTH floats; the second reads p and q again, now
    from the first-level cache.
    """
    f32, u64 = nb.types.float32, nb.types.uint64
    signature = f32(user_vectors, item_vectors, u64, u64, f32, f32, f32, f32, u64)
    scalar, index, lane = ir.FloatType(), ir.IntType(64), ir.IntType(32)
    vector = ir.VectorType(scalar, WIDTH)
    fast = ("fast",)

    def generate(context, builder, signature, arguments):
        p_array, q_array, user, item, bias_error, user_rate, item_rate, l2, chunks = arguments

        def row(array, kind, number):
            data = context.make_array(kind)(context, builder, array).data
            start = builder.mul(number, builder.mul(chunks, ir.Constant(index, WIDTH)))
            return builder.bitcast(builder.gep(data, [start]), vector.as_pointer())

        def load(pointer, at):
            read = builder.load(builder.gep(pointer, [at]))
            read.align = 4
            return read

        def store(value, pointer, at):
            builder.store(value, builder.gep(pointer, [at])).align = 4

        def everywhere(number):
            undefined = ir.Constant(vector, ir.Undefined)
            first = builder.insert_element(undefined, number, ir.Constant(lane, 0))
            return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(lane, WIDTH), [0] * WIDTH))

        def multiply_add(a, b, c, d):
            return builder.fadd(builder.fmul(a, b, flags=fast), builder.fmul(c, d, flags=fast), flags=fast)

        p, q = row(p_array, signature.args[0], user), row(q_array, signature.args[1], item)
        sums = cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * WIDTH))
        with cgutils.for_range(builder, chunks) as loop:
            product = builder.fmul(load(p, loop.index), load(q, loop.index), flags=fast)
            builder.store(builder.fadd(builder.load(sums), product, flags=fast), sums)
        sum_type = ir.FunctionType(scalar, [scalar, vector])
        sum_up = cgutils.get_or_insert_function(builder.module, sum_type, f"llvm.vector.reduce.fadd.v{WIDTH}f32")
        dot = builder.call(sum_up, [ir.Constant(scalar, 0.0), builder.load(sums)], fastmath=fast)
        error = builder.fsub(bias_error, dot, flags=fast)
        rates, one = (user_rate, item_rate), ir.Constant(scalar, 1.0)
        pull_p, pull_q = (everywhere(builder.fmul(rate, error, flags=fast)) for rate in rates)
        keeps = (builder.fsub(one, builder.fmul(rate, l2, flags=fast), flags=fast) for rate in rates)
        stay_p, stay_q = (everywhere(keep) for keep in keeps)
        with cgutils.for_range(builder, chunks) as loop:
            before_p, before_q = load(p, loop.index), load(q, loop.index)
            store(multiply_add(before_p, stay_p, before_q, pull_p), p, loop.index)
            store(multiply_add(before_q, stay_q, before_p, pull_q), q, loop.index)
        return error

    return signature, generate


@intrinsic
def _fetch(typing, vectors, row, chunks):
    """Asks for a row of vectors to be brought into the first-level cache, to be written."""
    signature = nb.types.void(vectors, nb.types.uint64, nb.types.uint64)
    index, lane, byte = ir.IntType(64), ir.IntType(32), ir.IntType(8)

    def generate(context, builder, signature, arguments):
        array, row, chunks = arguments
        data = context.make_array(signature.args[0])(context, builder, array).data
        start = builder.mul(row, builder.mul(chunks, ir.Constant(index, WIDTH)))
        line = builder.bitcast(builder.gep(data, [start]), ir.ArrayType(ir.FloatType(), WIDTH).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), lane, lane, lane])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        to_write, near, data_not_code = (ir.Constant(lane, number) for number in (1, 3, 1))
        with cgutils.for_range(builder, chunks) as loop:
            at = builder.bitcast(builder.gep(line, [loop.index]), byte.as_pointer())
            builder.call(fetch, [at, to_write, near, data_not_code])
        return context.get_dummy_value()

    return signature, generate


@compiled(inline="always")
def _learn(ratings, start, stop, factors, rates, constants, chunks):
    users, items, values = ratings.users, ratings.items, ratings.values
    P, Q, b, c = factors.user_vectors, factors.item_vectors, factors.user_bias, factors.item_bias
    mean, l2, bias_l2 = constants.mean, constants.vector_l2, constants.bias_l2
    total = 0.0
    for t in range(start, stop):
        u, i = users[t], items[t]
        later = min(t + AHEAD, stop - 1)
        _fetch(P, np.uint64(users[later]), np.uint64(chunks))
        _fetch(Q, np.uint64(items[later]), np.uint64(chunks))
        b_u, c_i, rate_u, rate_i = b[u], c[i], rates.users[u], rates.items[i]
        base = values[t] - mean - b_u - c_i
        e = _step(P, Q, np.uint64(u), np.uint64(i), base, rate_u, rate_i, l2, np.uint64(chunks))
        b[u] = b_u + rate_u * (e - bias_l2 * b_u)
        c[i] = c_i + rate_i * (e - bias_l2 * c_i)
        total += np.float64(e * e)
    return total


@compiled(cache=True, nogil=True, fastmath=True)
def learn_blocks(
    blocks: Array,
    ratings: RatingBlocks,
    factors: Factors,
    rates: LearningRates,
    constants: SGDConstants,
    squared_errors: Doubles,
) -> None:
    """One pass over the ratings of some blocks, one block after the other; for each rating

        e = r - (μ + b_u + b_i + p_u · q_i)
        p_u += η_u (e q_i - λ p_u),  b_u += η_u (e - λ_b b_u),  q_i += η_i (e p_u - λ q_i),  b_i += η_i (e - λ_b b_i)

    blocks: (m,) block numbers; squared_errors: (n_blocks,) receives each block's Σ e², each e as before its update.
    """
    chunks = factors.user_vectors.shape[1] // WIDTH
    for m in range(len(blocks)):
        block = blocks[m]
        first, last = ratings.starts[block], ratings.starts[block + 1]
        if chunks == 1:  # a constant lets the compiler drop both loops over a vector
            squared_errors[block] = _learn(ratings, first, last, factors, rates, constants, 1)
        else:
            squared_errors[block] = _learn(ratings, first, last, factors, rates, constants, chunks)
