"""Several models on one test set, or on several: which is better, by how much, and whether that may be chance."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.arrays import Doubles
from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.chance import DRAWS
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.measured import Measured
from cofactor.evaluation.paired import Units, against_best, against_one, check_tests, error_over, table_of
from cofactor.evaluation.resampling import Table, resample
from cofactor.evaluation.words import in_words
from cofactor.models.base import Model

NO_DIFFERENCE = "no real difference"
LOWER_IS_BETTER = ("rmse", "mse", "mae")
COMPARED = ("rmse", "mae", "ndcg", "recall", "sampled_ndcg", "sampled_hit_rate")  # at the first k


@dataclass(frozen=True)
class Difference:
    """A model's figure minus that of the model it is compared with, on the same users, with its 95 % interval.

    The interval is of this one difference; `p_holm`, and with it the verdict, allows for all that were looked at.
    """

    metric: str
    model: str
    against: str
    value: float
    low: float  # NaN, as high and p, where there is one user only
    high: float
    p: float  # of a difference as large, were there none
    p_holm: float  # corrected for the number of comparisons

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

    @cached_property
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

    @cached_property
    def errors(self) -> dict[str, dict[str, float]]:
        """By model: the standard error of each mean, a user's share in all splits together; NaN where there is none."""
        return {
            name: {metric: error_over(metric, self.reports[name]) for metric in figures}
            for name, figures in self.metrics.items()
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

    def words(self) -> list[str]:
        """A sentence for each metric that is compared: which model is better, by how much, and what may be chance."""
        return [in_words(metric, list(found.values())) for metric, found in self.differences.items()]

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
            "words": self.words(),
        }


def compare(
    models: Mapping[str, Model],
    test: Ratings,
    k: Sequence[int] = (10,),
    *,
    relevant_from: float | None = None,
    against: str | None = None,
    costs: Mapping[str, Cost] | None = None,
    also: Sequence[str] = (),
    over: Units = "users",
    seed: int = 0,
) -> Comparison:
    """Every model on the same test ratings (`k` and `relevant_from` as in `evaluate`), and what differences are real:
    the other arguments are those of `compare_reports`.

    Raises what `evaluate` and `compare_reports` raise, SplitMismatch where the models are of different splits, and
    BadHyperparameter where there are no models.
    """
    if not models:
        raise BadHyperparameter("no models to compare", "name at least one")
    _check_named(against, models)
    check_splits(models)
    reports = {name: [evaluate(model, test, k, relevant_from=relevant_from)] for name, model in models.items()}
    return compare_reports(reports, against=against, costs=costs, also=also, over=over, seed=seed)


def compare_reports(
    reports: Mapping[str, Sequence[Measured]],
    *,
    against: str | None = None,
    costs: Mapping[str, Cost] | None = None,
    also: Sequence[str] = (),
    over: Units = "users",
    seed: int = 0,
) -> Comparison:
    """The same from reports, a list for each model with one for each split, in the same order for all.

    against: the model that the others are compared with; None: in each metric the best one, as also where the named
        one lacks the metric.
    also: metrics to compare besides those of COMPARED at the first k, as "mrr" or "precision@20".
    over: what the bootstrap draws for the metrics of ratings: users with all their ratings, or ratings one by one, as
        if it meant nothing whose they are. All others are drawn by user.
    seed: of the draws.

    p_holm corrects within a metric: for as many comparisons as there are others where `against` names the model, and
    for all pairs of models where the figures themselves chose it, because the luckiest of many models is compared with
    the unluckiest then.

    Raises SplitMismatch where models were measured on different test ratings, BadHyperparameter for an unknown name.
    """
    check_tests(reports)
    _check_named(against, reports)
    comparison = Comparison(reports, {}, dict(costs or {}))
    names = _compared(comparison, also)
    tables = {name: table_of(name, _having(name, comparison), over, seed) for name in names}
    drawn = resample(list(tables.values()), DRAWS, seed)
    differences = {
        name: _differences(name, comparison, against, table, draws)
        for (name, table), draws in zip(tables.items(), drawn, strict=True)
    }
    return Comparison(reports, differences, comparison.costs)


def check_splits(models: Mapping[str, Model]) -> None:
    """Raises SplitMismatch where models are of different splits."""
    splits = {model.catalog.split: name for name, model in models.items() if model.catalog.split is not None}
    if len(splits) > 1:
        listed = ", ".join(f"{name} of {split[:12]}" for split, name in splits.items())
        raise SplitMismatch(f"the models are of different splits: {listed}", "compare models trained on the same rows")


def _check_named(against: str | None, models: Mapping[str, object]) -> None:
    if against is not None and against not in models:
        raise BadHyperparameter(f"no model {against!r} to compare with", _nearest(against, list(models), "the models"))


def _nearest(name: str, known: Sequence[str], what: str) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"{what} are {', '.join(known)}"


def _compared(comparison: Comparison, also: Sequence[str]) -> list[str]:
    """The metrics to compare: those that two models have at least."""
    k = comparison.k
    names = [name if name in LOWER_IS_BETTER or not k else f"{name}@{k[0]}" for name in COMPARED]
    known = list(dict.fromkeys(name for figures in comparison.metrics.values() for name in figures))
    for name in also:
        if name not in known:
            raise BadHyperparameter(f"no metric {name!r} to compare by", _nearest(name, known, "the metrics"))
    return [name for name in dict.fromkeys([*names, *also]) if len(_having(name, comparison)) > 1]


def _having(metric: str, comparison: Comparison) -> dict[str, Sequence[Measured]]:
    return {name: some for name, some in comparison.reports.items() if metric in comparison.metrics[name]}


def _differences(
    metric: str, comparison: Comparison, against: str | None, table: Table, drawn: Doubles
) -> dict[str, Difference]:
    """`table` and `drawn` are of the models that have the metric, in their order."""
    figures = {name: comparison.metrics[name][metric] for name in _having(metric, comparison)}
    names = list(figures)
    if against in figures:
        best, found = against, against_one(table, drawn, names.index(against))
    else:
        sign = 1 if metric in LOWER_IS_BETTER else -1
        best = min(figures, key=lambda name: sign * figures[name])
        found = against_best(table, drawn, names.index(best))
    return {
        name: Difference(metric, name, best, *chance, corrected)
        for name, (chance, corrected) in zip(names, found, strict=True)
    }


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
