"""One training with certain hyperparameters, judged on validation ratings: a point of a sweep or of a search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cofactor.evaluation.metrics.registry import lower_is_better


@dataclass(frozen=True)
class TrialResult:
    """What was tried, and what it gave."""

    number: int  # from 0, in the order they began
    trainer: str
    hyperparameters: Mapping[str, Any]  # those that were varied
    state: Literal["done", "pruned", "failed"]
    value: float | None  # the validation figure; of a pruned one, its last
    error: float | None  # its standard error over users, or over folds where there are several
    epochs: int | None  # to the best of them
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class TrialHistory:
    """The trials of one trainer on one data set."""

    trainer: str
    data: str
    metric: str  # "rmse" or "ndcg@10"
    trials: tuple[TrialResult, ...]
    importances: Mapping[str, float]  # of each hyperparameter, adding up to 1; none for a sweep
    command: str  # that trains with the best
    seeds: int = 1  # each figure is the mean of so many trainings, its error over them

    @property
    def lower_is_better(self) -> bool:
        return lower_is_better(self.metric)
