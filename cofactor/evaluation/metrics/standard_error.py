"""Standard errors of means over test ratings and over users."""

import numpy as np

from cofactor.arrays import Array, Doubles


def standard_error(values: Doubles, groups: Array | None = None) -> float:
    """Standard error of the mean of (n,) values, x̄. `groups`: (n,) the user of each value; None: all different.

    √(G/(G-1) Σ_g (Σ_{i in g} (x_i - x̄))²) / n over the G users: ratings of one user are not independent. With one value
    per user this is the ordinary s/√n. NaN for a single user.
    """
    deviation = values - values.mean()
    if groups is not None:
        deviation = np.bincount(np.unique(groups, return_inverse=True)[1], deviation)
    n_groups = len(deviation)
    if n_groups < 2:
        return float("nan")
    return float(np.sqrt(n_groups / (n_groups - 1) * np.sum(deviation**2)) / len(values))


def root_standard_error(standard_error_of_mean: float, root: float) -> float:
    """Standard error of the root of a mean, by the delta method: d√x = dx / 2√x. 0 where the root is 0."""
    return standard_error_of_mean / (2 * root) if root > 0 else 0.0
