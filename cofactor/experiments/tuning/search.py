"""A search: candidates from a study, trained by a pool of processes, until a budget is used up."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cofactor.errors import BadHyperparameter
from cofactor.experiments.tuning.objective import STEPS, Judgement
from cofactor.experiments.tuning.study import Candidate, Study
from cofactor.experiments.tuning.trial import Trial
from cofactor.experiments.tuning.trial_worker import Message
from cofactor.experiments.tuning.worker_pool import Pool, Worker

A_MOMENT = 0.2  # seconds in which Ctrl-C and the end of the budget are heard
HOPELESS = 5  # trials that fail, none having come to an end, until the search is given up

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


class Watch:
    """What wants to know how a search goes; here nobody."""

    def began(self, candidate: Candidate) -> None:
        """A training begins."""

    def reached(self, candidate: Candidate, share: float, value: float) -> None:
        """It has come so far, and to such a figure."""

    def ended(self, trial: Trial, best: bool, why: str) -> None:
        """It has come to an end; best: no other was better before; why: what it failed of."""

    def passed(self) -> None:
        """A moment has passed."""


@dataclass
class Tuning:
    """A search under way.

    afterwards: seconds to be left of the budget when the search ends, given its trials so far.
    stopped: whether somebody wants it to end.
    """

    study: Study
    pool: Pool
    budget: Budget
    patience: int
    threads: int
    sweep: bool = False
    watch: Watch = field(default_factory=Watch)
    afterwards: Callable[[list[Trial]], float] = lambda trials: 0.0
    stopped: Callable[[], bool] = lambda: False
    began: dict[int, float] = field(default_factory=dict)

    @property
    def trials(self) -> list[Trial]:
        """Those that have ended."""
        return self.study.trials

    def run(self) -> Ending:
        """Until the budget is used up; what is being tried then is broken off and does not count.

        The first candidate, the defaults, is waited for in any case: without it there is nothing to compare with.
        Raises what is wrong with the data, BadHyperparameter where all that is tried fails.
        """
        try:
            while True:
                if ending := self._over():
                    return ending
                if not self._nothing_more():
                    self.pool.fill()
                    self._give_out()
                elif not self.pool.busy():
                    return "swept" if self.sweep else "trials"
                for worker, candidate, message in list(self.pool.said(A_MOMENT)):
                    self._hear(worker, candidate, message)
                self.watch.passed()
        finally:
            self._break_off()

    def _over(self) -> Ending | None:
        if self.stopped():
            return "interrupted"
        done = any(one.state == "done" for one in self.trials)
        if done and self.budget.left <= self.afterwards(self.trials):
            return "time"
        return None

    def _nothing_more(self) -> bool:
        """Whether all has been given out: all there is to try, or all that was asked for."""
        if self.sweep:
            return not self.study.waiting()
        begun = [*(one.hyperparameters for one in self.trials), *(one.values for one in self.study.running.values())]
        distinct = {tuple(one.values()) for one in begun}
        return len(begun) >= self.budget.trials or len(distinct) >= self.study.space.size

    def _give_out(self) -> None:
        for worker in self.pool.idle():
            if not self._nothing_more() and not self._over():
                self._give(worker, self.study.ask())

    def _give(self, worker: Worker, candidate: Candidate) -> None:
        """A candidate to a worker; one that was tried before has its figures already."""
        self.began[candidate.number] = time.perf_counter()
        if (known := self.study.tried(candidate.values)) is not None:
            self._ended(self.study.again(candidate, known))
            return
        self.watch.began(candidate)
        settings = {**self.study.space.fixed, **candidate.values}
        names = {p.name for p in self.study.space.trainer.hyperparameters()}
        if "threads" in names and "threads" not in settings:
            settings = settings | {"threads": self.threads}
        message = {"trainer": self.study.space.trainer.name, "hyperparameters": settings, "patience": self.patience}
        self.pool.give(worker, candidate, message)

    def _hear(self, worker: Worker, candidate: Candidate, message: Message) -> None:
        if "step" in message:
            step, loss = message["step"], message["loss"]
            worker.say({"go_on": self.study.reached(candidate, step, loss) or self.sweep})
            self.watch.reached(candidate, step / (STEPS * max(1, self.pool.n_folds)), abs(loss))
            return
        if "failed" in message:
            self._failed(candidate, message["failed"])
            return
        judgement = Judgement(**message["judged"])
        if self.study.metric not in (None, judgement.metric):
            self._failed(candidate, f"it is judged by {judgement.metric}, the others by {self.study.metric}")
            return
        self._ended(self.study.told(candidate, judgement))

    def _failed(self, candidate: Candidate, why: str) -> None:
        seconds = time.perf_counter() - self.began[candidate.number]
        self._ended(self.study.failed(candidate, why, seconds), why)
        if len(self.trials) >= HOPELESS and all(one.state == "failed" for one in self.trials):
            name = self.study.space.trainer.name
            raise BadHyperparameter(
                f"{name}: all of {len(self.trials)} trials failed: {why}", "look elsewhere, with --over"
            )

    def _ended(self, trial: Trial, why: str = "") -> None:
        self.watch.ended(trial, best_of(self.trials, self.study.metric) is trial, why)

    def _break_off(self) -> None:
        self.pool.drop()
        for candidate in list(self.study.running.values()):
            self.study.give_up(candidate)


def best_of(trials: list[Trial], metric: str | None) -> Trial | None:
    """The best of those that came to an end, the first of equal ones."""
    done = [one for one in trials if one.state == "done" and one.value is not None]
    sign = 1 if metric == "rmse" else -1
    return min(done, key=lambda one: sign * (one.value or 0.0), default=None)


def trial_of(trials: list[Trial], values: Mapping[str, Any]) -> Trial | None:
    """The trial of certain hyperparameters that came to an end."""
    done = (one for one in trials if one.state == "done")
    return next((one for one in done if dict(one.hyperparameters) == dict(values)), None)


def over_seeds(trials: list[Trial]) -> list[Trial]:
    """Trials that differ in nothing but their seed as one: mean figure, its standard error over the seeds, mean cost.

    Of one seed a trial stays what it is, and so does one that failed.
    """
    groups: dict[str, list[Trial]] = {}
    for one in trials:
        rest = {name: value for name, value in one.hyperparameters.items() if name != "seed"}
        groups.setdefault(repr(rest), []).append(replace(one, hyperparameters=rest))
    return [_mean(group) for group in groups.values()]


def _mean(group: list[Trial]) -> Trial:
    done = [one for one in group if one.value is not None]
    if len(done) < 2:
        return done[0] if done else group[0]
    values = [one.value or 0.0 for one in done]
    n, mean = len(values), sum(values) / len(values)
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
    seconds, cpu = (sum(getattr(one, name) for one in done) / n for name in ("seconds", "cpu_seconds"))
    epochs = round(sum(one.epochs or 0 for one in done) / n)
    return replace(done[0], value=mean, error=error, epochs=epochs, seconds=seconds, cpu_seconds=cpu)
