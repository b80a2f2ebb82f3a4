"""Draws from a posterior side by side: r̂ = the mean over draws of μ + b_u + b_i + P_u · Q_i."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.data.ratings import Catalog
from cofactor.errors import BadArtifact
from cofactor.models.factor import of_like_length
from cofactor.models.vectors import VectorModel

SECONDS_A_DAY = 86400


@dataclass(frozen=True, eq=False)
class PosteriorModel(VectorModel):
    """What Bayesian factorisation leaves behind: S draws of all its parameters, as one factor model of rank S·K.

        f_s(u, i, t) = μ + b_u + b_i + P_u · Q_i + c_t + D_t · (P_u + Q_i),    r̂ = (1/S) Σ_s f_s

    b, P, Q, c, D: those of draw s, where b and P hold all that is known of a user: their own part, what their rated
    items add to it (y_j) and what their features add; b_i and Q_i of an item likewise. t: the day of the rating;
    without days, and for a day without training ratings, the last two terms are missing. A list has no day.

    W = K + 1: [P_u, b_u], [Q_i, b_i] and [D_t, c_t] side by side. In `user_vectors` and `item_vectors` each draw's K
    columns are divided by √S, so that their dot product is the mean over draws.

    Cold start: a user or item without training ratings is what the prior of its side expects, given its features. A
    user given only by a history h is the mean over draws of the posterior given the items of the draw, which is normal:

        [P, b] ~ N(A⁻¹(Λ m + α Σ_{j∈h} x_j (r_j - μ - b_j)), A⁻¹),    A = Λ + α Σ_{j∈h} x_j x_jᵀ,    x_j = [Q_j, 1],
        m = mean of the users' prior + |h|^-½ Σ_{j∈h} y_j,    Λ: its precision,    1/α: the draw's noise

    Source: R. Salakhutdinov, A. Mnih, "Bayesian Probabilistic Matrix Factorization using MCMC", ICML 2008, equations
    10 and 11; S. Rendle, L. Zhang, Y. Koren, "On the Difficulty of Evaluating Baselines", 2019, section 3.
    """

    kind: ClassVar[str] = "posterior"

    user_bias_draws: Floats  # (n_users, S); user_bias is their mean
    item_bias_draws: Floats  # (n_items, S)
    noise: Floats  # (S,) variance 1/α of a rating around f_s
    user_prior_mean: Floats  # (S, W)
    user_prior_precision: Floats  # (S, W, W)
    item_prior_mean: Floats  # (S, W)
    item_prior_precision: Floats  # (S, W, W)
    set_vectors: Floats | None = None  # (n_items, S, W) y_j: what having rated an item adds to a user
    user_feature_vectors: Floats | None = None  # (n_user_features, S, W)
    item_feature_vectors: Floats | None = None  # (n_item_features, S, W)
    day_vectors: Floats | None = None  # (n_days, S, W); zeros for a day without training ratings
    first_day: float | None = None  # days since 1970 of the first row of day_vectors

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            **super().shapes(n_users, n_items),
            "user_bias_draws": (n_users, "draws"),
            "item_bias_draws": (n_items, "draws"),
            "noise": ("draws",),
            "user_prior_mean": ("draws", "width"),
            "user_prior_precision": ("draws", "width", "width"),
            "item_prior_mean": ("draws", "width"),
            "item_prior_precision": ("draws", "width", "width"),
            "set_vectors": (n_items, "draws", "width"),
            "user_feature_vectors": ("user_features", "draws", "width"),
            "item_feature_vectors": ("item_features", "draws", "width"),
            "day_vectors": ("days", "draws", "width"),
            "first_day": (),
        }

    @classmethod
    def of_arrays(cls, catalog: Catalog, scale: tuple[float, float] | None, arrays: Mapping[str, Array]) -> Self:
        model = super().of_arrays(catalog, scale, arrays)
        draws, width = model.user_prior_mean.shape
        if draws == 0 or model.user_vectors.shape[1] != draws * (width - 1):
            raise _damaged(f"'user_vectors' is {model.user_vectors.shape}, not {draws} draws of {width - 1}")
        if (model.day_vectors is None) != (model.first_day is None):
            raise _damaged("'day_vectors' and 'first_day' do not both stand there")
        if model.noise.min() <= 0:
            raise _damaged("'noise' is not positive")
        for name in ("user_prior_precision", "item_prior_precision"):
            if np.linalg.eigvalsh(arrays[name]).min() <= 0:
                raise _damaged(f"{name!r} is not positive definite")
        return model

    # Histories

    def fold_in(self, histories: csr_array) -> tuple[Floats, Floats]:
        """(m,) biases and (m, S·K) vectors, draw by draw; the mean of the users' prior for an empty history."""
        users = self._expected(histories)
        rank = users.shape[2] - 1
        for rows, items, ratings, inside in of_like_length(histories, rank + 1):
            for draw, precision in enumerate(self.user_prior_precision.astype(np.float64)):
                design, residual = self._regression(draw, items, ratings)
                design *= inside[:, :, None]
                weighted = design.transpose(0, 2, 1) / np.float64(self.noise[draw])
                moment = users[rows, draw] @ precision + (weighted @ residual[:, :, None])[:, :, 0]
                users[rows, draw] = np.linalg.solve(precision + weighted @ design, moment[:, :, None])[:, :, 0]
        vectors = users[:, :, :rank].reshape(len(users), -1) / np.sqrt(len(self.noise))
        return users[:, :, rank].mean(axis=1).astype(np.float32), vectors.astype(np.float32)

    def _expected(self, histories: csr_array) -> Doubles:
        """(m, S, W) m of the docstring: what is expected of users of these histories before their ratings are known."""
        lengths = np.diff(histories.indptr)
        means = np.tile(self.user_prior_mean.astype(np.float64), (len(lengths), 1, 1))
        if self.set_vectors is not None:
            weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
            pooling = csr_array((weights, histories.indices, histories.indptr), shape=histories.shape)
            means += (pooling @ self.set_vectors.reshape(len(self.set_vectors), -1)).reshape(means.shape)
        return means

    def _regression(self, draw: int, items: Rows, ratings: Floats) -> tuple[Doubles, Doubles]:
        """(…, W) a draw's vectors of rated items, each with a 1 for the bias, and (…) what they have to explain."""
        design = np.ones((*items.shape, self.user_prior_mean.shape[1]))
        design[..., :-1] = self._item_vectors[items, draw]
        design[..., :-1] *= np.sqrt(len(self.noise))
        return design, ratings.astype(np.float64) - self.mean - self.item_bias_draws[items, draw]

    @property
    def _item_vectors(self) -> Floats:
        """(n_items, S, K) the items' vectors by draw, each still divided by √S."""
        return self.item_vectors.reshape(len(self.item_vectors), len(self.noise), -1)


def _damaged(what: str) -> BadArtifact:
    return BadArtifact(f"array {what}", "the folder is damaged: save the model again")
