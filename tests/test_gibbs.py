"""Gibbs sampling: kernels beside their naive twins, and draws beside the posterior that they are said to come from."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag
from scipy.sparse import csr_array, eye_array, kron
from scipy.sparse import random_array as random_sparse
from threadpoolctl import threadpool_limits

from cofactor.kernels import gibbs as kernels
from cofactor.kernels.sparse_rows import to_sparse_rows
from cofactor.trainers.gibbs import sampler
from cofactor.trainers.gibbs.prior import Prior
from cofactor.trainers.gibbs.sampler import SampledSide, conjugate_gradients, standard_normal
from cofactor.trainers.gibbs.side_information import FeatureBlock, thread_bounds
from cofactor.training.row_thread_pool import RowThreadPool
from tests import twins

ALONE = RowThreadPool(1)
WIDTHS = st.sampled_from([2, 3, 8, 15, 16, 17, 33])  # around what the kernel does at a time
LENGTHS = st.sampled_from([0, 1, 2, 7, kernels.BLOCK - 1, kernels.BLOCK, kernels.BLOCK + 1, 2 * kernels.BLOCK + 3])


# --- kernels


def precision_of(rng: np.random.Generator, width: int) -> np.ndarray:
    root = rng.normal(0, 0.5, (width, width))
    return root @ root.T + 2 * np.eye(width)


def arguments(lengths: Sequence[int], width: int, seed: int, *, days: bool, noise: bool) -> tuple[Any, ...]:
    """What `accumulate_posterior` reads: rows of so many ratings, 11 partners, 4 days."""
    rng, n = np.random.default_rng(seed), sum(lengths)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.7, shape).astype(np.float32)

    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    day = rng.integers(0, 4, n if days else 0, dtype=np.int32)
    ratings = kernels.SideRatings(starts, rng.integers(0, 11, n, dtype=np.int32), day, normal(n))
    partners = kernels.Partners(normal(11, width), normal(4 if days else 1, width))
    noises, precision = normal(n if noise else 0), precision_of(rng, width).astype(np.float32)
    return ratings, partners, noises, np.float32(1.7), precision, normal(len(lengths), width)


def outputs(n: int, width: int, dtype: type) -> kernels.PosteriorArrays:
    """What `accumulate_posterior` writes, full of numbers that must not stay."""
    shapes = (n, width, width), (n, width), (n, width)
    return kernels.PosteriorArrays(*(np.full(shape, 9, dtype) for shape in shapes), np.full(n, 9.0))


@settings(max_examples=40, deadline=None)
@given(st.lists(LENGTHS, min_size=1, max_size=5), WIDTHS, st.booleans(), st.booleans(), st.integers(0, 9))
def test_the_posterior_of_rows_is_that_of_the_twin(
    lengths: list[int], width: int, days: bool, noise: bool, seed: int
) -> None:
    read, n = arguments(lengths, width, seed, days=days, noise=noise), len(lengths)
    ours, naive = outputs(n, width, np.float32), outputs(n, width, np.float64)
    kernels.accumulate_posterior(0, n, *read, ours)
    twins.accumulate_posterior(0, n, *read, naive)
    for name, one, other in zip(("factor", "moment", "simulated", "squares"), ours, naive, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * max(1, np.abs(other).max() ** 0.5), err_msg=name)
    for factor, unrated in zip(ours[0], np.array(lengths) == 0, strict=True):
        if unrated:  # nothing but the prior
            np.testing.assert_allclose(twins.packed(read[-2]), factor, rtol=1e-5, atol=1e-6)


def seven_rows(width: int) -> tuple[kernels.PosteriorArrays, tuple[Any, ...]]:
    """The posterior of seven rows, and what was read for it."""
    lengths = [3, 0, 40, 1, 300, 2, 12]
    read = arguments(lengths, width, 4, days=True, noise=False)
    posterior = outputs(len(lengths), width, np.float32)
    kernels.accumulate_posterior(0, len(lengths), *read, posterior)
    return posterior, read


@pytest.mark.parametrize("width", [2, 6, 17])
def test_vectors_by_a_factor(width: int) -> None:
    posterior, _ = seven_rows(width)
    factor, moment = posterior.factor, posterior.moment
    for kernel, twin, read in (
        (kernels.solve, twins.solve, (moment,)),
        (kernels.add_noise, twins.add_noise, (moment, moment[::-1].copy())),
    ):
        ours, naive = np.full(moment.shape, 9, np.float32), np.full(moment.shape, 9.0)
        kernel(0, 7, factor, *read, ours)
        twin(0, 7, factor, *read, naive)
        np.testing.assert_allclose(ours, naive, rtol=1e-4, atol=1e-4, err_msg=twin.__name__)


def test_the_squared_error_of_vectors_needs_no_look_at_the_ratings() -> None:
    posterior, read = seven_rows(6)
    (starts, partner, day, value), (partners, days), _, alpha, precision, vectors = read
    args = posterior, precision.astype(np.float64), float(alpha), vectors
    found = kernels.squared_error(0, 7, *args)
    assert found == pytest.approx(twins.squared_error(0, 7, *args), rel=1e-5)
    error = 0.0
    for u in range(7):
        for t in range(starts[u], starts[u + 1]):
            own, other, of_day = (v.astype(np.float64) for v in (vectors[u], partners[partner[t]], days[day[t]]))
            said = own[-1] + other[-1] + of_day[-1] + own[:-1] @ other[:-1] + of_day[:-1] @ (own + other)[:-1]
            error += (value[t] - said) ** 2
    assert found == pytest.approx(error, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3, 16, 17]), st.floats(0, 1), st.integers(0, 9))
def test_a_sparse_matrix_times_vectors(n: int, m: int, width: int, density: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = csr_array(random_sparse((n, m), density=density, rng=rng, dtype=np.float32, format="csr"))
    vectors = rng.normal(size=(m, width)).astype(np.float32)
    read = to_sparse_rows(matrix), vectors
    ours, naive = np.full((n, width), 9, np.float32), np.full((n, width), 9.0)
    kernels.product(0, n, *read, ours)
    twins.product(0, n, *read, naive)
    np.testing.assert_allclose(ours, naive, atol=1e-5)
    np.testing.assert_allclose(ours, matrix.toarray() @ vectors, atol=1e-5)


def test_rows_are_independent() -> None:
    read = arguments([3, 0, 300, 1, 5], 5, 1, days=True, noise=True)
    whole, parts = outputs(5, 5, np.float32), outputs(5, 5, np.float32)
    kernels.accumulate_posterior(0, 5, *read, whole)
    for first, last in ((3, 5), (0, 1), (1, 3)):
        kernels.accumulate_posterior(first, last, *read, parts)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


# --- threads


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60), st.integers(1, 9))
def test_parts_hold_every_row_once_and_about_equal_work(costs: list[int], n_threads: int) -> None:
    with RowThreadPool(n_threads) as pool:
        cuts = thread_bounds(np.array(costs), pool)
    assert len(cuts) == (2 if n_threads == 1 else 3 * n_threads + 1)
    assert cuts[0] == 0
    assert cuts[-1] == len(costs)
    assert (np.diff(cuts) >= 0).all()
    work = [sum(costs[first:last]) for first, last in pairwise(cuts)]
    assert max(work) <= sum(costs) / len(work) + max(costs)


def test_standard_normal_numbers_are_new_each_time_and_the_same_for_any_threads() -> None:
    rng, shape = np.random.default_rng(3), (2 * sampler.STREAM_LENGTH // 3 + 11, 3)
    first, second = standard_normal(shape, rng, ALONE), standard_normal(shape, rng, ALONE)
    with RowThreadPool(3) as pool:
        np.testing.assert_array_equal(standard_normal(shape, np.random.default_rng(3), pool), first)
    for numbers in (first, second):
        assert abs(numbers.mean()) < 4 / np.sqrt(numbers.size)
        assert numbers.var() == pytest.approx(1, abs=4 * np.sqrt(2 / numbers.size))
    flat = np.concatenate([first.ravel(), second.ravel()])
    assert len(np.unique(flat)) > 0.98 * len(flat), "two parts are of one stream"


# --- priors


def test_the_prior_is_drawn_from_its_posterior() -> None:
    """Normal–Wishart [C. M. Bishop 2006, exercise 2.45; K. Murphy 2007, section 8] with W₀ = I, ν₀ = K, β₀ = 2, and
    Gamma(½, ½): means over draws, and spreads."""
    rng, n, rank, n_draws = np.random.default_rng(0), 9, 3, 2000
    vectors = rng.normal([1, -2, 0.5, 0], [1, 0.3, 2, 0.7], (n, rank + 1)).astype(np.float32)
    draws = [Prior.sample(vectors, rng) for _ in range(n_draws)]
    means, precisions = np.array([one.mean for one in draws]), np.array([one.precision for one in draws])

    v, b = vectors[:, :-1].astype(np.float64), vectors[:, -1].astype(np.float64)
    centre = v.mean(axis=0)
    scatter = (v - centre).T @ (v - centre) + 2 * n / (2 + n) * np.outer(centre, centre)
    W, freedom = np.linalg.inv(np.eye(rank) + scatter), rank + n
    spread = np.sqrt(freedom * (W**2 + np.outer(np.diag(W), np.diag(W))) / n_draws)
    z = (precisions[:, :-1, :-1].mean(axis=0) - freedom * W) / spread
    assert np.abs(z).max() < 4.5

    expected = n * centre / (2 + n)
    whitened = np.array(
        [np.linalg.cholesky((2 + n) * one.precision[:-1, :-1]).T @ (one.mean[:-1] - expected) for one in draws]
    )
    assert np.abs(whitened.mean(axis=0)).max() < 4.5 / np.sqrt(n_draws)
    assert np.abs(np.cov(whitened.T) - np.eye(rank)).max() < 4.5 * np.sqrt(2 / n_draws)

    of_bias, shape, rate = precisions[:, -1, -1], (1 + n) / 2, (1 + b @ b) / 2
    assert of_bias.mean() == pytest.approx(shape / rate, abs=4.5 * np.sqrt(shape / n_draws) / rate)
    assert of_bias.std() == pytest.approx(np.sqrt(shape) / rate, rel=0.1)
    assert not means[:, -1].any()
    assert not precisions[:, -1, :-1].any()
    assert not precisions[:, :-1, -1].any()


def test_noise_of_a_prior_has_its_precision() -> None:
    rng = np.random.default_rng(2)
    prior = Prior(np.zeros(4), precision_of(rng, 4))
    noise = rng.standard_normal((40_000, 4)).astype(np.float32)
    whitened = prior.draw_centred(noise) @ np.linalg.cholesky(prior.precision)
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(4), atol=0.03)


# --- a draw of a side

COPIES, ALPHA = 4000, 1.3  # of one tiny problem, side by side in one sweep: as many independent draws
SETS = np.array([[1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [1, 0, 0, 1, 0], [0, 0, 1, 1, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]])
TRAITS = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8], [0, 0], [0, 1]])
PAIRS = np.array(
    [(0, 0), (0, 1), (1, 1), (1, 2), (1, 3), (2, 0), (2, 3), (3, 2), (4, 0), (4, 1), (4, 2)]
)  # row 5: none
DAYS = np.array([0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0])


def block(seed: int, rank: int = 2) -> Prior:
    """A prior of vectors, of mean and precision unlike 0 and I; of a bias, about 0 and independent."""
    rng = np.random.default_rng(seed)
    precision = np.zeros((rank + 1, rank + 1))
    precision[:-1, :-1], precision[-1, -1] = precision_of(rng, rank), 3
    return Prior(np.append(rng.normal(0, 0.8, rank), 0), precision)


OWN, OF_SETS, OF_TRAITS = block(1), block(2), block(3)


class Tiny:
    """Six rows, five partners, rank 2: 2 numbers for each of five items of histories, 3 for each of two traits."""

    def __init__(self, pairs: np.ndarray = PAIRS, days: np.ndarray = DAYS) -> None:
        rng = np.random.default_rng(8)
        self.pairs, self.days = pairs, days
        self.partners = rng.normal(0, 1, (5, 3)).astype(np.float32) + np.array([1, 0, 0], np.float32)
        self.of_days = rng.normal(0, 0.5, (2, 3)).astype(np.float32)
        self.value = rng.normal(0, 1.5, len(pairs)).astype(np.float32)
        self.sets = SETS / np.sqrt(SETS.sum(axis=1, keepdims=True))

    def side(self, pool: RowThreadPool = ALONE) -> SampledSide:
        """All copies as one side."""
        offset, copies = 6 * np.arange(COPIES)[:, None], eye_array(COPIES, format="csr", dtype=np.float32)
        row = (self.pairs[:, 0] + offset).ravel().astype(np.int32)
        partner, day, value = (
            np.tile(column, COPIES)
            for column in (self.pairs[:, 1].astype(np.int32), self.days.astype(np.int32), self.value)
        )
        blocks = [
            FeatureBlock(csr_array(kron(copies, csr_array(one.astype(np.float32)), format="csr")), biased)
            for one, biased in ((self.sets, False), (TRAITS, True))
        ]
        shape, rng = (6 * COPIES, 3), np.random.default_rng(5)
        return SampledSide(row, partner, day, value, shape, blocks, 0.1, rng, pool)

    def sweep(self, side: SampledSide, rng: np.random.Generator) -> float:
        """With α and the priors held fixed."""
        side.restore(side.total, [OWN, OF_SETS, OF_TRAITS], None)
        factor = np.empty((6 * COPIES, 3, 3), np.float32)
        error = side.sample(rng, self.partners, self.of_days, ALPHA, factor)
        assert side.sample_prior is OWN
        return error

    def draws(self, n_sweeps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(sweeps, copies, 6, 3) totals, (…, 5, 3) vectors of sets and (…, 2, 3) of traits."""
        side, found, rng = self.side(), [], np.random.default_rng(6)
        for _ in range(n_sweeps):
            self.sweep(side, rng)
            found.append(parted(side))
        total, sets, traits = zip(*found, strict=True)
        return np.array(total), np.array(sets), np.array(traits)

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of (own vectors, of sets, of traits) as one linear model, 34 numbers."""
        of_sets = Prior(OF_SETS.mean[:-1], OF_SETS.precision[:-1, :-1])
        every = [OWN] * 6 + [of_sets] * 5 + [OF_TRAITS] * 2
        precision = block_diag(*[one.precision for one in every])
        moment = precision @ np.concatenate([one.mean for one in every])
        for (row, partner), day, value in zip(self.pairs, self.days, self.value, strict=True):
            Q, D = self.partners[partner].astype(np.float64), self.of_days[day].astype(np.float64)
            x, target = np.append((Q + D)[:-1], 1), value - Q[-1] - D[-1] - Q[:-1] @ D[:-1]
            design = np.concatenate(
                [np.kron(np.eye(6)[row], x), np.kron(self.sets[row], x[:-1]), np.kron(TRAITS[row], x)]
            )
            precision += ALPHA * np.outer(design, design)
            moment += ALPHA * target * design
        covariance = np.linalg.inv(precision)
        return covariance @ moment, covariance


def parted(side: SampledSide) -> list[np.ndarray]:
    """What a sweep drew, by copy: (copies, 6, 3) totals, (copies, 5, 3) of sets, (copies, 2, 3) of traits."""
    sets, traits = np.split(side.coefficients, [5 * COPIES])
    return [one.reshape(COPIES, -1, 3).astype(np.float64) for one in (side.total, sets, traits)]


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "TOLERANCE", 1e-4)


def joint(tiny: Tiny, total: np.ndarray, sets: np.ndarray, traits: np.ndarray) -> np.ndarray:
    """(sweeps, copies, 34) own vectors, vectors of sets without their biases, vectors of traits."""
    own = total - tiny.sets @ sets - TRAITS @ traits
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in (own, sets[..., :-1], traits)], axis=2)


def whitened(draws: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Independent standard normal numbers, if the draws have this mean and covariance."""
    return np.linalg.solve(np.linalg.cholesky(covariance), (draws - mean).T).T


