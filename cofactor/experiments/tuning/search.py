"""A search: candidates from a study, trained by a pool of processes, until a budget is used up."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cofactor.errors import BadHyperparameter
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.objective import REPORTS_PER_TRAINING, ObjectiveValue
from cofactor.experiments.tuning.study import RunningTrial, Study
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.experiments.tuning.trial_worker import Message
from cofactor.experiments.tuning.worker_pool import TrialWorker, WorkerPool

POLL_SECONDS = 0.2  # seconds in which Ctrl-C and the end of the budget are heard
MAX_FAILED_TRIALS = 5  # trials that fail, none having come to an end, until the search is given up

Ending = Literal["trials", "time", "interrupted", "swept"]


@dataclass
class Budget:
    """How long a search may go on: until there are so many trials, or for so many seconds, whichever is first."""

    trials: float = math.inf
    seconds: float = math.inf
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.started)


class SearchCallbacks:
    """What wants to know how a search goes; here nobody."""

    def on_start(self, candidate: RunningTrial) -> None:
        """A training begins."""

    def on_progress(self, candidate: RunningTrial, share: float, value: float) -> None:
        """It has come so far, and to such a figure."""

    def on_end(self, trial: TrialResult, best: bool, why: str) -> None:
        """It has come to an end; best: no other was better before; why: what it failed of."""

    def on_poll(self) -> None:
        """A moment has passed."""


@dataclass
class HyperparameterSearch:
    """A search under way.

    afterwards: seconds to be left of the budget when the search ends, given its trials so far.
    stopped: whether somebody wants it to end.
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
        """Those that have ended."""
        return self.study.trials

    def run(self) -> Ending:
        """Until the budget is used up; what is being tried then is broken off and does not count.

        The first candidate, the defaults, is waited for in any case: without it there is nothing to compare with.
        Raises what is wrong with the data, BadHyperparameter where all that is tried fails.
        """
        try:
            while True:
                if ending := self._ending():
                    return ending
                if not self._is_exhausted():
                    self.pool.start_missing()
                    self._dispatch()
                elif not self.pool.busy():
                    return "swept" if self.sweep else "trials"
                for worker, candidate, message in list(self.pool.messages(POLL_SECONDS)):
                    self._handle(worker, candidate, message)
                self.callbacks.on_poll()
        finally:
            self._abandon()

    def _ending(self) -> Ending | None:
        if self.is_stopped():
            return "interrupted"
        done = any(one.state == "done" for one in self.trials)
        if done and self.budget.left <= self.reserved_seconds(self.trials):
            return "time"
        return None

    def _is_exhausted(self) -> bool:
        """Whether all has been given out: all there is to try, or all that was asked for."""
        if self.sweep:
            return not self.study.n_waiting()
        begun = [*(one.hyperparameters for one in self.trials), *(one.values for one in self.study.running.values())]
        distinct = {tuple(one.values()) for one in begun}
        return len(begun) >= self.budget.trials or len(distinct) >= self.study.space.size

    def _dispatch(self) -> None:
        for worker in self.pool.idle():
            if not self._is_exhausted() and not self._ending():
                self._assign(worker, self.study.ask())

    def _assign(self, worker: TrialWorker, candidate: RunningTrial) -> None:
        """A candidate to a worker; one that was tried before has its figures already."""
        self.start_times[candidate.number] = time.perf_counter()
        if (known := self.study.find_finished(candidate.values)) is not None:
            self._notify(self.study.record_repetition(candidate, known))
            return
        self.callbacks.on_start(candidate)
        settings = {**self.study.space.fixed, **candidate.values}
        names = {p.name for p in self.study.space.trainer.hyperparameters()}
        if "threads" in names and "threads" not in settings:
            settings = settings | {"threads": self.threads}
        message = {"trainer": self.study.space.trainer.name, "hyperparameters": settings, "patience": self.patience}
        self.pool.assign(worker, candidate, message)

    def _handle(self, worker: TrialWorker, candidate: RunningTrial, message: Message) -> None:
        if "step" in message:
            step, loss = message["step"], message["loss"]
            worker.send({"go_on": self.study.report(candidate, step, loss) or self.sweep})
            self.callbacks.on_progress(candidate, step / (REPORTS_PER_TRAINING * max(1, self.pool.n_folds)), abs(loss))
            return
        if "failed" in message:
            self._record_failure(candidate, message["failed"])
            return
        judgement = ObjectiveValue(**message["judged"])
        if self.study.metric not in (None, judgement.metric):
            self._record_failure(candidate, f"it is judged by {judgement.metric}, the others by {self.study.metric}")
            return
        self._notify(self.study.record(candidate, judgement))

    def _record_failure(self, candidate: RunningTrial, why: str) -> None:
        seconds = time.perf_counter() - self.start_times[candidate.number]
        self._notify(self.study.record_failure(candidate, why, seconds), why)
        if len(self.trials) >= MAX_FAILED_TRIALS and all(one.state == "failed" for one in self.trials):
            name = self.study.space.trainer.name
            raise BadHyperparameter(
                f"{name}: all of {len(self.trials)} trials failed: {why}", "look elsewhere, with --over"
            )

    def _notify(self, trial: TrialResult, why: str = "") -> None:
        self.callbacks.on_end(trial, best_trial(self.trials, self.study.metric) is trial, why)

    def _abandon(self) -> None:
        self.pool.stop_busy()
        for candidate in list(self.study.running.values()):
            self.study.discard(candidate)


def best_trial(trials: list[TrialResult], metric: str | None) -> TrialResult | None:
    """The best of those that came to an end, the first of equal ones."""
    done = [one for one in trials if one.state == "done" and one.value is not None]
    return min(done, key=lambda one: direction(metric or "") * (one.value or 0.0), default=None)


def find_trial(trials: list[TrialResult], values: Mapping[str, Any]) -> TrialResult | None:
    """The trial of certain hyperparameters that came to an end."""
    done = (one for one in trials if one.state == "done")
    return next((one for one in done if dict(one.hyperparameters) == dict(values)), None)


def average_seeds(trials: list[TrialResult]) -> list[TrialResult]:
    """Trials that differ in nothing but their seed as one: mean figure, its standard error over the seeds, mean cost.

    Of one seed a trial stays what it is, and so does one that failed.
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
