"""The hyperparameters that mini-batch trainers share; their defaults differ from trainer to trainer."""

from typing import Annotated, Literal

from cofactor.training.hyperparameter import Bounds, SearchRange

Rank = Annotated[int, "length of each vector of the product", Bounds(low=1, high=4096), SearchRange(8, 256, log=True)]
DeepRank = Annotated[
    int, "length of each vector that the layers take as input", Bounds(low=1, high=4096), SearchRange(4, 64, log=True)
]
LayerWidths = Annotated[str, "comma-separated widths of the hidden layers, such as 64,32,16,8"]
Dropout = Annotated[
    float,
    "share of the hidden units that are dropped in training; without layers, of the products",
    Bounds(low=0, high=0.95),
    SearchRange(0, 0.6),
]
Optimiser = Annotated[
    Literal["lazy-adam", "adam", "rmsprop", "momentum", "sgd"],
    "optimizer; adam has β₂ = 0.999, and lazy-adam leaves rows outside a batch unchanged",
]
Momentum = Annotated[float, "β₁ of adam and lazy-adam, and momentum of momentum", Bounds(low=0, high=0.999)]
Rate = Annotated[float, "learning rate of the first batch", Bounds(low=0), SearchRange(5e-4, 5e-2, log=True)]
LayerRate = Annotated[
    float,
    "learning rate of the layers, relative to that of the vectors",
    Bounds(low=0),
    SearchRange(0.05, 1, log=True),
]
Schedule = Annotated[Literal["constant", "linear", "cosine"], "learning rate schedule"]
BatchSize = Annotated[int, "number of ratings in a batch, 0 for a thousandth of all within 32 to 65,536", Bounds(low=0)]
Epochs = Annotated[
    int, "number of epochs, which are passes over the ratings", Bounds(low=1), SearchRange(5, 60, log=True)
]
Steps = Annotated[int, "number of batches after which training ends, 0 for all batches of the epochs", Bounds(low=0)]
L2 = Annotated[
    float, "L2 penalty of a vector of the product, per rating", Bounds(low=0), SearchRange(0.01, 0.2, log=True)
]
DeepL2 = Annotated[
    float, "L2 penalty of a vector of the layers, per rating", Bounds(low=0), SearchRange(0.01, 0.5, log=True)
]
BiasL2 = Annotated[float, "L2 penalty of a bias, per rating", Bounds(low=0), SearchRange(1e-3, 0.1, log=True)]
LayerL2 = Annotated[float, "L2 penalty of the weights of the layers", Bounds(low=0), SearchRange(1e-6, 1e-2, log=True)]
Init = Annotated[
    float,
    "standard deviation of the initial vectors of the product, times √rank",
    Bounds(low=0),
    SearchRange(0.01, 1, log=True),
]
DeepInit = Annotated[
    float, "standard deviation of the initial vectors of the layers", Bounds(low=0), SearchRange(0.01, 1, log=True)
]
Seed = Annotated[int, "random seed for the initial parameters, the order of the ratings and dropout", Bounds(low=0)]
Device = Annotated[Literal["cpu", "cuda"], "device to train on"]
Branches = Annotated[
    Literal["product", "deep", "both"], "branches of the network: the product, the deep layers, or both"
]
