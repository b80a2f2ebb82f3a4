"""Tables of users, items and layers in training on an accelerator: everything stays there, and so do the ratings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.arrays import Array, Floats, Rows
from cofactor.trainers.minibatch.cpu_tables import REMEMBERED, Pulls
from cofactor.trainers.minibatch.layers import Stack, through
from cofactor.trainers.minibatch.parameters import Layout, Parameters

if TYPE_CHECKING:
    import torch

    from cofactor.kernels.rows import Optimiser


@dataclass
class _Moved:
    """Rows, and what the optimiser remembers of each, as in the kernels' Table."""

    rows: "torch.Tensor"  # (n, width)
    first: "torch.Tensor"
    second: "torch.Tensor"
    moves: "torch.Tensor"  # (n,) int32
    pull: "torch.Tensor"  # (1, width)


class DeviceTables:
    """The same steps as HostTables, as operations on whole batches; products of the layers are taken in bfloat16."""

    def __init__(
        self,
        start: Parameters,
        pulls: Pulls,
        optimiser: "Optimiser",
        dropout: float,
        layer_rate: float,
        device: "torch.device",
    ) -> None:
        import torch

        self.torch: Any = torch
        self.layout: Layout = start.layout
        self.optimiser, self.dropout, self.layer_rate, self.device = optimiser, dropout, layer_rate, device
        self.mean = start.mean
        self.corrections = [self._there(x) for x in (optimiser.correct_first, optimiser.correct_second)]
        self.rests = [self._there(x) for x in (optimiser.rest_first, optimiser.rest_second, optimiser.rest_moves)]
        self.users, self.items = (self._moved(rows, pulls.rows) for rows in (start.users, start.items))
        self.layers = self._moved(start.layers[None], pulls.layers)
        self.slopes = torch.zeros_like(self.layers.rows)
        half = torch.bfloat16 if device.type == "cuda" else None
        flat = self.layers.rows[0], self.slopes[0]
        self.stack = Stack(self.layout.widths, dropout, *flat, half) if len(start.layers) else None

    def columns(self, user: Rows, item: Rows, value: Floats) -> tuple[Any, Any, Any]:
        """Ratings as `learn` takes slices of them."""
        return self._there(user.astype(np.int64)), self._there(item.astype(np.int64)), self._there(value)

    def learn(self, user: Any, item: Any, value: Any, keys: Array, rate: float, done: int) -> tuple[Any, Any]:
        """One batch; Σ e² and the sum of the penalties, both before its step, left on the device: reading them would
        wait for it. done: how many batches came before."""
        rank, bias = self.layout.first_deep, self.layout.bias
        which = [self.torch.unique(rows, return_inverse=True, return_counts=True) for rows in (user, item)]
        for table, (touched, _, _) in zip((self.users, self.items), which, strict=True):
            self._settle(table, touched, rate, done)
        p, q = self.users.rows[user], self.items.rows[item]
        kept = self._kept(len(user), int(keys[-1]))
        by_user, by_item = self.torch.zeros_like(p), self.torch.zeros_like(q)
        errors = value - self.mean - p[:, bias] - q[:, bias] - (kept * p[:, :rank] * q[:, :rank]).sum(1)
        penalty = 0.0
        if self.stack is not None:
            deep = slice(rank, bias)
            slopes = through(self.stack, errors, self.torch.cat((p[:, deep], q[:, deep]), 1), keys)
            by_user[:, deep], by_item[:, deep] = slopes[:, : bias - rank], slopes[:, bias - rank :]
            one = self.torch.ones(1, dtype=self.torch.int32, device=self.device)
            whole = slice(None), self.slopes, one
            penalty = len(user) * self._move(self.layers, *whole, rate * self.layer_rate)
        pulled = errors[:, None] * kept
        by_user[:, :rank], by_item[:, :rank] = -pulled * q[:, :rank], -pulled * p[:, :rank]
        by_user[:, bias], by_item[:, bias] = -errors, -errors
        for table, (touched, place, times), gradients in zip(
            (self.users, self.items), which, (by_user, by_item), strict=True
        ):
            sums = gradients.new_zeros(len(touched), gradients.shape[1]).index_add_(0, place, gradients)
            penalty = penalty + self._move(table, touched, sums, times, rate)
        return errors.double().square().sum(), penalty

    def settle(self, rate: float, done: int) -> None:
        """All rows as they are after so many batches."""
        for table in (self.users, self.items):
            self._settle(table, self.torch.arange(len(table.rows), device=self.device), rate, done)

    def learned(self) -> tuple[Floats, Floats, Floats]:
        """Copies of the rows of users and of items, and of the layers."""
        users, items, layers = (table.rows.cpu().numpy().copy() for table in (self.users, self.items, self.layers))
        return users, items, layers[0]

    def remembered(self) -> dict[str, Array]:
        """Copies of all that is remembered from batch to batch."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self._named().items()}

    def recall(self, arrays: Mapping[str, Array]) -> None:
        """What `remembered` gave."""
        for name, tensor in self._named().items():
            tensor.copy_(self.torch.from_numpy(arrays[name].copy()))

    def _named(self) -> "dict[str, torch.Tensor]":
        named = {"users": self.users, "items": self.items, "layers": self.layers}
        return {f"{name}.{part}": getattr(one, part) for name, one in named.items() for part in REMEMBERED}

    def _there(self, array: Array) -> Any:
        return self.torch.from_numpy(array.copy()).to(self.device)

    def _moved(self, rows: Floats, pull: Floats) -> _Moved:
        there = self._there(rows)
        zeros, moves = self.torch.zeros_like, there.new_zeros(len(rows), dtype=self.torch.int32)
        return _Moved(there, zeros(there), zeros(there), moves, self._there(pull[None]))

    def _kept(self, n: int, key: int) -> Any:
        """(n, rank) by what dropout multiplies the products; (1, 1) where it leaves all as they are."""
        if not self.dropout or self.stack is not None:
            return self.torch.ones(1, 1, device=self.device)
        generator = self.torch.Generator(self.device).manual_seed(key)
        chance = self.torch.rand(n, self.layout.first_deep, generator=generator, device=self.device)
        return (chance >= self.dropout) / (1 - self.dropout)

    def _settle(self, table: _Moved, at: Any, rate: float, done: int) -> None:
        """Rows, each once, as in the kernel of the name."""
        how, most = self.optimiser, len(self.rests[0]) - 1
        if most == 0:
            return
        moves = table.moves[at].long()
        gaps, since = (done - moves).clamp(0, most), moves.clamp(max=len(how.correct_first) - 1)
        keep_first, keep_second, moved = (rest[gaps][:, None] for rest in self.rests)
        first, second = (correction[since][:, None] for correction in self.corrections)
        m = table.first[at]
        table.first[at], step = keep_first * m, rate * first * moved
        if how.adaptive:
            v = table.second[at]
            table.second[at] = keep_second * v
            m = m / (second * v.sqrt() + float(how.epsilon))
        table.rows[at] -= step * m
        table.moves[at] = done

    def _move(self, table: _Moved, at: Any, gradients: Any, times: Any, rate: float) -> Any:
        """One step of the rows `at`, as in the kernels; their penalties before it."""
        how = self.optimiser
        w, moves = table.rows[at], table.moves[at].long().clamp(max=len(how.correct_first) - 1)
        table.moves[at] += 1
        pulled = times[:, None] * table.pull * w
        penalty, g = (pulled * w).double().sum(), gradients + pulled
        m = float(how.keep_first) * table.first[at] + float(how.add_first) * g
        table.first[at] = m
        first, second = (correction[moves][:, None] for correction in self.corrections)
        if how.adaptive:
            v = float(how.keep_second) * table.second[at] + (1 - float(how.keep_second)) * g * g
            table.second[at] = v
            m = m / (second * v.sqrt() + float(how.epsilon))
        table.rows[at] = w - rate * first * m
        return penalty
