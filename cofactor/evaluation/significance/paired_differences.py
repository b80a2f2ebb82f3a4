"""Reports of several models side by side: the same users, drawn together."""

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
    """Raises SplitMismatch where the reports of a split are not of the same test ratings, or splits not of the same
    users, and BadHyperparameter where there are none."""
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
                    "a difference is of models that met the same users and items: measure both on one test",
                )
    vocabularies = [one.scored_test_set.held_out.training_data.users for one, *_ in expected if isinstance(one, Report)]
    if any(users != vocabularies[0] for users in vocabularies[1:]):
        message = f"the splits that {first} was measured on are of different users"
        raise SplitMismatch(message, "read the ratings once, and split what was read")


def _same_test(one: ReportLike, other: ReportLike) -> bool:
    if not (isinstance(one, Report) and isinstance(other, Report)):
        return type(one) is type(other) and all(one.counts[noun] == other.counts[noun] for noun in ("ratings", "users"))
    a, b = one.scored_test_set.held_out, other.scored_test_set.held_out
    return a is b or all(np.array_equal(x, y) for x, y in ((a.user, b.user), (a.item, b.item), (a.value, b.value)))


def collect_samples(metric: str, some: Sequence[SeedReports], over: Units) -> list[list[Samples]]:
    """A metric of one model, for each split and seed, by user, or by rating where that is asked for and the metric is
    one of ratings. Raises BadHyperparameter for a metric that is no mean over users."""
    return [[_samples(metric, one, over) for one in seeds] for seeds in some]


def _samples(metric: str, report: ReportLike, over: Units) -> Samples:
    found = None
    if over == "ratings" and isinstance(report, Report):
        found = report.samples_of_ratings(metric)
    found = found or report.samples(metric)
    if found is None:
        hint = "only what is a mean over users or ratings can be compared user by user"
        raise BadHyperparameter(f"{metric} is one figure of all lists together", hint)
    return found


def total_by_user(samples: Sequence[Sequence[Sequence[Samples]]], seed: int) -> UserTotals:
    """All models by user: the figure of each is the mean over splits and seeds alike, so that a seed is a column, as a
    split is. A model of fewer seeds has each of its own as often as it takes to have as many columns."""
    most = math.lcm(*(len(some[0]) for some in samples))
    return UserTotals.from_samples(
        [[one for seeds in some for one in [*seeds] * (most // len(seeds))] for some in samples], seed
    )


def compare_with_named(
    table: UserTotals, drawn: Doubles, best: int, trainings: Sequence[SeedVariance] = ()
) -> list[tuple[DifferenceTest, float]]:
    """Of each model, its difference from the one that was named beforehand, and the p that Holm gives it."""
    others = [m for m in range(len(drawn)) if m != best]
    found = {m: bootstrap_difference(table, drawn, m, best, trainings) for m in others}
    corrected = dict(zip(others, holm([found[m].p for m in others]), strict=True))
    return [(found[m], corrected[m]) if m != best else (SAME_MODEL, 1.0) for m in range(len(drawn))]


def compare_with_best(
    table: UserTotals, drawn: Doubles, best: int, trainings: Sequence[SeedVariance] = ()
) -> list[tuple[DifferenceTest, float]]:
    """The same where the figures chose the model: p corrected for all pairs, as any pair could have been looked at."""
    pairs = list(combinations(range(len(drawn)), 2))
    found = {pair: bootstrap_difference(table, drawn, *pair, trainings) for pair in pairs}
    corrected = dict(zip(pairs, holm([found[pair].p for pair in pairs]), strict=True))
    return [
        (bootstrap_difference(table, drawn, m, best, trainings), corrected[min(m, best), max(m, best)])
        if m != best
        else (SAME_MODEL, 1.0)
        for m in range(len(drawn))
    ]


def standard_error_over_splits(metric: str, some: Sequence[SeedReports]) -> float:
    """The standard error over users of a metric's mean over splits and seeds; NaN where it is no mean over users, or of
    one alone."""
    every = [one for seeds in some for one in seeds]
    if len(every) == 1:
        return every[0].standard_errors.get(metric, float("nan"))
    samples = [one.samples(metric) for one in every]
    known = [one for one in samples if one is not None]
    return standard_error_of_mean(known) if len(known) == len(samples) else float("nan")
