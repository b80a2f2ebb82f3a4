"""A blocked Gibbs sampler for one side of a factorisation at a time: what `bayes` is made of."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.linalg import eigh, solve_triangular
from scipy.sparse import csr_array, hstack

from cofactor.arrays import Array, Doubles, Floats, Rows

TOLERANCE = 0.1  # of a solution, in the norm of its own system: halving it changes no RMSE by more than 0.0005
MOST_STEPS = 50  # of conjugate gradients
SAMPLED = 128  # rows whose precision stands for all in the preconditioner
PIECES = 3  # of work for each thread, so that none waits long for another
STRENGTH = 2.0  # of the prior that the mean of vectors is 0: as many vectors would say it
SUMS = 12  # pieces that squared errors are added up in, however many threads: their number decides the last bits
STRETCH = 1 << 16  # random numbers from one stream


class Workers:
    """Functions of (first, last, …) rows run in pieces of equal cost, side by side."""

    def __init__(self, pool: Executor | None, n_threads: int) -> None:
        self.pool, self.n_pieces = pool, PIECES * n_threads if pool else 1

    def pieces(self, costs: Array) -> Array:
        """Row numbers at which to cut rows of (n,) costs."""
        done = np.concatenate(([0], np.cumsum(costs, dtype=np.float64)))
        return np.searchsorted(done, np.linspace(0, done[-1], self.n_pieces + 1)).astype(np.int64)

    def each(self, function: Callable[..., Any], cuts: Array, *arguments: Any) -> list[Any]:
        """What the function returns for each piece, in order."""
        spans = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        if self.pool is None:
            return [function(first, last, *arguments) for first, last in spans]
        return list(self.pool.map(lambda span: function(*span, *arguments), spans))

    def normal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Standard normal numbers, each stretch from a stream of its own, so that threads do not matter."""
        out = np.empty(shape, np.float32)
        flat = out.reshape(-1)
        starts = range(0, flat.size, STRETCH)
        seeds = rng.integers(1 << 63, size=len(starts))

        def fill(start: int, seed: int) -> None:
            np.random.Generator(np.random.SFC64(seed)).standard_normal(
                dtype=np.float32, out=flat[start : start + STRETCH]
            )

        work = starts, seeds.tolist()
        deque(map(fill, *work) if self.pool is None else self.pool.map(fill, *work), maxlen=0)
        return out


@dataclass(frozen=True)
class Prior:
    """A normal distribution of vectors [v, b]: v about a mean, and the bias b about 0, independent of v."""

    mean: Doubles  # (W,)
    precision: Doubles  # (W, W)

    @classmethod
    def start(cls, width: int, deviation: float) -> Self:
        return cls(np.zeros(width), np.eye(width) / deviation**2)

    @classmethod
    def sampled(cls, vectors: Floats, rng: np.random.Generator, strength: float = STRENGTH) -> Self:
        """Given (n, W) vectors: for v normal–Wishart with W₀ = I, ν₀ = rank, β₀ = strength [Salakhutdinov and Mnih
        2008, equation 14], for the precision of b Gamma(½, ½). A strength of ∞ holds the mean at 0."""
        n, width = vectors.shape
        mean, precision = np.zeros(width), np.zeros((width, width))
        mean[:-1], precision[:-1, :-1] = _normal_wishart(vectors[:, :-1].astype(np.float64), rng, strength)
        precision[-1, -1] = rng.gamma((1 + n) / 2, 2 / (1 + np.vdot(vectors[:, -1], vectors[:, -1])))
        return cls(mean, precision)

    def around(self, noise: Floats) -> Floats:
        """(n, W) vectors of precision Λ about 0, made of as many standard normal numbers."""
        inverse = solve_triangular(np.linalg.cholesky(self.precision), np.eye(len(self.precision)), lower=True)
        vectors: Floats = noise @ inverse.astype(np.float32)
        return vectors


