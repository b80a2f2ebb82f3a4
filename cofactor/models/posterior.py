"""Draws from a posterior side by side: r̂ = the mean over draws of μ + b_u + b_i + P_u · Q_i."""

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
    """What Bayesian factorisation leaves behind: S draws of all its parameters, as one factor model of rank S·K.

        f_s(u, i, t) = μ + b_u + b_i + P_u · Q_i + c_t + D_t · (P_u + Q_i),    r̂ = (1/S) Σ_s f_s

    b, P, Q, c, D: those of draw s, where b and P hold all that is known of a user: their own part, what their rated
    items add to it (y_j) and what their features add; b_i and Q_i of an item likewise. t: the day of the rating;
    without days, and for a day without training ratings, the last two terms are missing. A list has no day.

    An item's vector and bias in `item_vectors` and `item_bias` may be what each draw expects of them given all else in
    it, rather than what it drew (`drawn_item_vectors`, `item_bias_draws`): the mean over draws is the same in the end,
    and nearer to it after few (Rao and Blackwell). What a history says of a user, and a deviation, goes by those drawn.

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
    drawn_item_vectors: Floats | None = None  # (n_items, S·K) those drawn, where item_vectors are what a draw expects

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
                raise _damaged(f"{name!r} does not fit the features that the model knows")
        if model.noise.min() <= 0:
            raise _damaged("'noise' is not positive")
        for name in ("user_prior_precision", "item_prior_precision"):
            if np.linalg.eigvalsh(arrays[name]).min() <= 0:
                raise _damaged(f"{name!r} is not positive definite")
        return model

    # Lists

    @property
    def unknown_item_scores(self) -> Floats:
        """What is left of the score of an item of which nothing is known: it is as the prior expects."""
        return self._of_new_item(self.item_prior_mean)

    def new_item_scores(self, features: Mapping[str, str | float]) -> Floats:
        """(n_users,) scores of an item that is not in the catalogue, by its features as a table of items has them.

        Raises BadData where the model was trained without features of items, or does not know a column.
        """
        vectors = self.item_feature_vectors
        if vectors is None or self.training_data.item_features is None:
            raise BadData("the model knows nothing of items beside ratings", "train it on ratings with item features")
        added = self.training_data.item_features.encode(features) @ vectors.reshape(len(vectors), -1)
        return self._of_new_item(self.item_prior_mean + added.reshape(self.item_prior_mean.shape))[:-1]

    @property
    def rankable(self) -> Mask:
        """(n_items,) true for items with training ratings, and those with features where these were trained on."""
        if self.item_feature_vectors is None or self.training_data.item_features is None:
            return super().rankable
        known: Mask = np.diff(self.training_data.item_features.matrix.indptr) > 0
        return known | super().rankable

    def similarity(self, item: int) -> Floats:
        """(n_items,) cosine of the items' vectors of all draws; `EXCLUDED` where either may not be recommended."""
        rankable = self.rankable
        return np.where(rankable & rankable[item], super().similarity(item), EXCLUDED)

    def similarities(self, items: Rows) -> Floats:
        rankable = self.rankable[items]
        return np.where(rankable[:, None] & rankable, super().similarities(items), EXCLUDED)

    def _of_new_item(self, item: Floats) -> Floats:
        """(n_users + 1,) scores of an item of (S, W) draws for every user and, last, somebody without a rating."""
        bias, vectors = concatenate_draws(np.stack([item, self.user_prior_mean]))
        of_users = np.append(self.user_vectors @ vectors[0] + self.user_bias, vectors[1] @ vectors[0] + bias[1])
        scores: Floats = of_users + (np.float32(self.mean) + bias[0])
        return scores

    # Pairs

    def time_effects(self, users: Rows, items: Rows, times: Times) -> Floats:
        """(m,) c_t + D_t · (P_u + Q_i), the mean over draws; 0 for a day without training ratings."""
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

    def draws(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m, S) f_s of (m,) pairs, not clipped. A row of -1 stands for a user or item of which nothing is known."""
        p, q = self._user_draws(users), self._item_draws(items)
        scores: Floats = np.float32(self.mean) + p[..., -1] + q[..., -1] + np.vecdot(p[..., :-1], q[..., :-1])
        if times is not None and self.day_vectors is not None:
            d = self._day_draws(times)
            scores += d[..., -1] + np.vecdot(d[..., :-1], p[..., :-1] + q[..., :-1])
        return scores

    def uncertainty(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m,) standard deviation of what (m,) pairs are expected to rate.

        √ of the variance of f_s over draws; and, where a user or item has no training rating and the draws differ in
        no more than what the prior expects of it, of the variance of that prior. A row of -1 is as in `draws`.
        """
        variances = np.empty(len(users), dtype=np.float32)
        for here in cache_slices(len(users), self.item_vectors.shape[1]):
            pairs = users[here], items[here], None if times is None else times[here]
            variances[here] = self.draws(*pairs).var(axis=1)
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

    def deviation(self, users: Rows, items: Rows, times: Times | None = None) -> Floats:
        """(m,) standard deviation of the ratings of (m,) pairs around their prediction: √(uncertainty² + mean 1/α)."""
        deviations: Floats = np.sqrt(self.uncertainty(users, items, times) ** 2 + self.noise.mean())
        return deviations

    @cached_property
    def _prior_covariances(self) -> tuple[Doubles, Doubles]:
        """(S, W, W) Λ⁻¹ of users and of items."""
        both = self.user_prior_precision, self.item_prior_precision
        of_user, of_item = (np.linalg.inv(one.astype(np.float64)) for one in both)
        return of_user, of_item

    # Histories

    def fold_in(self, histories: csr_array) -> tuple[Floats, Floats]:
        """(m,) biases and (m, S·K) vectors, draw by draw; the mean of the users' prior for an empty history."""
        return concatenate_draws(self._given(histories))

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, exactly, but each draw is solved once for all ratings (see `gaussian`)."""
        whole, without = self._given(history)[0], self._prior_means_without_each(history.indices)
        effects = np.zeros((history.nnz, len(items)))
        for draw, (precision, noise) in enumerate(self._priors):
            residual = self._residual(draw, history.indices, history.data)
            design = self._design(draw, history.indices, self._drawn_items)
            fewer = leave_one_out_means(without[:, draw], precision, noise, design, residual)
            effects += (whole[draw] - fewer) @ self._design(draw, items, self.item_vectors).T
        return effects / len(self.noise)

    def _given(self, histories: csr_array) -> Doubles:
        """(m, S, W) what each draw expects of the users of (m, n_items) histories."""
        users = self._prior_means(histories)
        for rows, items, ratings, inside in similar_length_blocks(histories, users.shape[2]):
            for draw, (precision, noise) in enumerate(self._priors):
                design = self._design(draw, items, self._drawn_items) * inside[:, :, None]
                residual = self._residual(draw, items, ratings)
                users[rows, draw] = posterior_mean(users[rows, draw], precision, noise, design, residual)
        return users

    def _prior_means(self, histories: csr_array) -> Doubles:
        """(m, S, W) what each draw expects of users by which items they rated, however high."""
        lengths = np.diff(histories.indptr)
        means = np.tile(self.user_prior_mean.astype(np.float64), (len(lengths), 1, 1))
        if self.set_vectors is not None:
            weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
            pooling = csr_array((weights, histories.indices, histories.indptr), shape=histories.shape)
            means += (pooling @ self.set_vectors.reshape(len(self.set_vectors), -1)).reshape(means.shape)
        return means

    def _prior_means_without_each(self, items: Rows) -> Doubles:
        """(h, S, W) the same for users who rated all but one of (h,) items."""
        means = np.tile(self.user_prior_mean.astype(np.float64), (len(items), 1, 1))
        if self.set_vectors is not None:
            sets = self.set_vectors[items].astype(np.float64)
            means += (sets.sum(axis=0) - sets) / np.sqrt(max(1, len(items) - 1))
        return means

    def _design(self, draw: int, items: Rows, vectors: Floats) -> Doubles:
        """(…, W) x_i = [Q_i, 1] of a draw, in vectors of items."""
        rank = self.user_prior_mean.shape[1] - 1
        design = np.ones((*items.shape, rank + 1))
        design[..., :-1] = vectors[:, draw * rank : (draw + 1) * rank][items]
        design[..., :-1] *= np.sqrt(len(self.noise))
        return design

    def _residual(self, draw: int, items: Rows, ratings: Floats) -> Doubles:
        """(…) what is left of ratings to be explained by x_i · [P, b]."""
        residual: Doubles = ratings.astype(np.float64) - self.mean - self.item_bias_draws[items, draw]
        return residual

    @property
    def _priors(self) -> list[tuple[Doubles, float]]:
        """The precision of a user and the noise of each draw."""
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
        """(m, S, W) [D_t, c_t] of (m,) times, zeros where a day has none; (1, S, W) zeros without times."""
        if times is None or self.day_vectors is None:
            return np.zeros((1, *self.user_prior_mean.shape), dtype=np.float32)
        days = self._days(times)
        return self.day_vectors[days] * (days >= 0)[:, None, None]

    def _days(self, times: Times) -> Array:
        """(m,) rows of `day_vectors`; -1 for a time outside of them."""
        days = np.asarray(times) // SECONDS_A_DAY - int(self.first_day or 0)
        n_days = 0 if self.day_vectors is None else len(self.day_vectors)
        return np.where((days >= 0) & (days < n_days), days, -1)


def _damaged(what: str) -> BadArtifact:
    return BadArtifact(f"array {what}", "the folder is damaged: save the model again")
