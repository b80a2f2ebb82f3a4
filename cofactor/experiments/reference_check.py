"""Whether a trained model is better, on the validation part, than the simplest model of the same data."""

from dataclasses import dataclass

import numpy as np

from cofactor.data.splitting.split import Split
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.popularity import Popularity
from cofactor.training.early_stopping import validation_ndcgs
from cofactor.training.fit import Fit


@dataclass(frozen=True)
class Shortfall:
    """The validation metric of a model that is no better than a reference model, and the one of the reference."""

    trainer: str
    reference: str  # baseline or popularity
    metric: str  # RMSE or NDCG@10
    value: float
    reference_value: float

    def __str__(self) -> str:
        values = f"{self.value:.4f}, and that of {self.reference} {self.reference_value:.4f}"
        return f"{self.trainer} is no better than {self.reference}: its validation {self.metric} is {values}"


def find_shortfall(trainer: Trainer, fitted: Fit, split: Split) -> Shortfall | None:
    """The shortfall of a training on the train part of a split; None where the model is better than its reference.

    A model that predicts ratings is compared with `Baseline` by RMSE, and one that only ranks with `Popularity` by
    NDCG@10, both with their defaults and as early stopping measures them. None also for these two trainers, and where
    there are no validation ratings that the model has not learned.
    """
    if trainer.name in (Baseline.name, Popularity.name) or not len(split.validation):
        return None
    best = next((row for row in fitted.history if row.epoch == fitted.best_epoch), None)
    if best is not None and best.validation_rmse is not None:
        rmse = _baseline_rmse(split)
        better = best.validation_rmse < rmse
        return None if better else Shortfall(trainer.name, Baseline.name, "RMSE", best.validation_rmse, rmse)
    return _find_shortfall_of_lists(trainer, fitted, split, None if best is None else best.validation_ndcg)


def _find_shortfall_of_lists(trainer: Trainer, fitted: Fit, split: Split, ndcg: float | None) -> Shortfall | None:
    """The shortfall of a model that only ranks; `ndcg` is None for a closed form, which early stopping does not
    measure."""
    if fitted.model.scale is not None or (ndcg is None and fitted.refitted):
        return None
    positives = trainer.select_positives(split.train, split.validation)
    ndcg = float(np.mean(validation_ndcgs(fitted.model, positives))) if ndcg is None else ndcg
    popularity = Popularity(positive_from=trainer.settings().get("positive_from")).fit(split.train, progress=False)
    reference = float(np.mean(validation_ndcgs(popularity, positives)))
    return None if ndcg > reference else Shortfall(trainer.name, Popularity.name, "NDCG@10", ndcg, reference)


def _baseline_rmse(split: Split) -> float:
    held_out = split.validation
    model = Baseline().fit(split.train, progress=False)
    error = model.predict_rows(held_out.user, held_out.item).astype(np.float64) - held_out.value
    return float(np.sqrt(np.mean(error**2)))
