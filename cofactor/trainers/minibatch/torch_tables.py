"""Parameters in training with PyTorch, on an accelerator: they stay there, and so do the ratings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.arrays import Array, Floats, Rows
from cofactor.trainers.minibatch.cpu_tables import SAVED_FIELDS
from cofactor.trainers.minibatch.layers import MLP, forward_backward
from cofactor.trainers.minibatch.optimizers import optimizer_constants
from cofactor.trainers.minibatch.parameters import Parameters
from cofactor.trainers.minibatch.settings import OptimizationSettings

if TYPE_CHECKING:
    import torch


@dataclass
class TorchTable:
    """Rows and the optimizer's state of each, as in the kernels' ParameterTable."""

    rows: "torch.Tensor"  # (n, width)
    first_moment: "torch.Tensor"
    second_moment: "torch.Tensor"
    n_updates: "torch.Tensor"  # (n,) int32
    l2: "torch.Tensor"  # (1, width)


class TorchTables:
    """The same steps as CpuTables, as operations on whole batches; products of the layers are computed in bfloat16."""

    def __init__(self, start: Parameters, settings: OptimizationSettings, device: "torch.device") -> None:
        import torch

        self.torch: Any = torch
        self.start, self.layout, self.device = start, start.layout, device
        self.dropout, self.layer_rate = settings.dropout, settings.layer_rate
        self.mean = np.array(start.mean)
        optimizer = self.optimizer = optimizer_constants(settings.optimizer)
        self.corrections = [self._to_device(x) for x in (optimizer.correction1, optimizer.correction2)]
        delayed = optimizer.decay1, optimizer.decay2, optimizer.delayed_steps
        self.delays = [self._to_device(x) for x in delayed]
        decay = settings.weight_decay()
        self.users, self.items = (self._table(rows, decay.rows) for rows in (start.users, start.items))
        self.layers = self._table(start.layers[None], decay.layers)
        self.layer_gradients = torch.zeros_like(self.layers.rows)
        half = torch.bfloat16 if device.type == "cuda" else None
        flat = self.layers.rows[0], self.layer_gradients[0]
        self.mlp = MLP(self.layout.widths, settings.dropout, *flat, half) if len(start.layers) else None

    def columns(self, user: Rows, item: Rows, value: Floats) -> tuple[Any, Any, Any]:
        """Ratings in the form whose slices `learn` takes."""
        rows = self._to_device(user.astype(np.int64)), self._to_device(item.astype(np.int64))
        return *rows, self._to_device(value)

    def learn(self, user: Any, item: Any, value: Any, keys: Array, rate: float, n_batches: int) -> tuple[Any, Any]:
        """Trains on one batch; returns Σ e² and the sum of the penalties, both before its step, as tensors: reading
        them would wait for the device. keys: seeds of dropout; n_batches: how many batches came before."""
        rank, bias = self.layout.first_deep, self.layout.bias
        groups = [self.torch.unique(rows, return_inverse=True, return_counts=True) for rows in (user, item)]
        for table, (touched, _, _) in zip((self.users, self.items), groups, strict=True):
            self._apply_delayed_updates(table, touched, rate, n_batches)
        p, q = self.users.rows[user], self.items.rows[item]
        mask = self._mask(len(user), int(keys[-1]))
        by_user, by_item = self.torch.zeros_like(p), self.torch.zeros_like(q)
        errors = value - float(self.mean) - p[:, bias] - q[:, bias] - (mask * p[:, :rank] * q[:, :rank]).sum(1)
        penalty = 0.0
        if self.mlp is not None:
            deep = slice(rank, bias)
            gradients = forward_backward(self.mlp, errors, self.torch.cat((p[:, deep], q[:, deep]), 1), keys)
            by_user[:, deep], by_item[:, deep] = gradients[:, : bias - rank], gradients[:, bias - rank :]
            one = self.torch.ones(1, dtype=self.torch.int32, device=self.device)
            every_row = slice(None), self.layer_gradients, one
            penalty = len(user) * self._update_rows(self.layers, *every_row, rate * self.layer_rate)
        masked = errors[:, None] * mask
        by_user[:, :rank], by_item[:, :rank] = -masked * q[:, :rank], -masked * p[:, :rank]
        by_user[:, bias], by_item[:, bias] = -errors, -errors
        for table, (touched, place, n_ratings), by_row in zip(
            (self.users, self.items), groups, (by_user, by_item), strict=True
        ):
            sums = by_row.new_zeros(len(touched), by_row.shape[1]).index_add_(0, place, by_row)
            penalty = penalty + self._update_rows(table, touched, sums, n_ratings, rate)
        return errors.double().square().sum(), penalty

    def apply_delayed_updates(self, rate: float, n_batches: int) -> None:
        """Brings all rows up to date after so many batches."""
        for table in (self.users, self.items):
            rows = self.torch.arange(len(table.rows), device=self.device)
            self._apply_delayed_updates(table, rows, rate, n_batches)

    def parameters(self) -> Parameters:
        """Copies."""
        users, items, layers = (table.rows.cpu().numpy().copy() for table in (self.users, self.items, self.layers))
        return Parameters(self.layout, self.start.unit, float(self.mean), users, items, layers[0])

    def state_dict(self) -> dict[str, Array]:
        """Copies of all that the next batch needs."""
        arrays = {name: tensor.cpu().numpy().copy() for name, tensor in self._tensors().items()}
        return {**arrays, "mean": self.mean.copy()}

    def load_state_dict(self, arrays: Mapping[str, Array]) -> None:
        for name, tensor in self._tensors().items():
            tensor.copy_(self.torch.from_numpy(arrays[name].copy()))
        self.mean[...] = arrays["mean"]

    def _tensors(self) -> "dict[str, torch.Tensor]":
        tables = {"users": self.users, "items": self.items, "layers": self.layers}
        return {
            f"{name}.{saved}": getattr(table, field)
            for name, table in tables.items()
            for saved, field in SAVED_FIELDS.items()
        }

    def _to_device(self, array: Array) -> Any:
        return self.torch.from_numpy(array.copy()).to(self.device)

    def _table(self, rows: Floats, l2: Floats) -> TorchTable:
        tensor, zeros = self._to_device(rows), self.torch.zeros_like
        n_updates = tensor.new_zeros(len(rows), dtype=self.torch.int32)
        return TorchTable(tensor, zeros(tensor), zeros(tensor), n_updates, self._to_device(l2[None]))

    def _mask(self, n: int, key: int) -> Any:
        """(n, rank) factors by which dropout multiplies the products; (1, 1) where nothing is dropped."""
        if not self.dropout or self.mlp is not None:
            return self.torch.ones(1, 1, device=self.device)
        generator = self.torch.Generator(self.device).manual_seed(key)
        chance = self.torch.rand(n, self.layout.first_deep, generator=generator, device=self.device)
        return (chance >= self.dropout) / (1 - self.dropout)

    def _apply_delayed_updates(self, table: TorchTable, at: Any, rate: float, n_batches: int) -> None:
        """As the kernel of the same name, of rows that do not repeat."""
        optimizer, longest = self.optimizer, len(self.delays[0]) - 1
        if longest == 0:
            return
        n_updates = table.n_updates[at].long()
        gaps, since = (n_batches - n_updates).clamp(0, longest), n_updates.clamp(max=len(optimizer.correction1) - 1)
        decay1, decay2, steps = (delay[gaps][:, None] for delay in self.delays)
        correction1, correction2 = (correction[since][:, None] for correction in self.corrections)
        m = table.first_moment[at]
        table.first_moment[at], step = decay1 * m, rate * correction1 * steps
        if optimizer.adaptive:
            v = table.second_moment[at]
            table.second_moment[at] = decay2 * v
            m = m / (correction2 * v.sqrt() + float(optimizer.epsilon))
        table.rows[at] -= step * m
        table.n_updates[at] = n_batches

    def _update_rows(self, table: TorchTable, at: Any, gradients: Any, n_ratings: Any, rate: float) -> Any:
        """One step of the rows `at`, as in the kernels; returns their penalties before it."""
        optimizer = self.optimizer
        w, n_updates = table.rows[at], table.n_updates[at].long().clamp(max=len(optimizer.correction1) - 1)
        table.n_updates[at] += 1
        decay = n_ratings[:, None] * table.l2 * w
        penalty, g = (decay * w).double().sum(), gradients + decay
        m = float(optimizer.beta1) * table.first_moment[at] + float(optimizer.gradient_weight) * g
        table.first_moment[at] = m
        correction1, correction2 = (correction[n_updates][:, None] for correction in self.corrections)
        if optimizer.adaptive:
            v = float(optimizer.beta2) * table.second_moment[at] + (1 - float(optimizer.beta2)) * g * g
            table.second_moment[at] = v
            m = m / (correction2 * v.sqrt() + float(optimizer.epsilon))
        table.rows[at] = w - rate * correction1 * m
        return penalty
