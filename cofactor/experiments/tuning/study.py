"""The trials of a search in an SQLite file: what was tried, what it gave, and what to try next.

The file is Optuna's own, so its other programs can read it too. One process alone writes to it, the one that gives out
trials; those that train have no hand in it, so there is nobody to wait for and SQLite is enough. A trial is written
when it has ended, in one step: one that is broken off, even by the end of this process, has left nothing behind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.errors import BadArtifact
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.objective import ObjectiveValue
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.experiments.tuning.storage_errors import HINT, content_errors, storage_errors
from cofactor.experiments.tuning.trial import TrialResult

if TYPE_CHECKING:
    import optuna

N_STARTUP_TRIALS = 10  # before the first that learns from others
N_WARMUP_STEPS = 3  # tenths of a training in which none is pruned
MIN_TRIALS_FOR_PRUNING = 5  # trainings that are done before the first is pruned
TARGET_QUANTILE = 0.25  # share of the trials that importance is about: what sets them apart from the others
MIN_TRIALS_FOR_IMPORTANCE = 8  # trials that are done, to speak of importance
RESULT_TYPES = {"metric": str, "loss": float, "epochs": int, "seconds": float, "cpu_seconds": float}


@dataclass(frozen=True)
class RunningTrial:
    """Hyperparameters that are being tried."""

    number: int
    values: dict[str, Any]
    trial: "optuna.trial.Trial" = field(repr=False)


@dataclass
class Study:
    """The search of one trainer: trials in memory, to draw from, and those that have ended in the file as well."""

    path: Path
    space: SearchSpace
    seed: int
    stored_study: "optuna.Study" = field(repr=False)
    trials: list[TrialResult] = field(default_factory=list)  # that have ended
    failure_reasons: list[str] = field(default_factory=list)  # those failed that did
    metric: str | None = None  # what they are judged by; None as long as none has come to an end
    running: dict[int, RunningTrial] = field(default_factory=dict)

    def load(self, first: Iterable[Mapping[str, Any]]) -> None:
        """Takes up the trials of the file. `first` is tried before anything is drawn, unless it was."""
        import optuna

        with storage_errors(self.path), content_errors(self.path):
            pruner = optuna.pruners.MedianPruner(MIN_TRIALS_FOR_PRUNING, n_warmup_steps=N_WARMUP_STEPS)
            self.sampling_study = optuna.create_study(pruner=pruner)
            before = sorted(
                self.stored_study.get_trials(deepcopy=False), key=lambda one: str(one.user_attrs.get("number")).zfill(9)
            )
            self.sampling_study.add_trials(before)
            for number, one in enumerate(before):
                self._append(number, one.user_attrs.get("values"), one.user_attrs.get("result"))
            known = [dict(one.hyperparameters) for one in self.trials]
            for values in first:
                if values not in known:  # those outside the ranges cannot be told as Optuna's own
                    params = dict(values) if self.space.contains(values) else {}
                    self.sampling_study.enqueue_trial(params, user_attrs={"given": dict(values)})

    def ask(self) -> RunningTrial:
        """What to try next.

        Drawn by a seed of its own for each trial, so that a search that was broken off goes on as if it had not been.
        """
        import optuna

        with storage_errors(self.path):
            number = len(self.trials) + len(self.running)
            seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
            self.sampling_study.sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=N_STARTUP_TRIALS, constant_liar=True
            )
            trial = self.sampling_study.ask(self.space.distributions())
            values = trial.user_attrs.get("given") or self.space.round(trial.params)
        candidate = RunningTrial(number, values, trial)
        self.running[number] = candidate
        return candidate

    def n_waiting(self) -> int:
        """How many are to be tried before anything is drawn."""
        import optuna

        return len(self.sampling_study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)))

    def report(self, candidate: RunningTrial, step: int, loss: float) -> bool:
        """Takes what was reached at a step; whether that is worth going on with: not, where it is worse than the
        median of the trials that came to the end was at the same step."""
        with storage_errors(self.path):
            candidate.trial.report(loss, step)
            return not candidate.trial.should_prune()

    def record(self, candidate: RunningTrial, judgement: ObjectiveValue) -> TrialResult:
        """Records what hyperparameters gave."""
        state = "pruned" if judgement.pruned else "done"
        return self._finish(candidate, {**asdict(judgement), "state": state})

    def record_repetition(self, candidate: RunningTrial, known: TrialResult) -> TrialResult:
        """Records what the same hyperparameters gave before."""
        sign = direction(self.metric or "")
        figures = (sign * (known.value or 0.0), known.error, known.epochs or 0, known.seconds, known.cpu_seconds)
        return self.record(candidate, ObjectiveValue(self.metric or "", *figures))

    def record_failure(self, candidate: RunningTrial, why: str, seconds: float) -> TrialResult:
        """Records that nothing came of them."""
        return self._finish(candidate, {"state": "failed", "why": why[:500], "seconds": seconds, "cpu_seconds": 0.0})

    def discard(self, candidate: RunningTrial) -> None:
        """Forgets one whose training was broken off: it does not count."""
        import optuna

        del self.running[candidate.number]
        self.sampling_study.tell(candidate.trial, state=optuna.trial.TrialState.FAIL)

    def find_finished(self, values: Mapping[str, Any]) -> TrialResult | None:
        """What the same hyperparameters gave before, from the first epoch to the last."""
        return next((one for one in self.trials if one.state == "done" and one.hyperparameters == values), None)

    def importances(self) -> dict[str, float]:
        """Of each hyperparameter, adding up to 1: how unlike a quarter of the trials, the best, is in it to all of them
        (PED-ANOVA, S. Watanabe et al., IJCAI 2023). Empty where too few have come to an end."""
        import optuna

        done = self.sampling_study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        if len(done) < MIN_TRIALS_FOR_IMPORTANCE:
            return {}
        if len(self.space.axes) < 2:
            return dict.fromkeys(self.space.axes, 1.0)
        with storage_errors(self.path):
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=TARGET_QUANTILE)
            found = optuna.importance.get_param_importances(self.sampling_study, evaluator=evaluator)
        total = sum(found.values())
        return {name: value / total for name, value in found.items()} if total > 0 else {}

    def set_note(self, name: str, value: Any) -> None:
        """Keeps plain data with the study."""
        with storage_errors(self.path):
            self.stored_study.set_user_attr(name, value)

    def get_note(self, name: str) -> Any:
        return self.stored_study.user_attrs.get(name)

    def _finish(self, candidate: RunningTrial, result: dict[str, Any]) -> TrialResult:
        """Ends a trial here and, in one step, in the file."""
        import optuna

        states, trial = optuna.trial.TrialState, candidate.trial
        with storage_errors(self.path):
            for name, value in (("number", candidate.number), ("values", candidate.values), ("result", result)):
                trial.set_user_attr(name, value)
            if not self.space.contains(candidate.values):  # defaults outside the ranges: nothing to draw from
                ended = self.sampling_study.tell(trial, state=states.FAIL)
            elif result["state"] == "done":
                ended = self.sampling_study.tell(trial, result["loss"])
            else:  # a failed one counts as the worst, so that the next are not drawn beside it
                ended = self.sampling_study.tell(trial, state=states.PRUNED)
            self.stored_study.add_trial(ended)
        del self.running[candidate.number]
        return self._append(candidate.number, candidate.values, result)

    def _append(self, number: int, values: Any, result: Any) -> TrialResult:
        """A trial that has ended; raises BadArtifact for one that cofactor did not write."""
        if not _is_result(result) or not isinstance(values, dict) or values.keys() != self.space.axes.keys():
            raise BadArtifact(f"{self.path} holds a trial that cofactor did not make", HINT)
        loss, sign = result.get("loss"), direction(result.get("metric") or "rmse")
        figures = result.get("error"), result.get("epochs"), result["seconds"], result["cpu_seconds"]
        value = None if loss is None else sign * loss
        trial = TrialResult(number, self.space.trainer.name, values, result["state"], value, *figures)
        self.trials.append(trial)
        self.metric = self.metric or result.get("metric")
        self.failure_reasons += [str(result["why"])] if "why" in result else []
        return trial


def _is_result(result: Any) -> bool:
    """Whether it is one that cofactor wrote."""
    if not isinstance(result, dict) or result.get("state") not in ("done", "pruned", "failed"):
        return False
    wanted = ("seconds", "cpu_seconds") if result["state"] == "failed" else RESULT_TYPES
    return all(isinstance(result.get(name), RESULT_TYPES[name]) for name in wanted)
