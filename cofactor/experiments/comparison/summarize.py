"""Turns the results of a comparison into its summary: statistics, breakdowns, calibrations and learning curves."""

from typing import Any

from cofactor.data.splitting.split import Split
from cofactor.evaluation.breakdowns.breakdown import break_down
from cofactor.evaluation.breakdowns.calibration import calibration
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.report import Report
from cofactor.experiments.comparison.model_result import mean_cost
from cofactor.experiments.comparison.split_results import ComparisonResult, SplitResults
from cofactor.experiments.comparison.summary import ComparisonSummary, SplitFacts
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.machine import describe_machine, versions


def summarize(
    plan: EvaluationPlan, result: ComparisonResult, *, command: str = "", against: str | None = None
) -> ComparisonSummary:
    """The summary of a comparison.

    against: the model with which the others are compared; None: the best model of each metric. A model that was left
        out is replaced by the best as well.
    """
    first, names = result.splits[0], result.names
    costs = {name: mean_cost([one.cost for split in result.splits for one in split.all_seeds(name)]) for name in names}
    against = against if against in names else None
    return ComparisonSummary(
        name=plan.name,
        about=plan.about,
        command=command,
        splits=tuple(describe_split(one.name, one.split) for one in result.splits),
        comparison=compare_reports(result.reports, against=against, costs=costs),
        trainers={name: one.trainer for name, one in first.results.items()},
        hyperparameters={name: one.hyperparameters for name, one in first.results.items()},
        curves={name: one.curve for name, one in first.results.items() if one.curve is not None},
        spreads={name: one.spread for name, one in first.results.items() if one.spread is not None},
        versions=versions(),
        machine=describe_machine(),
        failures=result.failures,
        interrupted=result.interrupted,
        **_break_down(first),
    )


def _break_down(here: SplitResults) -> dict[str, Any]:
    """Breakdowns by groups and calibrations of the models that have a full report."""
    reports = {name: one.report for name, one in here.results.items() if isinstance(one.report, Report)}
    split = here.split
    return {
        "breakdowns": break_down(reports, split.test, split.train.training_data, split.train),
        "calibrations": {name: calibration(one) for name, one in reports.items() if one.predictions is not None},
    }


def describe_split(name: str, split: Split) -> SplitFacts:
    counts = {part: len(rows) for part, rows in split.parts.items()}
    return SplitFacts(name, split.kind, split.seed, split.fingerprint, **counts)