def is_standard_normal(z: np.ndarray) -> bool:
    n = len(z)
    means, second = np.abs(z.mean(axis=0)).max(), np.abs(z.T @ z / n - np.eye(z.shape[1])).max()
    return bool(means < 4.5 / np.sqrt(n) and second < 5 * np.sqrt(2 / n))


@pytest.mark.usefixtures("exact")
def test_a_sweep_draws_from_the_joint_posterior_of_own_and_describing_vectors() -> None:
    tiny = Tiny()
    total, sets, traits = tiny.draws(4)
    assert not sets[..., -1].any(), "sets have no bias"
    draws, (mean, covariance) = joint(tiny, total, sets, traits), tiny.posterior()
    np.testing.assert_allclose(draws[..., 15:18], np.broadcast_to(OWN.mean, (4, COPIES, 3)), atol=1e-5)
    rated = np.r_[:15, 18:34]  # row 5 has no ratings: what the prior expects
    z = whitened(draws.reshape(-1, 34)[:, rated], mean[rated], covariance[np.ix_(rated, rated)])
    assert is_standard_normal(z)
    of_sweeps = z.reshape(4, COPIES, -1)
    between = np.einsum("sca,scb->ab", of_sweeps[1:], of_sweeps[:-1]) / (3 * COPIES)
    assert np.abs(between).max() < 5 / np.sqrt(3 * COPIES), "a draw remembers the one before"


