"""Linear regression with a normal prior: what to expect of W weights w once h values v_j = x_j · w + noise are known.

    w ~ N(m, Λ⁻¹) becomes N(A⁻¹(Λ m + α Σ_j x_j v_j), A⁻¹),    A = Λ + α Σ_j x_j x_jᵀ,    1/α: variance of the noise

C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, equations 3.50 and 3.51.
"""

from collections.abc import Sequence

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.models.regression.linear_solver import solve_or_nan

ROWS_AT_A_TIME = 1 << 14  # whose moments are summed together
LEAST_VARIANCE = 1e-8  # of a weight that is the same in all rows


def posterior_mean(means: Doubles, precision: Doubles, noise: float, design: Doubles, values: Doubles) -> Doubles:
    """(b, W) expected weights of b regressions with (b, W) prior means m, one (W, W) prior precision Λ, (b, h, W)
    vectors x and (b, h) values; a vector of zeros says nothing."""
    weighted: Array = design.transpose(0, 2, 1) / noise
    moments = means @ precision + (weighted @ values[:, :, None])[:, :, 0]
    return solve_or_nan(precision + weighted @ design, moments[:, :, None])[:, :, 0]


def leave_one_out_means(means: Doubles, precision: Doubles, noise: float, design: Doubles, values: Doubles) -> Doubles:
    """(h, W) expected weights without each of the h values of one regression, for which the prior mean is (h, W) m_j.

    By Sherman and Morrison from one solution, with b_j = Λ m_j + α Σ_{i≠j} x_i v_i:

        (A - α x_j x_jᵀ)⁻¹ b_j = A⁻¹b_j + A⁻¹x_j (x_j · A⁻¹b_j) / (1/α - x_j · A⁻¹x_j)
    """
    pulls = design * values[:, None] / noise
    moments = means @ precision + pulls.sum(axis=0) - pulls
    right: Array = np.concatenate([moments, design]).T
    both = solve_or_nan(precision + design.T @ design / noise, right).T
    given, leverage = both[: len(design)], both[len(design) :]
    share = np.vecdot(design, given) / (noise - np.vecdot(design, leverage))
    without: Doubles = given + leverage * share[:, None]
    return without


def weighted_moments(columns: Sequence[Floats], weights: Doubles) -> tuple[Doubles, Doubles]:
    """(W,) mean and (W, W) covariance of n rows of (n,) weights, which lie in (n, …) arrays beside each other.

    As if W rows more had been seen whose numbers vary as much, but independently: no direction is without variance.
    """
    n = len(weights)
    total = max(float(weights.sum()), 1e-12)

    def rows(start: int) -> tuple[Doubles, Doubles]:
        here = slice(start, start + ROWS_AT_A_TIME)
        return np.column_stack([one[here] for one in columns]).astype(np.float64), weights[here]

    mean: Doubles = np.sum([w @ x for x, w in map(rows, range(0, n, ROWS_AT_A_TIME))], axis=0) / total
    scatter = np.zeros((len(mean), len(mean)))
    for x, w in map(rows, range(0, n, ROWS_AT_A_TIME)):
        x -= mean
        scatter += (x * w[:, None]).T @ x
    variances = np.maximum(np.diag(scatter) / total, LEAST_VARIANCE)
    covariance: Doubles = (scatter + len(mean) * np.diag(variances)) / (total + len(mean))
    covariance[np.diag_indices(len(mean))] = variances
    return mean, covariance
