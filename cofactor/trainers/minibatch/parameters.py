"""What gradient descent on mini-batches learns: a table of users, one of items, and layers; and the model they make."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cofactor.arrays import Floats
from cofactor.data.ratings import Ratings
from cofactor.models.factor import FactorModel
from cofactor.models.network import NetworkModel
from cofactor.models.networks.layers import Layers
from cofactor.trainers.factorization.rating_unit import unit_of
from cofactor.trainers.minibatch.layers import Widths, parts, size


@dataclass(frozen=True)
class Layout:
    """Where the parts of a row lie: the vector of the product, that of the layers, and the bias, each from a whole
    register of the processor on; what is between them is zero and stays zero."""

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
        """Of the layers, whose input is that part of a user's row and then of an item's; none where there are none."""
        return (2 * _padded(self.deep_rank), *self.hidden, 1) if self.deep_rank else ()

    def product(self, rows: Floats) -> Floats:
        return rows[:, : self.rank]

    def deep(self, rows: Floats) -> Floats:
        return rows[:, self.first_deep : self.first_deep + self.deep_rank]

    def inputs(self, weight: Floats) -> Floats:
        """(n_out, 2, deep_rank) weights of the first layer."""
        return weight.reshape(len(weight), 2, -1)[:, :, : self.deep_rank]


class Settings(Protocol):
    """The hyperparameters that say what there is to learn."""

    @property
    def layout(self) -> Layout: ...
    @property
    def init(self) -> float: ...
    @property
    def deep_init(self) -> float: ...
    @property
    def l2(self) -> float: ...
    @property
    def bias_l2(self) -> float: ...
    @property
    def seed(self) -> int: ...


@dataclass
class Parameters:
    """Numbers in units of a quarter of the scale (see `svd`); rows as Layout has them."""

    layout: Layout
    unit: float
    mean: float
    users: Floats  # (n_users, width)
    items: Floats  # (n_items, width)
    layers: Floats  # (size(widths),)

    @classmethod
    def drawn(cls, settings: Settings, ratings: Ratings) -> "Parameters":
        """Vectors from normals, biases of 0, and layers whose last one is 0: every prediction is the mean."""
        rng, layout = np.random.default_rng(settings.seed), settings.layout
        users, items = (np.zeros((n, layout.width), np.float32) for n in (len(ratings.users), len(ratings.items)))
        for rows in (users, items):
            for vectors, spread in (
                (layout.product(rows), settings.init / np.sqrt(max(1, layout.rank))),
                (layout.deep(rows), settings.deep_init),
            ):
                vectors[:] = rng.standard_normal(vectors.shape, dtype=np.float32) * np.float32(spread)
        layers = np.zeros(size(layout.widths), np.float32)
        for number, (weight, _) in enumerate(parts(layers, layout.widths)[:-1]):
            inputs: Floats = layout.inputs(weight) if number == 0 else weight
            spread = np.sqrt(2 / inputs[0].size)  # keeps the variance through a rectifier (He et al. 2015, eq. 10)
            inputs[:] = rng.standard_normal(inputs.shape, dtype=np.float32) * np.float32(spread)
        unit = unit_of(ratings.scale)
        mean = float(ratings.value.mean(dtype=np.float64)) / unit
        return cls(layout, unit, mean, users, items, layers)

    def model(self, settings: Settings, ratings: Ratings, noise: float) -> FactorModel | NetworkModel:
        """noise: variance of a rating round its prediction."""
        layout, unit = self.layout, np.float32(self.unit)
        biases = self.users[:, layout.bias] * unit, self.items[:, layout.bias] * unit
        vectors = layout.product(self.users) * unit, layout.product(self.items).copy()
        about = ratings.training_data, ratings.scale, self.mean * self.unit
        if not layout.deep_rank:
            counts = ratings.training_data.user_counts, ratings.training_data.item_counts
            for rated, vector in zip(counts, vectors, strict=True):
                vector[rated == 0] = 0
            return FactorModel(*about, *biases, *vectors, settings.bias_l2, settings.l2)
        deep = layout.deep(self.users).copy(), layout.deep(self.items).copy()
        return NetworkModel(*about, *biases, *vectors, *deep, self._layers(), noise).with_cold_rows()

    def _layers(self) -> Layers:
        pairs = parts(self.layers, self.layout.widths)
        weights, biases = [weight.copy() for weight, _ in pairs], [bias.copy() for _, bias in pairs]
        weights[0] = self.layout.inputs(weights[0]).reshape(len(weights[0]), -1)
        weights[-1] = weights[-1] * np.float32(self.unit)
        biases[-1] = biases[-1] * np.float32(self.unit)
        return Layers(tuple(weights), tuple(biases), ("relu",) * (len(pairs) - 1) + ("linear",))


def _padded(n: int) -> int:
    from cofactor.kernels.lanes import padded

    return padded(n)
