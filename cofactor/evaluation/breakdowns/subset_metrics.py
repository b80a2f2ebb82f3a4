"""Metrics of a model on a subset of the test ratings, with standard errors by user."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.metrics.rating_errors import BIAS, RATING_METRICS, PredictedRatings
from cofactor.evaluation.metrics.standard_error import root_standard_error
from cofactor.evaluation.report import Report

NOT_RELEVANT = -1  # marks a test rating that is not relevant

MetricsWithErrors = dict[str, tuple[float, float]]  # a figure and its standard error, by metric


@dataclass(frozen=True, eq=False)
class Subset:
    """A subset of the test ratings, and their users."""

    rows: Array  # (m,) positions in the order of HeldOut, ascending
    user: Array  # (m,) 0 … n_users-1, ascending: position of each rating's user in `users`
    users: Array  # (n_users,) positions among all test users

    @classmethod
    def from_rows(cls, held_out: HeldOut, rows: Array) -> Self:
        numbers = held_out.user_number[rows]
        first = np.diff(numbers, prepend=-1) > 0
        return cls(rows, np.cumsum(first) - 1, numbers[first])


@dataclass(frozen=True, eq=False)
class PerRatingResults:
    """Predictions and hits of each test rating, and ranking metrics of each test user."""

    value: Floats  # (n,)
    prediction: Floats | None  # (n,) of a model that predicts ratings
    hits: Mapping[str, Array]  # "recall@10": (n,) int8, whether the rating is among the first 10, or NOT_RELEVANT
    user_values: Mapping[str, Doubles]  # "ndcg@10", "recall@10": (n_test_users,), NaN without a relevant rating

    @classmethod
    def from_report(cls, report: Report) -> Self:
        scored, held_out = report.scored_test_set, report.scored_test_set.held_out
        hits: dict[str, Array] = {}
        user_values: dict[str, Doubles] = {}
        everything = slice(None)
        relevant = everything if report.relevant_from is None else held_out.value >= np.float32(report.relevant_from)
        for k in report.k if len(scored.ranked_users) else ():
            hits[f"recall@{k}"] = hit = np.full(len(held_out.value), NOT_RELEVANT, dtype=np.int8)
            hit[relevant] = scored.ranks.ranks <= k
            for name in (f"ndcg@{k}", f"recall@{k}"):
                users, values = report.per_user(name)
                user_values[name] = of_all = np.full(len(held_out.start) - 1, np.nan)
                of_all[np.searchsorted(held_out.user[held_out.start[:-1]], users)] = values
        return cls(held_out.value, report.predictions, hits, user_values)

    def rating_metrics(self, subset: Subset) -> MetricsWithErrors:
        """rmse, mae and bias over the ratings of the subset; empty for a model that only ranks."""
        if self.prediction is None:
            return {}
        ratings = PredictedRatings(self.prediction[subset.rows], self.value[subset.rows])
        found: MetricsWithErrors = {}
        for metric in (RATING_METRICS["rmse"], RATING_METRICS["mae"], BIAS):
            values = metric.compute(ratings)
            assert values is not None, "none of these metrics needs a step of the scale"
            value, error = mean_with_error(values, subset.user)
            root = math.sqrt(value) if metric.root else value
            found[metric.name] = (root, root_standard_error(error, root)) if metric.root else (value, error)
        return found

    def user_metrics(self, subset: Subset) -> MetricsWithErrors:
        """Means over the users of a subset that holds all test ratings of each of its users."""
        by_metric = {name: of_all[subset.users] for name, of_all in self.user_values.items()}
        return {
            name: mean_with_error(values[known], np.flatnonzero(known))
            for name, values in by_metric.items()
            if (known := ~np.isnan(values)).any()
        }

    def list_metrics(self, subset: Subset) -> MetricsWithErrors:
        """Share of the relevant ratings of the subset that are in the lists of their users."""
        by_metric = {name: hits[subset.rows] for name, hits in self.hits.items()}
        return {
            name: mean_with_error(hits[relevant].astype(np.float64), subset.user[relevant])
            for name, hits in by_metric.items()
            if (relevant := hits != NOT_RELEVANT).any()
        }


def mean_with_error(values: Doubles, groups: Array) -> tuple[float, float]:
    """The mean of (m,) values and its `standard_error` for (m,) ascending whole numbers of groups, without sorting."""
    average = float(values.mean())
    n_groups = 1 + int(np.count_nonzero(np.diff(groups)))
    if n_groups < 2:
        return average, math.nan
    squares = float(np.sum(np.bincount(groups, values - average) ** 2))
    return average, math.sqrt(n_groups / (n_groups - 1) * squares) / len(values)