@pytest.mark.usefixtures("exact")
def test_without_ratings_draws_are_those_of_the_prior() -> None:
    tiny = Tiny(PAIRS[:0], DAYS[:0])
    draws = joint(tiny, *tiny.draws(2)).reshape(-1, 34)
    np.testing.assert_allclose(draws[:, :18].reshape(-1, 3), np.broadcast_to(OWN.mean, (12 * COPIES, 3)), atol=1e-5)
    mean, covariance = tiny.posterior()
    assert is_standard_normal(whitened(draws[:, 18:], mean[18:], covariance[18:, 18:]))


def test_what_is_expected_of_own_vectors_given_the_others() -> None:
    tiny = Tiny()
    side = tiny.side()
    tiny.sweep(side, np.random.default_rng(6))
    _, sets, traits = parted(side)
    centre = OWN.mean + tiny.sets @ sets + TRAITS @ traits
    for row, expected in enumerate(side.expected.reshape(COPIES, 6, 3).transpose(1, 0, 2)):
        here = tiny.pairs[:, 0] == row
        Q, D = tiny.partners[tiny.pairs[here, 1]].astype(np.float64), tiny.of_days[tiny.days[here]]
        x = np.concatenate([(Q + D)[:, :-1], np.ones((here.sum(), 1))], axis=1)
        target = tiny.value[here] - Q[:, -1] - D[:, -1] - np.vecdot(Q[:, :-1], D[:, :-1])
        A, moment = OWN.precision + ALPHA * x.T @ x, centre[:, row] @ OWN.precision + ALPHA * target @ x
        np.testing.assert_allclose(expected, np.linalg.solve(A, moment.T).T, atol=1e-4)


