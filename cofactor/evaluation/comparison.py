"""The result of a comparison: reports of several models, their means over splits and seeds, and their differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np

from cofactor.arrays import Doubles
from cofactor.data.tables.html_table import html_text_table
from cofactor.evaluation.comparison_text import accuracy_table, cost_table
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.metrics.metric import MetricValues
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.evaluation.significance.difference import Difference
from cofactor.evaluation.significance.paired_differences import standard_error_over_splits
from cofactor.evaluation.significance.seed_variance import ReportsByModel, SeedReports
from cofactor.evaluation.significance.verdicts import describe_differences, describe_seeds


@dataclass(frozen=True, eq=False)
class Comparison:
    """Reports of each model for each split and seed, and every model's paired differences.

    `differences` by metric and model, each from the best model or from the one that was named. A metric that fewer than
    two models have is left out.
    """

    seed_reports: ReportsByModel
    differences: Mapping[str, Mapping[str, Difference]]
    costs: Mapping[str, Cost]

    def __repr__(self) -> str:
        names, splits = list(self.seed_reports), max(map(len, self.seed_reports.values()), default=0)
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        return f"<comparison of {', '.join(names[:6])}{more} on {splits} split{'s' if splits != 1 else ''}>"

    def __str__(self) -> str:
        """The tables of accuracy and cost, and which differences are significant, as `cofactor compare` prints them."""
        note = f"\n* the best; ± {self.uncertainty[0]}\n"
        return "\n".join(map(str, [accuracy_table(self), "", cost_table(self), note, *self.sentences()]))

    def _repr_html_(self) -> str:
        tables = [html_text_table(one) for one in (accuracy_table(self), cost_table(self))]
        note = f"* the best; ± {self.uncertainty[0]}"
        return "".join([*tables, *(f"<p>{escape(one)}</p>" for one in (note, *self.sentences()))])

    @property
    def reports(self) -> dict[str, list[ReportLike]]:
        """By model: the report of the first seed for each split."""
        return {name: [seeds[0] for seeds in splits] for name, splits in self.seed_reports.items()}

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """By model: each metric, the mean over splits and seeds."""
        return {
            name: MetricValues((metric, float(np.mean(values))) for metric, values in self._values(name))
            for name in self.seed_reports
        }

    @cached_property
    def standard_errors(self) -> dict[str, dict[str, float]]:
        """By model: the standard error over users of each mean, where a user's ratings in all splits and for all seeds
        are one sample; NaN if it is undefined."""
        return {
            name: {metric: standard_error_over_splits(metric, self.seed_reports[name]) for metric in metrics}
            for name, metrics in self.metrics.items()
        }

    @property
    def split_deviations(self) -> dict[str, dict[str, float]]:
        """By model: the standard deviation of each metric over the splits; NaN if there is only one split."""
        return {
            name: {
                metric: float(np.std(values.mean(1), ddof=1)) if len(values) > 1 else math.nan
                for metric, values in self._values(name)
            }
            for name in self.seed_reports
        }

    @property
    def seed_deviations(self) -> dict[str, dict[str, float]]:
        """By model: the standard deviation of each metric over the seeds of a split, as the root mean square over
        splits; NaN if there is only one seed."""
        return {
            name: {
                metric: float(np.sqrt(np.mean(np.var(values, axis=1, ddof=1)))) if values.shape[1] > 1 else math.nan
                for metric, values in self._values(name)
            }
            for name in self.seed_reports
        }

    @property
    def by_split(self) -> dict[str, list[dict[str, float]]]:
        """By model: for each split every metric, the mean over the seeds."""
        return {
            name: [
                {metric: float(values[split].mean()) for metric, values in self._values(name)}
                for split in range(len(splits))
            ]
            for name, splits in self.seed_reports.items()
        }

    @property
    def uncertainty(self) -> tuple[str, dict[str, dict[str, float]]]:
        """The numbers after ± in a table: what they are, and their values by model."""
        counts = sorted({n for n in self.n_seeds.values() if n > 1})
        seeds = f"{' or '.join(map(str, counts))} seeds"
        if self.n_splits > 1:
            means = f", each the mean of {seeds}" if counts else ""
            return f"standard deviation over the splits{means}", self.split_deviations
        if counts:
            return f"standard deviation over {seeds}, whose mean is shown", self.seed_deviations
        return "standard error", self.standard_errors

    @property
    def n_splits(self) -> int:
        return len(next(iter(self.seed_reports.values())))

    @property
    def n_seeds(self) -> dict[str, int]:
        """By model: the number of seeds it was trained with on each split."""
        return {name: len(splits[0]) for name, splits in self.seed_reports.items()}

    @property
    def k(self) -> tuple[int, ...]:
        return next(iter(self.seed_reports.values()))[0][0].k

    def reports_with(self, metric: str) -> dict[str, Sequence[SeedReports]]:
        """By model: the reports of the models that have a metric on all splits."""
        return {name: splits for name, splits in self.seed_reports.items() if metric in self.metrics[name]}

    def sentences(self) -> list[str]:
        """One for each compared metric: which model is better, by how much, and how significantly."""
        return [
            describe_differences(metric, list(found.values())) + self._describe_seeds(metric, list(found))
            for metric, found in self.differences.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; None for what is undefined."""
        return {
            "models": {
                name: {
                    "metrics": self.metrics[name],
                    "standard_errors": _finite_or_none(self.standard_errors[name]),
                    "spreads": _finite_or_none(self.split_deviations[name]),
                    "seeds": self.n_seeds[name],
                    "seed_spreads": _finite_or_none(self.seed_deviations[name]),
                    "cost": self.costs[name].as_dict() if name in self.costs else None,
                    "splits": [one.as_dict() for one, *_ in splits],
                    "other_seeds": [[one.as_dict() for one in others] for _, *others in splits],
                }
                for name, splits in self.seed_reports.items()
            },
            "differences": {
                metric: {
                    name: {"against": one.against, "verdict": one.verdict}
                    | _finite_or_none({field: getattr(one, field) for field in ("value", "low", "high", "p", "p_holm")})
                    for name, one in found.items()
                }
                for metric, found in self.differences.items()
            },
            "words": self.sentences(),
        }

    def _values(self, name: str) -> list[tuple[str, Doubles]]:
        """(F, S) values for F splits and S seeds, by the metrics that all reports of a model have."""
        reports = [one.metrics for seeds in self.seed_reports[name] for one in seeds]
        shape = len(self.seed_reports[name]), self.n_seeds[name]
        names = [metric for metric in reports[0] if all(metric in one for one in reports)]
        return [(metric, np.array([one[metric] for one in reports]).reshape(shape)) for metric in names]

    def _describe_seeds(self, metric: str, names: Sequence[str]) -> str:
        deviations = {name: self.seed_deviations[name][metric] for name in names if self.n_seeds[name] > 1}
        return describe_seeds(sorted({self.n_seeds[name] for name in deviations}), deviations)


def _finite_or_none(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
