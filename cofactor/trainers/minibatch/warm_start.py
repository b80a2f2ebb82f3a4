"""Starting gradient descent on mini-batches from models: one of the same kind, or the branches of an ensemble."""

from collections.abc import Mapping

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel
from cofactor.models.network import NetworkModel
from cofactor.trainers.minibatch.layers import parts
from cofactor.trainers.minibatch.parameters import Layout, Parameters
from cofactor.training.epoch import WarmStart
from cofactor.training.warm_start import check_warm_start

STARTS = {
    "factors": "the product and the biases: a model of latent-factor, svd or another factorisation",
    "deep": "the deep vectors, the layers and the biases: a model of deep",
}


def take_over(parameters: Parameters, warm_start: WarmStart, trainer: str, ratings: Ratings) -> None:
    """Puts models in the place of random numbers.

    Raises SplitMismatch for one of another split, BadHyperparameter for one of another kind or other widths.
    """
    layout = parameters.layout
    both = layout.rank > 0 and layout.deep_rank > 0
    if isinstance(warm_start, Mapping) and both and warm_start.keys() <= STARTS.keys():
        _take_branches(parameters, warm_start, trainer, ratings)
    elif layout.deep_rank:
        network = _network(warm_start, trainer, layout, layout.rank, ratings)
        _take_biases(parameters, [network])
        _take_product(parameters, network, 1)
        _take_layers(parameters, network, 1)
    else:
        factors = check_warm_start(warm_start, FactorModel, trainer, layout.rank, ratings)
        _take_biases(parameters, [factors])
        _take_product(parameters, factors, 1)


def _take_branches(parameters: Parameters, models: Mapping[str, Model], trainer: str, ratings: Ratings) -> None:
    """The first predictions are the mean of the models' own; of a branch without a model they hold nearly nothing."""
    share, layout = 1 / max(1, len(models)), parameters.layout
    taken: list[FactorModel | NetworkModel] = []
    if "factors" in models:
        factors = check_warm_start(models["factors"], FactorModel, trainer, layout.rank, ratings)
        _take_product(parameters, factors, share)
        taken.append(factors)
    if "deep" in models:
        network = _network(models["deep"], trainer, layout, 0, ratings)
        _take_layers(parameters, network, share)
        taken.append(network)
    if taken:
        _take_biases(parameters, taken)


def _network(warm_start: WarmStart, trainer: str, layout: Layout, rank: int, ratings: Ratings) -> NetworkModel:
    model = check_warm_start(warm_start, NetworkModel, trainer, rank, ratings)
    for what, ours, theirs in (
        ("deep_rank", str(layout.deep_rank), str(model.deep_item_vectors.shape[1])),
        ("layers", ",".join(map(str, layout.hidden)), ",".join(str(len(w)) for w in model.deep.weights[:-1])),
    ):
        if ours != theirs:
            message = f"{trainer}: {what} is {ours}, the model to start from has {theirs}"
            raise BadHyperparameter(message, f"use {what} {theirs}")
    return model


def _take_biases(parameters: Parameters, models: list[FactorModel | NetworkModel]) -> None:
    """The mean of the models' biases and means."""
    unit, at = parameters.unit, parameters.layout.bias
    parameters.mean = float(np.mean([model.mean for model in models])) / unit
    parameters.users[:, at] = np.mean([model.user_bias for model in models], axis=0) / unit
    parameters.items[:, at] = np.mean([model.item_bias for model in models], axis=0) / unit


def _take_product(parameters: Parameters, model: FactorModel | NetworkModel, share: float) -> None:
    """`share` of p · q, half of it by p and half by q."""
    root, layout = np.float32(np.sqrt(share)), parameters.layout
    layout.product(parameters.users)[:] = model.user_vectors * (root / np.float32(parameters.unit))
    layout.product(parameters.items)[:] = model.item_vectors * root


def _take_layers(parameters: Parameters, model: NetworkModel, share: float) -> None:
    """`share` of f, by its last layer."""
    layout = parameters.layout
    layout.deep(parameters.users)[:] = model.deep_user_vectors
    layout.deep(parameters.items)[:] = model.deep_item_vectors
    ours = parts(parameters.layers, layout.widths)
    for number, (weight, bias) in enumerate(ours):
        scale = np.float32(share / parameters.unit if number == len(ours) - 1 else 1)
        inputs = layout.inputs(weight) if number == 0 else weight
        inputs[:] = model.deep.weights[number].reshape(inputs.shape) * scale
        bias[:] = model.deep.biases[number] * scale
