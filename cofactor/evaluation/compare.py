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
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.report_protocol import Measured
from cofactor.evaluation.significance.bootstrap import Table, resample
from cofactor.evaluation.significance.p_values import DRAWS
from cofactor.evaluation.significance.paired_differences import (
    Units,
    against_best,
    against_one,
    check_tests,
    error_over,
    samples_of,
    table_of,
)
from cofactor.evaluation.significance.seed_variance import Reports, Seeds, Training, by_seed
from cofactor.evaluation.significance.verdicts import in_words, of_seeds
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
    """Reports by model, in the order they were given, for each split one of each seed, and every model's paired
    differences.

    `differences` by metric and model, each from the best model or from the one that was named; where a metric is
    measured of fewer than two models it is not there.
    """

    seeds: Reports
    differences: Mapping[str, Mapping[str, Difference]]
    costs: Mapping[str, Cost]

    @property
    def reports(self) -> dict[str, list[Measured]]:
        """By model: one for each split, of its first seed."""
        return {name: [seeds[0] for seeds in some] for name, some in self.seeds.items()}

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """By model: each figure, the mean over splits and seeds."""
        return {name: {metric: float(np.mean(of)) for metric, of in self._figures(name)} for name in self.seeds}

    @cached_property
    def errors(self) -> dict[str, dict[str, float]]:
        """By model: the standard error over users of each mean, a user's share in all splits and of all seeds together;
        NaN where there is none."""
        return {
            name: {metric: error_over(metric, self.seeds[name]) for metric in figures}
            for name, figures in self.metrics.items()
        }

    @property
    def spreads(self) -> dict[str, dict[str, float]]:
        """By model: the standard deviation of each figure over the splits; NaN where there is one split only."""
        return {
            name: {metric: float(np.std(of.mean(1), ddof=1)) if len(of) > 1 else math.nan for metric, of in found}
            for name, found in ((name, self._figures(name)) for name in self.seeds)
        }

    @property
    def seed_spreads(self) -> dict[str, dict[str, float]]:
        """By model: the standard deviation of each figure over the seeds of a split, the root mean square of several
        splits; NaN where there is one seed only."""
        return {
            name: {
                metric: float(np.sqrt(np.mean(np.var(of, axis=1, ddof=1)))) if of.shape[1] > 1 else math.nan
                for metric, of in self._figures(name)
            }
            for name in self.seeds
        }

    @property
    def by_split(self) -> dict[str, list[dict[str, float]]]:
        """By model: for each split every figure, the mean over the seeds."""
        return {
            name: [
                {metric: float(of[split].mean()) for metric, of in self._figures(name)} for split in range(len(some))
            ]
            for name, some in self.seeds.items()
        }

    @property
    def around(self) -> tuple[str, dict[str, dict[str, float]]]:
        """What stands behind ± in a table: what it is, and by model."""
        several, counts = self.n_splits > 1, sorted({n for n in self.n_seeds.values() if n > 1})
        of = f"{' or '.join(map(str, counts))} seeds"
        if several:
            return "standard deviation over the splits" + (f", each the mean of {of}" if counts else ""), self.spreads
        if counts:
            return f"standard deviation over {of}, whose mean is shown", self.seed_spreads
        return "standard error", self.errors

    @property
    def n_splits(self) -> int:
        return len(next(iter(self.seeds.values())))

    @property
    def n_seeds(self) -> dict[str, int]:
        """By model: with how many seeds it was trained on each split."""
        return {name: len(some[0]) for name, some in self.seeds.items()}

    def _figures(self, name: str) -> list[tuple[str, Doubles]]:
        """(F, S) of F splits and S seeds, by the metrics that all of them have."""
        every = [one.metrics for seeds in self.seeds[name] for one in seeds]
        shape = len(self.seeds[name]), self.n_seeds[name]
        names = [metric for metric in every[0] if all(metric in one for one in every)]
        return [(metric, np.array([one[metric] for one in every]).reshape(shape)) for metric in names]

    def words(self) -> list[str]:
        """A sentence for each metric that is compared: which model is better, by how much, and what may be chance."""
        return [
            in_words(metric, list(found.values())) + self._of_seeds(metric, list(found))
            for metric, found in self.differences.items()
        ]

    def _of_seeds(self, metric: str, names: Sequence[str]) -> str:
        """How many seeds the figures are means of; nothing where every model was trained once."""
        spreads = {name: self.seed_spreads[name][metric] for name in names if self.n_seeds[name] > 1}
        return of_seeds(sorted({self.n_seeds[name] for name in spreads}), spreads)

    @property
    def k(self) -> tuple[int, ...]:
        return next(iter(self.seeds.values()))[0][0].k

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; None for what cannot be had."""
        return {
            "models": {
                name: {
                    "metrics": self.metrics[name],
                    "standard_errors": _plain(self.errors[name]),
                    "spreads": _plain(self.spreads[name]),
                    "seeds": self.n_seeds[name],
                    "seed_spreads": _plain(self.seed_spreads[name]),
                    "cost": self.costs[name].as_dict() if name in self.costs else None,
                    "splits": [one.as_dict() for one, *_ in some],
                    "other_seeds": [[one.as_dict() for one in others] for _, *others in some],
                }
                for name, some in self.seeds.items()
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
    models: Mapping[str, Model | Sequence[Model]],
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
    the other arguments are those of `compare_reports`. Of a trainer, several models: one for each seed.

    Raises what `evaluate` and `compare_reports` raise, SplitMismatch where the models are of different splits, and
    BadHyperparameter where there are no models.
    """
    if not models:
        raise BadHyperparameter("no models to compare", "name at least one")
    _check_named(against, models)
    seeds = {name: [some] if isinstance(some, Model) else list(some) for name, some in models.items()}
    check_splits({name: one for name, some in seeds.items() for one in some})
    reports = {
        name: [[evaluate(one, test, k, relevant_from=relevant_from) for one in some]] for name, some in seeds.items()
    }
    return compare_reports(reports, against=against, costs=costs, also=also, over=over, seed=seed)


