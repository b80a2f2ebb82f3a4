"""The normal prior of a table of vectors, and its posterior given the vectors."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from cofactor.arrays import Doubles, Floats

STRENGTH = 2.0  # of the prior that the mean of vectors is 0, as a number of vectors


@dataclass(frozen=True)
class Prior:
    """A normal distribution of vectors [v, b]: v about a mean, and the bias b about 0, independent of v."""

    mean: Doubles  # (W,)
    precision: Doubles  # (W, W)

    @classmethod
    def isotropic(cls, width: int, deviation: float) -> Self:
        """About 0, with the same standard deviation in every direction."""
        return cls(np.zeros(width), np.eye(width) / deviation**2)

    @classmethod
    def sample(cls, vectors: Floats, rng: np.random.Generator, strength: float = STRENGTH) -> Self:
        """A sample of the prior given (n, W) vectors: for v normal–Wishart with W₀ = I, ν₀ = rank, β₀ = strength
        [Salakhutdinov and Mnih 2008, equation 14], for the precision of b Gamma(½, ½). A strength of ∞ keeps the mean
        at 0."""
        n, width = vectors.shape
        mean, precision = np.zeros(width), np.zeros((width, width))
        mean[:-1], precision[:-1, :-1] = _normal_wishart(vectors[:, :-1].astype(np.float64), rng, strength)
        precision[-1, -1] = rng.gamma((1 + n) / 2, 2 / (1 + np.vdot(vectors[:, -1], vectors[:, -1])))
        return cls(mean, precision)

    def draw_centred(self, noise: Floats) -> Floats:
        """(n, W) vectors of precision Λ about 0, computed from as many standard normal numbers."""
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
