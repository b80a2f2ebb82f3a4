"""Ridge regressions of many rows of a sparse table on the vectors of its columns: what alternating least squares does.

For each row with targets y on the vectors x of its columns, and a diagonal D,

    minimise over w    Σ_t (y_t - w · x_t)² + Σ_k D_k w_k²

A row with no more entries than a block is wide is solved exactly through the system of its entries (the "dual"), any
other one by a Newton step for one block of columns of w after the other, which is exact where one block holds them all.

Nearly all the work is adding up products x xᵀ. BLAS needs the vectors copied together and does not use the symmetry of
so small a result; here a tile of 16 × 16 sums stays in registers while the vectors pass by where they lie.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,var-annotated"

from collections.abc import Callable
from typing import NamedTuple

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from cofactor.arrays import Floats
from cofactor.kernels.compilation.compile import compiled
from cofactor.kernels.sparse_rows import SparseRows

FOUR = 4  # rows of a tile, and rows eliminated together
WIDTH = 16  # floats handled at once: one 512-bit register or two of 256; ranks are padded to a multiple of it
CHUNK = 64  # entries added to one tile after another while their vectors stay in the first-level cache

SCALAR, INDEX, LANE = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR = ir.VectorType(SCALAR, WIDTH)
FAST = ("fast",)


class Ridge(NamedTuple):
    """D of a row: D_k = shared_diagonal[k] + row_weight[row] · penalty[k], which must be above 0."""

    shared_diagonal: Floats  # (width,) what all rows have in common
    penalty: Floats  # (width,)
    row_weight: Floats  # (n_rows,)


RowSolver = Callable[[int, int, SparseRows, Floats, Ridge, int, Floats], None]  # `solve_rows`, or one that approximates


def padded(rank: int) -> int:
    """The stored length of a vector of `rank` numbers."""
    return -(-rank // WIDTH) * WIDTH


def _pointer(context, builder, kind, array, at):
    """Of the number `at` of an array's data."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _load(builder, pointer, at):
    """The 16 numbers from 16 · at on."""
    read = builder.load(builder.gep(builder.bitcast(pointer, VECTOR.as_pointer()), [at]))
    read.align = 4
    return read


def _store(builder, value, pointer, at):
    builder.store(value, builder.gep(builder.bitcast(pointer, VECTOR.as_pointer()), [at])).align = 4


def _everywhere(builder, number):
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(LANE, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(LANE, WIDTH), [0] * WIDTH))


def _multiply_add(builder, a, b, c):
    return builder.fadd(builder.fmul(a, b, flags=FAST), c, flags=FAST)


@intrinsic
def _dot(typing, a, at_a, b, at_b, chunks):
    """Σ of the products of 16 · chunks numbers of two float32 arrays."""
    u64 = nb.types.uint64
    signature = nb.types.float32(a, u64, b, u64, u64)

    def generate(context, builder, signature, arguments):
        a, at_a, b, at_b, chunks = arguments
        a, b = (
            _pointer(context, builder, kind, array, at)
            for kind, array, at in ((signature.args[0], a, at_a), (signature.args[2], b, at_b))
        )
        sums = cgutils.alloca_once_value(builder, ir.Constant(VECTOR, [0.0] * WIDTH))
        with cgutils.for_range(builder, chunks) as loop:
            one, other = _load(builder, a, loop.index), _load(builder, b, loop.index)
            builder.store(_multiply_add(builder, one, other, builder.load(sums)), sums)
        kind = ir.FunctionType(SCALAR, [SCALAR, VECTOR])
        sum_up = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{WIDTH}f32")
        return builder.call(sum_up, [ir.Constant(SCALAR, 0.0), builder.load(sums)], fastmath=FAST)

    return signature, generate


@intrinsic
def _add(typing, times, a, at_a, b, at_b, chunks):
    """b += times · a for 16 · chunks numbers of two float32 arrays."""
    u64 = nb.types.uint64
    signature = nb.types.void(nb.types.float32, a, u64, b, u64, u64)

    def generate(context, builder, signature, arguments):
        times, a, at_a, b, at_b, chunks = arguments
        a, b = (
            _pointer(context, builder, kind, array, at)
            for kind, array, at in ((signature.args[1], a, at_a), (signature.args[3], b, at_b))
        )
        times = _everywhere(builder, times)
        with cgutils.for_range(builder, chunks) as loop:
            one, other = _load(builder, a, loop.index), _load(builder, b, loop.index)
            _store(builder, _multiply_add(builder, times, one, other), b, loop.index)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _subtract_four(typing, square, stride, first, row, chunk, until):
    """square[row, j] -= Σ_k square[k, row] square[k, j] for k = first … first + 3 and the chunks of j up to `until`."""
    u64 = nb.types.uint64
    signature = nb.types.void(square, u64, u64, u64, u64, u64)

    def generate(context, builder, signature, arguments):
        square, stride, first, row, chunk, until = arguments

        def line(k):
            return _pointer(context, builder, signature.args[0], square, builder.mul(k, stride))

        above = [line(builder.add(first, ir.Constant(INDEX, k))) for k in range(FOUR)]
        own = line(row)
        factors = [builder.fneg(builder.load(builder.gep(one, [row]))) for one in above]
        factors = [_everywhere(builder, factor) for factor in factors]
        with cgutils.for_range(builder, builder.sub(until, chunk)) as loop:
            at = builder.add(chunk, loop.index)
            total = _load(builder, own, at)
            for factor, one in zip(factors, above, strict=True):
                total = _multiply_add(builder, factor, _load(builder, one, at), total)
            _store(builder, total, own, at)
        return context.get_dummy_value()

    return signature, generate


