"""Train, compare and serve recommenders from a table of ratings.

    import cofactor

    ratings = cofactor.read("ml-100k")  # a file, a data frame, or a data set that cofactor.fetch has downloaded
    parts = cofactor.split(ratings, "random", seed=0)
    model = cofactor.SVD(rank=32).fit(parts.train, parts.validation)
    print(cofactor.evaluate(model, parts.test))
    print(model.recommend("196", n=5))
    cofactor.save(model, "models/svd")

Each name is imported when it is first used, so that a program that only serves loads no trainer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cofactor.data.datasets.fetch import fetch as fetch
    from cofactor.data.datasets.published_splits import movielens_split as movielens_split
    from cofactor.data.features import Features as Features
    from cofactor.data.ratings import Ratings as Ratings
    from cofactor.data.reading.read import read as read
    from cofactor.data.reading.read import with_features as with_features
    from cofactor.data.splitting.core import k_core as k_core
    from cofactor.data.splitting.split import Split as Split
    from cofactor.data.splitting.split import folds as folds
    from cofactor.data.splitting.split import load_split as load_split
    from cofactor.data.splitting.split import repeated_folds as repeated_folds
    from cofactor.data.splitting.split import save_split as save_split
    from cofactor.data.splitting.split import split as split
    from cofactor.data.splitting.time_windows import rolling_windows as rolling_windows
    from cofactor.data.splitting.time_windows import split_at_time as split_at_time
    from cofactor.data.synthetic.generate import generate as generate
    from cofactor.data.synthetic.generate import generate_parquet as generate_parquet
    from cofactor.errors import CofactorError as CofactorError
    from cofactor.evaluation.breakdowns.breakdown import break_down as break_down
    from cofactor.evaluation.breakdowns.calibration import calibration as calibration
    from cofactor.evaluation.breakdowns.calibration import spread_calibration as spread_calibration
    from cofactor.evaluation.compare import compare_reports as compare_reports
    from cofactor.evaluation.comparison import Comparison as Comparison
    from cofactor.evaluation.evaluate import evaluate as evaluate
    from cofactor.evaluation.report import Report as Report
    from cofactor.evaluation.sampled_evaluation import evaluate_sampled as evaluate_sampled
    from cofactor.evaluation.sampled_negatives import read_cases as read_cases
    from cofactor.experiments.comparison.compare import compare as compare
    from cofactor.experiments.comparison.compare import cross_validate as cross_validate
    from cofactor.experiments.tuning.search_space import SearchSpace as SearchSpace
    from cofactor.experiments.tuning.tune import sweep as sweep
    from cofactor.experiments.tuning.tune import tune as tune
    from cofactor.experiments.tuning.tune_all import tune_all as tune_all
    from cofactor.models.base import Model as Model
    from cofactor.models.top_n.recommend_all import recommend_all as recommend_all
    from cofactor.report.write import write_report as write_report
    from cofactor.saved.model_folder import load as load
    from cofactor.saved.model_folder import load_manifest as load_manifest
    from cofactor.saved.model_folder import save as save
    from cofactor.trainers.als import ALS as ALS
    from cofactor.trainers.autoencoder import Autoencoder as Autoencoder
    from cofactor.trainers.baseline import Baseline as Baseline
    from cofactor.trainers.bayes import Bayes as Bayes
    from cofactor.trainers.deep import Deep as Deep
    from cofactor.trainers.ease import EASE as EASE
    from cofactor.trainers.ensemble import Ensemble as Ensemble
    from cofactor.trainers.filter import Filter as Filter
    from cofactor.trainers.ials import IALS as IALS
    from cofactor.trainers.knn import KNN as KNN
    from cofactor.trainers.latent_factor import LatentFactor as LatentFactor
    from cofactor.trainers.network import Network as Network
    from cofactor.trainers.nsvd import NSVD as NSVD
    from cofactor.trainers.popularity import Popularity as Popularity
    from cofactor.trainers.svd import SVD as SVD
    from cofactor.trainers.svdpp import SVDPP as SVDPP
    from cofactor.training.fit import Fit as Fit
    from cofactor.training.fit import fit as fit
    from cofactor.training.tracking.csv_log import CsvTracker as CsvTracker
    from cofactor.training.tracking.curves import CurvesTracker as CurvesTracker
    from cofactor.training.tracking.mlflow import MLflowTracker as MLflowTracker
    from cofactor.training.tracking.tensorboard import TensorBoardTracker as TensorBoardTracker
    from cofactor.training.tracking.tracker import Tracker as Tracker

__version__ = "0.1.0"

_HOME = {
    "Ratings": "cofactor.data.ratings",
    "Features": "cofactor.data.features",
    "read": "cofactor.data.reading.read",
    "with_features": "cofactor.data.reading.read",
    "fetch": "cofactor.data.datasets.fetch",
    "generate": "cofactor.data.synthetic.generate",
    "k_core": "cofactor.data.splitting.core",
    "Split": "cofactor.data.splitting.split",
    "split": "cofactor.data.splitting.split",
    "folds": "cofactor.data.splitting.split",
    "repeated_folds": "cofactor.data.splitting.split",
    "save_split": "cofactor.data.splitting.split",
    "load_split": "cofactor.data.splitting.split",
    "rolling_windows": "cofactor.data.splitting.time_windows",
    "split_at_time": "cofactor.data.splitting.time_windows",
    "Model": "cofactor.models.base",
    "recommend_all": "cofactor.models.top_n.recommend_all",
    "Popularity": "cofactor.trainers.popularity",
    "Baseline": "cofactor.trainers.baseline",
    "SVD": "cofactor.trainers.svd",
    "NSVD": "cofactor.trainers.nsvd",
    "SVDPP": "cofactor.trainers.svdpp",
    "ALS": "cofactor.trainers.als",
    "Bayes": "cofactor.trainers.bayes",
    "LatentFactor": "cofactor.trainers.latent_factor",
    "Deep": "cofactor.trainers.deep",
    "Ensemble": "cofactor.trainers.ensemble",
    "Network": "cofactor.trainers.network",
    "Autoencoder": "cofactor.trainers.autoencoder",
    "IALS": "cofactor.trainers.ials",
    "EASE": "cofactor.trainers.ease",
    "KNN": "cofactor.trainers.knn",
    "Filter": "cofactor.trainers.filter",
    "fit": "cofactor.training.fit",
    "Fit": "cofactor.training.fit",
    "Report": "cofactor.evaluation.report",
    "evaluate": "cofactor.evaluation.evaluate",
    "Comparison": "cofactor.evaluation.comparison",
    "compare": "cofactor.experiments.comparison.compare",
    "cross_validate": "cofactor.experiments.comparison.compare",
    "compare_reports": "cofactor.evaluation.compare",
    "break_down": "cofactor.evaluation.breakdowns.breakdown",
    "calibration": "cofactor.evaluation.breakdowns.calibration",
    "spread_calibration": "cofactor.evaluation.breakdowns.calibration",
    "tune": "cofactor.experiments.tuning.tune",
    "tune_all": "cofactor.experiments.tuning.tune_all",
    "sweep": "cofactor.experiments.tuning.tune",
    "save": "cofactor.saved.model_folder",
    "load": "cofactor.saved.model_folder",
    "load_manifest": "cofactor.saved.model_folder",
    "movielens_split": "cofactor.data.datasets.published_splits",
    "generate_parquet": "cofactor.data.synthetic.generate",
    "evaluate_sampled": "cofactor.evaluation.sampled_evaluation",
    "read_cases": "cofactor.evaluation.sampled_negatives",
    "SearchSpace": "cofactor.experiments.tuning.search_space",
    "write_report": "cofactor.report.write",
    "Tracker": "cofactor.training.tracking.tracker",
    "CsvTracker": "cofactor.training.tracking.csv_log",
    "CurvesTracker": "cofactor.training.tracking.curves",
    "TensorBoardTracker": "cofactor.training.tracking.tensorboard",
    "MLflowTracker": "cofactor.training.tracking.mlflow",
    "CofactorError": "cofactor.errors",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cofactor' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*_HOME, "__version__"]
