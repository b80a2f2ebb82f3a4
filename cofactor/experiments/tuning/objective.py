"""The objective of a search: the validation metric of a training, or its mean over inner folds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import folds, join_parts
from cofactor.errors import BadData
from cofactor.evaluation.metrics.registry import direction
from cofactor.evaluation.metrics.standard_error import standard_error
from cofactor.trainers.base import Trainer
from cofactor.training.early_stopping import ValidatedEpoch, validation_ndcgs
from cofactor.training.fit import fit_ratings
from cofactor.training.tracking.epoch_row import EpochRow

REPORTS_PER_TRAINING = 10  # after each tenth of its epochs, a training is compared with others
CHRONOLOGICAL_KINDS = ("time", "last", "window")  # kinds of split that hold out later ratings

TrainingPair = tuple[Ratings, Ratings]  # training ratings, validation ratings
ReportLoss = Callable[[int, float], bool]  # gets a step, from 1, and the loss; returns whether to continue


@dataclass(frozen=True)
class ObjectiveValue:
    """The value of the objective for one set of hyperparameters."""

    metric: str  # "rmse" or "ndcg@10"
    loss: float  # RMSE or negative NDCG, lower is better; of a pruned trial, the lowest so far
    error: float | None  # standard error over users or over folds; None for a pruned trial
    epochs: int  # to the best epoch; the mean over folds
    seconds: float
    cpu_seconds: float
    pruned: bool = False

    @property
    def value(self) -> float:
        return direction(self.metric) * self.loss


def check_validation(validation: Ratings, kind: str, n_folds: int) -> None:
    """Raises BadData without validation ratings, and for inner folds of a split by time: they leak the future."""
    if not n_folds and len(validation) == 0:
        raise BadData("no validation ratings to evaluate hyperparameters on", "give a --validation-share above 0")
    if n_folds and kind.startswith(CHRONOLOGICAL_KINDS):
        hint = "leave --inner-folds out: the validation part is the latest before the test part"
        raise BadData(f"inner folds of a split by {kind} would train on later ratings than they validate on", hint)


def make_training_pairs(train: Ratings, validation: Ratings, n_folds: int, seed: int) -> list[TrainingPair]:
    """The train and validation parts, or `n_folds` pairs of folds of both; never a test rating."""
    if not n_folds:
        return [(train, validation)]
    inner = folds(join_parts(train, validation), n_folds, seed=seed, validation=0)
    return [(one.train, replace(one.test, part="validation")) for one in inner]


def evaluate_trial(
    trainer: Trainer, parts: Sequence[TrainingPair], patience: int, report: ReportLoss
) -> ObjectiveValue:
    """Trains on each of the parts, and takes the best epoch of each.

    At every tenth of a training `report` is told the lowest loss so far, and says whether it is worth going on. The
    tenths are of the epochs planned: where a learning rate falls to 0 over them, trainings of 10 and of 80 epochs are
    alike at equal shares of them and at no equal number. Of the second fold and later, the loss is the mean with the
    earlier ones.

    Raises what the trainer raises, TrainingDiverged where no epoch is finite, and BadData where every
    rating is the same and the model predicts ratings: its RMSE says nothing then.
    """
    started, cpu, waited = time.perf_counter(), time.process_time(), 0.0

    def reported(step: int, loss: float) -> bool:
        nonlocal waited
        asked = time.perf_counter()
        going = report(step, loss)
        waited += time.perf_counter() - asked
        return going

    bests: list[_BestEpoch] = []
    for fold, (train, validation) in enumerate(parts):
        course = _TrialProgress(
            [one.loss for one in bests], fold * REPORTS_PER_TRAINING, len(parts) * REPORTS_PER_TRAINING, reported
        )
        going = True
        try:
            fit_ratings(
                trainer, train, validation, patience=patience, on_epoch=course.passed, validate_single_epoch=True
            )
        except _Pruned:
            going = False
        bests.append(course.settled(trainer.name, validation if going and len(parts) == 1 else None))
        _check_ratings_vary(trainer.name, bests[-1].metric, train, validation)
        if not going or not course.ended():
            going = False
            break
    losses = [one.loss for one in bests]
    error = (
        bests[0].error if len(parts) == 1 else float(np.std(losses, ddof=min(1, len(losses) - 1)) / len(losses) ** 0.5)
    )
    return ObjectiveValue(
        bests[0].metric,
        float(np.mean(losses)),
        error if going else None,
        round(float(np.mean([one.epoch for one in bests]))),
        time.perf_counter() - started - waited,
        time.process_time() - cpu,
        not going,
    )


class _Pruned(Exception):
    """Ends a training that the search does not want to continue."""


@dataclass(frozen=True)
class _BestEpoch:
    """What is kept of the best epoch of a training: not its model."""

    metric: str
    loss: float
    epoch: int
    error: float | None


class _TrialProgress:
    """One training under way, and what is reported of it."""

    def __init__(self, losses: Sequence[float], step: int, last: int, report: ReportLoss) -> None:
        self.losses, self.first, self.step, self.last, self.report = losses, step, step, last, report
        self.best: ValidatedEpoch | None = None

    def passed(self, one: ValidatedEpoch, row: EpochRow) -> None:
        """Takes an epoch; raises _Pruned where the training is to end, but not after its last epoch."""
        if self.best is None or one.loss < self.best.loss:
            self.best = one
        done, planned = one.epoch.number, one.epoch.n_epochs
        if done < planned and not self._reported(self.first + done * REPORTS_PER_TRAINING // planned):
            raise _Pruned

    def settled(self, name: str, validation: Ratings | None) -> _BestEpoch:
        """Its best epoch, with a standard error over the users of `validation`."""
        assert self.best is not None, f"{name} yielded no epoch"
        error = None if validation is None else _standard_error(self.best, validation)
        metric = "rmse" if self.best.ndcg is None else "ndcg@10"
        return _BestEpoch(metric, float(self.best.loss), self.best.epoch.number, error)

    def ended(self) -> bool:
        """Tells of the tenths that patience left out; whether another fold is worth going on with."""
        if self.first + REPORTS_PER_TRAINING < self.last:
            return self._reported(self.first + REPORTS_PER_TRAINING)
        if self.step > self.first:
            self._reported(self.last - 1)
        return True

    def _reported(self, reached: int) -> bool:
        """Tells of all steps up to the one reached."""
        while self.best is not None and self.step < reached:
            self.step += 1
            if not self.report(self.step, float(np.mean([*self.losses, self.best.loss]))):
                return False
        return True


def _check_ratings_vary(name: str, metric: str, train: Ratings, validation: Ratings) -> None:
    """Raises BadData where the figure cannot tell one model from another."""
    value = train.value[0]
    if metric == "rmse" and bool(np.all(train.value == value)) and bool(np.all(validation.value == value)):
        hint = "tune one that only ranks, such as ials or ease: it is judged by its lists"
        raise BadData(f"every rating is {value:g}: {name}, which predicts ratings, cannot be judged by them", hint)


def _standard_error(one: ValidatedEpoch, validation: Ratings) -> float | None:
    """The standard error of the figure of an epoch, over users; None where there is one user only."""
    if one.rmse is None:
        found = standard_error(validation_ndcgs(one.model, validation))
    else:
        predicted = one.model.predict_rows(validation.user, validation.item, validation.time)
        squares = (predicted.astype(np.float64) - validation.value) ** 2
        found = standard_error(squares, validation.user) / (2 * one.rmse) if one.rmse > 0 else 0.0
    return found if np.isfinite(found) else None
