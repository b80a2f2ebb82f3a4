"""The result of a search or a sweep: its trials, the best hyperparameters, and their metrics on the test part."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cofactor.evaluation.comparison import Comparison
from cofactor.experiments.tuning.search import Ending, average_seeds
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.trainers.base import Trainer

TUNED, DEFAULT = "tuned", "default"  # names of the two models that are evaluated on the test part


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The end of a search, or of a sweep over a grid."""

    space: SearchSpace
    data: str
    split: str  # fingerprint
    metric: str  # "rmse" or "ndcg@10", on validation ratings
    trials: Sequence[TrialResult]
    best: TrialResult
    default: TrialResult | None  # None where the defaults failed, or are not in the grid of a sweep
    importances: Mapping[str, float]
    ending: Ending
    seconds: float
    sweep: bool
    command: str = ""  # the command line that trains with the best hyperparameters
    test: Comparison | None = None  # of the tuned and the default model on the test part
    test_readings: int = 0  # how many times this search has read the test part

    def __repr__(self) -> str:
        value = "–" if self.best.value is None else f"{self.best.value:.4f}"
        n, name = len(self.trials), self.space.trainer.name
        return f"<search of {name}, {n} trial{'s' if n != 1 else ''}: best {self.metric} {value}>"

    @property
    def history(self) -> TrialHistory:
        """The trials as a report shows them; those of several seeds averaged."""
        trials, n_seeds = list(self.trials), self.n_seeds if self.sweep else 1
        if n_seeds > 1:
            trials = [replace(one, number=number) for number, one in enumerate(average_seeds(trials))]
        name = self.space.trainer.name
        return TrialHistory(name, self.data, self.metric, tuple(trials), self.importances, self.command, n_seeds)

    @property
    def n_seeds(self) -> int:
        """How many seeds each point of a sweep was trained with."""
        return len({one.hyperparameters.get("seed") for one in self.trials})

    @property
    def trainer(self) -> Trainer:
        """A trainer with the best hyperparameters."""
        return self.space.trainer.of(**{**self.space.fixed, **self.best.hyperparameters})

    @property
    def default_trainer(self) -> Trainer:
        """A trainer with the default hyperparameters, apart from the fixed ones."""
        return self.space.trainer.of(**self.space.fixed)

    @property
    def final_trainers(self) -> dict[str, Trainer]:
        """The trainers to evaluate on the test part: tuned and default, or default alone where nothing was better."""
        if self.trainer == self.default_trainer:
            return {DEFAULT: self.default_trainer}
        return {TUNED: self.trainer, DEFAULT: self.default_trainer}

    def count(self, state: str) -> int:
        """The number of trials that ended in a state."""
        return sum(one.state == state for one in self.trials)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        history = self.history
        return {
            "trainer": history.trainer,
            "data": self.data,
            "split": self.split,
            "metric": self.metric,
            "searched": {name: str(axis) for name, axis in self.space.axes.items()},
            "fixed": dict(self.space.fixed),
            "ended": self.ending,
            "seconds": self.seconds,
            "best": asdict(self.best),
            "default": None if self.default is None else asdict(self.default),
            "importances": dict(self.importances),
            "command": self.command,
            "trials": [asdict(one) for one in history.trials],
            "test": None if self.test is None else self.test.as_dict(),
            "test_readings": self.test_readings,
        }
