"""Train, compare and serve model-based recommenders from a table of ratings.

    import cofactor

    ratings = cofactor.read("ml-100k")
    parts = cofactor.split(ratings, "random", seed=0)
    model = cofactor.SVD(rank=32).fit(parts.train, parts.validation)
    print(cofactor.evaluate(model, parts.test))
    print(model.recommend("196", n=5))
    cofactor.save(model, "models/svd")

The names below are imported when they are first used, so that a program which only serves loads no trainer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cofactor.artifact import load as load
    from cofactor.artifact import save as save
    from cofactor.data.fetch import fetch as fetch
    from cofactor.data.ratings import Ratings as Ratings
    from cofactor.data.read import read as read
    from cofactor.data.split import split as split
    from cofactor.data.synthetic import generate as generate
    from cofactor.evaluation.compare import compare as compare
    from cofactor.evaluation.evaluate import evaluate as evaluate
    from cofactor.trainers.baseline import Baseline as Baseline
    from cofactor.trainers.popularity import Popularity as Popularity
    from cofactor.trainers.svd import SVD as SVD

__version__ = "0.1.0"

_HOME = {
    "Ratings": "cofactor.data.ratings",
    "read": "cofactor.data.read",
    "fetch": "cofactor.data.fetch",
    "generate": "cofactor.data.synthetic",
    "split": "cofactor.data.split",
    "Popularity": "cofactor.trainers.popularity",
    "Baseline": "cofactor.trainers.baseline",
    "SVD": "cofactor.trainers.svd",
    "evaluate": "cofactor.evaluation.evaluate",
    "compare": "cofactor.evaluation.compare",
    "save": "cofactor.artifact",
    "load": "cofactor.artifact",
}

__all__ = [*_HOME]  # the names themselves stand in _HOME


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cofactor' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*_HOME, "__version__"]
