"""The parameters of an autoencoder in PyTorch, and its passes over a batch of sparse rows."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats
from cofactor.models.networks.layers import Layers
from cofactor.trainers.autoencoding.masked_product import MaskedProducts

if TYPE_CHECKING:
    import torch

FIRST, LAST = "encoder", "decoder"  # the two tables: a row of each for each column of the ratings


class AutoencoderNetwork:
    """Maps n numbers to n numbers through hidden layers: code(x) = f(… f(x W₁ + a₁) …), output V code + c.

    `parameters` holds, by name, encoder W₁ (n, first width), hidden.k (out, in), decoder V (n, last width) and the
    biases; tied, the second half of the layers uses the transposed weights of the first half and has none of its own.
    V starts at 0, so that the first predictions are the baseline; W₁ is drawn so that a row of `length` inputs of size
    1/√2 gives numbers of size 1/√8 or so, where no activation is saturated.
    """

    def __init__(
        self,
        n: int,
        widths: tuple[int, ...],
        activation: str,
        tied: bool,
        length: float,
        rng: np.random.Generator,
        products: MaskedProducts,
        device: "torch.device",
    ) -> None:
        import torch

        self.widths, self.activation, self.tied, self.products = widths, activation, tied, products
        self.function: Any = {"linear": torch.nn.Identity(), "selu": torch.selu}.get(
            activation, getattr(torch, activation, None)
        )
        arrays: dict[str, Floats] = {FIRST: _normal(rng, (n, widths[0]), 0.5 / np.sqrt(max(length, 1)))}
        for k, (before, after) in enumerate(pairwise(widths), 1):
            if not tied or k <= len(widths) // 2:
                arrays[f"hidden.{k}"] = _normal(rng, (after, before), 1 / np.sqrt(before))
        if not tied:
            arrays[LAST] = np.zeros((n, widths[-1]), np.float32)
        for k, width in enumerate((*widths, n)):
            arrays[f"bias.{k}"] = np.zeros(width, np.float32)
        self.parameters = {name: torch.from_numpy(a).to(device).requires_grad_() for name, a in arrays.items()}

    @property
    def tables(self) -> list["torch.Tensor"]:
        """The one or two wide tables, which are regularised."""
        return [self.parameters[name] for name in (FIRST, LAST) if name in self.parameters]

    def codes(self, inputs: "csr_array | torch.Tensor") -> "torch.Tensor":
        """(b, last width) of (b, n) inputs, sparse or dense."""
        table = self.parameters[FIRST]
        sums = inputs @ table if not isinstance(inputs, csr_array) else self.products.encode(inputs, table)
        code: torch.Tensor = self.function(sums + self.parameters["bias.0"])
        for k in range(1, len(self.widths)):
            code = self.function(code @ self._hidden(k).T + self.parameters[f"bias.{k}"])
        return code

    def outputs_at(self, codes: "torch.Tensor", cells: csr_array) -> "torch.Tensor":
        """(nnz,) outputs at the cells of a (b, n) matrix."""
        import torch

        columns = torch.from_numpy(cells.indices.astype(np.int64)).to(codes.device)
        return self.products.decode(cells, codes, self._last) + self._bias.index_select(0, columns)

    def all_outputs(self, codes: "torch.Tensor") -> "torch.Tensor":
        """(b, n) outputs."""
        return codes @ self._last.T + self._bias

    @property
    def _last(self) -> "torch.Tensor":
        return self.parameters[FIRST if self.tied else LAST]

    @property
    def _bias(self) -> "torch.Tensor":
        return self.parameters[f"bias.{len(self.widths)}"]

    def _hidden(self, k: int) -> "torch.Tensor":
        """(out, in) weights of the hidden layer k ≥ 1."""
        name, mirror = f"hidden.{k}", f"hidden.{len(self.widths) - k}"
        return self.parameters[name] if name in self.parameters else self.parameters[mirror].T

    def layers(self) -> Layers:
        """Copies of the layers as NumPy arrays."""
        weights = [self.parameters[FIRST].T, *map(self._hidden, range(1, len(self.widths))), self._last]
        biases = [self.parameters[f"bias.{k}"] for k in range(len(weights))]
        activations = (self.activation,) * len(self.widths) + ("linear",)
        return Layers(tuple(map(_copy, weights)), tuple(map(_copy, biases)), activations)

    def load_layers(self, layers: Layers) -> None:
        """Copies layers of the same sizes; tied, the second half of their weights is ignored."""
        named = {FIRST: layers.weights[0].T, LAST: layers.weights[-1]}
        named |= {f"hidden.{k}": weight for k, weight in enumerate(layers.weights)}
        named |= {f"bias.{k}": bias for k, bias in enumerate(layers.biases)}
        self.load_arrays({name: named[name] for name in self.parameters})

    def arrays(self) -> dict[str, Array]:
        """Copies of all parameters."""
        return {name: _copy(parameter) for name, parameter in self.parameters.items()}

    def load_arrays(self, arrays: Mapping[str, Array]) -> None:
        import torch

        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(torch.from_numpy(np.array(arrays[name])))


def _normal(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Floats:
    weights: Floats = rng.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(sigma)
    return weights


def _copy(tensor: "torch.Tensor") -> Array:
    array: Array = np.array(tensor.detach().cpu().numpy(), order="C", copy=True)
    return array
