"""An ensemble of latent factors and a deep network, trained together or started from both (NeuMF, for ratings)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from cofactor.trainers.base import Family
from cofactor.trainers.minibatch.hyperparameters import (
    L2,
    BatchSize,
    BiasL2,
    DeepInit,
    DeepL2,
    DeepRank,
    Device,
    Dropout,
    Epochs,
    Init,
    LayerL2,
    LayerRate,
    LayerWidths,
    Momentum,
    Optimiser,
    Rank,
    Rate,
    Schedule,
    Seed,
    Steps,
)
from cofactor.trainers.minibatch.settings import hidden_widths
from cofactor.trainers.minibatch.training_state import MiniBatchTrainer
from cofactor.trainers.minibatch.warm_start import WARM_START_PARTS


@dataclass(frozen=True)
class Ensemble(MiniBatchTrainer):
    """r̂_ui = μ + b_u + b_i + p_u · q_i + f([x_u; y_i])

    The product of `latent-factor` and the layers of `deep`, each with vectors of its own, trained together. That is one
    linear head over [p∘q; last hidden layer], whose weights of the products are multiplied into q.

    Transfer: from a model of factors, a deep one, or both; the first predictions are the mean of theirs, and then all
    is trained together. What is minimised, and how, is as in the two.
    Cold start: as in `deep`; an item without training ratings has a q of 0. Trained with PyTorch, answers without.
    Source: X. He et al., "Neural Collaborative Filtering", WWW 2017, equation 12 and section 3.4.1 (pre-training), with
    squared errors.

    Raises what `deep` raises.
    """

    name: ClassVar[str] = "ensemble"
    family: ClassVar[Family] = "networks"
    warm_start_model: ClassVar[str | None] = "a model of the same trainer with the same widths and layers"
    warm_start_parts: ClassVar[Mapping[str, str]] = WARM_START_PARTS

    rank: Rank = 64
    deep_rank: DeepRank = 16
    layers: LayerWidths = "128,64"
    n_epochs: Epochs = 12
    steps: Steps = 0
    batch_size: BatchSize = 0
    optimiser: Optimiser = "lazy-adam"
    momentum: Momentum = 0.9
    learning_rate: Rate = 0.003
    layer_rate: LayerRate = 0.3
    schedule: Schedule = "linear"
    l2: L2 = 0.045
    deep_l2: DeepL2 = 0.1
    layer_l2: LayerL2 = 1e-4
    bias_l2: BiasL2 = 0.005
    dropout: Dropout = 0.0
    init: Init = 0.1
    deep_init: DeepInit = 0.03
    seed: Seed = 0
    device: Device = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        hidden_widths(self.name, self.layers)
