"""Bayesian linear regression with a normal prior on W weights w, for h observed values v_j = x_j · w + noise.

    prior:      w ~ N(m, Λ⁻¹)
    posterior:  w ~ N(A⁻¹(Λ m + α Σ_j x_j v_j), A⁻¹),    A = Λ + α Σ_j x_j x_jᵀ,    1/α: variance of the noise

C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, equations 3.50 and 3.51.
"""

from collections.abc import Sequence

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.models.regression.linear_solver import solve_or_nan

BLOCK_ROWS = 1 << 14  # rows of a partial sum
MIN_VARIANCE = 1e-8  # of a column: keeps the covariance positive definite if all rows are equal


def posterior_mean(means: Doubles, precision: Doubles, noise: float, design: Doubles, values: Doubles) -> Doubles:
    """(b, W) posterior means of the weights of b regressions with (b, W) prior means m, one (W, W) prior precision Λ,
    (b, h, W) vectors x and (b, h) values; a zero vector has no effect."""
    weighted: Array = design.transpose(0, 2, 1) / noise
    moments = means @ precision + (weighted @ values[:, :, None])[:, :, 0]
    return solve_or_nan(precision + weighted @ design, moments[:, :, None])[:, :, 0]


def leave_one_out_means(means: Doubles, precision: Doubles, noise: float, design: Doubles, values: Doubles) -> Doubles:
    """(h, W) posterior means without each of the h values of one regression, with (h, W) prior means m_j.

    By the Sherman-Morrison formula from one solution, with b_j = Λ m_j + α Σ_{i≠j} x_i v_i:

        (A - α x_j x_jᵀ)⁻¹ b_j = A⁻¹b_j + A⁻¹x_j (x_j · A⁻¹b_j) / (1/α - x_j · A⁻¹x_j)
    """
    weighted = design * values[:, None] / noise
    moments = means @ precision + weighted.sum(axis=0) - weighted
    right: Array = np.concatenate([moments, design]).T
    both = solve_or_nan(precision + design.T @ design / noise, right).T
    given, leverage = both[: len(design)], both[len(design) :]
    share = np.vecdot(design, given) / (noise - np.vecdot(design, leverage))
    without: Doubles = given + leverage * share[:, None]
    return without


def weighted_moments(columns: Sequence[Floats], weights: Doubles) -> tuple[Doubles, Doubles]:
    """(W,) mean and (W, W) covariance of n rows with (n,) weights; the columns come from several (n, …) arrays.

    The covariance is shrunk as if W more rows with the same variances but no correlations had been seen, so that no
    direction has a variance of 0.
    """
    n = len(weights)
    total = max(float(weights.sum()), 1e-12)

    def rows(start: int) -> tuple[Doubles, Doubles]:
        here = slice(start, start + BLOCK_ROWS)
        return np.column_stack([one[here] for one in columns]).astype(np.float64), weights[here]

    mean: Doubles = np.sum([w @ x for x, w in map(rows, range(0, n, BLOCK_ROWS))], axis=0) / total
    scatter = np.zeros((len(mean), len(mean)))
    for x, w in map(rows, range(0, n, BLOCK_ROWS)):
        x -= mean
        scatter += (x * w[:, None]).T @ x
    variances = np.maximum(np.diag(scatter) / total, MIN_VARIANCE)
    covariance: Doubles = (scatter + len(mean) * np.diag(variances)) / (total + len(mean))
    covariance[np.diag_indices(len(mean))] = variances
    return mean, covariance
