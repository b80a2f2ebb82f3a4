"""Comparison of several models on the same test sets: which is better, by how much, and how significantly."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from cofactor.argument_names import check_arguments
from cofactor.arrays import Doubles
from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter, SplitMismatch, check_type
from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.metrics.registry import compared_metrics, direction
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.evaluation.significance.bootstrap import UserTotals, resample
from cofactor.evaluation.significance.difference import Difference
from cofactor.evaluation.significance.p_values import DRAWS
from cofactor.evaluation.significance.paired_differences import (
    Units,
    check_same_tests,
    collect_samples,
    compare_with_best,
    compare_with_named,
    total_by_user,
)
from cofactor.evaluation.significance.seed_variance import SeedReports, SeedVariance, group_by_seed
from cofactor.models.base import Model


@check_arguments()
def compare(
    models: Mapping[str, Model | Sequence[Model]],
    test: Ratings,
    k: Sequence[int] | int = (10,),
    *,
    relevant_from: float | None = None,
    against: str | None = None,
    costs: Mapping[str, Cost] | None = None,
    extra_metrics: Sequence[str] = (),
    resample_by: Units = "users",
    seed: int = 0,
) -> Comparison:
    """Evaluate every model on the same test ratings and test their differences.

    models: by name; several models of one trainer, one per seed, are given as a list.
    k, relevant_from: as in `evaluate`. The other arguments are those of `compare_reports`.

    Raises what `evaluate` and `compare_reports` raise, SplitMismatch if the models are of different splits, and
    BadHyperparameter if there are no models.
    """
    check_type("models", models, Mapping, "give a mapping from names to models, as in {'svd': model}")
    if not models:
        raise BadHyperparameter("no models to compare", "name at least one")
    check_named(against, models)
    seeds = {name: _listed(name, some) for name, some in models.items()}
    check_splits({name: one for name, some in seeds.items() for one in some})
    reports = {
        name: [[evaluate(one, test, k, relevant_from=relevant_from) for one in some]] for name, some in seeds.items()
    }
    return compare_reports(
        reports, against=against, costs=costs, extra_metrics=extra_metrics, resample_by=resample_by, seed=seed
    )


@check_arguments()
def compare_reports(
    reports: Mapping[str, Sequence[ReportLike | SeedReports]],
    *,
    against: str | None = None,
    costs: Mapping[str, Cost] | None = None,
    extra_metrics: Sequence[str] = (),
    resample_by: Units = "users",
    seed: int = 0,
) -> Comparison:
    """Compare models by their reports.

    reports: for each model one report per split, in the same order for all models. For a trainer that was trained with
        several seeds, a list of reports takes the place of each. Differences then generalise to other trainings, not
        only to these models (see `add_seed_variance`). A model with one report per split, as a closed form has, adds
        nothing to that variance.
    against: the model that the others are compared with. If None, or if that model lacks a metric: the best one.
    extra_metrics: metrics to compare in addition to the default ones, as "mrr"; for a k of the reports, "precision@10".
    resample_by: unit of the bootstrap for metrics of predicted ratings: users with all their ratings, or single ratings
        as if ratings of one user were independent. Ranking metrics are always resampled by user.
    seed: random seed of the bootstrap.

    p_holm is corrected within a metric: for the number of other models if `against` names the model, and for all pairs
    of models if the values chose it, because the luckiest of many models is then compared with the unluckiest.

    Raises SplitMismatch if models were measured on different test ratings, BadHyperparameter for an unknown name, and
    if a model was not trained with equally many seeds on all splits.
    """
    if resample_by not in get_args(Units):
        raise BadHyperparameter(f"resample_by is {resample_by!r}", f"it is one of {', '.join(get_args(Units))}")
    if isinstance(extra_metrics, str):
        extra_metrics = [extra_metrics]
    check_type("extra_metrics", extra_metrics, Sequence, "give a list of names, as in ['mrr']")
    check_type("reports", reports, Mapping, "give a mapping from names to lists of reports, one report per split")
    for name, some in reports.items():
        check_type(f"reports of {name}", some, Sequence, "give a list of reports, one per split")
    seed_reports = group_by_seed(reports)
    check_same_tests(seed_reports)
    check_named(against, seed_reports)
    comparison = Comparison(seed_reports, {}, dict(costs or {}))
    names = _metrics_to_compare(comparison, extra_metrics)
    samples = [
        [collect_samples(name, some, resample_by) for some in comparison.reports_with(name).values()] for name in names
    ]
    totals = [total_by_user(some, seed) for some in samples]
    draws = resample(totals, DRAWS, seed)
    differences = {
        name: _differences(name, comparison, against, total, drawn, [SeedVariance.from_samples(one) for one in some])
        for name, total, drawn, some in zip(names, totals, draws, samples, strict=True)
    }
    return Comparison(seed_reports, differences, comparison.costs)


def _listed(name: str, some: Any) -> list[Model]:
    """The models of one name, one per seed; raises BadData for anything but models."""
    listed = list(some) if isinstance(some, Sequence) and not isinstance(some, str) else [some]
    for one in listed:
        hint = "give models, such as SVD().fit(train), with test ratings, or trainers with cofactor.split(ratings)"
        check_type(f"candidate {name}", one, Model, hint)
    return listed


def check_splits(models: Mapping[str, Model]) -> None:
    """Raises SplitMismatch if models are of different splits."""
    splits = {
        model.training_data.split: name for name, model in models.items() if model.training_data.split is not None
    }
    if len(splits) > 1:
        listed = ", ".join(f"{name} on {split[:12]}" for split, name in splits.items())
        message = f"the models were trained on different splits: {listed}"
        raise SplitMismatch(message, "compare models that were trained on the same rows")


def check_named(against: str | None, models: Mapping[str, object]) -> None:
    if against is not None and against not in models:
        hint = _suggest_name(against, list(models), "the models")
        raise BadHyperparameter(f"no model {against!r} to compare with", hint)


def _suggest_name(name: str, known: Sequence[str], what: str) -> str:
    near = difflib.get_close_matches(str(name), known, 1)
    return f"did you mean {near[0]}?" if near else f"{what} are {', '.join(known)}"


def _metrics_to_compare(comparison: Comparison, extra_metrics: Sequence[str]) -> list[str]:
    """The metrics to compare: those that at least two models have."""
    names = compared_metrics(comparison.k[0] if comparison.k else None)
    known = list(dict.fromkeys(name for metrics in comparison.metrics.values() for name in metrics))
    for name in extra_metrics:
        if name not in known:
            raise BadHyperparameter(f"no metric {name!r} to compare by", _suggest_name(name, known, "the metrics"))
    return [name for name in dict.fromkeys([*names, *extra_metrics]) if len(comparison.reports_with(name)) > 1]


def _differences(
    metric: str,
    comparison: Comparison,
    against: str | None,
    totals: UserTotals,
    draws: Doubles,
    seed_variances: Sequence[SeedVariance],
) -> dict[str, Difference]:
    """`totals`, `draws` and `seed_variances` are of the models that have the metric, in their order."""
    values = {name: comparison.metrics[name][metric] for name in comparison.reports_with(metric)}
    names = list(values)
    if against in values:
        reference, tests = against, compare_with_named(totals, draws, names.index(against), seed_variances)
    else:
        sign = direction(metric) or -1
        reference = min(values, key=lambda name: sign * values[name])
        tests = compare_with_best(totals, draws, names.index(reference), seed_variances)
    return {
        name: Difference(metric, name, reference, *test, corrected)
        for name, (test, corrected) in zip(names, tests, strict=True)
    }
