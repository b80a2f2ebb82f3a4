"""A network of users' and items' vectors; the items' part of the first layer is computed once for all users."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from threadpoolctl import ThreadpoolController

from cofactor.arrays import Array, Floats, Rows
from cofactor.models.networks.layers import ACTIVATIONS, SLOPES, Layers
from cofactor.models.vectors import CACHED_CELLS, cache_slices


@contextmanager
def one_thread() -> Iterator[None]:
    """Limits BLAS to one thread within the context."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes milliseconds


@dataclass(frozen=True, eq=False)
class SplitInputNetwork:
    """f([x; y_i]) for layers f; the first layer is W [x; y] + c = Wᵘ x + (Wⁱ y + c), the last one has one output.

    Memory beyond the arrays: two (n_items, width) arrays, for the width of the first layer, and blocks that fit into
    the processor's cache. These are too small for several BLAS threads, which took thirty times as long as one on a
    busy machine.
    """

    layers: Layers
    items: Floats  # (n_items, n) y

    @one_thread()
    def add_scores(self, scores: Floats, x: Floats) -> None:
        """Adds f of (m, k) users' vectors with every item to (m, n_items) scores."""
        users, items = self._user_parts(x).T, self._item_part_columns
        width, n_items = items.shape
        at_a_time = max(1, CACHED_CELLS // width)
        users_at_a_time = max(1, at_a_time // max(1, n_items))
        for first in range(0, len(scores), users_at_a_time):
            here = slice(first, first + users_at_a_time)
            for start in range(0, n_items, at_a_time):
                there = slice(start, start + at_a_time)
                hidden = items[:, None, there] + users[:, here, None]
                scores[here, there] += self._outputs(hidden.reshape(width, -1)).reshape(hidden.shape[1:])

    @one_thread()
    def pair_values(self, x: Floats, which: Array, items: Rows) -> Floats:
        """(n,) f of pairs: rows `which` (n,) of (m, k) users' vectors, with (n,) items."""
        users, values = self._user_parts(x), np.empty(len(items), dtype=np.float32)
        for here in cache_slices(len(items), users.shape[1]):
            hidden = self._sums(users, which[here], items[here])
            values[here] = self._outputs(np.ascontiguousarray(hidden.T))
        return values

    @one_thread()
    def values_and_gradients(self, x: Floats, which: Array, items: Rows) -> tuple[Floats, Floats]:
        """(n,) values as in `pair_values`, and their (n, k) gradients with respect to x."""
        users, values = self._user_parts(x), np.empty(len(items), dtype=np.float32)
        gradients = np.empty((len(items), x.shape[1]), dtype=np.float32)
        weight, activation = self.layers.weights[0][:, : x.shape[1]], self.layers.activations[0]
        for here in cache_slices(len(items), users.shape[1]):
            hidden = self._sums(users, which[here], items[here])
            ACTIVATIONS[activation](hidden)
            values[here], gradient = self._rest.gradient(hidden)
            gradient *= SLOPES[activation](hidden)
            np.matmul(gradient, weight, out=gradients[here])
        return values, gradients

    def _user_parts(self, x: Floats) -> Floats:
        """(m, width) Wᵘ x."""
        half: Floats = x @ self.layers.weights[0][:, : x.shape[1]].T
        return half

    def _sums(self, users: Floats, which: Array, items: Rows) -> Floats:
        """(n, width) inputs of the first activation."""
        sums = users[which]
        sums += self._item_parts[items]
        return sums

    def _outputs(self, sums: Floats) -> Floats:
        """(n,) f for (width, n) inputs of the first activation, which are overwritten."""
        ACTIVATIONS[self.layers.activations[0]](sums)
        values: Floats = self._rest.forward_columns(sums)[0]
        return values

    @cached_property
    def _rest(self) -> Layers:
        return self.layers.without_first(1)

    @cached_property
    def _item_parts(self) -> Floats:
        """(n_items, width) Wⁱ y + c; this layout is for pairs."""
        weight = self.layers.weights[0]
        half: Floats = self.items @ weight[:, weight.shape[1] - self.items.shape[1] :].T
        half += self.layers.biases[0]
        return half

    @cached_property
    def _item_part_columns(self) -> Floats:
        """(width, n_items) transpose of `_item_parts`, which is nearly twice as fast for all items of a user."""
        return np.ascontiguousarray(self._item_parts.T)
