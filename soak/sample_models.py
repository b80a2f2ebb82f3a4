"""Small saved models of every kind with all optional parts, made without training, to be damaged."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import with_features
from cofactor.models.base import Model
from cofactor.models.kinds import KINDS
from cofactor.models.posterior import PosteriorModel
from cofactor.saved.model_folder import save
from tests.toys import noise, posterior

RANK = 3  # the size of every dimension that a model may choose
WEIGHTS = ("starts", "columns")  # of a sparse table of items by items, beside "weights" or "pairs"

Folder = dict[str, bytes]  # a folder's files by name


def samples(scratch: Path) -> dict[str, Folder]:
    """Saves all samples to `scratch`; returns their files by name of the sample."""
    found = {}
    for name, model in models():
        save(
            model, scratch / name, trainer="by hand", hyperparameters={"rank": RANK}, metrics={"rmse": 0.9}, note="toy"
        )
        found[name] = {file.name: file.read_bytes() for file in sorted((scratch / name).iterdir())}
    return found


def models() -> Iterator[tuple[str, Model]]:
    """Names and models: each kind with ratings or ranking only, with and without its optional parts."""
    ratings = noise()
    ranks = ("implicit", "similarity", "filter")
    for kind, cls in KINDS.items():
        if kind == PosteriorModel.kind:
            continue
        scale = None if kind in ranks else ratings.scale
        yield kind, _of(cls, ratings, scale)
    yield "ranking-baseline", _of(KINDS["baseline"], ratings, None)
    yield "ranking-autoencoder", _of(KINDS["autoencoder"], ratings, None)
    yield "dense-similarity", _of(KINDS["similarity"], ratings, None, dense=True)
    yield "walking-filter", _of(KINDS["filter"], ratings, None, dense=True)
    yield "posterior", posterior()
    yield "featured-posterior", _featured()


def _of(cls: type[Model], ratings: Ratings, scale: tuple[float, float] | None, dense: bool = False) -> Model:
    """A model of random numbers; with `dense`, without the optional item-by-item table."""
    rng = np.random.default_rng(len(cls.kind))
    arrays = {}
    for name, shape in cls.shapes(len(ratings.users), len(ratings.items)).items():
        sizes = [RANK if isinstance(one, str) else one for one in shape]
        plain = rng.uniform(0.05, 1.0, sizes)
        arrays[name] = plain.astype(np.float32) if shape else plain
    if "starts" in arrays:
        left_out = {"dense"} if not dense else {*WEIGHTS, "weights", "pairs"}
        arrays |= _table(rng, len(ratings.items), next(name for name in ("weights", "pairs") if name in arrays))
        arrays = {name: array for name, array in arrays.items() if name not in left_out}
    if "most" in arrays:
        arrays["most"] = np.array(4.0)
    arrays.pop("linear_unit", None)  # counts have one unit at most: the other one
    for name in cls.networks:
        arrays |= _layers(rng, name, len(ratings.items))
    return cls.from_arrays(ratings.training_data, scale, arrays)


def _table(rng: np.random.Generator, n: int, values: str) -> Mapping[str, np.ndarray]:
    dense = rng.uniform(0.1, 1, (n, n)) * (rng.random((n, n)) < 0.3)
    table = csr_array(dense.astype(np.float32))
    return {
        "starts": table.indptr.astype(np.int32),
        "columns": table.indices.astype(np.int32),
        values: table.data,
    }


def _layers(rng: np.random.Generator, name: str, n_items: int) -> Mapping[str, np.ndarray]:
    """A ReLU, a sigmoid and a linear layer of an autoencoder or of a network over two vectors."""
    widths = (n_items, 4, 5, n_items) if name == "layers" else (2 * RANK, 4, 5, 1)
    arrays = {f"{name}.activations": np.array([1, 3, 0], dtype=np.int32)}
    for number in range(3):
        weight = rng.normal(0, 0.5, (widths[number + 1], widths[number])).astype(np.float32)
        arrays |= {f"{name}.{number}.weight": weight, f"{name}.{number}.bias": weight[:, 0].copy()}
    return arrays


def _featured() -> PosteriorModel:
    """A model with features of users and items: a category, numbers and a set."""
    bare, rng = posterior(), np.random.default_rng(0)
    people = {
        "user_id": [str(n) for n in range(30)],
        "age": [18 + n * 7 % 40 for n in range(30)],
        "likes": [["Comedy|Drama", "Drama", "", "Comedy|Drama|War"][n % 4] for n in range(30)],
    }
    training_data = with_features(
        noise(), people, {"item": [str(n) for n in range(20)], "kind": ["x", "y"] * 10}
    ).training_data
    assert training_data.user_features is not None
    assert training_data.item_features is not None
    n_draws, width = bare.user_prior_mean.shape
    user, item = len(training_data.user_features.names), len(training_data.item_features.names)
    return replace(
        bare,
        training_data=training_data,
        user_feature_vectors=rng.normal(0, 0.3, (user, n_draws, width)).astype(np.float32),
        item_feature_vectors=rng.normal(0, 0.3, (item, n_draws, width)).astype(np.float32),
        drawn_item_vectors=bare.item_vectors,
    )
