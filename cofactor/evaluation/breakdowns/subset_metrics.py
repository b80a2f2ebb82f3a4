"""What a model is worth on a part of the test ratings, with standard errors by user."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.evaluation.evaluate import Report
from cofactor.evaluation.held_out import HeldOut

NOT_ASKED = -1  # of a test rating that no list need find, as it is not relevant

Figures = dict[str, tuple[float, float]]  # a figure and its standard error, by metric


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the test ratings, and whose they are."""

    rows: Array  # (m,) places in the order of HeldOut, ascending
    of: Array  # (m,) 0 … n_users-1, ascending: which of the part's users each rating belongs to
    users: Array  # (n_users,) their numbers among all test users

    @classmethod
    def of_rows(cls, held: HeldOut, rows: Array) -> Self:
        numbers = held.number[rows]
        first = np.diff(numbers, prepend=-1) > 0
        return cls(rows, np.cumsum(first) - 1, numbers[first])


@dataclass(frozen=True, eq=False)
class Answers:
    """What a report says of each test rating and of each test user."""

    value: Floats  # (n,)
    prediction: Floats | None  # (n,) of a model that predicts ratings
    found: Mapping[str, Array]  # "recall@10": (n,) int8, whether the rating is among the first 10, or NOT_ASKED
    by_user: Mapping[str, Doubles]  # "ndcg@10", "recall@10": (n_test_users,), NaN of users without a relevant rating

    @classmethod
    def of_report(cls, report: Report) -> Self:
        evidence, held = report.evidence, report.evidence.held
        found: dict[str, Array] = {}
        by_user: dict[str, Doubles] = {}
        for k in report.k if len(evidence.users) else ():
            relevant = slice(None) if report.relevant_from is None else held.value >= np.float32(report.relevant_from)
            found[f"recall@{k}"] = asked = np.full(len(held.value), NOT_ASKED, dtype=np.int8)
            asked[relevant] = evidence.ranked.rank <= k
            for name in (f"ndcg@{k}", f"recall@{k}"):
                users, values = report.per_user(name)
                by_user[name] = every = np.full(len(held.start) - 1, np.nan)
                every[np.searchsorted(held.user[held.start[:-1]], users)] = values
        return cls(held.value, report.prediction, found, by_user)

    def of_ratings(self, part: Part) -> Figures:
        """rmse, mae and bias over the part's ratings; nothing of a model that only ranks."""
        if self.prediction is None:
            return {}
        error = self.prediction[part.rows].astype(np.float64) - self.value[part.rows]
        mse, se = mean(error**2, part.of)
        rmse = math.sqrt(mse)
        of_rmse = rmse, se / (2 * rmse) if rmse > 0 else 0.0  # the delta method, as in Report
        return {"rmse": of_rmse, "mae": mean(np.abs(error), part.of), "bias": mean(error, part.of)}

    def of_users(self, part: Part) -> Figures:
        """Means over the part's users, where the part holds all test ratings of each."""
        figures = {name: every[part.users] for name, every in self.by_user.items()}
        return {
            name: mean(values[there], np.flatnonzero(there))
            for name, values in figures.items()
            if (there := ~np.isnan(values)).any()
        }

    def of_lists(self, part: Part) -> Figures:
        """Share of the part's relevant ratings that the lists of their users found."""
        figures = {name: asked[part.rows] for name, asked in self.found.items()}
        return {
            name: mean(found[asked].astype(np.float64), part.of[asked])
            for name, found in figures.items()
            if (asked := found != NOT_ASKED).any()
        }


def mean(values: Doubles, of: Array) -> tuple[float, float]:
    """The mean of (m,) values and its standard error, `metrics.standard_error`, where `of` is whole and ascending."""
    average = float(values.mean())
    n_users = 1 + int(np.count_nonzero(np.diff(of)))
    if n_users < 2:
        return average, math.nan
    squares = float(np.sum(np.bincount(of, values - average) ** 2))
    return average, math.sqrt(n_users / (n_users - 1) * squares) / len(values)
