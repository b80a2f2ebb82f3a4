"""Starting from vectors that are there already."""

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel


def factors_of(model: Model, ratings: Ratings, trainer: str, rank: int) -> FactorModel:
    """The model, where a trainer of vectors of this rank may start from it.

    Raises SplitMismatch where it was trained on another split, and BadHyperparameter for another kind or rank.
    """
    if not isinstance(model, FactorModel):
        raise BadHyperparameter(f"{trainer} cannot start from a {model.kind} model", "start from a factor model")
    if model.catalog.split != ratings.split:
        raise SplitMismatch("the model to start from was trained on another split", "it may have seen test ratings")
    width = model.item_vectors.shape[1]
    if width != rank:
        raise BadHyperparameter(f"{trainer}: rank is {rank}, the model to start from has {width}", f"use rank {width}")
    return model