def compare_reports(
    reports: Mapping[str, Sequence[Measured | Seeds]],
    *,
    against: str | None = None,
    costs: Mapping[str, Cost] | None = None,
    also: Sequence[str] = (),
    over: Units = "users",
    seed: int = 0,
) -> Comparison:
    """The same from reports, a list for each model with one for each split, in the same order for all; where a trainer
    was trained with several seeds, with a list of these in the place of each. Differences are then of other trainings
    too, not of these models alone (see `of_other_trainings`); a model with one report for each split, as a closed form
    has, adds nothing to that.

    against: the model that the others are compared with; None: in each metric the best one, as also where the named
        one lacks the metric.
    also: metrics to compare besides those of COMPARED at the first k, as "mrr" or "precision@20".
    over: what the bootstrap draws for the metrics of ratings: users with all their ratings, or ratings one by one, as
        if it meant nothing whose they are. All others are drawn by user.
    seed: of the draws.

    p_holm corrects within a metric: for as many comparisons as there are others where `against` names the model, and
    for all pairs of models where the figures themselves chose it, because the luckiest of many models is compared with
    the unluckiest then.

    Raises SplitMismatch where models were measured on different test ratings, BadHyperparameter for an unknown name,
    and where a model was not trained with equally many seeds on all splits.
    """
    seeds = by_seed(reports)
    check_tests(seeds)
    _check_named(against, seeds)
    comparison = Comparison(seeds, {}, dict(costs or {}))
    names = _compared(comparison, also)
    samples = [[samples_of(name, some, over) for some in _having(name, comparison).values()] for name in names]
    tables = [table_of(some, seed) for some in samples]
    drawn = resample(tables, DRAWS, seed)
    differences = {
        name: _differences(name, comparison, against, table, draws, [Training.of(one) for one in some])
        for name, table, draws, some in zip(names, tables, drawn, samples, strict=True)
    }
    return Comparison(seeds, differences, comparison.costs)


def check_splits(models: Mapping[str, Model]) -> None:
    """Raises SplitMismatch where models are of different splits."""
    splits = {
        model.training_data.split: name for name, model in models.items() if model.training_data.split is not None
    }
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


def _having(metric: str, comparison: Comparison) -> dict[str, Sequence[Seeds]]:
    return {name: some for name, some in comparison.seeds.items() if metric in comparison.metrics[name]}


def _differences(
    metric: str,
    comparison: Comparison,
    against: str | None,
    table: Table,
    drawn: Doubles,
    trainings: Sequence[Training],
) -> dict[str, Difference]:
    """`table`, `drawn` and `trainings` are of the models that have the metric, in their order."""
    figures = {name: comparison.metrics[name][metric] for name in _having(metric, comparison)}
    names = list(figures)
    if against in figures:
        best, found = against, against_one(table, drawn, names.index(against), trainings)
    else:
        sign = 1 if metric in LOWER_IS_BETTER else -1
        best = min(figures, key=lambda name: sign * figures[name])
        found = against_best(table, drawn, names.index(best), trainings)
    return {
        name: Difference(metric, name, best, *chance, corrected)
        for name, (chance, corrected) in zip(names, found, strict=True)
    }


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
