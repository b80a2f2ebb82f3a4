"""The parameters that mini-batch gradient descent learns: rows of users, rows of items, and layers."""

from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Floats
from cofactor.data.ratings import Ratings
from cofactor.models.factor import FactorModel
from cofactor.models.network import NetworkModel
from cofactor.models.networks.layers import Layers
from cofactor.trainers.factorization.rating_unit import rating_unit
from cofactor.trainers.minibatch.layers import layer_views, n_parameters
from cofactor.trainers.minibatch.layout import ParameterLayout
from cofactor.trainers.minibatch.settings import OptimizationSettings


@dataclass(frozen=True, eq=False)
class Parameters:
    """What is learned, in rating units; rows as in ParameterLayout."""

    layout: ParameterLayout
    unit: float
    mean: float
    users: Floats  # (n_users, width)
    items: Floats  # (n_items, width)
    layers: Floats  # (n_parameters(widths),)

    @classmethod
    def initial(cls, settings: OptimizationSettings, ratings: Ratings) -> "Parameters":
        """Normal vectors, biases of 0, and layers whose last one is 0: every prediction is the mean."""
        rng, layout = np.random.default_rng(settings.seed), settings.layout
        users, items = (np.zeros((n, layout.width), np.float32) for n in (len(ratings.users), len(ratings.items)))
        for rows in (users, items):
            for vectors, spread in (
                (layout.product(rows), settings.init / np.sqrt(max(1, layout.rank))),
                (layout.deep(rows), settings.deep_init),
            ):
                vectors[:] = rng.standard_normal(vectors.shape, dtype=np.float32) * np.float32(spread)
        layers = np.zeros(n_parameters(layout.widths), np.float32)
        for number, (weight, _) in enumerate(layer_views(layers, layout.widths)[:-1]):
            inputs: Floats = layout.inputs(weight) if number == 0 else weight
            spread = np.sqrt(2 / inputs[0].size)  # keeps the variance through a rectifier (He et al. 2015, eq. 10)
            inputs[:] = rng.standard_normal(inputs.shape, dtype=np.float32) * np.float32(spread)
        unit = rating_unit(ratings.scale)
        mean = float(ratings.value.mean(dtype=np.float64)) / unit
        return cls(layout, unit, mean, users, items, layers)

    def to_model(self, settings: OptimizationSettings, ratings: Ratings, noise: float) -> FactorModel | NetworkModel:
        """noise: variance of a rating about its prediction."""
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
        pairs = layer_views(self.layers, self.layout.widths)
        weights, biases = [weight.copy() for weight, _ in pairs], [bias.copy() for _, bias in pairs]
        weights[0] = self.layout.inputs(weights[0]).reshape(len(weights[0]), -1)
        weights[-1] = weights[-1] * np.float32(self.unit)
        biases[-1] = biases[-1] * np.float32(self.unit)
        return Layers(tuple(weights), tuple(biases), ("relu",) * (len(pairs) - 1) + ("linear",))
