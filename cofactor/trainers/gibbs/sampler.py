"""A blocked Gibbs sampler for one side of a factorisation at a time: what `bayes` is made of."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.linalg import eigh

from cofactor.arrays import Floats, Mask, Rows
from cofactor.trainers.gibbs.prior import STRENGTH, Prior
from cofactor.trainers.gibbs.side_information import FeatureBlock, SideInformation, thread_bounds
from cofactor.training.row_thread_pool import RowThreadPool

TOLERANCE = 0.1  # of a solution, in the norm of its own system: halving it changes no RMSE by more than 0.0005
MAX_STEPS = 50  # of conjugate gradients
N_SAMPLED = 128  # rows whose mean precision the preconditioner uses for all
N_SUMS = 12  # parts in which squared errors are summed, however many threads: their number decides the last bits
STREAM_LENGTH = 1 << 16  # random numbers from one stream


class SampledSide:
    """The vectors of one side (users, items or days): their own part and the part of their side information, the priors
    of both, and the last sample.

    `total` (n, W): the vectors [v, b] of the last sample; `expected` (n, W): their mean given the other sides and the
    coefficients; `coefficients` (m, W): those of the side information, (0, W) where there is none; `sample_prior`: the
    prior that the last sample was drawn with.
    """

    def __init__(
        self,
        row: Rows,
        partner: Rows,
        day: Rows | None,
        value: Floats,
        shape: tuple[int, int],
        blocks: Sequence[FeatureBlock],
        deviation: float,
        rng: np.random.Generator,
        pool: RowThreadPool,
        strength: float = STRENGTH,
    ) -> None:
        from cofactor.kernels import gibbs

        self.shape, self.pool, self.strength, self.kernels = shape, pool, strength, gibbs
        n, width = shape
        order = np.lexsort((partner, row))
        starts = np.searchsorted(row[order], np.arange(n + 1)).astype(np.int64)
        days = np.empty(0, np.int32) if day is None else day[order]
        self.ratings = gibbs.SideRatings(starts, partner[order], days, value[order])
        self.bounds = thread_bounds(np.diff(starts) + width, pool)
        self.sum_bounds = np.linspace(0, n, N_SUMS + 1).astype(np.int64)
        self.information = SideInformation.from_blocks(blocks, pool)
        self.prior = self.sample_prior = Prior.isotropic(width, deviation)
        self.blocks = [] if self.information is None else self.information.coefficients(width, deviation)
        self.coefficients = np.zeros((0, width), np.float32)
        self.total = standard_normal(shape, rng, pool) * np.float32(deviation)
        self.expected, self.moment, self.simulated = (np.zeros(shape, np.float32) for _ in range(3))
        self.squares = np.zeros(n)
        if self.information is not None:
            size = len(self.information.weights)
            self.coefficients = standard_normal((size, width), rng, pool) * np.float32(deviation)
            for block in self.blocks:
                self.coefficients[block.rows, -1] *= block.biased

    @property
    def priors(self) -> list[Prior]:
        """Of the own vectors and of each block of coefficients: what the next sample begins with."""
        return [self.prior, *(block.prior for block in self.blocks)]

    def restore(self, total: Floats, priors: Sequence[Prior], coefficients: Floats | None) -> None:
        """The side as it was after a sample; coefficients None: as they are."""
        self.total[:] = total
        self.prior = priors[0]
        for block, prior in zip(self.blocks, priors[1:], strict=True):
            block.prior = prior
        if coefficients is not None:
            self.coefficients = coefficients

    @property
    def rated(self) -> Mask:
        """(n,) whether a row has a rating."""
        rated: Mask = np.diff(self.ratings.starts) > 0
        return rated

    def sample(
        self, rng: np.random.Generator, partners: Floats, days: Floats | None, alpha: float, factor: Floats
    ) -> float:
        """Samples all vectors given the other sides, then the priors; returns Σ of the squared errors of the sample.

        factor: (≥ n, W, W) memory for the Cholesky factors, which the sides share.
        """
        kernels, pool = self.kernels, self.pool
        width, information = self.shape[1], self.information
        precision = self.prior.precision.astype(np.float32)
        simulating = information is not None
        noise = self._normal((len(self.ratings.value) if simulating else 0,), rng)
        own = self.prior.draw_centred(self._normal(self.shape, rng)) if simulating else np.zeros(self.shape, np.float32)
        fixed = kernels.Partners(partners, np.zeros((1, width), np.float32) if days is None else days)
        posterior = kernels.PosteriorArrays(factor, self.moment, self.simulated, self.squares)
        pool.map(
            lambda first, last: kernels.accumulate_posterior(
                first, last, self.ratings, fixed, noise, np.float32(alpha), precision, own, posterior
            ),
            self.bounds,
        )
        centre = np.broadcast_to(self.prior.mean.astype(np.float32), self.shape)
        if information is not None:
            self._sample_coefficients(information, factor, rng)
            centre = centre + self._multiply(information, self.coefficients)
        self._solve(factor, centre @ precision + self.moment, self.expected)
        perturbation = self._normal(self.shape, rng)
        pool.map(
            lambda first, last: kernels.add_noise(first, last, factor, self.expected, perturbation, self.total),
            self.bounds,
        )
        errors = pool.map(
            lambda first, last: kernels.squared_error(first, last, posterior, self.prior.precision, alpha, self.total),
            self.sum_bounds,
        )
        self._sample_priors(centre, rng)
        return float(sum(errors))

    def _sample_priors(self, centre: Floats, rng: np.random.Generator) -> None:
        self.total[~self.rated] = centre[~self.rated]  # their posterior is the prior: the noise need not be kept
        self.sample_prior = self.prior
        own = (self.total - centre)[self.rated] + self.prior.mean.astype(np.float32)
        self.prior = Prior.sample(own, rng, self.strength)
        for block in self.blocks:
            block.prior = Prior.sample(self.coefficients[block.rows], rng)

    def _sample_coefficients(self, information: SideInformation, factor: Floats, rng: np.random.Generator) -> None:
        """Samples B given the ratings, the own vectors integrated out: the solution of

            (Λ_B + φᵀMφ) B = Λ_B (mean_B + noise) + φᵀ(ΛA⁻¹ simulated - M mean),    M = Λ - ΛA⁻¹Λ

        whose right side is drawn with the covariance of the system itself, so that the solution has its inverse
        [perturbation and optimisation: G. Papandreou, A. Yuille 2010, equations 4 to 6].
        """
        precision = self.prior.precision.astype(np.float32)

        def marginal(s: Floats) -> Floats:  # M s
            weighted = s @ precision
            return weighted - self._solve(factor, weighted) @ precision

        mean = np.broadcast_to(self.prior.mean.astype(np.float32), self.shape)
        rhs = self._multiply_transposed(information, self._solve(factor, self.simulated) @ precision - marginal(mean))
        for block in self.blocks:
            root = np.linalg.cholesky(block.prior.precision).astype(np.float32)
            rhs[block.rows] += self._normal(rhs[block.rows].shape, rng) @ root.T
            rhs[block.rows] += (block.prior.precision @ block.prior.mean).astype(np.float32)

        def system(b: Floats) -> Floats:
            out = self._multiply_transposed(information, marginal(self._multiply(information, b)))
            for block in self.blocks:
                out[block.rows] += b[block.rows] @ block.prior.precision.astype(np.float32)
            return out

        preconditioner = self._preconditioner(information, factor)
        self.coefficients = conjugate_gradients(system, preconditioner, rhs, self.coefficients)

    def _preconditioner(self, information: SideInformation, factor: Floats) -> Callable[[Floats], Floats]:
        """B ↦ the solution of (Λ_B + Σφ² M̄) B for each coefficient vector, M̄ the mean M of some rows: as if the
        coefficients did not interact and all rows had the same M. It keeps the biases of unbiased blocks at 0."""
        n, precision = len(self.moment), self.prior.precision
        some = factor[np.linspace(0, n - 1, min(n, N_SAMPLED)).astype(np.int64)].astype(np.float64)
        upper = np.triu(some, 1) + np.eye(len(precision)) / some.diagonal(axis1=1, axis2=2)[:, None, :]
        inverse = np.linalg.inv(upper.transpose(0, 2, 1) @ upper).mean(axis=0)
        typical = precision - precision @ inverse @ precision
        scaled = []
        for block in self.blocks:
            k = len(typical) if block.biased else len(typical) - 1  # columns that are free
            values, basis = eigh((typical + typical.T)[:k, :k] / 2, block.prior.precision[:k, :k])
            weights = information.weights[block.rows, None]
            divided = 1 / (1 + np.maximum(values, 0).astype(np.float32) * weights)
            scaled.append((block.rows, k, basis.astype(np.float32), divided))

        def solve(b: Floats) -> Floats:
            out = np.zeros_like(b)
            for rows, k, basis, divided in scaled:
                out[rows, :k] = ((b[rows, :k] @ basis) * divided) @ basis.T
            return out

        return solve

    def _normal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        return standard_normal(shape, rng, self.pool)

    def _solve(self, factor: Floats, b: Floats, out: Floats | None = None) -> Floats:
        """A⁻¹ b for each row."""
        out = np.empty(self.shape, np.float32) if out is None else out
        self.pool.map(lambda first, last: self.kernels.solve(first, last, factor, b, out), self.bounds)
        return out

    def _multiply(self, information: SideInformation, b: Floats) -> Floats:
        """φ B."""
        out, product = np.empty(self.shape, np.float32), self.kernels.product
        self.pool.map(lambda first, last: product(first, last, information.matrix, b, out), information.bounds)
        return out

    def _multiply_transposed(self, information: SideInformation, s: Floats) -> Floats:
        """φᵀ s."""
        out, product = np.empty((len(information.weights), s.shape[1]), np.float32), self.kernels.product
        bounds = information.transposed_bounds
        self.pool.map(lambda first, last: product(first, last, information.transposed, s, out), bounds)
        return out


def standard_normal(shape: tuple[int, ...], rng: np.random.Generator, pool: RowThreadPool) -> Floats:
    """Standard normal numbers, each STREAM_LENGTH of them from its own stream, so that threads do not matter."""
    out = np.empty(shape, np.float32)
    flat = out.reshape(-1)
    starts = range(0, flat.size, STREAM_LENGTH)
    seeds = rng.integers(1 << 63, size=len(starts)).tolist()

    def fill(first: int, last: int) -> None:
        generator = np.random.Generator(np.random.SFC64(seeds[first // STREAM_LENGTH]))
        generator.standard_normal(dtype=np.float32, out=flat[first:last])

    pool.map(fill, [*starts, flat.size])
    return out


def conjugate_gradients(
    system: Callable[[Floats], Floats], preconditioner: Callable[[Floats], Floats], rhs: Floats, start: Floats
) -> Floats:
    """x with system(x) = rhs, to TOLERANCE of its length in the preconditioner's norm, from `start` on.

    The system is symmetric and positive definite. From the last sample on, what few steps do not reach stays as it was.
    """
    x, residual = start.copy(), rhs - system(start)
    scaled = preconditioner(residual)
    direction, size = scaled.copy(), float(np.vdot(residual, scaled))
    enough = TOLERANCE**2 * float(np.vdot(rhs, preconditioner(rhs)))
    for _ in range(MAX_STEPS):
        if size <= enough:
            break
        image = system(direction)
        step = np.float32(size / float(np.vdot(direction, image)))
        x += step * direction
        residual -= step * image
        scaled = preconditioner(residual)
        before, size = size, float(np.vdot(residual, scaled))
        direction = scaled + np.float32(size / before) * direction
    return x
