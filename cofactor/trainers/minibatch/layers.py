"""Layers in training: forward and backward, written out, on buffers that are made once.

The layers are small and the batches many: recording a graph of each batch takes longer than computing it.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.arrays import Array

if TYPE_CHECKING:
    import torch

Widths = tuple[int, ...]  # of the input, the hidden layers and the output


def size(widths: Widths) -> int:
    """How many weights and biases there are."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))


def parts(flat: Any, widths: Widths) -> list[tuple[Any, Any]]:
    """Of (size(widths),) numbers, views: for each layer the (n_out, n_in) weights and (n_out,) biases."""
    views, at = [], 0
    for n_in, n_out in pairwise(widths):
        end = at + n_in * n_out
        views.append((flat[at:end].reshape(n_out, n_in), flat[end : end + n_out]))
        at = end + n_out
    return views


class Stack:
    """W_L h_{L-1} + c_L of a batch, one number each, with h_0 = x and h_l = dropout(max(W_l h_{l-1} + c_l, 0)).

    What dropout leaves is divided by the chance of being left, so there is nothing to be done in prediction.
    """

    def __init__(
        self,
        widths: Widths,
        dropout: float,
        parameters: "torch.Tensor",
        slopes: "torch.Tensor",
        half: "torch.dtype | None" = None,
    ) -> None:
        """parameters, slopes: (size(widths),) float32, the second for gradients; half: what products are taken in."""
        self.widths, self.dropout, self.half, self.slopes = widths, dropout, half, slopes
        self.layers, self.layer_slopes = parts(parameters, widths), parts(slopes, widths)
        self.rooms: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}

    def forward(self, x: "torch.Tensor", keys: Array) -> "torch.Tensor":
        """(n,) outputs of (n, n_in) numbers; keys: (L - 1,) what the chances of dropout are drawn by."""
        hidden, _ = self._room(x)
        for number, (weight, bias) in enumerate(self.layers):
            self._affine(bias, hidden[number], weight, hidden[number + 1])
            if number < len(self.layers) - 1:
                self._rectify(hidden[number + 1], int(keys[number]))
        return hidden[-1][:, 0]

    def backward(self, slope: "torch.Tensor") -> "torch.Tensor":
        """(n, n_in) slopes by x of the last batch, given the (n,) by its outputs; `slopes` gets their mean over it."""
        hidden, slopes = self.rooms[len(slope)]
        slopes[-1][:, 0] = slope
        for number in reversed(range(len(self.layers))):
            by_weight, by_bias = self.layer_slopes[number]
            self._multiply(slopes[number + 1].t(), hidden[number], by_weight)
            by_bias.copy_(slopes[number + 1].sum(0))
            self._multiply(slopes[number + 1], self.layers[number][0], slopes[number])
            if number > 0:
                self._rectified_slopes(slopes[number], hidden[number])
        self.slopes.mul_(1 / len(slope))
        return slopes[0]

    @property
    def scale(self) -> float:
        """By which dropout multiplies what it leaves."""
        return 1 / (1 - self.dropout)

    def _room(self, x: "torch.Tensor") -> "tuple[list[torch.Tensor], list[torch.Tensor]]":
        """For a batch as long as x: what each layer makes of it, the first being x itself, and the slopes by that."""
        if len(x) not in self.rooms:
            hidden, slopes = ([x.new_empty(len(x), n) for n in self.widths] for _ in range(2))
            self.rooms[len(x)] = hidden, slopes
        room = self.rooms[len(x)]
        room[0][0] = x
        return room

    def _affine(self, bias: "torch.Tensor", x: "torch.Tensor", weight: "torch.Tensor", out: "torch.Tensor") -> None:
        import torch

        if self.half is None:
            torch.addmm(bias, x, weight.t(), out=out)
        else:
            out.copy_(torch.mm(x.to(self.half), weight.to(self.half).t())).add_(bias)

    def _multiply(self, one: "torch.Tensor", other: "torch.Tensor", out: "torch.Tensor") -> None:
        import torch

        if self.half is None:
            torch.mm(one, other, out=out)
        else:
            out.copy_(torch.mm(one.to(self.half), other.to(self.half)))

    def _rectify(self, x: "torch.Tensor", key: int) -> None:
        import torch

        x.relu_()
        if self.dropout:
            generator = torch.Generator(x.device).manual_seed(key)
            x.mul_(torch.rand(x.shape, generator=generator, device=x.device) >= self.dropout).mul_(self.scale)

    def _rectified_slopes(self, slopes: "torch.Tensor", x: "torch.Tensor") -> None:
        slopes.mul_(x > 0).mul_(self.scale)


class HostStack(Stack):
    """The same on the CPU, where the rectifier and dropout are one kernel."""

    def _rectify(self, x: "torch.Tensor", key: int) -> None:
        from cofactor.kernels.rows import rectify

        rectify(x.numpy().reshape(-1), self.dropout, np.float32(self.scale), key)

    def _rectified_slopes(self, slopes: "torch.Tensor", x: "torch.Tensor") -> None:
        from cofactor.kernels.rows import rectified_slopes

        rectified_slopes(slopes.numpy().reshape(-1), x.numpy().reshape(-1), np.float32(self.scale))


def through(stack: Stack, errors: "torch.Tensor", inputs: "torch.Tensor", keys: Array) -> "torch.Tensor":
    """Takes the layers' outputs from the errors of a batch, in place; returns the slopes of ½ Σ e² by the inputs."""
    errors.sub_(stack.forward(inputs, keys))
    return stack.backward(-errors)
