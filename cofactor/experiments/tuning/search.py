"""A hyperparameter search: trials from a study run in a pool of processes until a budget is used up."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cofactor.errors import BadHyperparameter
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.objective import REPORTS_PER_TRAINING, ObjectiveValue
from cofactor.experiments.tuning.study import RunningTrial, Study
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.experiments.tuning.trial_worker import Message
from cofactor.experiments.tuning.worker_pool import TrialWorker, WorkerPool

POLL_SECONDS = 0.2  # seconds between checks for Ctrl-C and the end of the budget
MAX_FAILED_TRIALS = 5  # without a finished trial: the search is given up then

Ending = Literal["trials", "time", "interrupted", "swept"]


@dataclass
class Budget:
    """The limits of a search: a number of trials and a number of seconds, whichever is reached first."""

    trials: float = math.inf
    seconds: float = math.inf
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.started)


class SearchCallbacks:
    """Called by a running search; the methods of this class do nothing."""

    def on_search_start(self, study: Study, budget: Budget) -> None:
        """A search starts or resumes."""

    def on_search_end(self) -> None:
        """The search ended, also where it raises an error."""

    def on_start(self, trial: RunningTrial) -> None:
        """A trial starts."""

    def on_progress(self, trial: RunningTrial, share: float, value: float) -> None:
        """A trial has completed a share of its training, with this validation metric so far."""

    def on_end(self, trial: TrialResult, best: bool, why: str) -> None:
        """A trial ended. best: it is the best so far. why: the reason of a failure."""

    def on_poll(self) -> None:
        """Called several times a second."""


@dataclass
class HyperparameterSearch:
    """A running search.

    sweep: tries the points that are enqueued in the study, and prunes none.
    reserved_seconds: seconds of the budget to keep for the evaluation after the search, given its trials so far.
    is_stopped: whether the search was asked to end.
    """

    study: Study
    pool: WorkerPool
    budget: Budget
    patience: int
    threads: int
    sweep: bool = False
    callbacks: SearchCallbacks = field(default_factory=SearchCallbacks)
    reserved_seconds: Callable[[list[TrialResult]], float] = lambda trials: 0.0
    is_stopped: Callable[[], bool] = lambda: False
    start_times: dict[int, float] = field(default_factory=dict)

    @property
    def trials(self) -> list[TrialResult]:
        """The trials that have ended."""
        return self.study.trials

    def run(self) -> Ending:
        """Runs trials until the budget is used up or everything is tried; returns why it ended.

        Trials that are running at the end are discarded. The search waits for its first finished trial in any case, so
        that there is a result. Raises the error of a worker that could not use the data, and BadHyperparameter where
        the first trials all fail.
        """
        self.callbacks.on_search_start(self.study, self.budget)
        try:
            while True:
                if ending := self._ending():
                    return ending
                if not self._is_exhausted():
                    self.pool.start_missing()
                    self._dispatch()
                elif not self.pool.busy():
                    return "swept" if self.sweep else "trials"
                for worker, trial, message in list(self.pool.messages(POLL_SECONDS)):
                    self._handle(worker, trial, message)
                self.callbacks.on_poll()
        finally:
            self._abandon()
            self.callbacks.on_search_end()

    def _ending(self) -> Ending | None:
        if self.is_stopped():
            return "interrupted"
        done = any(one.state == "done" for one in self.trials)
        if done and self.budget.left <= self.reserved_seconds(self.trials):
            return "time"
        return None

    def _is_exhausted(self) -> bool:
        """Whether the last trial has been started: of the space, or of the budget."""
        if self.sweep:
            return not self.study.n_waiting()
        begun = [*(one.hyperparameters for one in self.trials), *(one.values for one in self.study.running.values())]
        distinct = {tuple(one.values()) for one in begun}
        return len(begun) >= self.budget.trials or len(distinct) >= self.study.space.size

    def _dispatch(self) -> None:
        for worker in self.pool.idle():
            if not self._is_exhausted() and not self._ending():
                self._assign(worker, self.study.ask())

    def _assign(self, worker: TrialWorker, trial: RunningTrial) -> None:
        """Runs a trial in a worker; a trial with known hyperparameters takes over their result."""
        self.start_times[trial.number] = time.perf_counter()
        if (known := self.study.find_finished(trial.values)) is not None:
            self._notify(self.study.record_repetition(trial, known))
            return
        self.callbacks.on_start(trial)
        settings = {**self.study.space.fixed, **trial.values}
        names = {p.name for p in self.study.space.trainer.hyperparameters()}
        if "threads" in names and "threads" not in settings:
            settings = settings | {"threads": self.threads}
        message = {"trainer": self.study.space.trainer.name, "hyperparameters": settings, "patience": self.patience}
        self.pool.assign(worker, trial, message)

    def _handle(self, worker: TrialWorker, trial: RunningTrial, message: Message) -> None:
        if "step" in message:
            step, loss = message["step"], message["loss"]
            worker.send({"go_on": self.study.report(trial, step, loss) or self.sweep})
            self.callbacks.on_progress(trial, step / (REPORTS_PER_TRAINING * max(1, self.pool.n_folds)), abs(loss))
            return
        if "failed" in message:
            self._record_failure(trial, message["failed"])
            return
        value = ObjectiveValue(**message["judged"])
        if self.study.metric not in (None, value.metric):
            self._record_failure(
                trial, f"its metric is {value.metric}, that of the other trials is {self.study.metric}"
            )
            return
        self._notify(self.study.record(trial, value))

    def _record_failure(self, trial: RunningTrial, why: str) -> None:
        seconds = time.perf_counter() - self.start_times[trial.number]
        self._notify(self.study.record_failure(trial, why, seconds), why)
        if len(self.trials) >= MAX_FAILED_TRIALS and all(one.state == "failed" for one in self.trials):
            name = self.study.space.trainer.name
            raise BadHyperparameter(
                f"{name}: all of {len(self.trials)} trials failed: {why}", "search other ranges, with --range"
            )

    def _notify(self, trial: TrialResult, why: str = "") -> None:
        self.callbacks.on_end(trial, best_trial(self.trials, self.study.metric) is trial, why)

    def _abandon(self) -> None:
        self.pool.stop_busy()
        for trial in list(self.study.running.values()):
            self.study.discard(trial)


def best_trial(trials: Sequence[TrialResult], metric: str | None) -> TrialResult | None:
    """The best finished trial; of equal ones the first."""
    done = [one for one in trials if one.state == "done" and one.value is not None]
    return min(done, key=lambda one: direction(metric or "") * (one.value or 0.0), default=None)


def find_trial(trials: Sequence[TrialResult], values: Mapping[str, Any]) -> TrialResult | None:
    """The finished trial with these hyperparameters."""
    done = (one for one in trials if one.state == "done")
    return next((one for one in done if dict(one.hyperparameters) == dict(values)), None)


def average_seeds(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """Trials that differ only in their seed, as one: mean metric, its standard error over the seeds, and mean cost.

    A trial with a single finished seed keeps its own values.
    """
    groups: dict[str, list[TrialResult]] = {}
    for one in trials:
        rest = {name: value for name, value in one.hyperparameters.items() if name != "seed"}
        groups.setdefault(repr(rest), []).append(replace(one, hyperparameters=rest))
    return [_mean(group) for group in groups.values()]


def _mean(group: list[TrialResult]) -> TrialResult:
    done = [one for one in group if one.value is not None]
    if len(done) < 2:
        return done[0] if done else group[0]
    values = [one.value or 0.0 for one in done]
    n, mean = len(values), sum(values) / len(values)
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
    seconds, cpu = (sum(getattr(one, name) for one in done) / n for name in ("seconds", "cpu_seconds"))
    epochs = round(sum(one.epochs or 0 for one in done) / n)
    return replace(done[0], value=mean, error=error, epochs=epochs, seconds=seconds, cpu_seconds=cpu)
