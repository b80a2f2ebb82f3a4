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
    from cofactor.data.datasets.fetch import fetch as fetch
    from cofactor.data.ratings import Ratings as Ratings
    from cofactor.data.reading.read import read as read
    from cofactor.data.splitting.split import split as split
    from cofactor.data.synthetic.generate import generate as generate
    from cofactor.evaluation.evaluate import evaluate as evaluate
    from cofactor.experiments.comparison.compare import compare as compare
    from cofactor.experiments.comparison.compare import cross_validate as cross_validate
    from cofactor.saved.model_folder import load as load
    from cofactor.saved.model_folder import save as save
    from cofactor.trainers.baseline import Baseline as Baseline
    from cofactor.trainers.popularity import Popularity as Popularity
    from cofactor.trainers.svd import SVD as SVD

__version__ = "0.1.0"

_HOME = {
    "Ratings": "cofactor.data.ratings",
    "read": "cofactor.data.reading.read",
    "fetch": "cofactor.data.datasets.fetch",
    "generate": "cofactor.data.synthetic.generate",
    "split": "cofactor.data.splitting.split",
    "Popularity": "cofactor.trainers.popularity",
    "Baseline": "cofactor.trainers.baseline",
    "SVD": "cofactor.trainers.svd",
    "evaluate": "cofactor.evaluation.evaluate",
    "compare": "cofactor.experiments.comparison.compare",
    "cross_validate": "cofactor.experiments.comparison.compare",
    "save": "cofactor.saved.model_folder",
    "load": "cofactor.saved.model_folder",
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
