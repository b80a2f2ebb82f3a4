"""Score once, measure everything. docs/relevance.md has every formula and what is averaged over what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cofactor.arrays import Doubles, Floats, Rows
from cofactor.data.ratings import Ratings
from cofactor.errors import BadHyperparameter
from cofactor.evaluation.held_out import hold_out
from cofactor.evaluation.metrics import relevance
from cofactor.evaluation.metrics.list_properties import OF_ALL_LISTS as OF_ALL_LISTS
from cofactor.evaluation.scored_test_set import Evidence, gather
from cofactor.evaluation.significance.per_user_values import Samples
from cofactor.models.base import Model

_OF_RATINGS = ("rmse", "mse", "mae", "accuracy")


@dataclass(frozen=True, eq=False)
class Report:
    """What a model is worth on a test set.

    metrics: by name, in this order: rmse, mse, mae, accuracy (of a model that predicts ratings; accuracy where the
        scale has a step); over whole rankings `relevance.OVER_ALL`; then for each k those of `relevance.AT_K`,
        `lists.OF_A_LIST` (genre_diversity where there are genres) and `relevance.RATED`, as ndcg@10; then for each k
        those of `lists.OF_ALL_LISTS`. What nobody could be measured by is not there.
    errors: the standard error of each but of OF_ALL_LISTS, which are figures of all lists together; NaN where there is
        one user only.
    counts: ratings, users, items; cold_users, cold_items, cold_ratings: without training ratings; unknown_users,
        unknown_items: not even in the model's vocabulary (also counted as cold); ranked_users: with a relevant item;
        rated_users: with enough test ratings for rated_*.
    """

    metrics: Mapping[str, float]
    errors: Mapping[str, float]
    counts: Mapping[str, int]
    k: tuple[int, ...]
    relevant_from: float | None
    evidence: Evidence = field(repr=False)
    prediction: Floats | None = field(repr=False)  # (n,) by the evidence's ratings, clipped; None for mere ranking
    step: float | None = None  # of the scale

    @cached_property
    def error(self) -> Doubles | None:
        """(n,) predicted minus true, by the evidence's order of ratings."""
        if self.prediction is None:
            return None
        return self.prediction.astype(np.float64) - self.evidence.held.value

    def per_user(self, name: str) -> tuple[Rows, Doubles]:
        """The test's own rows of the users measured and their values of a ranking metric, as "ndcg@10"."""
        return self.evidence.per_user(name)

    def over_k(self, name: str, k: Sequence[int]) -> Doubles:
        """The mean over users of a ranking metric of relevant items, as "ndcg" or "rated_recall", at each of the k.

        They need not be those of the report. NaN where there was nobody to measure by. Raises BadHyperparameter for
        another name, and for a k below 1.
        """
        if name not in relevance.AT_K and name not in relevance.RATED:
            known = ", ".join([*relevance.AT_K, *relevance.RATED])
            raise BadHyperparameter(f"{name!r} cannot be had over k", f"it is one of {known}")
        lengths = _lengths(k)
        return self.evidence.over_k(name, lengths)[np.searchsorted(lengths, k)]

    def samples(self, name: str) -> Samples | None:
        """What a figure is the mean of, by user; None of one that is a property of all lists together, or missing."""
        if name not in self.metrics:
            return None
        if name in _OF_RATINGS:
            return self._of_ratings(name)
        if name.partition("@")[0] in OF_ALL_LISTS:
            return None
        user, value = self.per_user(name)
        there = ~np.isnan(value)
        return Samples(user[there], value[there], np.ones(np.count_nonzero(there)))

    def samples_of_ratings(self, name: str) -> Samples | None:
        """The same with each rating by itself, under a number that is the pair's in every test of these users and
        items; None of what is no mean over ratings."""
        if name not in self.metrics or name not in _OF_RATINGS:
            return None
        held = self.evidence.held
        pair = held.user.astype(np.int64) << 32 | held.item
        return Samples(pair, self._by_rating(name), np.ones(len(pair)), name == "rmse")

    def _of_ratings(self, name: str) -> Samples:
        held = self.evidence.held
        n_users = len(held.start) - 1
        total: Doubles = np.bincount(held.number, self._by_rating(name), minlength=n_users).astype(np.float64)
        return Samples(held.user[held.start[:-1]], total, np.diff(held.start).astype(np.float64), name == "rmse")

    def _by_rating(self, name: str) -> Doubles:
        """(n,) what the metric is the mean of."""
        error = self.error
        assert error is not None, "only predicted ratings have errors"
        assert self.prediction is not None
        if name == "accuracy":
            assert self.step is not None, "accuracy needs a scale with a step"
            return relevance.exact(self.prediction, self.evidence.held.value, self.step)
        return np.abs(error) if name == "mae" else error**2

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON: no arrays, and None for a standard error that cannot be had."""
        return {
            "metrics": dict(self.metrics),
            "standard_errors": {name: e if np.isfinite(e) else None for name, e in self.errors.items()},
            "counts": dict(self.counts),
            "k": list(self.k),
            "relevant_from": self.relevant_from,
        }


def evaluate(
    model: Model,
    test: Ratings,
    k: Sequence[int] = (10, 20),
    *,
    relevant_from: float | None = None,
    rated_at_least: int = 20,
) -> Report:
    """Every metric of a model on test ratings it has not seen.

    k: lengths of list at which to measure; empty: the errors of predicted ratings alone, without ranking anything.
    relevant_from: the lowest test rating that a list should find; None: every test item.
    rated_at_least: test ratings of a user who counts for rated_precision, rated_recall and rated_f1.

    Raises SplitMismatch where the model is of another split or has seen a test pair, BadData where there is nothing to
    measure with, BadHyperparameter for a k below 1.
    """
    ks = _lengths(k)
    held = hold_out(test, model.training_data)
    relevant = np.ones(len(test), dtype=bool) if relevant_from is None else held.value >= np.float32(relevant_from)
    evidence = gather(model, held, relevant, ks, rated_at_least)
    prediction = None if model.scale is None else model.clip(evidence.score)
    figures: dict[str, float] = {}
    errors: dict[str, float] = {}
    step = test.step if model.training_data.step is None else model.training_data.step
    if prediction is not None:
        figures, errors = _rating_metrics(evidence, prediction, step)
    of_users, of_means = _ranking_metrics(evidence)
    figures |= of_users
    errors |= of_means
    counts = held.counts() | {"ranked_users": len(evidence.users), "rated_users": len(evidence.rated_users)}
    return Report(figures, errors, counts, ks, relevant_from, evidence, prediction, step)


def _lengths(k: Sequence[int]) -> tuple[int, ...]:
    for one in k:
        if one != int(one) or one < 1:
            raise BadHyperparameter(f"k is {one!r}", "k is a length of list: a whole number from 1")
    return tuple(sorted({int(one) for one in k}))


def _ranking_metrics(evidence: Evidence) -> tuple[dict[str, float], dict[str, float]]:
    """Figures in the order of a report, and the standard errors of those that are means over users."""
    figures, errors = {}, {}
    for name, values in evidence.values():
        there = values[~np.isnan(values)]
        if len(there):
            figures[name], errors[name] = float(there.mean()), relevance.standard_error(there)
    ordered = [name for name in evidence.names() if name in figures]
    of_all = evidence.of_all_lists() if len(evidence.users) else {}
    together = {name: figure for name, figure in of_all.items() if not np.isnan(figure)}
    return {name: figures[name] for name in ordered} | together, {name: errors[name] for name in ordered}


def _rating_metrics(
    evidence: Evidence, prediction: Floats, step: float | None
) -> tuple[dict[str, float], dict[str, float]]:
    held = evidence.held
    error = prediction.astype(np.float64) - held.value
    figures = {"rmse": relevance.rmse(error), "mse": relevance.mse(error), "mae": relevance.mae(error)}
    se_mse = relevance.standard_error(error**2, held.number)
    se_rmse = se_mse / (2 * figures["rmse"]) if figures["rmse"] > 0 else 0.0  # the delta method: d√x = dx / 2√x
    errors = {"rmse": se_rmse, "mse": se_mse, "mae": relevance.standard_error(np.abs(error), held.number)}
    if step is not None:
        right = relevance.exact(prediction, held.value, step)
        figures["accuracy"] = float(right.mean())
        errors["accuracy"] = relevance.standard_error(right, held.number)
    return figures, errors