def test_the_error_of_a_sweep_is_that_of_its_vectors() -> None:
    rng = np.random.default_rng(1)
    row, partner = (one.astype(np.int32) for one in np.nonzero(rng.random((40, 30)) < 0.5))
    value, partners = rng.normal(size=len(row)).astype(np.float32), rng.normal(size=(30, 4)).astype(np.float32)
    side = SampledSide(row, partner, None, value, (40, 4), [], 0.5, rng, ALONE)
    error = side.sample(rng, partners, None, 2.0, np.empty((40, 4, 4), np.float32))
    said = np.vecdot(side.total[row, :-1], partners[partner, :-1]) + side.total[row, -1] + partners[partner, -1]
    assert error == pytest.approx(float(np.sum((value - said) ** 2)), rel=1e-4)


def test_any_number_of_threads_draws_the_same() -> None:
    tiny, sweeps = Tiny(), []
    with RowThreadPool(3) as pool, threadpool_limits(1, "blas"):
        for side in (tiny.side(), tiny.side(pool)):
            rng = np.random.default_rng(6)
            errors = [tiny.sweep(side, rng) for _ in range(3)]
            sweeps.append((errors, side.total, side.expected, side.coefficients, side.prior.precision))
    for one, other in zip(*sweeps, strict=True):
        np.testing.assert_array_equal(one, other)


