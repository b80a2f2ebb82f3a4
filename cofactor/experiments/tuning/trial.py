"""The result of a trial: a training with certain hyperparameters, evaluated on validation ratings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cofactor.evaluation.metrics.registry import lower_is_better


@dataclass(frozen=True)
class TrialResult:
    """A trial that has ended."""

    number: int  # from 0, in the order of their start
    trainer: str
    hyperparameters: Mapping[str, Any]  # those that the search varies
    state: Literal["done", "pruned", "failed"]
    value: float | None  # the validation metric; of a pruned trial, the last one
    error: float | None  # standard error of the value, over users or over folds
    epochs: int | None  # to the best epoch
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class TrialHistory:
    """The trials of one trainer on one data set."""

    trainer: str
    data: str
    metric: str  # "rmse" or "ndcg@10"
    trials: tuple[TrialResult, ...]
    importances: Mapping[str, float]  # of each hyperparameter, with a sum of 1; empty for a sweep
    command: str  # trains with the best hyperparameters
    seeds: int = 1  # number of trainings of which each value is the mean and each error the standard error

    @property
    def lower_is_better(self) -> bool:
        return lower_is_better(self.metric)
