"""All that a comparison found: what its tables say and its pictures draw."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cofactor.evaluation.breakdowns.breakdown import Breakdown, Calibration, SpreadCalibration
from cofactor.evaluation.comparison import Comparison


@dataclass(frozen=True)
class LearningCurve:
    """How a training went: figures by epoch, None where they were not measured."""

    epochs: tuple[int, ...]
    train_rmse: tuple[float | None, ...]
    validation: tuple[float | None, ...]
    metric: str  # of `validation`: "RMSE" or "NDCG@10"
    best_epoch: int


@dataclass(frozen=True)
class SplitFacts:
    """One of the splits that models were compared on."""

    name: str
    kind: str
    seed: int
    fingerprint: str
    train: int  # ratings
    validation: int
    test: int


@dataclass(frozen=True, eq=False)
class ComparisonSummary:
    """A comparison of models on one or several splits, by the names of the models.

    Of several splits, breakdowns, calibrations and curves are of the first.
    """

    name: str  # of the plan
    about: str
    command: str  # that does it again
    splits: tuple[SplitFacts, ...]
    comparison: Comparison
    trainers: Mapping[str, str]  # the trainer of each model
    hyperparameters: Mapping[str, Mapping[str, Any]]
    breakdowns: tuple[Breakdown, ...] = ()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)  # of models that predict ratings
    spreads: Mapping[str, SpreadCalibration] = field(default_factory=dict)  # of models that give deviations
    curves: Mapping[str, LearningCurve] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)  # of cofactor, Python, NumPy, Numba, …
    machine: str = ""  # "2 cores, Linux x86_64"

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON: all but breakdowns and calibrations."""
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
