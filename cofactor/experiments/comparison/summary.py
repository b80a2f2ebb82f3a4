"""Everything a comparison found: the content of its tables, plots and JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from cofactor.errors import CofactorError
from cofactor.evaluation.breakdowns.breakdown import Breakdown, Calibration, SpreadCalibration
from cofactor.evaluation.comparison import Comparison


@dataclass(frozen=True)
class LearningCurve:
    """Training and validation metrics by epoch; None where a metric was not computed."""

    epochs: tuple[int, ...]
    train_rmse: tuple[float | None, ...]
    validation: tuple[float | None, ...]
    metric: str  # the metric in `validation`: "RMSE" or "NDCG@10"
    best_epoch: int


@dataclass(frozen=True)
class SplitFacts:
    """A split on which models were compared."""

    name: str
    kind: str
    seed: int
    fingerprint: str
    train: int  # number of ratings
    validation: int
    test: int


@dataclass(frozen=True, eq=False)
class ComparisonSummary:
    """A comparison of models on one or several splits.

    All mappings are by the names of the models. Breakdowns, calibrations and learning curves are those of the first
    split.
    """

    name: str  # of the plan
    about: str
    command: str  # the command line that repeats the comparison; empty for a comparison in Python
    splits: tuple[SplitFacts, ...]
    comparison: Comparison
    trainers: Mapping[str, str]
    hyperparameters: Mapping[str, Mapping[str, Any]]
    breakdowns: tuple[Breakdown, ...] = ()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)  # of models that predict ratings
    spreads: Mapping[str, SpreadCalibration] = field(default_factory=dict)  # of models that predict deviations
    curves: Mapping[str, LearningCurve] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)  # of cofactor, Python, NumPy, Numba, …
    machine: str = ""  # "2 cores, Linux x86_64"
    failures: Mapping[str, CofactorError] = field(default_factory=dict)  # of candidates that were left out
    interrupted: bool = False

    def __repr__(self) -> str:
        return f"<summary of {self.name}: {self.comparison!r}, {len(self.failures)} left out>"

    def __str__(self) -> str:
        left_out = (f"{name} was left out: {one}" for name, one in self.failures.items())
        return "\n".join([str(self.comparison), *left_out])

    def _repr_html_(self) -> str:
        left_out = (f"<p>{escape(f'{name} was left out: {one}')}</p>" for name, one in self.failures.items())
        return "".join([self.comparison._repr_html_(), *left_out])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without breakdowns, calibrations and failures."""
        return {
            "name": self.name,
            "about": self.about,
            "command": self.command,
            "splits": [asdict(one) for one in self.splits],
            "trainers": dict(self.trainers),
            "hyperparameters": {name: dict(some) for name, some in self.hyperparameters.items()},
            **self.comparison.as_dict(),
            "curves": {name: asdict(one) for name, one in self.curves.items()},
            "versions": dict(self.versions),
            "machine": self.machine,
        }
