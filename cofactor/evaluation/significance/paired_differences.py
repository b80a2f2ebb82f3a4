"""Paired differences of several models that were measured on the same users."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from cofactor.arrays import Doubles
from cofactor.errors import BadHyperparameter, SplitMismatch
from cofactor.evaluation.report import Report
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.evaluation.significance.bootstrap import UserTotals
from cofactor.evaluation.significance.p_values import DifferenceTest, bootstrap_difference, holm
from cofactor.evaluation.significance.per_user_values import Samples, standard_error_of_mean
from cofactor.evaluation.significance.seed_variance import ReportsByModel, SeedReports, SeedVariance

Units = Literal["users", "ratings"]
SAME_MODEL = DifferenceTest(0.0, 0.0, 0.0, 1.0)


def check_same_tests(reports: ReportsByModel) -> None:
    """Raises SplitMismatch if the reports of a split are of different test ratings, or the splits of different users,
    and BadHyperparameter if there are no reports."""
    if not reports:
        raise BadHyperparameter("no models to compare", "name at least one")
    first, expected = next(iter(reports.items()))
    for name, some in reports.items():
        if len(some) != len(expected):
            message = f"{first} was measured on {len(expected)} splits and {name} on {len(some)}"
            raise SplitMismatch(message, "compare models on the same splits")
        for number, ((one, *_), seeds) in enumerate(zip(expected, some, strict=True), start=1):
            if not all(_same_test(one, other) for other in seeds):
                where = f", in split {number}" if len(some) > 1 else ""
                raise SplitMismatch(
                    f"{first} and {name} were measured on different test ratings{where}",
                    "evaluate both models on the same test ratings",
                )
    vocabularies = [one.scored_test_set.held_out.training_data.users for one, *_ in expected if isinstance(one, Report)]
    if any(users != vocabularies[0] for users in vocabularies[1:]):
        message = f"the splits that {first} was measured on have different users"
        raise SplitMismatch(message, "read the ratings once and make all splits from them")


def _same_test(one: ReportLike, other: ReportLike) -> bool:
    if not (isinstance(one, Report) and isinstance(other, Report)):
        return type(one) is type(other) and all(one.counts[noun] == other.counts[noun] for noun in ("ratings", "users"))
    a, b = one.scored_test_set.held_out, other.scored_test_set.held_out
    return a is b or all(np.array_equal(x, y) for x, y in ((a.user, b.user), (a.item, b.item), (a.value, b.value)))


def collect_samples(metric: str, some: Sequence[SeedReports], over: Units) -> list[list[Samples]]:
    """The samples of a metric of one model for each split and seed: by user, or by rating if requested for a metric of
    predicted ratings. Raises BadHyperparameter for a metric that is not a mean over users."""
    return [[_samples(metric, one, over) for one in seeds] for seeds in some]


def _samples(metric: str, report: ReportLike, over: Units) -> Samples:
    found = None
    if over == "ratings" and isinstance(report, Report):
        found = report.samples_of_ratings(metric)
    found = found or report.samples(metric)
    if found is None:
        hint = "choose a metric that is a mean over users or ratings"
        raise BadHyperparameter(f"{metric} is a property of all lists together and has no value per user", hint)
    return found


def total_by_user(samples: Sequence[Sequence[Sequence[Samples]]], seed: int) -> UserTotals:
    """The totals of all models by user. Seeds are columns like splits, as a metric is the mean over both. The columns
    of a model with fewer seeds are repeated until all models have equally many."""
    most = math.lcm(*(len(some[0]) for some in samples))
    return UserTotals.from_samples(
        [[one for seeds in some for one in [*seeds] * (most // len(seeds))] for some in samples], seed
    )


def compare_with_named(
    totals: UserTotals, draws: Doubles, reference: int, seed_variances: Sequence[SeedVariance] = ()
) -> list[tuple[DifferenceTest, float]]:
    """The test of each model's difference from a model named beforehand, and its p corrected by Holm's method."""
    others = [m for m in range(len(draws)) if m != reference]
    tests = {m: bootstrap_difference(totals, draws, m, reference, seed_variances) for m in others}
    corrected = dict(zip(others, holm([tests[m].p for m in others]), strict=True))
    return [(tests[m], corrected[m]) if m != reference else (SAME_MODEL, 1.0) for m in range(len(draws))]


def compare_with_best(
    totals: UserTotals, draws: Doubles, reference: int, seed_variances: Sequence[SeedVariance] = ()
) -> list[tuple[DifferenceTest, float]]:
    """The same for a reference that was chosen by the metric itself: p is corrected for all pairs of models."""
    pairs = list(combinations(range(len(draws)), 2))
    tests = {pair: bootstrap_difference(totals, draws, *pair, seed_variances) for pair in pairs}
    corrected = dict(zip(pairs, holm([tests[pair].p for pair in pairs]), strict=True))
    return [
        (
            bootstrap_difference(totals, draws, m, reference, seed_variances),
            corrected[min(m, reference), max(m, reference)],
        )
        if m != reference
        else (SAME_MODEL, 1.0)
        for m in range(len(draws))
    ]


def standard_error_over_splits(metric: str, some: Sequence[SeedReports]) -> float:
    """The standard error over users of a metric's mean over splits and seeds; NaN if it is not a mean over users, or if
    there is only one user."""
    every = [one for seeds in some for one in seeds]
    if len(every) == 1:
        return every[0].standard_errors.get(metric, float("nan"))
    samples = [one.samples(metric) for one in every]
    known = [one for one in samples if one is not None]
    return standard_error_of_mean(known) if len(known) == len(samples) else float("nan")
