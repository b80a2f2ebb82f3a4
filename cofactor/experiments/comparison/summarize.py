"""From what a contest measured to what its tables say and its pictures draw."""

from typing import Any

from cofactor.data.splitting.split import Split
from cofactor.evaluation.breakdowns.breakdown import break_down
from cofactor.evaluation.breakdowns.calibration import calibration
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.report import Report
from cofactor.experiments.comparison.candidates import mean_cost
from cofactor.experiments.comparison.split_results import ComparisonResult, SplitResults
from cofactor.experiments.comparison.summary import ComparisonSummary, SplitFacts
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.machine import describe_machine, versions


def summarize(
    plan: EvaluationPlan, found: ComparisonResult, *, command: str, against: str | None = None
) -> ComparisonSummary:
    """All that was found. against: the model that the others are compared with; None: the best by each figure."""
    first, names = found.splits[0], found.names
    costs = {name: mean_cost([entry.cost for one in found.splits for entry in one.all_seeds(name)]) for name in names}
    entries = first.results
    return ComparisonSummary(
        name=plan.name,
        about=plan.about,
        command=command,
        splits=tuple(describe_split(one.name, one.split) for one in found.splits),
        comparison=compare_reports(found.reports, against=against, costs=costs),
        trainers={name: one.trainer for name, one in entries.items()},
        hyperparameters={name: one.hyperparameters for name, one in entries.items()},
        curves={name: one.curve for name, one in entries.items() if one.curve is not None},
        spreads={name: one.spread for name, one in entries.items() if one.spread is not None},
        versions=versions(),
        machine=describe_machine(),
        **_looked_into(first),
    )


def _looked_into(first: SplitResults) -> dict[str, Any]:
    """Where the models are good, and how far their stars are to be believed, of those with a whole report."""
    reports = {name: one.report for name, one in first.results.items() if isinstance(one.report, Report)}
    split = first.split
    return {
        "breakdowns": break_down(reports, split.test, split.train.training_data, split.train),
        "calibrations": {name: calibration(one) for name, one in reports.items() if one.predictions is not None},
    }


def describe_split(name: str, split: Split) -> SplitFacts:
    counts = {part: len(rows) for part, rows in split.parts.items()}
    return SplitFacts(name, split.kind, split.seed, split.fingerprint, **counts)
