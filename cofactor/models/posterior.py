"""Draws from the posterior of a factorisation: r̂ = the mean over draws of μ + b_u + b_i + P_u · Q_i."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows, Times
from cofactor.data.ratings import TrainingData
from cofactor.errors import BadArtifact, BadData
from cofactor.models.factor import similar_length_blocks
from cofactor.models.regression.bayesian_linear import leave_one_out_means, posterior_mean
from cofactor.models.regression.posterior_layout import concatenate_draws, is_cold, prior_variance, split_draws
from cofactor.models.top_n.selection import EXCLUDED
from cofactor.models.vectors import VectorModel, cache_slices

__all__ = ["PosteriorModel"]

SECONDS_A_DAY = 86400


@dataclass(frozen=True, eq=False)
class PosteriorModel(VectorModel):
    """The model of Bayesian factorisation: S posterior draws of all parameters, as one factor model of rank S·K.

        f_s(u, i, t) = μ + b_u + b_i + P_u · Q_i + c_t + D_t · (P_u + Q_i),    r̂ = (1/S) Σ_s f_s

    b, P, Q, c, D: the parameters of draw s. b_u and P_u are sums of the user's own part, the contributions y_j of the
    rated items and those of the user's features; b_i and Q_i are sums of the item's own part and those of its features.
    t: the day of the rating; the last two terms are 0 without a time, for a day without training ratings, and in lists.

    `item_vectors` and `item_bias` may hold the conditional expectation of an item's parameters given all others of the
    draw, instead of the drawn parameters (`drawn_item_vectors`, `item_bias_draws`). The mean over draws converges to
    the same value, and faster (Rao-Blackwellisation). Fold-in and `deviation` use the drawn parameters.

    W = K + 1 is the length of [P_u, b_u], [Q_i, b_i] and [D_t, c_t]. In `user_vectors` and `item_vectors` each draw's K
    columns are divided by √S, so that their dot product is the mean over draws.

    Cold start: a user or item without training ratings has the mean of its prior, given its features. A user with a
    history h is folded in as the mean over draws of the posterior given the items of the draw, which is normal:

        [P, b] ~ N(A⁻¹(Λ m + α Σ_{j∈h} x_j (r_j - μ - b_j)), A⁻¹),    A = Λ + α Σ_{j∈h} x_j x_jᵀ,    x_j = [Q_j, 1],
        m = prior mean of users + |h|^-½ Σ_{j∈h} y_j,    Λ: prior precision of users,    1/α: noise variance of the draw

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
    set_vectors: Floats | None = None  # (n_items, S, W) y_j: contributions of rated items to a user
    user_feature_vectors: Floats | None = None  # (n_user_features, S, W)
    item_feature_vectors: Floats | None = None  # (n_item_features, S, W)
    day_vectors: Floats | None = None  # (n_days, S, W); zeros for a day without training ratings
    first_day: float | None = None  # days since 1970 of the first row of day_vectors
    drawn_item_vectors: Floats | None = None  # (n_items, S·K) if item_vectors are conditional expectations

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
            "drawn_item_vectors": (n_items, "rank"),
        }

    @classmethod
    def from_arrays(
        cls, training_data: TrainingData, scale: tuple[float, float] | None, arrays: Mapping[str, Array]
    ) -> Self:
        model = super().from_arrays(training_data, scale, arrays)
        draws, width = model.user_prior_mean.shape
        if draws == 0 or model.user_vectors.shape[1] != draws * (width - 1):
            raise _damaged(f"'user_vectors' is {model.user_vectors.shape}, not {draws} draws of {width - 1}")
        if (model.day_vectors is None) != (model.first_day is None):
            raise _damaged("'day_vectors' or 'first_day' is missing")
        of_users, of_items = (
            (training_data.user_features, "user_feature_vectors"),
            (training_data.item_features, "item_feature_vectors"),
        )
        for known, name in (of_users, of_items):
            if name in arrays and (known is None or len(known.names) != len(arrays[name])):
                raise _damaged(f"{name!r} does not fit the features of the training data")
        if model.noise.min() <= 0:
            raise _damaged("'noise' is not positive")
        for name in ("user_prior_precision", "item_prior_precision"):
            if np.linalg.eigvalsh(arrays[name]).min() <= 0:
                raise _damaged(f"{name!r} is not positive definite")
        return model

    # Lists

    @property
    def unknown_item_scores(self) -> Floats:
        """Scores of an item with the mean of the items' prior."""
        return self._scores_of_new_item(self.item_prior_mean)

    def new_item_scores(self, features: Mapping[str, str | float]) -> Floats:
        """(n_users,) scores of an item that is not in the catalogue, from its features by column name.

        Raises BadData for a model trained without item features, and for an unknown column.
        """
        vectors = self.item_feature_vectors
        if vectors is None or self.training_data.item_features is None:
            raise BadData("the model was trained without item features", "train it on ratings with item features")
        added = self.training_data.item_features.encode(features) @ vectors.reshape(len(vectors), -1)
        return self._scores_of_new_item(self.item_prior_mean + added.reshape(self.item_prior_mean.shape))[:-1]

    @property
    def rankable(self) -> Mask:
        """(n_items,) true for items with training ratings or, if the model was trained with them, features."""
        if self.item_feature_vectors is None or self.training_data.item_features is None:
            return super().rankable
        known: Mask = np.diff(self.training_data.item_features.matrix.indptr) > 0
        return known | super().rankable

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) cosine of the items' vectors of all draws; `EXCLUDED` where either is not `rankable`."""
        rankable = self.rankable
        return np.where(rankable & rankable[item], super().similarity_to_row(item), EXCLUDED)

    def similarity_among_rows(self, items: Rows) -> Floats:
        rankable = self.rankable[items]
        return np.where(rankable[:, None] & rankable, super().similarity_among_rows(items), EXCLUDED)

    def _scores_of_new_item(self, item: Floats) -> Floats:
        """(n_users + 1,) scores of an item with (S, W) draws: for each user and, last, for a user without ratings."""
        bias, vectors = concatenate_draws(np.stack([item, self.user_prior_mean]))
        of_users = np.append(self.user_vectors @ vectors[0] + self.user_bias, vectors[1] @ vectors[0] + bias[1])
        scores: Floats = of_users + (np.float32(self.mean) + bias[0])
        return scores

    # Pairs

    @property
    def uses_times(self) -> bool:
        return self.day_vectors is not None

    def time_effect_rows(self, users: Rows, items: Rows, times: Times) -> Floats:
        """(m,) mean over draws of c_t + D_t · (P_u + Q_i); 0 for a day without training ratings."""
        effects = np.zeros(len(users), dtype=np.float32)
        if self.day_vectors is None:
            return effects
        days = self._days(times)
        known = np.flatnonzero(days >= 0)
        bias, vectors = concatenate_draws(self.day_vectors)
        for here in cache_slices(len(known), vectors.shape[1]):
            at = known[here]
            partners = self.user_vectors.take(users[at], axis=0) + self.item_vectors.take(items[at], axis=0)
            effects[at] = bias[days[at]] + np.vecdot(partners, vectors.take(days[at], axis=0))
        return effects

    def draws_rows(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m, S) f_s of (m,) pairs, not clipped. A row of -1 stands for a user or item without ratings and features."""
        p, q = self._user_draws(users), self._item_draws(items)
        scores: Floats = np.float32(self.mean) + p[..., -1] + q[..., -1] + np.vecdot(p[..., :-1], q[..., :-1])
        if times is not None and self.day_vectors is not None:
            d = self._day_draws(times)
            scores += d[..., -1] + np.vecdot(d[..., :-1], p[..., :-1] + q[..., :-1])
        return scores

    def uncertainty(self, user_ids: object, item_ids: object = None, times: object = None) -> Floats:
        """(m,) posterior standard deviation of the expected rating of m pairs, given as in `predict`."""
        return self.uncertainty_rows(*self.find_pairs(user_ids, item_ids, times))

    def deviation(self, user_ids: object, item_ids: object = None, times: object = None) -> Floats:
        """(m,) predictive standard deviation of the ratings of m pairs, given as in `predict`."""
        return self.deviation_rows(*self.find_pairs(user_ids, item_ids, times))

    def uncertainty_rows(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m,) posterior standard deviation of the expected rating of (m,) pairs.

        The root of the variance of f_s over draws. For users and items without training ratings, whose draws only
        contain the prior mean, the variance of the prior is added. A row of -1 is as in `draws`.
        """
        variances = np.empty(len(users), dtype=np.float32)
        for here in cache_slices(len(users), self.item_vectors.shape[1]):
            pairs = users[here], items[here], None if times is None else times[here]
            variances[here] = self.draws_rows(*pairs).var(axis=1)
        cold_user, cold_item = (
            is_cold(users, self.training_data.user_counts),
            is_cold(items, self.training_data.item_counts),
        )
        cold = np.flatnonzero(cold_user | cold_item)
        for here in cache_slices(len(cold), self.item_vectors.shape[1]):
            at = cold[here]
            days = self._day_draws(None if times is None else times[at])
            p, q = self._user_draws(users[at]) + days, self._item_draws(items[at]) + days
            variances[at] += prior_variance(p, q, cold_user[at], cold_item[at], *self._prior_covariances)
        return np.sqrt(variances)

    def deviation_rows(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m,) predictive standard deviation of the ratings of (m,) pairs: √(uncertainty² + mean 1/α)."""
        deviations: Floats = np.sqrt(self.uncertainty_rows(users, items, times) ** 2 + self.noise.mean())
        return deviations

    @cached_property
    def _prior_covariances(self) -> tuple[Doubles, Doubles]:
        """(S, W, W) prior covariances Λ⁻¹ of users and of items."""
        both = self.user_prior_precision, self.item_prior_precision
        of_user, of_item = (np.linalg.inv(one.astype(np.float64)) for one in both)
        return of_user, of_item

    # Fold-in

    def fold_in_vectors(self, histories: csr_array) -> tuple[Floats, Floats]:
        """(m,) biases and (m, S·K) vectors of users with (m, n_items) histories; prior means for an empty history."""
        return concatenate_draws(self._posterior_means(histories))

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, from one solution for each draw (see `leave_one_out_means`)."""
        whole, without = self._posterior_means(history)[0], self._prior_means_without_each(history.indices)
        effects = np.zeros((history.nnz, len(items)))
        for draw, (precision, noise) in enumerate(self._priors):
            residual = self._residual(draw, history.indices, history.data)
            design = self._design(draw, history.indices, self._drawn_items)
            fewer = leave_one_out_means(without[:, draw], precision, noise, design, residual)
            effects += (whole[draw] - fewer) @ self._design(draw, items, self.item_vectors).T
        return effects / len(self.noise)

    def _posterior_means(self, histories: csr_array) -> Doubles:
        """(m, S, W) posterior means of [P, b] in each draw for users with (m, n_items) histories."""
        users = self._prior_means(histories)
        for rows, items, ratings, inside in similar_length_blocks(histories, users.shape[2]):
            for draw, (precision, noise) in enumerate(self._priors):
                design = self._design(draw, items, self._drawn_items) * inside[:, :, None]
                residual = self._residual(draw, items, ratings)
                users[rows, draw] = posterior_mean(users[rows, draw], precision, noise, design, residual)
        return users

    def _prior_means(self, histories: csr_array) -> Doubles:
        """(m, S, W) prior means of users in each draw, given which items they rated."""
        lengths = np.diff(histories.indptr)
        means = np.tile(self.user_prior_mean.astype(np.float64), (len(lengths), 1, 1))
        if self.set_vectors is not None:
            weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
            pooling = csr_array((weights, histories.indices, histories.indptr), shape=histories.shape)
            means += (pooling @ self.set_vectors.reshape(len(self.set_vectors), -1)).reshape(means.shape)
        return means

    def _prior_means_without_each(self, items: Rows) -> Doubles:
        """(h, S, W) prior means as in `_prior_means` of a user with (h,) rated items, without each of them."""
        means = np.tile(self.user_prior_mean.astype(np.float64), (len(items), 1, 1))
        if self.set_vectors is not None:
            sets = self.set_vectors[items].astype(np.float64)
            means += (sets.sum(axis=0) - sets) / np.sqrt(max(1, len(items) - 1))
        return means

    def _design(self, draw: int, items: Rows, vectors: Floats) -> Doubles:
        """(…, W) x_i = [Q_i, 1] of (…) items in a draw, from (n_items, S·K) vectors."""
        rank = self.user_prior_mean.shape[1] - 1
        design = np.ones((*items.shape, rank + 1))
        design[..., :-1] = vectors[:, draw * rank : (draw + 1) * rank][items]
        design[..., :-1] *= np.sqrt(len(self.noise))
        return design

    def _residual(self, draw: int, items: Rows, ratings: Floats) -> Doubles:
        """(…) ratings minus μ and b_i of a draw, to be explained by x_i · [P, b]."""
        residual: Doubles = ratings.astype(np.float64) - self.mean - self.item_bias_draws[items, draw]
        return residual

    @property
    def _priors(self) -> list[tuple[Doubles, float]]:
        """The prior precision of users and the noise variance of each draw."""
        return list(zip(self.user_prior_precision.astype(np.float64), self.noise.tolist(), strict=True))

    # Draws by row

    @property
    def _drawn_items(self) -> Floats:
        return self.item_vectors if self.drawn_item_vectors is None else self.drawn_item_vectors

    def _user_draws(self, rows: Rows) -> Floats:
        return split_draws(rows, self.user_vectors, self.user_bias_draws, self.user_prior_mean)

    def _item_draws(self, rows: Rows) -> Floats:
        return split_draws(rows, self._drawn_items, self.item_bias_draws, self.item_prior_mean)

    def _day_draws(self, times: Times | None) -> Floats:
        """(m, S, W) [D_t, c_t] of (m,) times; zeros for other days; (1, S, W) zeros without times."""
        if times is None or self.day_vectors is None:
            return np.zeros((1, *self.user_prior_mean.shape), dtype=np.float32)
        days = self._days(times)
        return self.day_vectors[days] * (days >= 0)[:, None, None]

    def _days(self, times: Times) -> Array:
        """(m,) rows of `day_vectors` of (m,) times; -1 for other days."""
        days = (np.asarray(times) // SECONDS_A_DAY).astype(np.int64) - int(self.first_day or 0)
        n_days = 0 if self.day_vectors is None else len(self.day_vectors)
        return np.where((days >= 0) & (days < n_days), days, -1)


def _damaged(what: str) -> BadArtifact:
    return BadArtifact(f"array {what}", "the folder is damaged: save the model again")
