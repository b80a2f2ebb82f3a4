"""Who takes part in a comparison, and what it found of each of them on one split."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from cofactor.data.splitting.split import Split
from cofactor.evaluation.breakdowns.breakdown import SpreadCalibration
from cofactor.evaluation.breakdowns.calibration import spread_calibration
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.report import Report
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.experiments.comparison.summary import LearningCurve
from cofactor.experiments.resource_usage import folder_bytes, measure_list_seconds
from cofactor.models.base import Model
from cofactor.saved.model_folder import load_manifest
from cofactor.trainers.base import Trainer

Origin = Literal["trained", "kept", "brought"]  # just now, by an earlier comparison, by somebody else


@dataclass(frozen=True)
class Candidate:
    """A trainer, and how it is trained; one that nobody `asked` for is there to measure the others by."""

    name: str
    trainer: Trainer
    patience: int = 3
    refit: bool = False
    requested: bool = True


@dataclass(frozen=True)
class SavedModel:
    """A model that was trained before."""

    name: str
    folder: Path


@dataclass(frozen=True, eq=False)
class ModelResult:
    """A model on one split: what it is, what it is worth, what it cost."""

    name: str
    origin: Origin
    trainer: str
    hyperparameters: Mapping[str, Any]
    report: ReportLike
    cost: Cost
    curve: LearningCurve | None
    spread: SpreadCalibration | None = None  # of a model that gives deviations


def expand_seeds(one: Candidate, n: int) -> list[Candidate]:
    """The same with n seeds, its own and those that follow it: "svd", "svd seed 1", "svd seed 2". Itself alone where
    its trainer has none."""
    if not any(known.name == "seed" for known in one.trainer.hyperparameters()):
        return [one]
    first = int(one.trainer.settings()["seed"])
    others = [
        replace(one, name=f"{one.name} seed {seed}", trainer=one.trainer.of(**one.trainer.settings() | {"seed": seed}))
        for seed in range(first + 1, first + n)
    ]
    return [one, *others]


def folder_name(name: str) -> str:
    """A name as that of a folder: "svd --rank 128" is svd-rank-128."""
    return re.sub(r"[^\w.+=,@]+", "-", name).strip("-.") or "model"


def describe_model(
    name: str,
    origin: Origin,
    folder: Path,
    model: Model,
    report: ReportLike,
    split: Split,
    notes: Mapping[str, Any] | None = None,
) -> ModelResult:
    """A model of a folder on a split, and what it costs. notes: what the folder will tell; None: what it tells."""
    manifest = load_manifest(folder)
    notes = manifest["notes"] if notes is None else notes
    cost = total_cost(notes, folder_bytes(folder), measure_list_seconds(model))
    spread = spread_calibration(model, report, split.test) if isinstance(report, Report) else None
    told = manifest["trainer"], manifest["hyperparameters"]
    return ModelResult(name, origin, *told, report, cost, learning_curve(notes), spread)


def learning_curve(notes: Mapping[str, Any]) -> LearningCurve | None:
    """The learning curve that a saved model tells of; None where it does not."""
    told, best = notes.get("curve"), notes.get("best_epoch")
    if not told or best is None:
        return None
    columns = {name: tuple(one[name] for one in told) for name in ("epoch", "train", "validation")}
    return LearningCurve(
        columns["epoch"], columns["train"], columns["validation"], notes.get("curve_metric", "RMSE"), best
    )


def total_cost(notes: Mapping[str, Any], model_bytes: int, list_seconds: float | None) -> Cost:
    """What a saved model says that its training cost, and what it costs now."""
    told = notes.get("cost", {})
    return Cost(notes.get("fit_seconds"), told.get("cpu_seconds"), told.get("peak_bytes"), model_bytes, list_seconds)


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """Of several trainings with the same hyperparameters; None for what was not measured of all."""
    means: dict[str, Any] = {}
    for field in fields(Cost):
        values = [getattr(one, field.name) for one in costs]
        if None not in values:
            mean = sum(values) / len(values)
            means[field.name] = round(mean) if isinstance(values[0], int) else mean
    return Cost(**means)
