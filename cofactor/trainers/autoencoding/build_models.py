"""The models that a trained autoencoder leaves, in the data's units."""

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats
from cofactor.data.ratings import Ratings
from cofactor.models.autoencoder import AutoencoderModel, encode
from cofactor.models.baseline import BaselineModel
from cofactor.models.factor import FactorModel
from cofactor.models.networks.layers import Layers

ROWS_ENCODED = 2048  # at a time
FOLD_IN_BIAS_L2 = 0.005  # for each rating; training has no pull on a bias


def of_users(
    ratings: Ratings, layers: Layers, baseline: BaselineModel, presence: float, unit: float
) -> AutoencoderModel:
    """Of layers that know ratings in units."""
    layers = _of_rated(layers, ratings, unit)
    arrays = baseline.mean, baseline.item_bias, baseline.user_l2, presence * unit, layers
    return AutoencoderModel(ratings.training_data, ratings.scale, *arrays)


def ranking(ratings: Ratings, layers: Layers) -> AutoencoderModel:
    """Of layers that know what was rated, not how."""
    no_bias = np.zeros(len(ratings.items), np.float32)
    return AutoencoderModel(ratings.training_data, None, 0.0, no_bias, 0.0, 0.0, _of_rated(layers, ratings))


def of_items(
    ratings: Ratings, layers: Layers, baseline: BaselineModel, inputs: csr_array, unit: float, l2: float
) -> FactorModel:
    """Items by their codes, less the mean code of a rating, so that a vector of 0 is an average item.

    A folded-in user's vector has the pull that one of the mean number of ratings had in training, λ √n = n · λ/√n.
    """
    training_data, codes = ratings.training_data, _codes(layers, inputs)
    middle = (training_data.item_counts @ codes.astype(np.float64) / len(ratings)).astype(np.float32)
    codes -= middle
    codes[training_data.item_counts == 0] = 0
    vectors, bias = layers.weights[-1] * np.float32(unit), layers.biases[-1] * np.float32(unit)
    bias += baseline.user_bias + vectors @ middle
    vectors[training_data.user_counts == 0] = 0
    bias[training_data.user_counts == 0] = 0
    mean_count = len(ratings) / np.count_nonzero(training_data.user_counts)
    pulls = FOLD_IN_BIAS_L2, l2 / float(np.sqrt(mean_count))
    return FactorModel(training_data, ratings.scale, baseline.mean, bias, baseline.item_bias, vectors, codes, *pulls)


def _codes(layers: Layers, inputs: csr_array) -> Floats:
    """(m, last width) codes of (m, n) inputs."""
    first = np.ascontiguousarray(layers.weights[0].T)
    codes = np.empty((inputs.shape[0], layers.weights[-1].shape[1]), np.float32)
    for start in range(0, len(codes), ROWS_ENCODED):
        here = slice(start, start + ROWS_ENCODED)
        codes[here] = encode(layers, inputs[here] @ first)
    return codes


def _of_rated(layers: Layers, ratings: Ratings, unit: float = 1.0) -> Layers:
    """The layers for ratings themselves instead of ratings in units, and with 0 for items without ratings: weights that
    were drawn and never learned say nothing."""
    rated = (ratings.training_data.item_counts > 0).astype(np.float32)
    first, last = layers.weights[0] * (rated / np.float32(unit)), rated * np.float32(unit)
    weights = first, *layers.weights[1:-1], layers.weights[-1] * last[:, None]
    return Layers(weights, (*layers.biases[:-1], layers.biases[-1] * last), layers.activations)
