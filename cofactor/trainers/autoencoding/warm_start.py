"""Layers to start the training of an autoencoder from: those of a model."""

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.models.autoencoder import AutoencoderModel
from cofactor.models.base import Model
from cofactor.models.networks.layers import Layers
from cofactor.training.epoch import WarmStart
from cofactor.training.warm_start import check_same_split


def check_autoencoder(model: WarmStart, trainer: str, rows: str, ranks: bool, ratings: Ratings) -> AutoencoderModel:
    """The model, where a training of these rows and this kind of loss may start from it.

    Raises BadHyperparameter where it may not, SplitMismatch where the model was trained on another split.
    """
    if not isinstance(model, AutoencoderModel) or rows != "users" or (model.scale is None) != ranks:
        what = f"a {model.kind} model" if isinstance(model, Model) else "that"
        hint = "start from an autoencoder of users with the same loss"
        raise BadHyperparameter(f"{trainer} of {rows} cannot start from {what}", hint)
    check_same_split(model, ratings)
    return model


def layers_in_units(model: AutoencoderModel, like: Layers, unit: float, trainer: str) -> Layers:
    """The layers of a model for rating units; raises BadHyperparameter where their sizes are not those of `like`."""
    layers = model.layers
    if [w.shape for w in layers.weights] != [w.shape for w in like.weights]:
        ours, theirs = (",".join(str(len(weight)) for weight in one.weights[:-1]) for one in (like, layers))
        message = f"{trainer}: layers are {ours}, those of the model to start from {theirs}"
        raise BadHyperparameter(message, f"use --layers {theirs}")
    weights = layers.weights[0] * np.float32(unit), *layers.weights[1:-1], layers.weights[-1] / np.float32(unit)
    return Layers(weights, (*layers.biases[:-1], layers.biases[-1] / np.float32(unit)), layers.activations)