# --- conjugate gradients


@pytest.mark.parametrize("tolerance", [0.1, 1e-3])
def test_conjugate_gradients_solve_to_their_tolerance(tolerance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "TOLERANCE", tolerance)
    rng, n = np.random.default_rng(0), 60
    root = rng.normal(size=(n, n))
    A = (root @ root.T / n + np.diag(rng.uniform(0.1, 30, n))).astype(np.float32)
    inverse = (1 / np.diag(A))[:, None]
    right = rng.normal(size=(n, 3)).astype(np.float32)
    exact = np.linalg.solve(A.astype(np.float64), right)
    steps = []

    def system(x: np.ndarray) -> np.ndarray:
        steps.append(x)
        return A @ x

    def length(b: np.ndarray) -> float:
        return float(np.sqrt(np.vdot(b, inverse * b)))

    start = rng.normal(size=(n, 3)).astype(np.float32)
    x = conjugate_gradients(system, lambda b: inverse * b, right, start)
    assert length(right - A @ x) <= 1.01 * tolerance * length(right)
    assert 2 < len(steps) < sampler.MAX_STEPS
    assert np.abs(x - exact).max() < 20 * tolerance * np.abs(exact).max()
    steps.clear()
    again = conjugate_gradients(system, lambda b: inverse * b, right, exact.astype(np.float32))
    np.testing.assert_array_equal(again, exact.astype(np.float32))
    assert len(steps) == 1, "the solution is taken as it is"
