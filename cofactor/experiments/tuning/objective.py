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
from cofactor.training.rating_checks import check_kind, check_ratings_vary
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
    trainer: Trainer, pairs: Sequence[TrainingPair], patience: int, report: ReportLoss
) -> ObjectiveValue:
    """Trains on each pair, and takes the best epoch of each training.

    After every tenth of a training `report` gets the lowest loss so far, and returns whether to continue. The tenths
    are of the planned epochs: where the learning rate falls to 0 over them, trainings of 10 and of 80 epochs can be
    compared at equal shares, and not at equal numbers of epochs. From the second fold on, the loss is the mean over the
    folds so far.

    Raises the errors of the trainer, TrainingDiverged where no epoch is finite, and BadData for a trainer that predicts
    ratings where the values are counts, pairs or all equal, so that an RMSE says nothing.
    """
    started, cpu, waited = time.perf_counter(), time.process_time(), 0.0

    def timed_report(step: int, loss: float) -> bool:
        nonlocal waited
        sent = time.perf_counter()
        proceed = report(step, loss)
        waited += time.perf_counter() - sent
        return proceed

    bests, finished = _train_pairs(trainer, pairs, patience, timed_report)
    losses = [best.loss for best in bests]
    fold_error = float(np.std(losses, ddof=min(1, len(losses) - 1)) / len(losses) ** 0.5)
    error = bests[0].error if len(pairs) == 1 else fold_error
    return ObjectiveValue(
        bests[0].metric,
        float(np.mean(losses)),
        error if finished else None,
        round(float(np.mean([best.epoch for best in bests]))),
        time.perf_counter() - started - waited,
        time.process_time() - cpu,
        not finished,
    )


def _train_pairs(
    trainer: Trainer, pairs: Sequence[TrainingPair], patience: int, report: ReportLoss
) -> "tuple[list[_BestEpoch], bool]":
    """The best epoch on each pair, and whether all pairs were trained on to the end."""
    bests: list[_BestEpoch] = []
    for fold, (train, validation) in enumerate(pairs):
        first, last = fold * REPORTS_PER_TRAINING, len(pairs) * REPORTS_PER_TRAINING
        progress, finished = _TrialProgress([best.loss for best in bests], first, last, report), True
        check_kind(trainer, train)
        check_ratings_vary(trainer, train, validation)
        try:
            fit_ratings(
                trainer,
                train,
                validation,
                patience=patience,
                on_epoch=progress.add_epoch,
                validate_single_epoch=True,
                measure_objective=False,
            )
        except _Pruned:
            finished = False
        targets = trainer.select_positives(train, validation) if finished and len(pairs) == 1 else None
        bests.append(progress.best_epoch(trainer.name, targets))
        if not finished or not progress.end():
            return bests, False
    return bests, True


class _Pruned(Exception):
    """Ends a training that the search does not want to continue."""


@dataclass(frozen=True)
class _BestEpoch:
    """The best epoch of a training, without its model."""

    metric: str
    loss: float
    epoch: int
    error: float | None


class _TrialProgress:
    """The progress of one training, and its reports. Steps are counted over all folds."""

    def __init__(self, losses: Sequence[float], first: int, last: int, report: ReportLoss) -> None:
        self.losses, self.first, self.step, self.last, self.report = losses, first, first, last, report
        self.best: ValidatedEpoch | None = None

    def add_epoch(self, one: ValidatedEpoch, row: EpochRow) -> None:
        """Adds an epoch; raises _Pruned where the training should end before its last epoch."""
        if self.best is None or one.loss < self.best.loss:
            self.best = one
        done, planned = one.epoch.number, one.epoch.n_epochs
        if done < planned and not self._report_until(self.first + done * REPORTS_PER_TRAINING // planned):
            raise _Pruned

    def best_epoch(self, name: str, validation: Ratings | None) -> _BestEpoch:
        """The best epoch, with a standard error over the users of `validation`."""
        assert self.best is not None, f"{name} yielded no epoch"
        error = None if validation is None else _standard_error(self.best, validation)
        metric = "rmse" if self.best.ndcg is None else "ndcg@10"
        return _BestEpoch(metric, float(self.best.loss), self.best.epoch.number, error)

    def end(self) -> bool:
        """Reports the tenths that early stopping left out; returns whether to continue with the next fold."""
        if self.first + REPORTS_PER_TRAINING < self.last:
            return self._report_until(self.first + REPORTS_PER_TRAINING)
        if self.step > self.first:
            self._report_until(self.last - 1)
        return True

    def _report_until(self, reached: int) -> bool:
        """Reports all steps up to one; returns whether to continue."""
        while self.best is not None and self.step < reached:
            self.step += 1
            if not self.report(self.step, float(np.mean([*self.losses, self.best.loss]))):
                return False
        return True


def _standard_error(one: ValidatedEpoch, validation: Ratings) -> float | None:
    """The standard error of an epoch's metric over users; None for a single user."""
    if one.rmse is None:
        found = standard_error(validation_ndcgs(one.model, validation))
    else:
        predicted = one.model.predict_rows(validation.user, validation.item, validation.time)
        squares = (predicted.astype(np.float64) - validation.value) ** 2
        found = standard_error(squares, validation.user) / (2 * one.rmse) if one.rmse > 0 else 0.0
    return found if np.isfinite(found) else None
