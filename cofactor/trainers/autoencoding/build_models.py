"""The models that a trained autoencoder leaves, in the data's units."""

from dataclasses import asdict

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats
from cofactor.data.ratings import Ratings
from cofactor.models.autoencoder import AutoencoderModel, encode
from cofactor.models.baseline import BaselineModel
from cofactor.models.factor import FactorModel
from cofactor.models.interactions.interaction_weights import InteractionWeights
from cofactor.models.networks.layers import Layers

ROWS_ENCODED = 2048  # at a time
FOLD_IN_BIAS_L2 = 0.005  # per rating; training has no penalty of a bias


def user_model(
    ratings: Ratings, layers: Layers, baseline: BaselineModel, observed_offset: float, unit: float
) -> AutoencoderModel:
    """From layers that were trained on rating units."""
    layers = _of_rated_items(layers, ratings, unit)
    arrays = baseline.mean, baseline.item_bias, baseline.user_l2, observed_offset * unit, layers
    return AutoencoderModel(ratings.training_data, ratings.scale, *arrays)


def ranking_model(ratings: Ratings, layers: Layers, weights: InteractionWeights) -> AutoencoderModel:
    """From layers that were trained on the weights of positives."""
    no_bias, positive = np.zeros(len(ratings.items), np.float32), weights.compute(ratings.value) > 0
    layers = _of_rated_items(layers, ratings.where(positive))
    return AutoencoderModel(ratings.training_data, None, 0.0, no_bias, 0.0, 0.0, layers, **asdict(weights))


def item_model(
    ratings: Ratings, layers: Layers, baseline: BaselineModel, inputs: csr_array, unit: float, l2: float
) -> FactorModel:
    """Items by their codes, less the mean code of a rating, so that a vector of 0 is an average item.

    A folded-in user's vector has the penalty that a user with the mean number n of ratings had in training: λ √n, which
    is n · λ/√n.
    """
    training_data, codes = ratings.training_data, _codes(layers, inputs)
    mean_code = (training_data.item_counts @ codes.astype(np.float64) / len(ratings)).astype(np.float32)
    codes -= mean_code
    codes[training_data.item_counts == 0] = 0
    vectors, bias = layers.weights[-1] * np.float32(unit), layers.biases[-1] * np.float32(unit)
    bias += baseline.user_bias + vectors @ mean_code
    vectors[training_data.user_counts == 0] = 0
    bias[training_data.user_counts == 0] = 0
    mean_count = len(ratings) / np.count_nonzero(training_data.user_counts)
    penalties = FOLD_IN_BIAS_L2, l2 / float(np.sqrt(mean_count))
    return FactorModel(
        training_data, ratings.scale, baseline.mean, bias, baseline.item_bias, vectors, codes, *penalties
    )


def _codes(layers: Layers, inputs: csr_array) -> Floats:
    """(m, last width) codes of (m, n) inputs."""
    first = np.ascontiguousarray(layers.weights[0].T)
    codes = np.empty((inputs.shape[0], layers.weights[-1].shape[1]), np.float32)
    for start in range(0, len(codes), ROWS_ENCODED):
        here = slice(start, start + ROWS_ENCODED)
        codes[here] = encode(layers, inputs[here] @ first)
    return codes


def _of_rated_items(layers: Layers, ratings: Ratings, unit: float = 1.0) -> Layers:
    """The layers for ratings instead of rating units, and with 0 for items without ratings, whose weights are still
    random."""
    rated = (ratings.training_data.item_counts > 0).astype(np.float32)
    first, last = layers.weights[0] * (rated / np.float32(unit)), rated * np.float32(unit)
    weights = first, *layers.weights[1:-1], layers.weights[-1] * last[:, None]
    return Layers(weights, (*layers.biases[:-1], layers.biases[-1] * last), layers.activations)
