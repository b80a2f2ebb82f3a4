"""What a model is worth on a subset of the test ratings, with standard errors by user."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.report import Report

NOT_RELEVANT = -1  # of a test rating that no list need find, as it is not relevant

MetricsWithErrors = dict[str, tuple[float, float]]  # a figure and its standard error, by metric


@dataclass(frozen=True, eq=False)
class Subset:
    """Some of the test ratings, and whose they are."""

    rows: Array  # (m,) places in the order of HeldOut, ascending
    user: Array  # (m,) 0 … n_users-1, ascending: which of the part's users each rating belongs to
    users: Array  # (n_users,) their numbers among all test users

    @classmethod
    def from_rows(cls, held: HeldOut, rows: Array) -> Self:
        numbers = held.user_number[rows]
        first = np.diff(numbers, prepend=-1) > 0
        return cls(rows, np.cumsum(first) - 1, numbers[first])


@dataclass(frozen=True, eq=False)
class PerRatingResults:
    """What a report says of each test rating and of each test user."""

    value: Floats  # (n,)
    prediction: Floats | None  # (n,) of a model that predicts ratings
    hits: Mapping[str, Array]  # "recall@10": (n,) int8, whether the rating is among the first 10, or NOT_RELEVANT
    user_values: Mapping[
        str, Doubles
    ]  # "ndcg@10", "recall@10": (n_test_users,), NaN of users without a relevant rating

    @classmethod
    def from_report(cls, report: Report) -> Self:
        evidence, held = report.scored_test_set, report.scored_test_set.held_out
        found: dict[str, Array] = {}
        by_user: dict[str, Doubles] = {}
        for k in report.k if len(evidence.ranked_users) else ():
            relevant = slice(None) if report.relevant_from is None else held.value >= np.float32(report.relevant_from)
            found[f"recall@{k}"] = asked = np.full(len(held.value), NOT_RELEVANT, dtype=np.int8)
            asked[relevant] = evidence.ranks.ranks <= k
            for name in (f"ndcg@{k}", f"recall@{k}"):
                users, values = report.per_user(name)
                by_user[name] = every = np.full(len(held.start) - 1, np.nan)
                every[np.searchsorted(held.user[held.start[:-1]], users)] = values
        return cls(held.value, report.predictions, found, by_user)

    def rating_metrics(self, subset: Subset) -> MetricsWithErrors:
        """rmse, mae and bias over the part's ratings; nothing of a model that only ranks."""
        if self.prediction is None:
            return {}
        error = self.prediction[subset.rows].astype(np.float64) - self.value[subset.rows]
        mse, se = mean_with_error(error**2, subset.user)
        rmse = math.sqrt(mse)
        of_rmse = rmse, se / (2 * rmse) if rmse > 0 else 0.0  # the delta method, as in Report
        return {
            "rmse": of_rmse,
            "mae": mean_with_error(np.abs(error), subset.user),
            "bias": mean_with_error(error, subset.user),
        }

    def user_metrics(self, subset: Subset) -> MetricsWithErrors:
        """Means over the part's users, where the subset holds all test ratings of each."""
        figures = {name: every[subset.users] for name, every in self.user_values.items()}
        return {
            name: mean_with_error(values[there], np.flatnonzero(there))
            for name, values in figures.items()
            if (there := ~np.isnan(values)).any()
        }

    def list_metrics(self, subset: Subset) -> MetricsWithErrors:
        """Share of the part's relevant ratings that the lists of their users found."""
        figures = {name: asked[subset.rows] for name, asked in self.hits.items()}
        return {
            name: mean_with_error(found[asked].astype(np.float64), subset.user[asked])
            for name, found in figures.items()
            if (asked := found != NOT_RELEVANT).any()
        }


def mean_with_error(values: Doubles, of: Array) -> tuple[float, float]:
    """The mean of (m,) values and its standard error, `metrics.standard_error`, where `of` is whole and ascending."""
    average = float(values.mean())
    n_users = 1 + int(np.count_nonzero(np.diff(of)))
    if n_users < 2:
        return average, math.nan
    squares = float(np.sum(np.bincount(of, values - average) ** 2))
    return average, math.sqrt(n_users / (n_users - 1) * squares) / len(values)
