"""A deep network over the vectors of a user and an item, by mini-batch gradient descent."""

from dataclasses import dataclass
from typing import ClassVar

from cofactor.trainers.base import Family
from cofactor.trainers.minibatch.hyperparameters import (
    BatchSize,
    BiasL2,
    DeepInit,
    DeepL2,
    DeepRank,
    Device,
    Dropout,
    Epochs,
    LayerL2,
    LayerRate,
    LayerWidths,
    Momentum,
    Optimiser,
    Rate,
    Schedule,
    Seed,
    Steps,
)
from cofactor.trainers.minibatch.settings import hidden_widths
from cofactor.trainers.minibatch.training_state import MiniBatchTrainer


@dataclass(frozen=True)
class Deep(MiniBatchTrainer):
    """r̂_ui = μ + b_u + b_i + f([x_u; y_i]), the minimum of

        Σ (r_ui - r̂_ui)² + λ (|x_u|² + |y_i|²) + λ_b (b_u² + b_i²) + λ_W Σ_l |W_l|²      summed over the ratings

    by gradient descent on mini-batches (see `latent-factor`); the layers follow the mean gradient of a batch, at a rate
    that is `layer_rate` times that of the vectors.

    f: fully connected layers, h_l = max(W_l h_{l-1} + c_l, 0), and of the last w · h_L + c;
    x, y: vectors of `deep_rank` numbers, first drawn from a normal of σ = deep_init; `dropout` leaves numbers of the
    hidden layers out in training. The first w is 0, so every first prediction is the mean.
    Cold start: a user or item without training ratings has the mean vector of the trained ones; new users get the most
    likely bias and vector (see NetworkModel). Trained with PyTorch, answers without.
    Source: X. He et al., "Neural Collaborative Filtering", WWW 2017, equation 10, with squared errors; N. Srivastava et
    al., "Dropout", JMLR 15, 2014, section 4.

    Raises BadData for no ratings, BadHyperparameter where the errors grow without bound or a model to start from has
    other widths, SplitMismatch where that was trained on another split, Unavailable without PyTorch.
    """

    name: ClassVar[str] = "deep"
    family: ClassVar[Family] = "networks"
    warm_start_model: ClassVar[str | None] = "a model of the same trainer with the same layers"

    deep_rank: DeepRank = 16
    layers: LayerWidths = "128,64"
    n_epochs: Epochs = 8
    steps: Steps = 0
    batch_size: BatchSize = 0
    optimiser: Optimiser = "lazy-adam"
    momentum: Momentum = 0.9
    learning_rate: Rate = 0.01
    layer_rate: LayerRate = 0.1
    schedule: Schedule = "linear"
    deep_l2: DeepL2 = 0.14
    layer_l2: LayerL2 = 3e-5
    bias_l2: BiasL2 = 0.005
    dropout: Dropout = 0.0
    deep_init: DeepInit = 0.03
    seed: Seed = 0
    device: Device = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        hidden_widths(self.name, self.layers)