def _tile(with_errors):
    """A kernel that keeps 4 × 16 sums in registers; 8 sums of 8 floats are what fused multiply-adds need to be busy."""

    @intrinsic
    def add(typing, vectors, columns, first, last, row, column, square, tile, stride, errors, error, moment, at):
        """Of the entries t from `first` to `last`, with x_t = vectors[columns[t]] and e_t = errors[error + t - first],

        square[tile + a · stride + b] += Σ_t x_t[row + a] x_t[column + b]      a = 0 … 3, b = 0 … 15
        moment[at + b] += Σ_t e_t x_t[column + b]                              with errors
        """
        u64 = nb.types.uint64
        signature = nb.types.void(
            vectors, columns, u64, u64, u64, u64, square, u64, u64, errors, u64, moment, u64
        )  # fmt: skip

        def generate(context, builder, signature, arguments):
            vectors, columns, first, last, row, column, square, tile, stride, errors, error, moment, at = arguments
            kinds, zero = signature.args, ir.Constant(INDEX, 0)
            width = cgutils.unpack_tuple(builder, context.make_array(kinds[0])(context, builder, vectors).shape)[1]
            data = _pointer(context, builder, kinds[0], vectors, zero)
            columns = _pointer(context, builder, kinds[1], columns, first)
            errors = _pointer(context, builder, kinds[9], errors, error)
            lines = [builder.add(tile, builder.mul(stride, ir.Constant(INDEX, a))) for a in range(FOUR)]
            homes = [_pointer(context, builder, kinds[6], square, line) for line in lines]
            if with_errors:
                homes.append(_pointer(context, builder, kinds[11], moment, at))
            sums = [cgutils.alloca_once_value(builder, _load(builder, home, zero)) for home in homes]
            with cgutils.for_range(builder, builder.sub(last, first)) as loop:
                number = builder.zext(builder.load(builder.gep(columns, [loop.index])), INDEX)
                x = builder.gep(data, [builder.mul(number, width)])
                across, down = _load(builder, builder.gep(x, [column]), zero), builder.gep(x, [row])
                factors = [builder.load(builder.gep(down, [ir.Constant(INDEX, a)])) for a in range(FOUR)]
                if with_errors:
                    factors.append(builder.load(builder.gep(errors, [loop.index])))
                for total, factor in zip(sums, factors, strict=True):
                    spread = _everywhere(builder, factor)
                    builder.store(_multiply_add(builder, spread, across, builder.load(total)), total)
            for total, home in zip(sums, homes, strict=True):
                _store(builder, builder.load(total), home, zero)
            return context.get_dummy_value()

        return signature, generate

    return add


_add_tile, _add_tile_and_errors = _tile(with_errors=False), _tile(with_errors=True)


