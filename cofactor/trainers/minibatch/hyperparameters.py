"""The hyperparameters that trainers on mini-batches share, each stated once; their defaults differ."""

from typing import Annotated, Literal

from cofactor.training.hyperparameter import Bounds, SearchRange

Rank = Annotated[int, "width of each vector of the product", Bounds(low=1, high=4096), SearchRange(8, 256, log=True)]
DeepRank = Annotated[int, "width of each vector of the layers", Bounds(low=1, high=4096), SearchRange(4, 64, log=True)]
LayerWidths = Annotated[str, "widths of the hidden layers, such as 64,32,16,8"]
Dropout = Annotated[
    float,
    "chance of a number of the hidden layers, or of a product without layers, to be left out in training",
    Bounds(low=0, high=0.95),
    SearchRange(0, 0.6),
]
Optimiser = Annotated[Literal["lazy-adam", "adam", "rmsprop", "momentum", "sgd"], "how a gradient becomes a step"]
Momentum = Annotated[float, "share of the last step in the next, of both adams and momentum", Bounds(low=0, high=0.999)]
Rate = Annotated[float, "size of the first steps", Bounds(low=0), SearchRange(5e-4, 5e-2, log=True)]
LayerRate = Annotated[
    float,
    "learning rate of the layers, as a share of that of the vectors",
    Bounds(low=0),
    SearchRange(0.05, 1, log=True),
]
Schedule = Annotated[Literal["constant", "linear", "cosine"], "how the learning rate falls over the training"]
BatchSize = Annotated[int, "ratings in a batch, 0 for a thousandth of all, from 32 to 65,536", Bounds(low=0)]
Epochs = Annotated[int, "passes over the ratings", Bounds(low=1), SearchRange(5, 60, log=True)]
Steps = Annotated[int, "batches after which training ends, 0 for as many as the epochs have", Bounds(low=0)]
L2 = Annotated[
    float, "pull of a vector of the product to zero at each rating", Bounds(low=0), SearchRange(0.01, 0.2, log=True)
]
DeepL2 = Annotated[
    float, "pull of a vector of the layers to zero at each rating", Bounds(low=0), SearchRange(0.01, 0.5, log=True)
]
BiasL2 = Annotated[float, "pull of a bias to zero at each rating", Bounds(low=0), SearchRange(1e-3, 0.1, log=True)]
LayerL2 = Annotated[float, "pull of the layers' weights to zero", Bounds(low=0), SearchRange(1e-6, 1e-2, log=True)]
Init = Annotated[float, "σ of the product's first vectors times √rank", Bounds(low=0), SearchRange(0.01, 1, log=True)]
DeepInit = Annotated[float, "σ of the layers' first vectors", Bounds(low=0), SearchRange(0.01, 1, log=True)]
Seed = Annotated[int, "of the first numbers, the order of the ratings and dropout", Bounds(low=0)]
Device = Annotated[Literal["cpu", "cuda"], "where to compute"]
Branches = Annotated[Literal["product", "deep", "both"], "latent factors, a deep network, or their ensemble"]
