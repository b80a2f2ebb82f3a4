"""Several models on one test set, or on several: which is better, by how much, and whether that may be chance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.measured import Measured
from cofactor.evaluation.metrics import standard_error
from cofactor.models.base import Model

NORMAL_95 = 1.959964  # 95 % of a normal distribution lies within so many standard deviations of its mean
NO_DIFFERENCE = "no real difference"
LOWER_IS_BETTER = ("rmse", "mse", "mae")
COMPARED = ("rmse", "mae", "ndcg", "recall", "sampled_ndcg", "sampled_hit_rate")  # at the first k


@dataclass(frozen=True)
class Difference:
    """A model's figure minus that of the model it is compared with, on the same users, with its 95 % interval."""

    metric: str
    model: str
    against: str
    value: float
    low: float  # NaN, as high and p, where there is one user only
    high: float
    p: float  # of a difference as large, were there none
    p_holm: float  # the same among all models that were compared

    @property
    def verdict(self) -> str:
        """In words: "the measure" of the model that others are compared with, "better", "worse", or that there is
        "no real difference", by the corrected p at 5 %."""
        if self.model == self.against:
            return "the measure"
        if not self.p_holm <= 0.05:
            return NO_DIFFERENCE
        lower = self.metric in LOWER_IS_BETTER
        return "better" if (self.value < 0) == lower else "worse"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Reports by model, in the order they were given, one for each split, and every model's paired differences.

    `differences` by metric and model, each from the best model or from the one that was named; where a metric is
    measured of fewer than two models it is not there.
    """

    reports: Mapping[str, Sequence[Measured]]
    differences: Mapping[str, Mapping[str, Difference]]
    costs: Mapping[str, Cost]

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """By model: each figure, the mean over the splits."""
        return {
            name: {
                metric: float(np.mean([one.metrics[metric] for one in some]))
                for metric in some[0].metrics
                if all(metric in one.metrics for one in some)
            }
            for name, some in self.reports.items()
        }

    @property
    def errors(self) -> dict[str, dict[str, float]]:
        """By model: the standard error of each mean; NaN where there is none."""
        return {
            name: {
                metric: math.sqrt(sum(one.errors.get(metric, math.nan) ** 2 for one in some)) / len(some)
                for metric in figures
            }
            for (name, figures), some in zip(self.metrics.items(), self.reports.values(), strict=True)
        }

    @property
    def spreads(self) -> dict[str, dict[str, float]]:
        """By model: the standard deviation of each figure over the splits; NaN where there is one split only."""
        return {
            name: {
                metric: float(np.std([one.metrics[metric] for one in some], ddof=1)) if len(some) > 1 else math.nan
                for metric in figures
            }
            for (name, figures), some in zip(self.metrics.items(), self.reports.values(), strict=True)
        }

    @property
    def k(self) -> tuple[int, ...]:
        return next(iter(self.reports.values()))[0].k

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; None for what cannot be had."""
        return {
            "models": {
                name: {
                    "metrics": self.metrics[name],
                    "standard_errors": _plain(self.errors[name]),
                    "spreads": _plain(self.spreads[name]),
                    "cost": self.costs[name].as_dict() if name in self.costs else None,
                    "splits": [one.as_dict() for one in some],
                }
                for name, some in self.reports.items()
            },
            "differences": {
                metric: {
                    name: {"against": d.against, "verdict": d.verdict}
                    | _plain({field: getattr(d, field) for field in ("value", "low", "high", "p", "p_holm")})
                    for name, d in found.items()
                }
                for metric, found in self.differences.items()
            },
        }


def compare(
    models: Mapping[str, Model],
    test: Ratings,
    k: Sequence[int] = (10,),
    *,
    relevant_from: float | None = None,
    against: str | None = None,
    costs: Mapping[str, Cost] | None = None,
) -> Comparison:
    """Every model on the same test ratings (`k` and `relevant_from` as in `evaluate`), and what differences are real.

    Raises what `evaluate` raises, SplitMismatch where the models are of different splits, and BadHyperparameter where
    there are no models.
    """
    if not models:
        raise BadHyperparameter("no models to compare", "name at least one")
    check_splits(models)
    reports = {name: [evaluate(model, test, k, relevant_from=relevant_from)] for name, model in models.items()}
    return compare_reports(reports, against=against, costs=costs)


def compare_reports(
    reports: Mapping[str, Sequence[Measured]], *, against: str | None = None, costs: Mapping[str, Cost] | None = None
) -> Comparison:
    """The same from reports, a list for each model with one for each split, in the same order for all."""
    comparison = Comparison(reports, {}, dict(costs or {}))
    k = comparison.k
    names = [name if name in LOWER_IS_BETTER or not k else f"{name}@{k[0]}" for name in COMPARED]
    differences = {name: found for name in names if (found := _differences(name, comparison, against))}
    return Comparison(reports, differences, comparison.costs)


def check_splits(models: Mapping[str, Model]) -> None:
    """Raises SplitMismatch where models are of different splits."""
    splits = {model.catalog.split: name for name, model in models.items() if model.catalog.split is not None}
    if len(splits) > 1:
        listed = ", ".join(f"{name} of {split[:12]}" for split, name in splits.items())
        raise SplitMismatch(f"the models are of different splits: {listed}", "compare models trained on the same rows")


def _differences(metric: str, comparison: Comparison, against: str | None) -> dict[str, Difference]:
    figures = {name: some[metric] for name, some in comparison.metrics.items() if metric in some}
    if len(figures) < 2:
        return {}
    sign = 1 if metric in LOWER_IS_BETTER else -1
    best = against if against in figures else min(figures, key=lambda name: sign * figures[name])
    found = {}
    for name in figures:
        value, error = (
            _difference(metric, comparison.reports[name], comparison.reports[best]) if name != best else (0.0, 0.0)
        )
        p = 1.0 if value == 0 else math.erfc(abs(value) / error / math.sqrt(2)) if error > 0 else math.nan
        found[name] = Difference(metric, name, best, value, value - NORMAL_95 * error, value + NORMAL_95 * error, p, p)
    return found


def _difference(metric: str, some: Sequence[Measured], others: Sequence[Measured]) -> tuple[float, float]:
    """The mean difference over the splits and its standard error."""
    values, squares = [], []
    for one, other in zip(some, others, strict=True):
        a, b = one.samples(metric), other.samples(metric)
        assert a is not None, f"{metric} is no mean over users"
        assert b is not None
        values.append(a.figure - b.figure)
        parts = [(s.total - s.weight * s.figure ** (1 + s.root)) / (2 * s.figure if s.root else 1) for s in (a, b)]
        squares.append((standard_error(parts[0] - parts[1]) * len(parts[0]) / a.weight.sum()) ** 2)
    return float(np.mean(values)), math.sqrt(sum(squares)) / len(squares)


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