def _normal_wishart(v: Doubles, rng: np.random.Generator, strength: float) -> tuple[Doubles, Doubles]:
    n, rank = v.shape
    mean = v.sum(axis=0) / max(n, 1)
    scatter = (v - mean).T @ (v - mean) + n / (1 + n / strength) * np.outer(mean, mean)
    scale = np.linalg.inv(np.eye(rank) + scatter)
    bartlett = np.tril(rng.standard_normal((rank, rank)), -1)
    bartlett[np.diag_indices(rank)] = np.sqrt(rng.chisquare(rank + n - np.arange(rank)))
    root = np.linalg.cholesky((scale + scale.T) / 2) @ bartlett
    precision = root @ root.T
    around = solve_triangular(np.linalg.cholesky(precision).T, rng.standard_normal(rank))
    return n / (strength + n) * mean + around / np.sqrt(strength + n), precision


@dataclass
class Group:
    """Describing vectors that share a prior: those of all items of histories, or of the values of one column."""

    here: slice  # of the rows of B
    biased: bool  # whether they add to the bias as well
    prior: Prior


@dataclass(frozen=True, eq=False)
class Description:
    """A sparse matrix φ that weighs the describing vectors of each row, and its transpose, in pieces."""

    rows: tuple[Array, Rows, Floats]  # starts, columns, weights
    columns: tuple[Array, Rows, Floats]
    row_cuts: Array
    column_cuts: Array
    weights: Floats  # (n_columns,) Σ φ²
    widths: tuple[int, ...]  # columns of each group
    biased: tuple[bool, ...]

    @classmethod
    def of(cls, blocks: Sequence[tuple[csr_array, bool]], workers: Workers) -> "Description | None":
        """Of (n, ·) matrices, one for each group, and whether the group is biased."""
        if not blocks:
            return None
        matrix = csr_array(hstack([block for block, _ in blocks], format="csr", dtype=np.float32))
        turned = csr_array(matrix.T)
        row_cuts, column_cuts = (workers.pieces(np.diff(one.indptr) + 1) for one in (matrix, turned))
        weights = np.bincount(matrix.indices, matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[1])
        widths, biased = tuple(block.shape[1] for block, _ in blocks), tuple(one for _, one in blocks)
        return cls(_parts(matrix), _parts(turned), row_cuts, column_cuts, weights.astype(np.float32), widths, biased)


def _parts(matrix: csr_array) -> tuple[Array, Rows, Floats]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data


