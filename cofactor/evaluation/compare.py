"""Several models on one test set: which is better, by how much, and whether that may be chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.evaluate import Report, evaluate
from cofactor.evaluation.metrics import standard_error
from cofactor.models.base import Model

NORMAL_95 = 1.959964  # 95 % of a normal distribution lies within so many standard deviations of its mean
NO_DIFFERENCE = "no real difference"


@dataclass(frozen=True)
class Difference:
    """A model's figure minus the best model's, on the same ratings or users, with its 95 % interval."""

    metric: str
    model: str
    best: str
    value: float
    low: float  # NaN, as high, where there is one user only
    high: float

    @property
    def verdict(self) -> str:
        """One of "best", "worse", and "no real difference" where the interval includes 0."""
        if self.model == self.best:
            return "best"
        return "worse" if self.low > 0 or self.high < 0 else NO_DIFFERENCE


@dataclass(frozen=True, eq=False)
class Comparison:
    """Reports by model, in the order they were given, and every model's paired differences from the best.

    `differences` by metric and model; the metrics are "rmse" among the models that predict ratings, and NDCG at the
    first k among all, each where there is something to measure.
    """

    reports: Mapping[str, Report]
    differences: Mapping[str, Mapping[str, Difference]]
    fit_seconds: Mapping[str, float]

    @property
    def columns(self) -> list[str]:
        """The main metrics that some model has: errors of predicted ratings, then the ranking at the first k."""
        k = next(iter(self.reports.values())).k[:1]
        at_k = ("ndcg", "precision", "recall", "map", "hit_rate", "coverage", "novelty")
        wanted = ["rmse", "mae", "accuracy", *(f"{name}@{one}" for one in k for name in at_k), "mrr", "auc"]
        return [name for name in wanted if any(name in report.metrics for report in self.reports.values())]

    def rows(self) -> list[dict[str, Any]]:
        """A table: for each model its name, its figure in every column (None where it has none), the verdict on each
        compared metric as "rmse verdict", and its fit seconds where they are known."""
        return [
            {"model": name}
            | {column: report.metrics.get(column) for column in self.columns}
            | {f"{metric} verdict": d[name].verdict for metric, d in self.differences.items() if name in d}
            | ({"fit_seconds": self.fit_seconds[name]} if name in self.fit_seconds else {})
            for name, report in self.reports.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; None for the ends of an interval that cannot be had."""
        return {
            "models": {name: report.as_dict() for name, report in self.reports.items()},
            "differences": {
                metric: {name: _plain(d) for name, d in found.items()} for metric, found in self.differences.items()
            },
            "fit_seconds": dict(self.fit_seconds),
        }


def compare(
    models: Mapping[str, Model],
    test: Ratings,
    k: Sequence[int] = (10,),
    *,
    relevant_from: float | None = None,
    fit_seconds: Mapping[str, float] | None = None,
) -> Comparison:
    """Every model on the same test ratings (`k` and `relevant_from` as in `evaluate`), and what differences are real.

    The interval is the normal approximation of the paired difference, d ± 1.96 SE(d), by users: for NDCG, of the
    users' differences; for RMSE, of the ratings' linearised differences e_a²/(2 RMSE_a) - e_b²/(2 RMSE_b), summed by
    user as in `standard_error`. It is not corrected for the number of models compared.

    Raises what `evaluate` raises, SplitMismatch where the models are of different splits, and BadHyperparameter where
    there are no models.
    """
    if not models:
        raise BadHyperparameter("no models to compare", "name at least one")
    _check_splits(models)
    reports = {name: evaluate(model, test, k, relevant_from=relevant_from) for name, model in models.items()}
    differences = {}
    if any("rmse" in report.metrics for report in reports.values()):
        differences["rmse"] = _differences("rmse", reports, min, _rmse_difference)
    ndcg = f"ndcg@{next(iter(reports.values())).k[0]}" if k else ""
    if any(ndcg in report.metrics for report in reports.values()):
        differences[ndcg] = _differences(ndcg, reports, max, lambda a, b: _user_difference(ndcg, a, b))
    return Comparison(reports, differences, dict(fit_seconds or {}))


def _check_splits(models: Mapping[str, Model]) -> None:
    splits = {model.catalog.split: name for name, model in models.items() if model.catalog.split is not None}
    if len(splits) > 1:
        listed = ", ".join(f"{name} of {split[:12]}" for split, name in splits.items())
        raise SplitMismatch(f"the models are of different splits: {listed}", "compare models trained on the same rows")


def _differences(
    metric: str,
    reports: Mapping[str, Report],
    best_of: Callable[..., str],
    difference: Callable[[Report, Report], tuple[float, float]],
) -> dict[str, Difference]:
    measured = {name: report for name, report in reports.items() if metric in report.metrics}
    best = best_of(measured, key=lambda name: measured[name].metrics[metric])
    found = {}
    for name, report in measured.items():
        value, error = difference(report, measured[best]) if name != best else (0.0, 0.0)
        found[name] = Difference(metric, name, best, value, value - NORMAL_95 * error, value + NORMAL_95 * error)
    return found


def _rmse_difference(one: Report, best: Report) -> tuple[float, float]:
    """The difference of two RMSEs on the same ratings, and its standard error by the delta method."""
    parts = []
    for report in (one, best):
        assert report.error is not None, "only models that predict ratings have an RMSE"
        rmse = report.metrics["rmse"]
        parts.append(report.error**2 / (2 * rmse) if rmse > 0 else np.zeros(len(report.error)))
    value = one.metrics["rmse"] - best.metrics["rmse"]
    return value, standard_error(parts[0] - parts[1], one.evidence.held.number)


def _user_difference(metric: str, one: Report, best: Report) -> tuple[float, float]:
    """The mean difference of a metric over the same users, and its standard error."""
    difference = one.per_user(metric)[1] - best.per_user(metric)[1]
    return float(difference.mean()), standard_error(difference)


def _plain(difference: Difference) -> dict[str, Any]:
    low, high = (end if np.isfinite(end) else None for end in (difference.low, difference.high))
    return {"best": difference.best, "value": difference.value, "low": low, "high": high, "verdict": difference.verdict}
