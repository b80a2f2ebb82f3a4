"""Fully connected layers in training: forward and backward passes by hand, on buffers that are allocated once.

The layers are small and the batches many: recording a graph of each batch takes longer than computing it.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.arrays import Array

if TYPE_CHECKING:
    import torch

Widths = tuple[int, ...]  # of the input, the hidden layers and the output


def n_parameters(widths: Widths) -> int:
    """How many weights and biases layers of these widths have."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))


def layer_views(flat: Any, widths: Widths) -> list[tuple[Any, Any]]:
    """Views of (n_parameters(widths),) numbers: the (n_out, n_in) weights and (n_out,) biases of each layer."""
    views, at = [], 0
    for n_in, n_out in pairwise(widths):
        end = at + n_in * n_out
        views.append((flat[at:end].reshape(n_out, n_in), flat[end : end + n_out]))
        at = end + n_out
    return views


class MLP:
    """W_L h_{L-1} + c_L of a batch, one number each, with h_0 = x and h_l = dropout(max(W_l h_{l-1} + c_l, 0)).

    Numbers that dropout keeps are divided by the probability of being kept, so predictions need no correction.
    """

    def __init__(
        self,
        widths: Widths,
        dropout: float,
        parameters: "torch.Tensor",
        gradients: "torch.Tensor",
        half: "torch.dtype | None" = None,
    ) -> None:
        """parameters, gradients: (n_parameters(widths),) float32; half: the type in which products are computed."""
        self.widths, self.dropout, self.half, self.gradients = widths, dropout, half, gradients
        self.layers, self.layer_gradients = layer_views(parameters, widths), layer_views(gradients, widths)
        self.buffers: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}

    def forward(self, x: "torch.Tensor", keys: Array) -> "torch.Tensor":
        """(n,) outputs of (n, n_in) numbers; keys: (L - 1,) seeds of dropout."""
        hidden, _ = self._buffers(x)
        for number, (weight, bias) in enumerate(self.layers):
            self._affine(bias, hidden[number], weight, hidden[number + 1])
            if number < len(self.layers) - 1:
                self._relu_dropout(hidden[number + 1], int(keys[number]))
        return hidden[-1][:, 0]

    def backward(self, gradient: "torch.Tensor") -> "torch.Tensor":
        """(n, n_in) gradients by x of the last batch, given the (n,) by its outputs; `gradients` receives their mean
        over the batch."""
        hidden, gradients = self.buffers[len(gradient)]
        gradients[-1][:, 0] = gradient
        for number in reversed(range(len(self.layers))):
            by_weight, by_bias = self.layer_gradients[number]
            self._multiply(gradients[number + 1].t(), hidden[number], by_weight)
            by_bias.copy_(gradients[number + 1].sum(0))
            self._multiply(gradients[number + 1], self.layers[number][0], gradients[number])
            if number > 0:
                self._relu_dropout_gradients(gradients[number], hidden[number])
        self.gradients.mul_(1 / len(gradient))
        return gradients[0]

    @property
    def scale(self) -> float:
        """The factor by which dropout multiplies the numbers that it keeps."""
        return 1 / (1 - self.dropout)

    def _buffers(self, x: "torch.Tensor") -> "tuple[list[torch.Tensor], list[torch.Tensor]]":
        """For a batch as long as x: the input of each layer and the output, the first being x itself, and the
        gradients by them."""
        if len(x) not in self.buffers:
            hidden, gradients = ([x.new_empty(len(x), n) for n in self.widths] for _ in range(2))
            self.buffers[len(x)] = hidden, gradients
        buffers = self.buffers[len(x)]
        buffers[0][0] = x
        return buffers

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

    def _relu_dropout(self, x: "torch.Tensor", key: int) -> None:
        import torch

        x.relu_()
        if self.dropout:
            generator = torch.Generator(x.device).manual_seed(key)
            x.mul_(torch.rand(x.shape, generator=generator, device=x.device) >= self.dropout).mul_(self.scale)

    def _relu_dropout_gradients(self, gradients: "torch.Tensor", x: "torch.Tensor") -> None:
        gradients.mul_(x > 0).mul_(self.scale)


class CpuMLP(MLP):
    """The same on the CPU, where the rectifier and dropout are one kernel."""

    def _relu_dropout(self, x: "torch.Tensor", key: int) -> None:
        from cofactor.kernels.minibatch import relu_dropout

        relu_dropout(x.numpy().reshape(-1), self.dropout, np.float32(self.scale), key)

    def _relu_dropout_gradients(self, gradients: "torch.Tensor", x: "torch.Tensor") -> None:
        from cofactor.kernels.minibatch import relu_dropout_gradients

        relu_dropout_gradients(gradients.numpy().reshape(-1), x.numpy().reshape(-1), np.float32(self.scale))


def forward_backward(mlp: MLP, errors: "torch.Tensor", inputs: "torch.Tensor", keys: Array) -> "torch.Tensor":
    """Subtracts the outputs from the errors of a batch, in place; returns the gradients of ½ Σ e² by the inputs."""
    errors.sub_(mlp.forward(inputs, keys))
    return mlp.backward(-errors)
