"""The result of an evaluation: every metric of a model on a test set, with standard errors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.arrays import Doubles, Floats, Rows
from cofactor.data.kind import values_noun
from cofactor.errors import BadHyperparameter
from cofactor.evaluation.metrics.list_properties import OF_ALL_LISTS
from cofactor.evaluation.metrics.metric import MetricValues
from cofactor.evaluation.metrics.ranking_metrics import AT_K, RATED
from cofactor.evaluation.metrics.rating_errors import RATING_METRICS, PredictedRatings
from cofactor.evaluation.metrics.registry import base_name
from cofactor.evaluation.report_text import describe_report, report_as_html
from cofactor.evaluation.scored_test_set import ScoredTestSet
from cofactor.evaluation.significance.per_user_values import Samples


@dataclass(frozen=True, eq=False)
class Report:
    """Every metric of a model on a test set.

    metrics: by name, in this order: `RATING_METRICS` of a model that predicts ratings (accuracy only if the scale has a
        step); `OVER_ALL` over whole rankings; then for each k, as ndcg@10, `AT_K`, `OF_A_LIST` (genre_diversity only if
        items have genres) and `RATED`; then for each k `OF_ALL_LISTS`. Of counts and pairs there are no errors of
        predicted ratings, no metrics with ratings as gains, and none of `RATED`. A metric that is defined for no user
        is left out.
    standard_errors: of each metric but those of OF_ALL_LISTS, which are properties of all lists together; NaN if there
        is only one user.
    counts: ratings, users, items; cold_users, cold_items, cold_ratings: without training ratings; unknown_users,
        unknown_items: not in the model's vocabulary (also counted as cold); ranked_users: with a relevant item;
        rated_users: with enough test ratings for rated_*.
    """

    metrics: Mapping[str, float]
    standard_errors: Mapping[str, float]
    counts: Mapping[str, int]
    k: tuple[int, ...]
    relevant_from: float | None
    scored_test_set: ScoredTestSet = field(repr=False)
    predictions: Floats | None = field(repr=False)  # (n,) of the test ratings, clipped; None: the model only ranks
    step: float | None = None  # of the scale

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", MetricValues(self.metrics))

    @property
    def values_noun(self) -> str:
        """The word for the test values: "ratings", or "interactions" for counts and pairs."""
        return values_noun(self.scored_test_set.held_out.kind)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4f}" for name, value in list(self.metrics.items())[:4])
        tested = f"{self.counts['ratings']:,} test {self.values_noun}"
        return f"<report on {tested} of {self.counts['users']:,} users: {shown}, …>"

    def __str__(self) -> str:
        """Every metric with its standard error, as `cofactor evaluate` prints them."""
        return "\n".join(map(str, describe_report(self)))

    def _repr_html_(self) -> str:
        return report_as_html(self)

    @cached_property
    def prediction_errors(self) -> Doubles | None:
        """(n,) predicted minus true rating, in the order of the scored test set; None if the model only ranks."""
        return None if self._predicted_ratings is None else self._predicted_ratings.error

    def per_user(self, name: str) -> tuple[Rows, Doubles]:
        """The test's rows of the measured users and their values of a ranking metric, as "ndcg@10"."""
        return self.scored_test_set.per_user(name)

    def over_k(self, name: str, k: Sequence[int]) -> Doubles:
        """The mean over users of a metric of relevant items, as "ndcg" or "rated_recall", at each k.

        `k` may differ from the k of the report. NaN if no user could be measured. Raises BadHyperparameter for another
        metric, and for a k below 1.
        """
        if name not in AT_K and name not in RATED:
            known = ", ".join([*AT_K, *RATED])
            raise BadHyperparameter(f"{name!r} is not defined at every k", f"use one of {known}")
        lengths = check_k(k)
        return self.scored_test_set.over_k(name, lengths)[np.searchsorted(lengths, k)]

    def samples(self, name: str) -> Samples | None:
        """The values by user whose mean is the metric; None for a missing metric, and for a property of all lists."""
        if name not in self.metrics or base_name(name) in OF_ALL_LISTS:
            return None
        if name in RATING_METRICS:
            held_out = self.scored_test_set.held_out
            n_users = len(held_out.start) - 1
            values = self._rating_values(name)
            total: Doubles = np.bincount(held_out.user_number, values, minlength=n_users).astype(np.float64)
            users, counts = held_out.user[held_out.start[:-1]], np.diff(held_out.start).astype(np.float64)
            return Samples(users, total, counts, RATING_METRICS[name].root)
        users, values = self.per_user(name)
        known = ~np.isnan(values)
        return Samples(users[known], values[known], np.ones(np.count_nonzero(known)))

    def samples_of_ratings(self, name: str) -> Samples | None:
        """The values by rating whose mean is the metric; None for a metric that is not a mean over ratings.

        The number of a rating identifies its (user, item) pair in every test set of the same users and items.
        """
        if name not in self.metrics or name not in RATING_METRICS:
            return None
        held_out = self.scored_test_set.held_out
        pair = held_out.user.astype(np.int64) << 32 | held_out.item
        return Samples(pair, self._rating_values(name), np.ones(len(pair)), RATING_METRICS[name].root)

    @cached_property
    def _predicted_ratings(self) -> PredictedRatings | None:
        if self.predictions is None:
            return None
        return PredictedRatings(self.predictions, self.scored_test_set.held_out.value, self.step)

    def _rating_values(self, name: str) -> Doubles:
        """(n,) values whose mean is the metric."""
        assert self._predicted_ratings is not None, "only a model that predicts ratings has this metric"
        values = RATING_METRICS[name].compute(self._predicted_ratings)
        assert values is not None, "the metric is in the report, so it is defined for these ratings"
        return values

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON: no arrays, and None for an undefined standard error."""
        return {
            "metrics": dict(self.metrics),
            "standard_errors": {name: e if np.isfinite(e) else None for name, e in self.standard_errors.items()},
            "counts": dict(self.counts),
            "k": list(self.k),
            "relevant_from": self.relevant_from,
        }


def check_k(k: Sequence[int] | int) -> tuple[int, ...]:
    """List lengths, ascending and without duplicates; k may be one length.

    Raises BadHyperparameter for one that is not a whole number from 1.
    """
    lengths = list(k) if isinstance(k, Iterable) else [k]
    for one in lengths:
        if not isinstance(one, int | np.integer | float) or isinstance(one, bool) or one < 1 or one != int(one):
            raise BadHyperparameter(f"k is {one!r}", "k is a list length, or several: whole numbers from 1")
    return tuple(sorted({int(one) for one in lengths}))
