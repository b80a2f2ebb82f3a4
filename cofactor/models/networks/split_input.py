"""A network over a user's numbers and then an item's, computed fast: the items' half of the first layer only once."""

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
    """Keeps the BLAS to one thread."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # searching for them takes milliseconds


@dataclass(frozen=True, eq=False)
class SplitInputNetwork:
    """f([x; y_i]) of layers f, of which the first is W [x; y] + c = Wᵘ x + (Wⁱ y + c), the last of one number.

    Memory, over the arrays: `width`, which is that of the first layer, twice for each item, and blocks of it that stay
    in the cache. These are too small to share among threads of the BLAS: on a busy machine they took thirty times as
    long together as one of them alone.
    """

    layers: Layers
    items: Floats  # (n_items, n) y

    @one_thread()
    def add_scores(self, scores: Floats, x: Floats) -> None:
        """Adds f of (m, k) numbers of users with every item to (m, n_items) scores."""
        users, items = self._users(x).T, self._columns
        width, n_items = items.shape
        at_a_time = max(1, CACHED_CELLS // width)
        users_at_a_time = max(1, at_a_time // max(1, n_items))
        for first in range(0, len(scores), users_at_a_time):
            here = slice(first, first + users_at_a_time)
            for start in range(0, n_items, at_a_time):
                there = slice(start, start + at_a_time)
                hidden = items[:, None, there] + users[:, here, None]
                scores[here, there] += self._behind(hidden.reshape(width, -1)).reshape(hidden.shape[1:])

    @one_thread()
    def pair_values(self, x: Floats, which: Array, items: Rows) -> Floats:
        """(n,) f of (n,) items and, of (m, k) numbers of users, the rows that (n,) `which` says."""
        users, values = self._users(x), np.empty(len(items), dtype=np.float32)
        for here in cache_slices(len(items), users.shape[1]):
            hidden = self._sums(users, which[here], items[here])
            values[here] = self._behind(np.ascontiguousarray(hidden.T))
        return values

    @one_thread()
    def values_and_gradients(self, x: Floats, which: Array, items: Rows) -> tuple[Floats, Floats]:
        """The same, and (n, k) its gradient with respect to x."""
        users, values = self._users(x), np.empty(len(items), dtype=np.float32)
        gradients = np.empty((len(items), x.shape[1]), dtype=np.float32)
        weight, activation = self.layers.weights[0][:, : x.shape[1]], self.layers.activations[0]
        for here in cache_slices(len(items), users.shape[1]):
            hidden = self._sums(users, which[here], items[here])
            ACTIVATIONS[activation](hidden)
            values[here], gradient = self._rest.gradient(hidden)
            gradient *= SLOPES[activation](hidden)
            np.matmul(gradient, weight, out=gradients[here])
        return values, gradients

    def _users(self, x: Floats) -> Floats:
        """(m, width) Wᵘ x."""
        half: Floats = x @ self.layers.weights[0][:, : x.shape[1]].T
        return half

    def _sums(self, users: Floats, which: Array, items: Rows) -> Floats:
        """(n, width) what the first layer's activation gets."""
        sums = users[which]
        sums += self._rows[items]
        return sums

    def _behind(self, sums: Floats) -> Floats:
        """(n,) f of (width, n) such sums, which are used up."""
        ACTIVATIONS[self.layers.activations[0]](sums)
        values: Floats = self._rest.forward_columns(sums)[0]
        return values

    @cached_property
    def _rest(self) -> Layers:
        return self.layers.without_first(1)

    @cached_property
    def _rows(self) -> Floats:
        """(n_items, width) Wⁱ y + c, for pairs."""
        weight = self.layers.weights[0]
        half: Floats = self.items @ weight[:, weight.shape[1] - self.items.shape[1] :].T
        half += self.layers.biases[0]
        return half

    @cached_property
    def _columns(self) -> Floats:
        """(width, n_items) the same, for all items of a user: nearly twice as fast."""
        return np.ascontiguousarray(self._rows.T)