class Side:
    """The vectors of one side (users, items or days): own and described, their priors, and a draw of them all.

    `total` (n, W) are the vectors [v, b] of the last draw, `expected` (n, W) their mean given the other sides and the
    describing vectors, `described` (m, W) those, none where nothing describes a row; `drawn_with` their prior.
    """

    def __init__(
        self,
        row: Rows,
        partner: Rows,
        day: Rows | None,
        value: Floats,
        shape: tuple[int, int],
        blocks: Sequence[tuple[csr_array, bool]],
        deviation: float,
        rng: np.random.Generator,
        workers: Workers,
        strength: float = STRENGTH,
    ) -> None:
        self.shape, self.rng, self.workers, self.strength = shape, rng, workers, strength
        n, width = shape
        order = np.lexsort((partner, row))
        self.starts = np.searchsorted(row[order], np.arange(n + 1)).astype(np.int64)
        self.partner, self.value = partner[order], value[order]
        self.day = np.empty(0, np.int32) if day is None else day[order]
        self.cuts = workers.pieces(np.diff(self.starts) + width)
        self.sums = np.linspace(0, n, SUMS + 1).astype(np.int64)
        self.description = Description.of(blocks, workers)
        self.prior = self.drawn_with = Prior.start(width, deviation)
        self.groups: list[Group] = []
        self.described = np.zeros((0, width), np.float32)
        self.total = workers.normal(shape, rng) * np.float32(deviation)
        self.expected, self.moment, self.simulated = (np.zeros(shape, np.float32) for _ in range(3))
        self.squares = np.zeros(n)
        if self.description is not None:
            stops = np.cumsum(self.description.widths).tolist()
            self.groups = [
                Group(slice(stop - size, stop), biased, Prior.start(width, deviation))
                for stop, size, biased in zip(stops, self.description.widths, self.description.biased, strict=True)
            ]
            self.described = workers.normal((stops[-1], width), rng) * np.float32(deviation)
            for group in self.groups:
                self.described[group.here, -1] *= group.biased

    @property
    def priors(self) -> list[Prior]:
        """Of the own vectors, and of each group of describing ones: what the next draw begins with."""
        return [self.prior, *(group.prior for group in self.groups)]

    @priors.setter
    def priors(self, priors: Sequence[Prior]) -> None:
        self.prior = priors[0]
        for group, prior in zip(self.groups, priors[1:], strict=True):
            group.prior = prior

    @property
    def rated(self) -> Array:
        """(n,) whether a row has a rating."""
        return np.diff(self.starts) > 0

    def sweep(self, partners: Floats, days: Floats | None, alpha: float, factor: Floats) -> float:
        """Draws all vectors given the other sides, then the priors; Σ of the squared errors of the draw.

        factor: (≥ n, W, W) room for the Cholesky factors; the sides take turns in it.
        """
        from cofactor.kernels import gibbs

        width, each = self.shape[1], self.workers.each
        precision, precise = self.prior.precision.astype(np.float32), self.prior.precision
        simulating = self.description is not None
        noise = self._normal((len(self.value) if simulating else 0,))
        first = self.prior.around(self._normal(self.shape)) if simulating else np.zeros(self.shape, np.float32)
        days = np.zeros((1, width), np.float32) if days is None else days
        ratings = self.starts, self.partner, partners, self.day, days, self.value, noise
        said = factor, self.moment, self.simulated, self.squares
        each(gibbs.condition, self.cuts, *ratings, np.float32(alpha), precision, first, *said)
        centre = np.broadcast_to(self.prior.mean.astype(np.float32), self.shape)
        if self.description is not None:
            self._describe(self.description, factor)
            centre = centre + self._spread(self.description, self.described)
        each(gibbs.solve, self.cuts, factor, centre @ precision + self.moment, self.expected)
        each(gibbs.perturb, self.cuts, factor, self.expected, self._normal(self.shape), self.total)
        errors = each(gibbs.squared_error, self.sums, factor, precise, alpha, self.moment, self.total, self.squares)
        self.total[~self.rated] = centre[~self.rated]  # of these the ratings say nothing: no noise need be kept
        self.drawn_with = self.prior
        own = (self.total - centre)[self.rated] + self.prior.mean.astype(np.float32)
        self.prior = Prior.sampled(own, self.rng, self.strength)
        for group in self.groups:
            group.prior = Prior.sampled(self.described[group.here], self.rng)
        return float(sum(errors))

    def _describe(self, description: Description, factor: Floats) -> None:
        """Draws B given the ratings, the own vectors integrated out: the solution of

            (Λ_B + φᵀMφ) B = Λ_B (mean_B + noise) + φᵀ(ΛA⁻¹ simulated - M mean),    M = Λ - ΛA⁻¹Λ

        whose right side is drawn with the covariance of the system itself, so that the solution has its inverse
        [perturbation and optimisation: G. Papandreou, A. Yuille 2010, equations 4 to 6].
        """
        precision = self.prior.precision.astype(np.float32)

        def marginal(s: Floats) -> Floats:  # M s
            weighed = s @ precision
            return weighed - self._solved(factor, weighed) @ precision

        mean = np.broadcast_to(self.prior.mean.astype(np.float32), self.shape)
        told = self._solved(factor, self.simulated) @ precision - marginal(mean)
        right = self._collect(description, told)
        for group in self.groups:
            root = np.linalg.cholesky(group.prior.precision).astype(np.float32)
            right[group.here] += self._normal(right[group.here].shape) @ root.T
            right[group.here] += (group.prior.precision @ group.prior.mean).astype(np.float32)

        def system(b: Floats) -> Floats:
            out = self._collect(description, marginal(self._spread(description, b)))
            for group in self.groups:
                out[group.here] += b[group.here] @ group.prior.precision.astype(np.float32)
            return out

        self.described = conjugate_gradients(system, self._preconditioner(description, factor), right, self.described)

    def _preconditioner(self, description: Description, factor: Floats) -> Callable[[Floats], Floats]:
        """B ↦ the solution of (Λ_B + Σφ² M̄) B for each vector, M̄ the mean M of some rows: as if each vector stood
        alone and rows were alike. It holds the biases of groups without one at 0."""
        n, precision = len(self.moment), self.prior.precision
        some = factor[np.linspace(0, n - 1, min(n, SAMPLED)).astype(np.int64)].astype(np.float64)
        upper = np.triu(some, 1) + np.eye(len(precision)) / some.diagonal(axis1=1, axis2=2)[:, None, :]
        left = np.linalg.inv(upper.transpose(0, 2, 1) @ upper).mean(axis=0)
        typical = precision - precision @ left @ precision
        scaled = []
        for group in self.groups:
            k = len(typical) if group.biased else len(typical) - 1  # columns that are free
            values, basis = eigh((typical + typical.T)[:k, :k] / 2, group.prior.precision[:k, :k])
            weights = description.weights[group.here, None]
            divided = 1 / (1 + np.maximum(values, 0).astype(np.float32) * weights)
            scaled.append((group.here, k, basis.astype(np.float32), divided))

        def solve(b: Floats) -> Floats:
            out = np.zeros_like(b)
            for here, k, basis, divided in scaled:
                out[here, :k] = ((b[here, :k] @ basis) * divided) @ basis.T
            return out

        return solve

    def _normal(self, shape: tuple[int, ...]) -> Floats:
        return self.workers.normal(shape, self.rng)

    def _solved(self, factor: Floats, b: Floats) -> Floats:
        from cofactor.kernels import gibbs

        out = np.empty(self.shape, np.float32)
        self.workers.each(gibbs.solve, self.cuts, factor, b, out)
        return out

    def _spread(self, description: Description, b: Floats) -> Floats:
        """φ B."""
        from cofactor.kernels import gibbs

        out = np.empty(self.shape, np.float32)
        self.workers.each(gibbs.product, description.row_cuts, *description.rows, b, out)
        return out

    def _collect(self, description: Description, s: Floats) -> Floats:
        """φᵀ s."""
        from cofactor.kernels import gibbs

        out = np.empty((len(description.weights), s.shape[1]), np.float32)
        self.workers.each(gibbs.product, description.column_cuts, *description.columns, s, out)
        return out


def conjugate_gradients(
    system: Callable[[Floats], Floats], precondition: Callable[[Floats], Floats], right: Floats, start: Floats
) -> Floats:
    """x with system(x) = right, to TOLERANCE of its length in the preconditioner's norm, beginning at `start`.

    The system is symmetric and positive definite. Begun at the last draw, it leaves as it was what few steps do not
    reach.
    """
    x, residual = start.copy(), right - system(start)
    scaled = precondition(residual)
    direction, size = scaled.copy(), float(np.vdot(residual, scaled))
    enough = TOLERANCE**2 * float(np.vdot(right, precondition(right)))
    for _ in range(MOST_STEPS):
        if size <= enough:
            break
        image = system(direction)
        step = np.float32(size / float(np.vdot(direction, image)))
        x += step * direction
        residual -= step * image
        scaled = precondition(residual)
        before, size = size, float(np.vdot(residual, scaled))
        direction = scaled + np.float32(size / before) * direction
    return x
