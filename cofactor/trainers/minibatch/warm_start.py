"""Parameters to start mini-batch gradient descent from: those of a model, or of a model for each branch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel
from cofactor.models.network import NetworkModel
from cofactor.trainers.minibatch.layers import layer_views
from cofactor.trainers.minibatch.layout import ParameterLayout
from cofactor.trainers.minibatch.parameters import Parameters
from cofactor.training.epoch import WarmStart
from cofactor.training.warm_start import check_warm_start

WARM_START_PARTS = {
    "factors": "the product and the biases: a model of latent-factor, svd or another factorisation",
    "deep": "the deep vectors, the layers and the biases: a model of deep",
}


def parameters_from_models(random: Parameters, warm_start: WarmStart, trainer: str, ratings: Ratings) -> Parameters:
    """The parameters of models, and random ones for what the models do not have.

    Raises SplitMismatch for a model of another split, BadHyperparameter for one of another kind or of other widths.
    """
    layout = random.layout
    both = layout.rank > 0 and layout.deep_rank > 0
    if isinstance(warm_start, Mapping) and both and warm_start.keys() <= WARM_START_PARTS.keys():
        return _from_branches(random, warm_start, trainer, ratings)
    if layout.deep_rank:
        network = _check_network(warm_start, trainer, layout, layout.rank, ratings)
        parameters = _with_biases(random, [network])
        _copy_product(parameters, network, 1)
        _copy_layers(parameters, network, 1)
        return parameters
    factors = check_warm_start(warm_start, FactorModel, trainer, layout.rank, ratings)
    parameters = _with_biases(random, [factors])
    _copy_product(parameters, factors, 1)
    return parameters


def _from_branches(random: Parameters, models: Mapping[str, Model], trainer: str, ratings: Ratings) -> Parameters:
    """The first predictions are the mean of the models' own; a branch without a model adds nearly nothing."""
    share, layout = 1 / max(1, len(models)), random.layout
    factors, network = None, None
    if "factors" in models:
        factors = check_warm_start(models["factors"], FactorModel, trainer, layout.rank, ratings)
    if "deep" in models:
        network = _check_network(models["deep"], trainer, layout, 0, ratings)
    parameters = _with_biases(random, [model for model in (factors, network) if model is not None])
    if factors is not None:
        _copy_product(parameters, factors, share)
    if network is not None:
        _copy_layers(parameters, network, share)
    return parameters


def _check_network(
    warm_start: WarmStart, trainer: str, layout: ParameterLayout, rank: int, ratings: Ratings
) -> NetworkModel:
    model = check_warm_start(warm_start, NetworkModel, trainer, rank, ratings)
    for what, ours, theirs in (
        ("deep_rank", str(layout.deep_rank), str(model.deep_item_vectors.shape[1])),
        ("layers", ",".join(map(str, layout.hidden)), ",".join(str(len(w)) for w in model.deep.weights[:-1])),
    ):
        if ours != theirs:
            message = f"{trainer}: {what} is {ours}, the model to start from has {theirs}"
            raise BadHyperparameter(message, f"use {what} {theirs}")
    return model


def _with_biases(random: Parameters, models: Sequence[FactorModel | NetworkModel]) -> Parameters:
    """With the mean of the models' biases and means, where there are models."""
    if not models:
        return random
    unit, at = random.unit, random.layout.bias
    random.users[:, at] = np.mean([model.user_bias for model in models], axis=0) / unit
    random.items[:, at] = np.mean([model.item_bias for model in models], axis=0) / unit
    return replace(random, mean=float(np.mean([model.mean for model in models])) / unit)


def _copy_product(parameters: Parameters, model: FactorModel | NetworkModel, share: float) -> None:
    """`share` of p · q, half of it by p and half by q."""
    root, layout = np.float32(np.sqrt(share)), parameters.layout
    layout.product(parameters.users)[:] = model.user_vectors * (root / np.float32(parameters.unit))
    layout.product(parameters.items)[:] = model.item_vectors * root


def _copy_layers(parameters: Parameters, model: NetworkModel, share: float) -> None:
    """`share` of f, by its last layer."""
    layout = parameters.layout
    layout.deep(parameters.users)[:] = model.deep_user_vectors
    layout.deep(parameters.items)[:] = model.deep_item_vectors
    views = layer_views(parameters.layers, layout.widths)
    for number, (weight, bias) in enumerate(views):
        scale = np.float32(share / parameters.unit if number == len(views) - 1 else 1)
        inputs = layout.inputs(weight) if number == 0 else weight
        inputs[:] = model.deep.weights[number].reshape(inputs.shape) * scale
        bias[:] = model.deep.biases[number] * scale
