"""An autoencoder: a network from a user's ratings to scores of all items."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Doubles, Floats, Mask, Rows
from cofactor.errors import BadArtifact
from cofactor.models.interactions.interaction_model import WEIGHT_SHAPES, InteractionModel, has_positive
from cofactor.models.networks.layers import ACTIVATIONS, Layers
from cofactor.models.scoring import SCORE_CELLS
from cofactor.models.sparse import with_values
from cofactor.models.vectors import cache_slices, cosine, cosines


@dataclass(frozen=True, eq=False)
class AutoencoderModel(InteractionModel):
    """r̂_u = μ + b_u + b + f(x_u), with the network f (`layers`) from n_items inputs to n_items outputs,

        x_uj = a + r_uj - μ - b_u - b_j,   b_u = Σ_{j∈R(u)} (r_uj - μ - b_j) / (λ_u + |R(u)|)      for j in R(u), else 0

    R(u): the items in the user's history; b: item biases; a: an offset that is added to the input of each rated item. A
    model that only ranks (no scale) has inputs x_uj = √(w_uj / Σ_j w_uj), with the weights w of `InteractionModel`, and
    scores f(x_u), which are log-probabilities of the items up to a constant per user.

    There are no parameters per user: folded-in users are scored exactly as trained ones.
    Cold start: a user without ratings has r̂ = μ + b_j or, if the model only ranks, the number of positives as score.
    An item without training ratings has a bias and an output of 0, and its ratings do not change the scores.
    """

    kind: ClassVar[str] = "autoencoder"
    networks: ClassVar[frozenset[str]] = frozenset({"layers"})

    mean: float
    item_bias: Floats  # (n_items,)
    user_l2: float  # λ_u
    presence: float  # a
    layers: Layers  # the last one is linear

    @classmethod
    def shapes(cls, n_users: int, n_items: int) -> Mapping[str, tuple[int | str, ...]]:
        return {"mean": (), "item_bias": (n_items,), "user_l2": (), "presence": (), **WEIGHT_SHAPES}

    def check(self) -> None:
        super().check()
        n_items, sizes = len(self.training_data.items), [weight.shape for weight in self.layers.weights]
        if len(sizes) < 2 or sizes[0][1] != n_items or sizes[-1][0] != n_items:
            raise BadArtifact(
                f"the layers {sizes} do not have {n_items:,} inputs and outputs, one for each item",
                "save the model again",
            )
        if self.layers.activations[-1] != "linear":
            raise BadArtifact("the last layer is not linear", "save the model again")

    def score_rows(self, users: Rows) -> Floats:
        return self.fold_in_scores(self.training_data.interactions[users])

    def fold_in_scores(self, histories: csr_array) -> Floats:
        inputs, bias = self._inputs(histories)
        codes = encode(self.layers, self._first_products(inputs))
        scores: Floats = codes @ self.layers.weights[-1].T
        scores += self.layers.biases[-1]
        if self.scale is None:
            scores[~has_positive(inputs)] = self.positive_counts
            return scores
        cold = np.diff(histories.indptr) == 0
        scores[cold] = 0
        scores += self.item_bias
        scores += (np.float32(self.mean) + bias.astype(np.float32))[:, None]
        return scores

    def score_pair_rows(self, users: Rows, items: Rows) -> Floats:
        """As in `Model.score_pair_rows`: encodes each distinct user once, and computes the outputs of the pairs."""
        distinct, where = np.unique(users, return_inverse=True)
        codes, bias, warm = self._encode_users(distinct)
        codes[~warm] = 0
        scores = np.empty(len(users), dtype=np.float32)
        for here in cache_slices(len(users), codes.shape[1]):
            np.vecdot(codes[where[here]], self.layers.weights[-1][items[here]], out=scores[here])
        known = warm[where]
        scores += np.where(known, self.layers.biases[-1][items], np.float32(0))
        if self.scale is None:
            return np.where(known, scores, self.positive_counts[items].astype(np.float32))
        scores += np.float32(self.mean) + bias[where] + self.item_bias[items]
        return scores

    @property
    def unknown_item_scores(self) -> Floats:
        """μ + b_u; -∞ if the model only ranks."""
        if self.scale is None:
            return super().unknown_item_scores
        bias = self._inputs(self.training_data.interactions)[1].astype(np.float32)
        return np.float32(self.mean) + np.append(bias, np.float32(0))

    def attributions(self, history: csr_array, items: Rows) -> Doubles:
        """As in `Model.attributions`; the first layer of each shortened history comes from the sums over all h ratings:

            Σ_{k≠j} (a + d_k - b) w_k = D - d_j w_j + (a - b) (W - w_j),    D = Σ_k d_k w_k,  W = Σ_k w_k

        d_k = r_k - μ - b_k; w_k: the first layer's weights of item k; b: the user's bias without rating j. For a model
        that only ranks, the sum is (X - x_j w_j) / √(Σ_k x_k² - x_j²), with x = √w of the interactions and
        X = Σ_k x_k w_k.
        """
        h = history.nnz
        if h < 2 or (self.scale is None and np.count_nonzero(self.input_rows(history).data) < 2):
            return super().attributions(history, items)
        first = self._first[history.indices].astype(np.float64)
        if self.scale is None:
            x = self.input_rows(history).data.astype(np.float64)
            first *= x[:, None]
            sums: Doubles = (first.sum(axis=0) - first) / np.sqrt((x**2).sum() - x**2)[:, None]
            bias = np.zeros(h)
        else:
            d = history.data.astype(np.float64) - self.mean - self.item_bias[history.indices]
            bias = (d.sum() - d) / max(self.user_l2 + h - 1, 1e-12)
            sums = d @ first - d[:, None] * first + (self.presence - bias[:, None]) * (first.sum(axis=0) - first)
        without = encode(self.layers, sums.astype(np.float32)) @ self.layers.weights[-1][items].T
        without += self.layers.biases[-1][items]
        score = self.fold_in_scores(history)[0, items].astype(np.float64)
        effects: Doubles = score - without - self._baseline(bias, items)
        return effects

    def similarity_to_row(self, item: int) -> Floats:
        """(n_items,) cosine of the items' weights in the last layer; `EXCLUDED` where either is zero."""
        outputs = self.layers.weights[-1]
        return cosine(outputs, self._output_lengths, outputs[item])

    def similarity_among_rows(self, items: Rows) -> Floats:
        return cosines(self.layers.weights[-1][items])

    def _baseline(self, bias: Doubles, items: Rows) -> Doubles | float:
        """(h, m) terms of r̂ other than the outputs, for (h,) user biases; 0 if the model only ranks."""
        if self.scale is None:
            return 0.0
        return self.mean + bias[:, None] + self.item_bias[items]

    def _inputs(self, histories: csr_array) -> tuple[csr_array, Doubles]:
        """Inputs x of (m, n_items) histories, not yet normalised if the model only ranks, and (m,) user biases."""
        counts = np.diff(histories.indptr)
        if self.scale is None:
            return self.input_rows(histories), np.zeros(len(counts))
        user = np.repeat(np.arange(len(counts)), counts)
        residual = histories.data - np.float32(self.mean) - self.item_bias[histories.indices]
        bias = np.bincount(user, residual, minlength=len(counts)) / np.maximum(self.user_l2 + counts, 1e-12)
        return with_values(histories, (residual - bias[user] + self.presence).astype(np.float32)), bias

    def _first_products(self, inputs: csr_array) -> Floats:
        """(m, width) products of the inputs with the first layer's weights, normalised if the model only ranks."""
        sums: Floats = inputs @ self._first
        if self.scale is None:
            row = np.repeat(np.arange(inputs.shape[0]), np.diff(inputs.indptr))
            squares = np.bincount(row, inputs.data.astype(np.float64) ** 2, minlength=inputs.shape[0])
            sums /= np.sqrt(np.where(squares > 0, squares, 1)).astype(np.float32)[:, None]
        return sums

    def _encode_users(self, users: Rows) -> tuple[Floats, Floats, Mask]:
        """(m, width) codes and (m,) biases of users, in blocks, and (m,) whether a user has something to encode."""
        codes = np.empty((len(users), self.layers.weights[-1].shape[1]), np.float32)
        biases, warm = np.empty(len(users), np.float32), np.zeros(len(users), bool)
        block = max(1, SCORE_CELLS // max(len(weight) for weight in self.layers.weights[:-1]))
        for start in range(0, len(users), block):
            here = slice(start, start + block)
            history = self.training_data.interactions[users[here]]
            inputs, biases[here] = self._inputs(history)
            codes[here] = encode(self.layers, self._first_products(inputs))
            warm[here] = has_positive(inputs) if self.scale is None else np.diff(history.indptr) > 0
        return codes, biases, warm

    @cached_property
    def _first(self) -> Floats:
        """(n_items, width) weights of the first layer, transposed: a history needs whole rows."""
        return np.ascontiguousarray(self.layers.weights[0].T)

    @cached_property
    def _output_lengths(self) -> Floats:
        lengths: Floats = np.linalg.norm(self.layers.weights[-1], axis=1)
        return lengths


def encode(layers: Layers, sums: Floats) -> Floats:
    """(m, width) inputs of the last layer, from (m, first width) products with the first; `sums` is overwritten."""
    sums += layers.biases[0]
    ACTIVATIONS[layers.activations[0]](sums)
    for weight, bias, activation in zip(
        layers.weights[1:-1], layers.biases[1:-1], layers.activations[1:-1], strict=True
    ):
        sums = sums @ weight.T
        sums += bias
        ACTIVATIONS[activation](sums)
    return sums
