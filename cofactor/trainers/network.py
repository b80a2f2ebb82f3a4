"""A product of vectors, a deep network over vectors, or both together, by gradient descent on mini-batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from cofactor.data.ratings import Ratings
from cofactor.trainers.base import Bounds, Epoch, Resume, Search, Trainer
from cofactor.trainers.descent import Plan, descend, hidden
from cofactor.trainers.starts import STARTS

Rank = Annotated[int, "width of each vector of the product", Bounds(least=1, most=4096), Search(8, 256, log=True)]
DeepRank = Annotated[int, "width of each vector of the layers", Bounds(least=1, most=4096), Search(4, 64, log=True)]
LayerWidths = Annotated[str, "widths of the hidden layers, such as 64,32,16,8"]
Dropout = Annotated[
    float, "chance of each hidden number to be left out in training", Bounds(least=0, most=0.95), Search(0, 0.6)
]
Optimiser = Annotated[Literal["adam", "rmsprop", "momentum", "sgd"], "how a gradient becomes a step"]
Momentum = Annotated[float, "share of the last step in the next, of adam and momentum", Bounds(least=0, most=0.999)]
Rate = Annotated[float, "size of the first steps", Bounds(least=0), Search(1e-4, 1e-2, log=True)]
LayerRate = Annotated[
    float, "learning rate of the layers, as a share of that of the vectors", Bounds(least=0), Search(0.05, 1, log=True)
]
Schedule = Annotated[Literal["constant", "linear", "cosine"], "how the learning rate falls over the training"]
BatchSize = Annotated[int, "ratings in a batch, 0 for a thousandth of all, from 32 to 65,536", Bounds(least=0)]
Epochs = Annotated[int, "passes over the ratings", Bounds(least=1), Search(5, 60, log=True)]
Steps = Annotated[int, "batches after which training ends, 0 for as many as the epochs have", Bounds(least=0)]
L2 = Annotated[
    float, "pull of a vector of the product to zero at each rating", Bounds(least=0), Search(0.01, 0.2, log=True)
]
DeepL2 = Annotated[
    float, "pull of a vector of the layers to zero at each rating", Bounds(least=0), Search(1e-3, 0.2, log=True)
]
BiasL2 = Annotated[float, "pull of a bias to zero at each rating", Bounds(least=0), Search(1e-3, 0.1, log=True)]
LayerL2 = Annotated[float, "pull of the layers' weights to zero", Bounds(least=0), Search(1e-6, 1e-2, log=True)]
Init = Annotated[float, "σ of the product's first vectors times √rank", Bounds(least=0), Search(0.01, 1, log=True)]
DeepInit = Annotated[float, "σ of the layers' first vectors", Bounds(least=0), Search(0.01, 1, log=True)]
Seed = Annotated[int, "of the first numbers, the order of the ratings and dropout", Bounds(least=0)]
Device = Annotated[Literal["cpu", "cuda"], "where to compute"]
Branches = Annotated[Literal["product", "deep", "both"], "latent factors, a deep network, or their ensemble"]


@dataclass(frozen=True)
class LatentFactor(Trainer):
    """r̂_ui = μ + b_u + b_i + p_u · q_i, the minimum of

        Σ (r_ui - r̂_ui)² + λ (|p_u|² + |q_i|²) + λ_b (b_u² + b_i²)      summed over the training ratings

    Cold start: 0.
    """

    name: ClassVar[str] = "latent-factor"
    start: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Rank = 64
    n_epochs: Epochs = 20
    steps: Steps = 0
    batch_size: BatchSize = 0
    optimiser: Optimiser = "adam"
    momentum: Momentum = 0.9
    learning_rate: Rate = 0.0025
    schedule: Schedule = "linear"
    l2: L2 = 0.045
    bias_l2: BiasL2 = 0.005
    dropout: Dropout = 0.0
    init: Init = 0.1
    seed: Seed = 0
    device: Device = "cpu"

    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        return descend(Plan.of(self), ratings, resume)


@dataclass(frozen=True)
class Deep(Trainer):
    """r̂_ui = μ + b_u + b_i + f([x_u; y_i]).

    Cold start: the mean.
    """

    name: ClassVar[str] = "deep"
    start: ClassVar[str | None] = "a model of the same trainer with the same layers"

    deep_rank: DeepRank = 16
    layers: LayerWidths = "64,64"
    n_epochs: Epochs = 8
    steps: Steps = 0
    batch_size: BatchSize = 0
    optimiser: Optimiser = "adam"
    momentum: Momentum = 0.9
    learning_rate: Rate = 0.01
    layer_rate: LayerRate = 0.1
    schedule: Schedule = "linear"
    deep_l2: DeepL2 = 0.1
    layer_l2: LayerL2 = 1e-4
    bias_l2: BiasL2 = 0.005
    dropout: Dropout = 0.0
    deep_init: DeepInit = 0.03
    seed: Seed = 0
    device: Device = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        hidden(self.name, self.layers)

    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        return descend(Plan.of(self), ratings, resume)


@dataclass(frozen=True)
class Ensemble(Trainer):
    """r̂_ui = μ + b_u + b_i + p_u · q_i + f([x_u; y_i]).

    Cold start: the mean.
    """

    name: ClassVar[str] = "ensemble"
    start: ClassVar[str | None] = "a model of the same trainer with the same widths and layers"
    starts: ClassVar[Mapping[str, str]] = STARTS

    rank: Rank = 64
    deep_rank: DeepRank = 16
    layers: LayerWidths = "64,64"
    n_epochs: Epochs = 12
    steps: Steps = 0
    batch_size: BatchSize = 0
    optimiser: Optimiser = "adam"
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
        hidden(self.name, self.layers)

    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        return descend(Plan.of(self), ratings, resume)


@dataclass(frozen=True)
class Network(Ensemble):
    """All three.

    Cold start: the mean.
    """

    name: ClassVar[str] = "network"

    branches: Branches = "both"

    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        without = {"product": {"deep_rank": 0}, "deep": {"rank": 0}, "both": {}}[self.branches]
        return descend(Plan.of(self, **without), ratings, resume)
