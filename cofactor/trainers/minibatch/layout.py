"""Where the vectors and the bias of a user or an item lie in a row of parameters."""

from dataclasses import dataclass

from cofactor.arrays import Floats
from cofactor.trainers.minibatch.layers import Widths


@dataclass(frozen=True)
class ParameterLayout:
    """A row is the vector of the product, the vector of the layers and the bias, each aligned to a register of the
    processor; the numbers between them are zero and stay zero."""

    rank: int
    deep_rank: int
    hidden: tuple[int, ...]  # widths of the hidden layers

    @property
    def first_deep(self) -> int:
        return _padded(self.rank)

    @property
    def bias(self) -> int:
        return _padded(self.rank) + _padded(self.deep_rank)

    @property
    def width(self) -> int:
        return _padded(self.bias + 1)

    @property
    def widths(self) -> Widths:
        """Of the layers, whose input is the user's vector and then the item's; empty where there are no layers."""
        return (2 * _padded(self.deep_rank), *self.hidden, 1) if self.deep_rank else ()

    def product(self, rows: Floats) -> Floats:
        return rows[:, : self.rank]

    def deep(self, rows: Floats) -> Floats:
        return rows[:, self.first_deep : self.first_deep + self.deep_rank]

    def inputs(self, weight: Floats) -> Floats:
        """(n_out, 2, deep_rank) weights of the first layer."""
        return weight.reshape(len(weight), 2, -1)[:, :, : self.deep_rank]


def _padded(n: int) -> int:
    from cofactor.kernels.compilation.simd import padded

    return padded(n)
