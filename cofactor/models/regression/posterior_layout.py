"""Two layouts of S posterior draws of a bias and a vector for each of n rows.

The split layout is (n, S, W): for each draw a vector of width K = W - 1, followed by the bias. The concatenated layout
is (n, S·K): the vectors of all draws, divided by √S, so that the dot product of two rows is the mean over draws.
"""

import numpy as np

from cofactor.arrays import Doubles, Floats, Mask, Rows


def concatenate_draws(draws: Floats | Doubles) -> tuple[Floats, Floats]:
    """(n,) mean biases and (n, S·K) vectors of (n, S, W) draws."""
    n, n_draws, _ = draws.shape
    vectors = draws[:, :, :-1].reshape(n, -1) / np.sqrt(n_draws)
    return draws[:, :, -1].mean(axis=1).astype(np.float32), vectors.astype(np.float32)


def split_draws(rows: Rows, vectors: Floats, biases: Floats, unknown: Floats) -> Floats:
    """(m, S, W) draws of (m,) rows of (n, S·K) vectors and (n, S) biases; those of rows of -1 are (S, W) `unknown`."""
    n_draws, width = unknown.shape
    draws = np.empty((len(rows), n_draws, width), dtype=np.float32)
    parts = vectors.take(rows, axis=0).reshape(len(rows), n_draws, -1)
    np.multiply(parts, np.sqrt(np.float32(n_draws)), out=draws[..., :-1])
    draws[..., -1] = biases.take(rows, axis=0)
    draws[np.asarray(rows) < 0] = unknown
    return draws


def is_cold(rows: Rows, counts: Rows) -> Mask:
    """(m,) true for rows of -1 and for rows without training ratings according to (n,) counts."""
    cold: Mask = np.append(counts, 0)[rows] == 0  # -1 takes the appended 0
    return cold


def prior_variance(
    p: Floats, q: Floats, cold_user: Mask, cold_item: Mask, user_covariance: Doubles, item_covariance: Doubles
) -> Doubles:
    """(m,) variance of p · q + b_u + b_i, as the mean over draws, if cold users and items are random with their priors.

    p, q: (m, S, W) draws of users and items, prior means for cold ones; covariances: (S, W, W) of their priors.
    """
    variance = np.zeros(len(p))
    for cold, covariance, partners in ((cold_user, user_covariance, q), (cold_item, item_covariance, p)):
        x = partners[cold].transpose(1, 0, 2).astype(np.float64)  # (S, cold ones, W)
        x[..., -1] = 1
        variance[cold] += np.vecdot(x @ covariance, x).mean(axis=0)
    products = user_covariance * item_covariance
    variance[cold_user & cold_item] += products[:, :-1, :-1].sum(axis=(1, 2)).mean()
    return variance
