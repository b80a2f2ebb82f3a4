"""The hyperparameters of one optimization by mini-batch gradient descent, for any trainer of the family."""

from dataclasses import dataclass, fields
from math import ceil
from typing import Any, Self

import numpy as np

from cofactor.arrays import Floats
from cofactor.errors import BadHyperparameter
from cofactor.trainers.base import Trainer
from cofactor.trainers.minibatch.layers import layer_views, n_parameters
from cofactor.trainers.minibatch.layout import ParameterLayout
from cofactor.training.optimizer import OptimizerSettings

AUTO_BATCHES = 1000  # in an epoch where batch_size is 0
MIN_AUTO_BATCH, MAX_AUTO_BATCH = 32, 1 << 16  # ratings of a batch where batch_size is 0


@dataclass(frozen=True, eq=False)
class WeightDecay:
    """λ of each column of the rows, per rating, and of each number of the layers, per batch."""

    rows: Floats  # (width,)
    layers: Floats  # (n_parameters of the layers,)


@dataclass(frozen=True)
class OptimizationSettings:
    """The hyperparameters of all trainers of this family; the defaults stand for those that a trainer does not have."""

    name: str
    optimiser: str
    momentum: float
    learning_rate: float
    schedule: str
    batch_size: int
    n_epochs: int
    steps: int
    dropout: float
    bias_l2: float
    seed: int
    device: str
    rank: int = 0
    l2: float = 0
    init: float = 0
    deep_rank: int = 0
    deep_l2: float = 0
    deep_init: float = 0
    layers: str = ""
    layer_l2: float = 0
    layer_rate: float = 0

    @classmethod
    def from_trainer(cls, trainer: Trainer, **changed: Any) -> Self:
        known = {one.name for one in fields(cls)}
        given = {name: value for name, value in trainer.settings().items() if name in known}
        return cls(**{"name": trainer.name, **given, **changed})

    @property
    def optimizer(self) -> OptimizerSettings:
        return OptimizerSettings(self.optimiser, self.momentum)

    @property
    def layout(self) -> ParameterLayout:
        widths = hidden_widths(self.name, self.layers) if self.deep_rank else ()
        return ParameterLayout(self.rank, self.deep_rank, widths)

    def ratings_per_batch(self, n: int) -> int:
        """Where there are n ratings."""
        return self.batch_size or min(max(n // AUTO_BATCHES, MIN_AUTO_BATCH), MAX_AUTO_BATCH)

    def batches_per_epoch(self, n: int) -> int:
        return ceil(n / self.ratings_per_batch(n))

    def epochs_planned(self, n: int) -> int:
        """Passes over n ratings; with `steps` the last one may be cut short."""
        return ceil(self.steps / self.batches_per_epoch(n)) if self.steps else self.n_epochs

    def weight_decay(self) -> WeightDecay:
        layout = self.layout
        rows, layers = np.zeros((1, layout.width), np.float32), np.zeros(n_parameters(layout.widths), np.float32)
        layout.product(rows)[:], layout.deep(rows)[:], rows[0, layout.bias] = self.l2, self.deep_l2, self.bias_l2
        for weight, _ in layer_views(layers, layout.widths):
            weight[:] = self.layer_l2
        return WeightDecay(rows[0], layers)


def hidden_widths(trainer: str, layers: str) -> tuple[int, ...]:
    """The widths in "64,32,16,8"; raises BadHyperparameter for anything else."""
    words = [word.strip() for word in layers.split(",")] if layers.strip() else []
    if not all(word.isascii() and word.isdigit() and 0 < int(word) <= 1 << 14 for word in words):
        raise BadHyperparameter(f"{trainer}: layers is {layers!r}", "it is the widths of hidden layers: 64,32,16,8")
    return tuple(int(word) for word in words)
