"""Parameters in training on the CPU: kernels work on the arrays in place."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Array, Floats, Rows
from cofactor.trainers.minibatch.layers import CpuMLP, forward_backward
from cofactor.trainers.minibatch.optimizers import optimizer_constants
from cofactor.trainers.minibatch.parameters import Parameters
from cofactor.trainers.minibatch.settings import OptimizationSettings

if TYPE_CHECKING:
    from cofactor.kernels.minibatch import BatchBuffers, ParameterTable

SAVED_FIELDS = {"rows": "rows", "first": "first_moment", "second": "second_moment", "moves": "n_updates"}  # of a table


class CpuTables:
    """Users, items and layers. The tensors that the layers work on are views of the same memory."""

    def __init__(self, start: Parameters, settings: OptimizationSettings, batch_size: int) -> None:
        """batch_size: ratings, at most."""
        from cofactor.kernels import minibatch
        from cofactor.kernels.compilation.simd import padded

        self.kernels, self.start, self.mean = minibatch, start, np.array(start.mean)
        self.optimizer = optimizer_constants(settings.optimizer)
        self.dropout, self.layer_rate = settings.dropout, settings.layer_rate
        decay = settings.weight_decay()
        size = self.n_layer_parameters = len(start.layers)
        layers, layer_l2 = (np.zeros((1, padded(size)), np.float32) for _ in range(2))
        layers[0, :size], layer_l2[0, :size] = start.layers, decay.layers
        self.users, self.items = (
            self._table(rows.copy(), decay.rows[None], batch_size) for rows in (start.users, start.items)
        )
        self.layers = self._table(layers, layer_l2, 1)
        self.mlp = self._mlp(settings.dropout) if size else None
        layout = start.layout
        self.ranks = minibatch.Ranks(layout.first_deep, layout.bias - layout.first_deep)
        n_masks = batch_size if settings.dropout and self.mlp is None else 0  # with layers, dropout is theirs alone
        self.buffers = minibatch.BatchBuffers(
            np.empty((n_masks, self.ranks.product), np.float32),
            np.empty((batch_size, 2 * self.ranks.deep), np.float32),
            np.empty(batch_size, np.float32),
        )

    def columns(self, user: Rows, item: Rows, value: Floats) -> tuple[Rows, Rows, Floats]:
        """Ratings in the form whose slices `learn` takes."""
        return user, item, value

    def learn(
        self, user: Rows, item: Rows, value: Floats, keys: Array, rate: float, n_batches: int
    ) -> tuple[float, float]:
        """Trains on one batch; returns Σ e² and the sum of the penalties, both before its step.

        keys: seeds of dropout; n_batches: how many batches came before.
        """
        kernels, optimizer = self.kernels, self.optimizer
        batch, penalty = kernels.Batch(user, item, value), 0.0
        buffers = self._batch_buffers(len(user), int(keys[-1]))
        for table, rows in ((self.users, user), (self.items, item)):
            kernels.apply_delayed_updates(table, rows, n_batches, optimizer, np.float32(rate))
        kernels.predict(batch, self.users.rows, self.items.rows, self.ranks, np.float32(self.mean), buffers)
        gradients = buffers.inputs
        if self.mlp is not None:
            from torch import from_numpy

            gradients = forward_backward(self.mlp, from_numpy(buffers.errors), from_numpy(buffers.inputs), keys).numpy()
            layer_rate = np.float32(rate * self.layer_rate)
            penalty = len(user) * kernels.update_all_rows(self.layers, optimizer, layer_rate)
        tables = self.users, self.items, self.ranks
        squared, penalties = kernels.update_batch(batch, *tables, buffers, gradients, optimizer, np.float32(rate))
        return squared, penalties + penalty

    def apply_delayed_updates(self, rate: float, n_batches: int) -> None:
        """Brings all rows up to date after so many batches."""
        for table in (self.users, self.items):
            rows = np.arange(len(table.rows), dtype=np.int32)
            self.kernels.apply_delayed_updates(table, rows, n_batches, self.optimizer, np.float32(rate))

    def parameters(self) -> Parameters:
        """Copies."""
        start, layers = self.start, self.layers.rows[0, : self.n_layer_parameters].copy()
        users, items = self.users.rows.copy(), self.items.rows.copy()
        return Parameters(start.layout, start.unit, float(self.mean), users, items, layers)

    def state_dict(self) -> dict[str, Array]:
        """Copies of all that the next batch needs."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def load_state_dict(self, arrays: Mapping[str, Array]) -> None:
        for name, array in self._arrays().items():
            array[...] = arrays[name]

    def _arrays(self) -> dict[str, Array]:
        tables = {"users": self.users, "items": self.items, "layers": self.layers}
        arrays = {
            f"{name}.{saved}": getattr(table, field)
            for name, table in tables.items()
            for saved, field in SAVED_FIELDS.items()
        }
        return {**arrays, "mean": self.mean}

    def _table(self, rows: Floats, l2: Floats, batch_size: int) -> "ParameterTable":
        n, width = rows.shape
        return self.kernels.ParameterTable(
            rows,
            first_moment=np.zeros_like(rows),
            second_moment=np.zeros((n if self.optimizer.adaptive else 1, width), np.float32),
            n_updates=np.zeros(n, np.int32),
            l2=l2,
            gradients=np.zeros((batch_size, width), np.float32),
            touched=np.zeros(batch_size, np.int32),
            n_ratings=np.zeros(batch_size, np.int32),
            gradient_row=np.full(n, -1, np.int32),
        )

    def _mlp(self, dropout: float) -> CpuMLP:
        from torch import from_numpy

        flat, gradients = (
            from_numpy(x[0])[: self.n_layer_parameters] for x in (self.layers.rows, self.layers.gradients)
        )
        return CpuMLP(self.start.layout.widths, dropout, flat, gradients)

    def _batch_buffers(self, n: int, key: int) -> "BatchBuffers":
        """The first n rows of the buffers, with the mask of this batch."""
        mask, inputs, errors = (buffer[:n] for buffer in self.buffers)
        if len(mask):
            mask.fill(1)
            self.kernels.relu_dropout(mask.reshape(-1), self.dropout, np.float32(1 / (1 - self.dropout)), key)
        return self.kernels.BatchBuffers(mask, inputs, errors)
