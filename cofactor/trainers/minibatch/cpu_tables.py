"""Tables of users, items and layers in training on the CPU: kernels work on the arrays in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.arrays import Array, Floats, Rows
from cofactor.trainers.minibatch.layers import HostStack, through
from cofactor.trainers.minibatch.parameters import Parameters

if TYPE_CHECKING:
    from cofactor.kernels.rows import Optimiser, Table

REMEMBERED = ("rows", "first", "second", "moves")  # of a table, from batch to batch


@dataclass(frozen=True)
class Pulls:
    """λ of the columns of users' and items' rows, for each rating, and of the numbers of the layers, for each batch."""

    rows: Floats  # (width,)
    layers: Floats  # (size of the layers,)


class HostTables:
    """Where there are layers, the tensors that they work on are views of the same memory."""

    def __init__(
        self,
        start: Parameters,
        pulls: Pulls,
        optimiser: "Optimiser",
        dropout: float,
        layer_rate: float,
        batch: int,
    ) -> None:
        """batch: ratings, at most; layer_rate: learning rate of the layers, as a share of that of the rows."""
        from cofactor.kernels import rows
        from cofactor.kernels.lanes import padded

        self.kernels: Any = rows
        self.layout, self.mean, self.optimiser = start.layout, start.mean, optimiser
        self.dropout, self.layer_rate = dropout, layer_rate
        self.n_layer_parameters = len(start.layers)
        flat, pull = (np.zeros((1, padded(len(x))), np.float32) for x in (start.layers, pulls.layers))
        flat[0, : len(start.layers)], pull[0, : len(start.layers)] = start.layers, pulls.layers
        self.users, self.items = (self._table(x.copy(), pulls.rows[None], batch) for x in (start.users, start.items))
        self.layers = self._table(flat, pull, 1)
        self.stack = self._stack() if len(start.layers) else None
        self.ranks = self.layout.first_deep, self.layout.bias - self.layout.first_deep
        self.errors, self.inputs = np.empty(batch, np.float32), np.empty((batch, 2 * self.ranks[1]), np.float32)
        products = batch if dropout and self.stack is None else 0  # beside layers, dropout is theirs alone
        self.kept = np.empty((products, self.ranks[0]), np.float32)

    def columns(self, user: Rows, item: Rows, value: Floats) -> tuple[Array, Array, Array]:
        """Ratings as `learn` takes slices of them."""
        return user, item, value

    def learn(self, user: Array, item: Array, value: Array, keys: Array, rate: float, done: int) -> tuple[float, float]:
        """One batch; Σ e² and the sum of the penalties, both before its step. keys: what dropout is drawn by; done: how
        many batches came before."""
        n, penalty = len(user), 0.0
        errors, inputs, kept = self.errors[:n], self.inputs[:n], self._kept(n, int(keys[-1]))
        for table, rows in ((self.users, user), (self.items, item)):
            self.kernels.settle(table, rows, done, self.optimiser, np.float32(rate))
        about = (*self.ranks, np.float32(self.mean), kept)
        self.kernels.predict(user, item, value, self.users.rows, self.items.rows, *about, inputs, errors)
        if self.stack is not None:
            from torch import from_numpy

            inputs = through(self.stack, from_numpy(errors), from_numpy(inputs), keys).numpy()
            penalty = n * self.kernels.move(self.layers, self.optimiser, np.float32(rate * self.layer_rate))
        batch = user, item, errors, inputs, self.users, self.items
        squared, penalties = self.kernels.learn(*batch, *self.ranks, kept, self.optimiser, np.float32(rate))
        return squared, penalties + penalty

    def settle(self, rate: float, done: int) -> None:
        """All rows as they are after so many batches."""
        for table in (self.users, self.items):
            every = np.arange(len(table.rows), dtype=np.int32)
            self.kernels.settle(table, every, done, self.optimiser, np.float32(rate))

    def learned(self) -> tuple[Floats, Floats, Floats]:
        """Copies of the rows of users and of items, and of the layers."""
        layers = self.layers.rows[0, : self.n_layer_parameters]
        return self.users.rows.copy(), self.items.rows.copy(), layers.copy()

    def remembered(self) -> dict[str, Array]:
        """Copies of all that is remembered from batch to batch."""
        return {name: array.copy() for name, array in self._named().items()}

    def recall(self, arrays: Mapping[str, Array]) -> None:
        """What `remembered` gave."""
        for name, array in self._named().items():
            array[:] = arrays[name]

    def _named(self) -> dict[str, Array]:
        named = {"users": self.users, "items": self.items, "layers": self.layers}
        return {f"{name}.{part}": getattr(one, part) for name, one in named.items() for part in REMEMBERED}

    def _table(self, rows: Floats, pull: Floats, batch: int) -> "Table":
        n, width = rows.shape
        second = np.zeros((n if self.optimiser.adaptive else 1, width), np.float32)
        moves, touched, times = (np.zeros(length, np.int32) for length in (n, batch, batch))
        gradients, place = np.zeros((batch, width), np.float32), np.full(n, -1, np.int32)
        table: Table = self.kernels.Table(
            rows, np.zeros_like(rows), second, moves, pull, gradients, touched, times, place
        )
        return table

    def _stack(self) -> HostStack:
        from torch import from_numpy

        flat, slopes = (from_numpy(x[0])[: self.n_layer_parameters] for x in (self.layers.rows, self.layers.gradients))
        return HostStack(self.layout.widths, self.dropout, flat, slopes)

    def _kept(self, n: int, key: int) -> Floats:
        """(n, rank) by what dropout multiplies the products; (0, rank) where it leaves all as they are."""
        kept = self.kept[:n]
        if len(kept):
            kept.fill(1)
            self.kernels.rectify(kept.reshape(-1), self.dropout, np.float32(1 / (1 - self.dropout)), key)
        return kept
