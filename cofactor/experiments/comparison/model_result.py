"""The result of one model on one split: its report, its cost and its learning curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
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

# "trained" in this comparison, "reused" from an earlier comparison in the same folder, or "loaded" from a saved model
Origin = Literal["trained", "reused", "loaded"]


@dataclass(frozen=True, eq=False)
class ModelResult:
    """A model on one split, with its report, cost and learning curve."""

    name: str
    origin: Origin
    trainer: str
    hyperparameters: Mapping[str, Any]
    report: ReportLike
    cost: Cost
    curve: LearningCurve | None
    spread: SpreadCalibration | None = None  # only of a model that predicts standard deviations


def make_result(
    name: str,
    origin: Origin,
    folder: Path,
    model: Model,
    report: ReportLike,
    split: Split,
    notes: Mapping[str, Any] | None = None,
) -> ModelResult:
    """The result of the model in a folder. notes: replaces the notes of the folder's manifest."""
    manifest = load_manifest(folder)
    notes = manifest["notes"] if notes is None else notes
    return ModelResult(
        name,
        origin,
        manifest["trainer"],
        manifest["hyperparameters"],
        report,
        read_cost(notes, folder_bytes(folder), measure_list_seconds(model)),
        read_curve(notes),
        spread_calibration(model, report, split.test) if isinstance(report, Report) else None,
    )


def read_curve(notes: Mapping[str, Any]) -> LearningCurve | None:
    """The learning curve in the notes of a saved model; None where they have none."""
    rows, best = notes.get("curve"), notes.get("best_epoch")
    if not rows or best is None:
        return None
    columns = {name: tuple(row[name] for row in rows) for name in ("epoch", "train", "validation")}
    return LearningCurve(
        columns["epoch"], columns["train"], columns["validation"], notes.get("curve_metric", "RMSE"), best
    )


def read_cost(notes: Mapping[str, Any], model_bytes: int, list_seconds: float | None) -> Cost:
    """The cost of training in the notes of a saved model, with the size and the response time measured now."""
    cost = notes.get("cost", {})
    return Cost(notes.get("fit_seconds"), cost.get("cpu_seconds"), cost.get("peak_bytes"), model_bytes, list_seconds)


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """The mean cost of several trainings with the same hyperparameters.

    A field is None where one of the trainings did not measure it.
    """
    means: dict[str, Any] = {}
    for field in fields(Cost):
        values = [getattr(cost, field.name) for cost in costs]
        if None not in values:
            mean = sum(values) / len(values)
            means[field.name] = round(mean) if isinstance(values[0], int) else mean
    return Cost(**means)
