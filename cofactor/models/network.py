"""Biases, a dot product and a deep network over the vectors of a user and an item, computed without PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Doubles, Floats, Mask, Rows
from cofactor.errors import BadArtifact
from cofactor.models.factor import similar_length_blocks
from cofactor.models.networks.layers import Layers
from cofactor.models.networks.split_input import SplitInputNetwork, one_thread
from cofactor.models.regression.bayesian_linear import weighted_moments
from cofactor.models.regression.gauss_newton import NonlinearRegressions
from cofactor.models.regression.linear_solver import solve_or_nan
from cofactor.models.vectors import VectorModel, cosine, cosines

MIN_NOISE = 1e-4  # variance of ratings: keeps a fold-in solvable if a model fits its training ratings exactly
HALF_WEIGHT = 10  # number of ratings at which a user has half of the full weight in the prior


@dataclass(frozen=True, eq=False)
class NetworkModel(VectorModel):
    """r̂_ui = μ + b_u + b_i + p_u · q_i + f([x_u; y_i]). The model of deep networks and of ensembles with one.

    x, y: vectors of users and items for the network, separate from p and q; f: the network, whose input is x followed
    by y, and whose last layer is linear and has one output; p and q may have a rank of 0. The first layer is
    W [x; y] + c = Wᵘ x + (Wⁱ y + c); the items' term is computed once.

    Cold start: `with_cold_rows` sets the rows of users and items without training ratings. A folded-in user gets the
    posterior mode of (b, p, x): the prior is normal, with the mean and the covariance of the trained users, weighted by
    n / (n + HALF_WEIGHT) for n ratings; ratings have variance `noise` around r̂. A user without training
    ratings gets the prior mean. An item without training ratings gets the mean y over all training ratings, q = 0, and
    the bias with which r̂ of the mean user is μ.
    """

    kind: ClassVar[str] = "network"
    networks: ClassVar[frozenset[str]] = frozenset({"deep"})

    deep_user_vectors: Floats  # (n_users, deep_rank) x
    deep_item_vectors: Floats  # (n_items, deep_rank) y
    deep: Layers  # f: 2 · deep_rank inputs, one output
    noise: float  # mean squared error of the training ratings

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {
            **super().shapes(n_users, n_items),
            "deep_user_vectors": (n_users, "deep_rank"),
            "deep_item_vectors": (n_items, "deep_rank"),
            "noise": (),
        }

    def check(self) -> None:
        width = self.deep_user_vectors.shape[1] + self.deep_item_vectors.shape[1]
        if len(self.deep) == 0 or self.deep.weights[0].shape[1] != width:
            raise BadArtifact(f"the first of the deep layers does not have {width} inputs", "the folder is damaged")
        if len(self.deep.weights[-1]) != 1 or self.deep.activations[-1] != "linear":
            raise BadArtifact("the last of the deep layers is not linear with one output", "the folder is damaged")
        if self.noise < 0:
            raise BadArtifact(f"the variance of the noise is {self.noise:g}", "the folder is damaged")

    def with_cold_rows(self) -> Self:
        """A copy of this model with the cold-start values for users and items without training ratings."""
        (b, p, x), (c, y) = self._mean_user, self._unknown_item
        users = {"user_bias": b, "user_vectors": p, "deep_user_vectors": x}
        items = {"item_bias": c, "item_vectors": np.float32(0), "deep_item_vectors": y}
        changed = {}
        for counts, rows in ((self.training_data.user_counts, users), (self.training_data.item_counts, items)):
            for name, row in rows.items():
                changed[name] = getattr(self, name).copy()
                changed[name][counts == 0] = row
        return replace(self, **changed)

    # Scores

    def score_rows(self, users: Rows) -> Floats:
        return self._scores(self.user_bias[users], np.hstack((self.user_vectors[users], self.deep_user_vectors[users])))

    def score_pair_rows(self, users: Rows, items: Rows) -> Floats:
        scores = super().score_pair_rows(users, items)
        if len(users) < len(self.user_bias):  # fewer pairs than users
            scores += self._split_network.pair_values(self.deep_user_vectors[users], np.arange(len(users)), items)
        else:
            scores += self._split_network.pair_values(self.deep_user_vectors, users, items)
        return scores

    def score_error(self, user: int) -> float | None:
        return None  # the network's rounding errors are not bounded here

    @property
    def unknown_item_scores(self) -> Floats:
        """The scores of an item without ratings."""
        bias, y = self._unknown_item
        mean_bias, _, mean_x = self._mean_user
        b, x = np.append(self.user_bias, mean_bias), np.vstack((self.deep_user_vectors, mean_x))
        return np.float32(self.mean) + bias + b + _deep_scores(self.deep, x, y)

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) correlation of the items' scores over users drawn from the prior, without biases, with r̂
        linearised at the prior mean; `EXCLUDED` where either score is the same for all users."""
        lengths: Floats = np.linalg.norm(self._score_factors, axis=1)
        return cosine(self._score_factors, lengths, self._score_factors[item])

    def similarity_among_rows(self, items: Rows) -> Floats:
        return cosines(self._score_factors[items])

    # Fold-in

    @one_thread()
    def fold_in_vectors(self, histories: csr_array) -> tuple[Floats, Floats]:
        """(m,) biases and (m, rank + deep_rank) vectors [p; x] of users with (m, n_items) histories."""
        weights = np.tile(self._prior_mean, (histories.shape[0], 1))
        for rows, items, ratings, inside in similar_length_blocks(histories, weights.shape[1]):
            weights[rows] = self.regressions(items, ratings, inside).posterior_mode()
        solved = weights.astype(np.float32)
        return np.ascontiguousarray(solved[:, 0]), np.ascontiguousarray(solved[:, 1:])

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`, to first order: each rating is left out by one Gauss-Newton step from the weights
        of the whole history (see `NonlinearRegressions.leave_one_out`). Another fit could end in another local optimum,
        which can change a score more than one of a hundred ratings does."""
        if history.nnz < 2:
            return super().attributions(history, items)
        inside = np.ones((1, history.nnz), dtype=bool)
        one = self.regressions(history.indices[None], history.data[None], inside)
        whole = one.posterior_mode()
        fewer = self.personal_scores(one.leave_one_out(whole), np.tile(items, (history.nnz, 1)))
        return self.personal_scores(whole, items[None]) - fewer

    def regressions(self, items: Rows, ratings: Floats, inside: Mask) -> "_Histories":
        observed = np.where(inside, ratings.astype(np.float64) - self.mean - self.item_bias[items], 0)
        return _Histories(self._prior_mean, self._precision, max(self.noise, MIN_NOISE), observed, self, items, inside)

    # Computation

    @cached_property
    def _whole_user_vectors(self) -> Floats:  # cached, because it is a copy of two arrays
        return np.hstack((self.user_vectors, self.deep_user_vectors))

    def _scores(self, bias: Floats, vectors: Floats) -> Floats:
        """(m, n_items) of (m,) biases and (m, rank + deep_rank) vectors [p; x] of users."""
        rank = self.user_vectors.shape[1]
        scores = super()._scores(bias, vectors[:, :rank])
        self._split_network.add_scores(scores, vectors[:, rank:])
        return scores

    def personal_scores(self, weights: Doubles, items: Rows) -> Doubles:
        """(m, h) b + p · q + f([x; y]) of (m, W) weights [b, p, x] and (m, h) items."""
        bias, p, x = self._parts(weights.astype(np.float32))
        which = np.repeat(np.arange(len(items)), items.shape[1])
        scores: Doubles = (self.item_vectors[items] @ p[:, :, None])[:, :, 0].astype(np.float64)
        scores += bias[:, None]
        scores += self._split_network.pair_values(x, which, items.ravel()).reshape(items.shape)
        return scores

    def tangents(self, weights: Doubles, items: Rows) -> tuple[Doubles, Doubles]:
        """(m, h) values as in `personal_scores`, and their (m, h, W) gradients with respect to the weights."""
        bias, p, x = self._parts(weights.astype(np.float32))
        which = np.repeat(np.arange(len(items)), items.shape[1])
        gradients = np.ones((*items.shape, weights.shape[1]))
        _, of_p, of_x = self._parts(gradients)
        of_p[:] = self.item_vectors[items]
        deep, slopes = self._split_network.values_and_gradients(x, which, items.ravel())
        of_x[:] = slopes.reshape(of_x.shape)
        scores: Doubles = (self.item_vectors[items] @ p[:, :, None])[:, :, 0].astype(np.float64)
        scores += bias[:, None]
        scores += deep.reshape(items.shape)
        return scores, gradients

    def _parts(self, weights: Array) -> tuple[Array, Array, Array]:
        """Views of the bias b and the vectors p and x in (…, W) weights."""
        rank = self.user_vectors.shape[1]
        return weights[..., 0], weights[..., 1 : 1 + rank], weights[..., 1 + rank :]

    @cached_property
    def _split_network(self) -> SplitInputNetwork:
        return SplitInputNetwork(self.deep, self.deep_item_vectors)

    @cached_property
    def _prior(self) -> tuple[Doubles, Doubles]:
        """(W,) mean and (W, W) covariance of the trained users' [b, p, x]."""
        counts = self.training_data.user_counts
        return weighted_moments(
            (self.user_bias, self.user_vectors, self.deep_user_vectors), counts / (counts + HALF_WEIGHT)
        )

    @property
    def _prior_mean(self) -> Doubles:
        return self._prior[0]

    @cached_property
    def _precision(self) -> Doubles:
        return solve_or_nan(self._prior[1], np.eye(len(self._prior_mean)))

    @property
    def _mean_user(self) -> tuple[Array, Array, Array]:
        """b, p and x of a user without ratings."""
        return self._parts(self._prior_mean.astype(np.float32))

    @cached_property
    def _unknown_item(self) -> tuple[np.float32, Floats]:
        """The bias and y of an item without ratings."""
        counts = self.training_data.item_counts
        y = (counts @ self.deep_item_vectors / max(1, counts.sum())).astype(np.float32)
        bias, _, x = self._mean_user
        return -(bias + _deep_scores(self.deep, x[None], y)[0]), y

    @cached_property
    def _score_factors(self) -> Floats:
        """(n_items, W - 1) gradients of the scores with respect to p and x at the prior mean, times the Cholesky factor
        of the prior covariance: their dot products are covariances of scores over users."""
        every = np.arange(len(self.item_bias), dtype=np.int32)
        _, slopes = self._split_network.values_and_gradients(self._mean_user[2][None], np.zeros_like(every), every)
        spread = np.linalg.cholesky(self._prior[1][1:, 1:]).astype(np.float32)
        leanings: Floats = np.hstack((self.item_vectors, slopes)) @ spread
        return leanings


def _deep_scores(layers: Layers, x: Floats, y: Floats) -> Floats:
    """(m,) f of (m, deep_rank) users' vectors with the (deep_rank,) vector of one item."""
    return SplitInputNetwork(layers, y[None]).pair_values(x, np.arange(len(x)), np.zeros(len(x), dtype=np.int32))


@dataclass(frozen=True, eq=False)
class _Histories(NonlinearRegressions):
    """The regressions of ratings, minus μ and b_i, on the weights [b, p, x] of b users."""

    model: NetworkModel
    items: Rows  # (b, h)
    inside: Mask  # (b, h) false for padding

    def curve(self, weights: Doubles, which: Array) -> Doubles:
        return self.inside[which] * self.model.personal_scores(weights, self.items[which])

    def tangents(self, weights: Doubles, which: Array) -> tuple[Doubles, Doubles]:
        inside = self.inside[which]
        values, gradients = self.model.tangents(weights, self.items[which])
        gradients *= inside[:, :, None]
        return inside * values, gradients