@compiled(nogil=True, fastmath=True, error_model="numpy")
def _solve(square, moment, n):
    """moment = square⁻¹ moment by Cholesky's factorisation UᵀU, of the first n rows and columns; both are used up.

    square: (m, m) float32 with m a multiple of 16, of which the upper triangle is read; moment: (m,). Four rows are
    finished at a time and then taken from all below them at once, which spares three of four loads and stores.
    """
    stride, chunks = square.shape[1], (n + WIDTH - 1) // WIDTH
    for first in range(0, n, FOUR):
        until = min(first + FOUR, n)
        for k in range(first, until):
            start = k // WIDTH * WIDTH
            scale = np.float32(1) / np.sqrt(square[k, k])
            for j in range(start, k):
                square[k, j] = 0
            for j in range(k, chunks * WIDTH):
                square[k, j] *= scale
            for i in range(k + 1, until):
                here = np.uint64(i * stride + start)
                _add(-square[k, i], square, np.uint64(k * stride + start), square, here, np.uint64(chunks - k // WIDTH))
        for i in range(until, n):
            c = i // WIDTH
            _subtract_four(square, np.uint64(stride), np.uint64(first), np.uint64(i), np.uint64(c), np.uint64(chunks))
    for k in range(n):  # Uᵀ z = moment
        c = k // WIDTH
        z = moment[k] / square[k, k]
        _add(-z, square, np.uint64(k * stride + c * WIDTH), moment, np.uint64(c * WIDTH), np.uint64(chunks - c))
        moment[k] = z
    for k in range(n - 1, -1, -1):  # U x = z
        c = k // WIDTH
        z, moment[k] = moment[k], 0
        later = _dot(square, np.uint64(k * stride + c * WIDTH), moment, np.uint64(c * WIDTH), np.uint64(chunks - c))
        moment[k] = (z - later) / square[k, k]


@compiled(nogil=True, fastmath=True, error_model="numpy")
def _through_entries(vectors, columns, targets, first, last, diagonal, w, scaled, square, moment):
    """w = D⁻¹Xᵀ (I + XD⁻¹Xᵀ)⁻¹ y, exactly."""
    n, width = last - first, vectors.shape[1]
    chunks = np.uint64(width // WIDTH)
    for t in range(n):
        column = columns[first + t]
        for k in range(width):
            scaled[t, k] = vectors[column, k] / np.sqrt(diagonal[k])
        for s in range(t):
            square[s, t] = _dot(scaled, np.uint64(s * width), scaled, np.uint64(t * width), chunks)
        square[t, t] = 1 + _dot(scaled, np.uint64(t * width), scaled, np.uint64(t * width), chunks)
        moment[t] = targets[first + t]
    for t in range(n):
        for s in range(n, padded_to(n)):
            square[t, s] = 0
    _solve(square, moment, n)
    w[:] = 0
    for t in range(n):
        _add(moment[t], scaled, np.uint64(t * width), w, np.uint64(0), chunks)
    for k in range(width):
        w[k] /= np.sqrt(diagonal[k])


@compiled(inline="always")
def padded_to(n):
    return (n + WIDTH - 1) // WIDTH * WIDTH


@compiled(nogil=True, fastmath=True, error_model="numpy")
def _by_blocks(vectors, columns, targets, first, last, diagonal, w, errors, square, moment):
    """A Newton step for each block of w in turn, with e_t = w·x_t - y_t kept up to date:

    w_π -= (Σ_t x_tπ x_tπᵀ + D_π)⁻¹ (Σ_t e_t x_tπ + D_π w_π)
    """
    n, width, block = last - first, vectors.shape[1], square.shape[1]
    for t in range(n):
        at = np.uint64(columns[first + t]) * np.uint64(width)
        errors[t] = _dot(vectors, at, w, np.uint64(0), np.uint64(width // WIDTH)) - targets[first + t]
    for start in range(0, width, block):
        size = min(block, width - start)
        tiles = size // WIDTH
        square[:size] = 0
        for k in range(size):
            square[k, k] = diagonal[start + k]
            moment[k] = diagonal[start + k] * w[start + k]
        for chunk in range(first, last, CHUNK):
            until = min(chunk + CHUNK, last)
            for c in range(tiles):
                column, at = np.uint64(start + c * WIDTH), np.uint64(c * WIDTH)
                _add_tile_and_errors(
                    vectors, columns, np.uint64(chunk), np.uint64(until), np.uint64(start), column,
                    square, at, np.uint64(block), errors, np.uint64(chunk - first), moment, at,
                )  # fmt: skip
                for r in range(FOUR, (c + 1) * WIDTH, FOUR):
                    _add_tile(
                        vectors, columns, np.uint64(chunk), np.uint64(until), np.uint64(start + r), column,
                        square, np.uint64(r * block) + at, np.uint64(block), errors, np.uint64(0), moment, at,
                    )  # fmt: skip
        _solve(square, moment, size)
        for k in range(size):
            w[start + k] -= moment[k]
        for t in range(n):
            at = np.uint64(columns[first + t]) * np.uint64(width) + np.uint64(start)
            errors[t] -= _dot(vectors, at, moment, np.uint64(0), np.uint64(tiles))


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def solve_rows(
    first_row: int, last_row: int, table: SparseRows, vectors: Floats, ridge: Ridge, block: int, solutions: Floats
) -> None:
    """Solves for the rows `first_row` … `last_row` - 1 of `solutions`, each from the solution that is there; the
    solution of a row without entries is 0.

    table: the targets by row, its columns uint32; vectors: (n_columns, width) and solutions: (n_rows, width),
    C-contiguous; block: how many of the columns of w are solved together. Width and block are multiples of 16.
    """
    starts, columns, targets = table.starts, table.columns, table.values
    width = vectors.shape[1]
    longest = 0
    for row in range(first_row, last_row):
        longest = max(longest, starts[row + 1] - starts[row])
    errors, scaled = np.empty(longest, np.float32), np.empty((block, width), np.float32)
    square, moment = np.zeros((block, block), np.float32), np.zeros(block, np.float32)
    diagonal = np.empty(width, np.float32)
    for row in range(first_row, last_row):
        first, last, w = starts[row], starts[row + 1], solutions[row]
        for k in range(width):
            diagonal[k] = ridge.shared_diagonal[k] + ridge.row_weight[row] * ridge.penalty[k]
        if first == last:
            w[:] = 0
        elif last - first <= block:
            _through_entries(vectors, columns, targets, first, last, diagonal, w, scaled, square, moment)
        else:
            _by_blocks(vectors, columns, targets, first, last, diagonal, w, errors, square, moment)
