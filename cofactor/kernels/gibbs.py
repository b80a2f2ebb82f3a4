"""Sampling the vectors of one side of a factorisation from their normal posterior, the other side held fixed.

A row (a user, say) has a vector T = own + Σ_m φ_m B_m: its own vector, normal about a mean with precision Λ, and the
coefficients B of its side information (the items of its history, its age), weighted by a sparse matrix φ. For its
ratings r with partners x (vectors of the other side, and a 1 for the bias), G = Σ x xᵀ and c = Σ r x are sufficient
statistics of T. With A = Λ + αG, kept by its Cholesky factor, the own vectors can be integrated out: given the ratings,
s = mean + φB is normal with precision M = Λ - ΛA⁻¹Λ. So all of B is sampled at once, from one linear system whose
operator costs two sparse products and one solution of each row's A.

Rows are independent in every function here: any division of them among threads gives the same numbers.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"

from typing import NamedTuple

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.kernels.compilation.compile import compiled
from cofactor.kernels.sparse_rows import SparseRows

BLOCK = 128  # ratings of a row whose partners are gathered at a time: they stay in the first-level cache
TILE = (4, 16)  # of a Gram matrix: its sums stay in registers
LEAST = np.float32(1e-12)  # of a pivot


class SideRatings(NamedTuple):
    """The ratings of one side by row."""

    starts: Array  # (n_rows + 1,) int64 first rating of each row
    partner: Rows  # (n,) row of the other side
    day: Rows  # (n,), or (0,) where there are no days
    value: Floats  # (n,) less the mean


class Partners(NamedTuple):
    """What is held fixed while a side is sampled; of each vector the last number is the bias."""

    vectors: Floats  # (n_partners, k)
    days: Floats  # (n_days, k)


class PosteriorArrays(NamedTuple):
    factor: Floats  # (n_rows, k, k) the Cholesky factor of A = Λ + αG, as `_factorise` leaves it
    moment: Floats  # (n_rows, k) αc
    simulated: Floats  # (n_rows, k) αc + αG own + √α Σ noise_t x: ratings simulated for own vectors from their prior
    squares: Doubles  # (n_rows,) Σ r²


@intrinsic
def _add_tile(typing, x, n, top, left, gram):
    """gram[top : top + 4, left : left + 16] += Σ_{t<n} x[t, top : top + 4]ᵀ x[t, left : left + 16].

    x and gram are C-contiguous, of the same number of columns, a multiple of 16.
    """
    number = nb.types.int64
    index, lane = ir.IntType(64), ir.IntType(32)
    height, width = TILE
    vector, fast = ir.VectorType(ir.FloatType(), TILE[1]), ("fast",)

    def generate(context, builder, signature, arguments):
        x, n, top, left, gram = arguments
        source, target = (context.make_array(signature.args[k])(context, builder, a) for k, a in ((0, x), (4, gram)))
        columns = builder.extract_value(source.shape, 1)

        def at(array, row, column):
            return builder.gep(array.data, [builder.add(builder.mul(row, columns), column)])

        def wide(pointer):
            return builder.bitcast(pointer, vector.as_pointer())

        def everywhere(number):
            undefined = ir.Constant(vector, ir.Undefined)
            first = builder.insert_element(undefined, number, ir.Constant(lane, 0))
            return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(lane, width), [0] * width))

        places = [wide(at(target, builder.add(top, ir.Constant(index, k)), left)) for k in range(height)]
        sums = []
        for place in places:
            read = builder.load(place)
            read.align = 4
            sums.append(cgutils.alloca_once_value(builder, read))
        with cgutils.for_range(builder, n) as loop:
            row = builder.load(wide(at(source, loop.index, left)))
            row.align = 4
            first = at(source, loop.index, top)
            for k, total in enumerate(sums):
                factor = everywhere(builder.load(builder.gep(first, [ir.Constant(index, k)])))
                builder.store(
                    builder.fadd(builder.load(total), builder.fmul(factor, row, flags=fast), flags=fast), total
                )
        for place, total in zip(places, sums, strict=True):
            builder.store(builder.load(total), place).align = 4
        return context.get_dummy_value()

    return nb.types.void(x, number, number, number, gram), generate


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def accumulate_posterior(
    first: int,
    last: int,
    ratings: SideRatings,
    partners: Partners,
    noise: Floats,
    alpha: np.float32,
    precision: Floats,
    own: Floats,
    out: PosteriorArrays,
) -> None:
    """Writes the posterior of the vectors of rows first … last - 1, given the vectors of their partners.

    Rating t of row u, with partner [Q, b] and, where there are days, day [D, d]:

        x = [Q + D, 1],    r = value - b - d - D·Q,    G = Σ x xᵀ,    c = Σ r x

    noise: (n,) standard normals for `simulated`, or (0,) where that is not needed; precision: (k, k) Λ; own: (n_rows,
    k) own vectors drawn from their prior, by which ratings are simulated.
    """
    starts, noisy = ratings.starts, len(noise) > 0
    factor, moment, simulated, squares = out.factor, out.moment, out.simulated, out.squares
    k, root = partners.vectors.shape[1], np.sqrt(alpha)
    height, width = TILE
    padded = -(-k // width) * width
    x, target = np.zeros((BLOCK, padded), np.float32), np.empty(BLOCK, np.float32)
    gram, c, e = np.empty((padded, padded), np.float32), np.empty(k, np.float32), np.empty(k, np.float32)
    for u in range(first, last):
        gram[:], c[:], e[:], total = 0, 0, 0, 0.0
        for start in range(starts[u], starts[u + 1], BLOCK):
            n = min(BLOCK, starts[u + 1] - start)
            _gather(start, n, ratings, partners, x, target)
            for top in range(0, k, height):
                for left in range(top - top % width, k, width):  # what lies below the diagonal is not looked at
                    _add_tile(x, n, top, left, gram)
            for t in range(n):
                total += np.float64(target[t] * target[t])
                for a in range(k):
                    c[a] += target[t] * x[t, a]
            for t in range(n if noisy else 0):
                for a in range(k):
                    e[a] += noise[start + t] * x[t, a]
        squares[u] = total
        for a in range(k):
            moment[u, a] = alpha * c[a]
            simulated[u, a] = alpha * c[a] + root * e[a]
        for a in range(k):
            s = gram[a, a] * own[u, a]
            f = own[u, a]
            factor[u, a, a] = precision[a, a] + alpha * gram[a, a]
            for b in range(a + 1, k):
                g = gram[a, b]
                factor[u, a, b] = precision[a, b] + alpha * g
                s += g * own[u, b]
                simulated[u, b] += alpha * g * f
            simulated[u, a] += alpha * s
        _factorise(factor[u])


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _gather(start, n, ratings, partners, x, target):
    partner, day, value, vectors, days = ratings.partner, ratings.day, ratings.value, partners.vectors, partners.days
    k = vectors.shape[1]
    for t in range(n):
        row = vectors[partner[start + t]]
        r = value[start + t] - row[k - 1]
        if len(day):
            other = days[day[start + t]]
            for a in range(k - 1):
                x[t, a] = row[a] + other[a]
                r -= row[a] * other[a]
            r -= other[k - 1]
        else:
            for a in range(k - 1):
                x[t, a] = row[a]
        x[t, k - 1] = 1
        target[t] = r


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _factorise(a):
    """(k, k) a becomes R with RᵀR = a above its diagonal, Rᵀ below, and 1 / R_jj on it: what solving reads in order."""
    k = len(a)
    for j in range(k):
        inverse = 1 / np.sqrt(max(a[j, j], LEAST))
        a[j, j] = inverse
        for i in range(j + 1, k):
            a[j, i] *= inverse
        for m in range(j + 1, k):
            f = a[j, m]
            a[m, j] = f
            for i in range(m, k):
                a[m, i] -= f * a[j, i]


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def solve(first: int, last: int, factor: Floats, b: Floats, out: Floats) -> None:
    """out = A⁻¹ b, (n, k), for rows first … last - 1."""
    k = b.shape[1]
    for u in range(first, last):
        r, x = factor[u], out[u]
        x[:] = b[u]
        for j in range(k):
            x[j] *= r[j, j]
            f = x[j]
            for i in range(j + 1, k):
                x[i] -= f * r[j, i]
        _backward(r, x)


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def add_noise(first: int, last: int, factor: Floats, mean: Floats, noise: Floats, out: Floats) -> None:
    """out = mean + R⁻¹ noise, (n, k): normal about the mean with covariance A⁻¹, for noise of standard normals."""
    for u in range(first, last):
        x = out[u]
        x[:] = noise[u]
        _backward(factor[u], x)
        for a in range(len(x)):
            x[a] += mean[u, a]


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _backward(r, x):
    """x = R⁻¹ x."""
    for j in range(len(x) - 1, -1, -1):
        x[j] *= r[j, j]
        f = x[j]
        for i in range(j):
            x[i] -= f * r[j, i]


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def squared_error(
    first: int, last: int, posterior: PosteriorArrays, precision: Doubles, alpha: float, vectors: Floats
) -> float:
    """Σ (r - x·T)² over the ratings of rows first … last - 1 with (n, k) vectors T, without a pass over the ratings:

    Σ r² - 2 c·T + TᵀGT, where αTᵀGT = |RT|² - TᵀΛT.
    """
    factor, moment, squares = posterior.factor, posterior.moment, posterior.squares
    k, total = vectors.shape[1], 0.0
    for u in range(first, last):
        r, x = factor[u], vectors[u]
        square = 0.0
        for a in range(k):
            rotated, prior = x[a] / r[a, a], np.float32(0)
            for b in range(a + 1, k):
                rotated += r[a, b] * x[b]
            for b in range(k):
                prior += precision[a, b] * x[b]
            square += np.float64(rotated) * rotated - np.float64(prior) * x[a] - 2 * np.float64(moment[u, a]) * x[a]
        total += squares[u] + square / alpha
    return total


@compiled(cache=True, nogil=True, fastmath=True, error_model="numpy")
def product(first: int, last: int, matrix: SparseRows, vectors: Floats, out: Floats) -> None:
    """out = φ · vectors, (n, k), for rows first … last - 1 of a sparse φ."""
    starts, columns, weights = matrix.starts, matrix.columns, matrix.values
    k = vectors.shape[1]
    for u in range(first, last):
        sums = out[u]
        sums[:] = 0
        stop = starts[u + 1]
        by_four = stop - (stop - starts[u]) % 4
        for t in range(starts[u], by_four, 4):  # four at once: the sums are read and written a quarter as often
            v0, v1, v2, v3 = (
                vectors[columns[t]], vectors[columns[t + 1]], vectors[columns[t + 2]], vectors[columns[t + 3]]
            )  # fmt: skip
            w0, w1, w2, w3 = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
            for a in range(k):
                sums[a] += (w0 * v0[a] + w1 * v1[a]) + (w2 * v2[a] + w3 * v3[a])
        for t in range(by_four, stop):
            v, w = vectors[columns[t]], weights[t]
            for a in range(k):
                sums[a] += w * v[a]
