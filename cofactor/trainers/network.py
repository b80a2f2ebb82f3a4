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
    float,
    "chance of a number of the hidden layers, or of a product without layers, to be left out in training",
    Bounds(least=0, most=0.95),
    Search(0, 0.6),
]
Optimiser = Annotated[Literal["lazy-adam", "adam", "rmsprop", "momentum", "sgd"], "how a gradient becomes a step"]
Momentum = Annotated[
    float, "share of the last step in the next, of both adams and momentum", Bounds(least=0, most=0.999)
]
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

    by gradient descent on mini-batches. The gradients of a row's ratings in a batch are summed, then the row is moved
    once by the optimiser, at whose t-th move of that row t is its own: rows that a batch does not touch rest, and with
    them all that the optimiser remembers of them.

    μ: mean training rating; p, q: vectors of `rank` numbers, first drawn from a normal of σ = init / √rank. `dropout`
    leaves products p_uk q_ik out. Ratings are learned in units of a quarter of their scale, as `svd` does. On the CPU
    one thread computes, without PyTorch; `--device cuda` needs it, batches of 65,536 or more and a higher rate.
    Cold start: a user or item without training ratings has a bias and a vector of 0. New users are folded in by ridge
    regression (see FactorModel).
    Source: Y. Koren, R. Bell, C. Volinsky, "Matrix Factorization Techniques for Recommender Systems", IEEE Computer
    42(8), 2009, equation 5; D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.

    Raises BadData for no ratings, BadHyperparameter where the errors grow without bound or a model to start from has
    another rank, SplitMismatch where that was trained on another split.
    """

    name: ClassVar[str] = "latent-factor"
    start: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Rank = 64
    n_epochs: Epochs = 20
    steps: Steps = 0
    batch_size: BatchSize = 0
    optimiser: Optimiser = "lazy-adam"
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
    start: ClassVar[str | None] = "a model of the same trainer with the same layers"

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
        hidden(self.name, self.layers)

    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        return descend(Plan.of(self), ratings, resume)


@dataclass(frozen=True)
class Ensemble(Trainer):
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
    start: ClassVar[str | None] = "a model of the same trainer with the same widths and layers"
    starts: ClassVar[Mapping[str, str]] = STARTS

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
        hidden(self.name, self.layers)

    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        return descend(Plan.of(self), ratings, resume)


@dataclass(frozen=True)
class Network(Ensemble):
    """r̂_ui = μ + b_u + b_i [+ p_u · q_i] [+ f([x_u; y_i])]

    With `branches` product it is `latent-factor`, with deep `deep`, with both `ensemble`: they have the equations, the
    sources and the errors. The defaults are those of `ensemble`.

    Cold start: as in the one that it is.
    """

    name: ClassVar[str] = "network"

    branches: Branches = "both"

    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        without = {"product": {"deep_rank": 0}, "deep": {"rank": 0}, "both": {}}[self.branches]
        return descend(Plan.of(self, **without), ratings, resume)
