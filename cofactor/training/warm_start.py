"""Starting from vectors that are there already."""

from typing import TypeVar

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.models.base import Model
from cofactor.training.epoch import WarmStart

M = TypeVar("M", bound=Model)


def start_of(model: WarmStart, kind: type[M], trainer: str, rank: int, ratings: Ratings) -> M:
    """The model, where a trainer of vectors of this rank may start from it.

    Raises SplitMismatch where it was trained on another split, and BadHyperparameter for another kind or rank.
    """
    if not isinstance(model, kind):
        what = f"a {model.kind} model" if isinstance(model, Model) else "that"
        raise BadHyperparameter(f"{trainer} cannot start from {what}", f"start from a {kind.kind} model")
    check_split(model, ratings)
    width = model.arrays()["item_vectors"].shape[1]
    if width != rank:
        raise BadHyperparameter(f"{trainer}: rank is {rank}, the model to start from has {width}", f"use rank {width}")
    return model


def refuse(trainer: str, warm_start: WarmStart | None) -> None:
    """Raises BadHyperparameter where a trainer that always starts from scratch is given a model to start from."""
    if warm_start is not None:
        raise BadHyperparameter(f"{trainer} cannot start from a model", "train it from scratch, without a warm start")


def check_split(model: Model, ratings: Ratings) -> None:
    """Raises SplitMismatch where a model to start from was trained on another split."""
    if model.training_data.split != ratings.split:
        raise SplitMismatch("the model to start from was trained on another split", "it may have seen test ratings")
