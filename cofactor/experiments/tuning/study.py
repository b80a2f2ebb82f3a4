"""The study of a search: its trials, saved in an SQLite file, and the choice of the next trial.

The file has Optuna's layout, so that Optuna's tools can read it. Only the process that starts the trials writes to it;
the worker processes do not, so there is no contention. A trial is written in one transaction when it has ended: a trial
that is interrupted, even by the end of this process, leaves nothing behind.
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

N_STARTUP_TRIALS = 10  # random trials before the first that TPE suggests
N_WARMUP_STEPS = 3  # tenths of a training before the first pruning
MIN_TRIALS_FOR_PRUNING = 5  # finished trials before the first pruning
TARGET_QUANTILE = 0.25  # share of the trials that count as good in PED-ANOVA
MIN_TRIALS_FOR_IMPORTANCE = 8  # finished trials
RESULT_TYPES = {"metric": str, "loss": float, "epochs": int, "seconds": float, "cpu_seconds": float}


@dataclass(frozen=True)
class RunningTrial:
    """A trial that is running."""

    number: int
    values: dict[str, Any]
    trial: "optuna.trial.Trial" = field(repr=False)


@dataclass
class Study:
    """The search of one trainer: all trials in an in-memory Optuna study, and the ended ones in the file as well."""

    path: Path
    space: SearchSpace
    seed: int
    stored_study: "optuna.Study" = field(repr=False)
    trials: list[TrialResult] = field(default_factory=list)  # ended trials
    failure_reasons: list[str] = field(default_factory=list)  # of the failed trials
    metric: str | None = None  # the validation metric; None until the first trial has ended
    running: dict[int, RunningTrial] = field(default_factory=dict)

    def load(self, first: Iterable[Mapping[str, Any]]) -> None:
        """Loads the trials of the file. The points in `first` are tried before any other, unless the file has them."""
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
                if values not in known:  # Optuna refuses parameters outside their ranges
                    params = dict(values) if self.space.contains(values) else {}
                    self.sampling_study.enqueue_trial(params, user_attrs={"given": dict(values)})

    def ask(self) -> RunningTrial:
        """The next trial.

        Each trial is sampled with a seed of its own, so that a resumed search continues as an uninterrupted one.
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
        running_trial = RunningTrial(number, values, trial)
        self.running[number] = running_trial
        return running_trial

    def n_waiting(self) -> int:
        """The number of enqueued points that have not been tried."""
        import optuna

        return len(self.sampling_study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)))

    def report(self, running_trial: RunningTrial, step: int, loss: float) -> bool:
        """Records the loss at a step. Whether the trial should continue: not where its loss is above the median of the
        finished trials at the same step."""
        with storage_errors(self.path):
            running_trial.trial.report(loss, step)
            return not running_trial.trial.should_prune()

    def record(self, running_trial: RunningTrial, value: ObjectiveValue) -> TrialResult:
        """Records the value of a trial that ended."""
        state = "pruned" if value.pruned else "done"
        return self._finish(running_trial, {**asdict(value), "state": state})

    def record_repetition(self, running_trial: RunningTrial, known: TrialResult) -> TrialResult:
        """Records the value of an earlier trial with the same hyperparameters."""
        sign = direction(self.metric or "")
        figures = (sign * (known.value or 0.0), known.error, known.epochs or 0, known.seconds, known.cpu_seconds)
        return self.record(running_trial, ObjectiveValue(self.metric or "", *figures))

    def record_failure(self, running_trial: RunningTrial, why: str, seconds: float) -> TrialResult:
        """Records a failed trial and its reason."""
        return self._finish(
            running_trial, {"state": "failed", "why": why[:500], "seconds": seconds, "cpu_seconds": 0.0}
        )

    def discard(self, running_trial: RunningTrial) -> None:
        """Forgets a trial that was interrupted."""
        import optuna

        del self.running[running_trial.number]
        self.sampling_study.tell(running_trial.trial, state=optuna.trial.TrialState.FAIL)

    def find_finished(self, values: Mapping[str, Any]) -> TrialResult | None:
        """A finished trial with the same hyperparameters, or None."""
        return next((one for one in self.trials if one.state == "done" and one.hyperparameters == values), None)

    def importances(self) -> dict[str, float]:
        """The importance of each hyperparameter, with a sum of 1: how much the distribution of the best quarter of the
        trials differs from that of all trials (PED-ANOVA, S. Watanabe et al., IJCAI 2023). Empty for fewer than eight
        finished trials."""
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
        """Saves plain data with the study."""
        with storage_errors(self.path):
            self.stored_study.set_user_attr(name, value)

    def get_note(self, name: str) -> Any:
        return self.stored_study.user_attrs.get(name)

    def _finish(self, running_trial: RunningTrial, result: dict[str, Any]) -> TrialResult:
        """Ends a trial in memory and, in one transaction, in the file."""
        import optuna

        states, trial = optuna.trial.TrialState, running_trial.trial
        with storage_errors(self.path):
            for name, value in (("number", running_trial.number), ("values", running_trial.values), ("result", result)):
                trial.set_user_attr(name, value)
            if not self.space.contains(running_trial.values):  # defaults outside the ranges are not sampled from
                ended = self.sampling_study.tell(trial, state=states.FAIL)
            elif result["state"] == "done":
                ended = self.sampling_study.tell(trial, result["loss"])
            else:  # a failed trial counts as the worst, so that TPE avoids its neighbourhood
                ended = self.sampling_study.tell(trial, state=states.PRUNED)
            self.stored_study.add_trial(ended)
        del self.running[running_trial.number]
        return self._append(running_trial.number, running_trial.values, result)

    def _append(self, number: int, values: Any, result: Any) -> TrialResult:
        """Adds a trial that has ended; raises BadArtifact for one that cofactor did not write."""
        if not _is_result(result) or not isinstance(values, dict) or values.keys() != self.space.axes.keys():
            raise BadArtifact(f"{self.path} holds a trial that cofactor did not write", HINT)
        loss, sign = result.get("loss"), direction(result.get("metric") or "rmse")
        figures = result.get("error"), result.get("epochs"), result["seconds"], result["cpu_seconds"]
        value = None if loss is None else sign * loss
        trial = TrialResult(number, self.space.trainer.name, values, result["state"], value, *figures)
        self.trials.append(trial)
        self.metric = self.metric or result.get("metric")
        self.failure_reasons += [str(result["why"])] if "why" in result else []
        return trial


def _is_result(result: Any) -> bool:
    """Whether cofactor can have written this result."""
    if not isinstance(result, dict) or result.get("state") not in ("done", "pruned", "failed"):
        return False
    wanted = ("seconds", "cpu_seconds") if result["state"] == "failed" else RESULT_TYPES
    return all(isinstance(result.get(name), RESULT_TYPES[name]) for name in wanted)
