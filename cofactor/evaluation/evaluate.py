"""Evaluation of a model on test ratings. docs/metrics.md has every formula and says what is averaged over what."""

from collections.abc import Sequence
from numbers import Real

import numpy as np

from cofactor.argument_names import check_arguments
from cofactor.arrays import Floats, Mask
from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings
from cofactor.data.tables.given_ratings import RatingsLike, as_ratings
from cofactor.errors import BadData, check_type, check_whole
from cofactor.evaluation.held_out import hold_out
from cofactor.evaluation.metrics.rating_errors import RATING_METRICS, PredictedRatings, metric_value
from cofactor.evaluation.metrics.standard_error import root_standard_error, standard_error
from cofactor.evaluation.report import Report, check_k
from cofactor.evaluation.scored_test_set import ScoredTestSet, score_test_set
from cofactor.models.base import Model

Metrics = dict[str, float]
StandardErrors = dict[str, float]


@check_arguments()
def evaluate(
    model: Model,
    test: RatingsLike,
    k: Sequence[int] | int = (10, 20),
    *,
    relevant_from: float | None = None,
    min_test_ratings: int = 20,
) -> Report:
    """Compute every metric of a model on test ratings that it was not trained on.

    test: Ratings, or a data frame, a sparse matrix or a path, which are read as `cofactor.read` does.
    k: list lengths of the ranking metrics, or one. If empty, only the errors of predicted ratings are computed and
        nothing is ranked.
    relevant_from: the lowest test rating of a relevant item; None: every test item is relevant, but a count of 0.
    min_test_ratings: number of test ratings that a user needs for rated_precision, rated_recall and rated_f1.

    Raises SplitMismatch if the model was trained on another split or on a test pair, BadData if there are no test
    ratings or a pair occurs twice, BadHyperparameter for a k below 1.
    """
    check_type("model", model, Model, "of a Fit, evaluate the model: evaluate(fit.model, test)")
    test = as_ratings("test", test, "evaluate on the test part of a split: evaluate(model, parts.test)")
    ks = check_k(k)
    check_whole("min_test_ratings", min_test_ratings, "the test ratings that a user needs for rated metrics")
    if relevant_from is not None and not isinstance(relevant_from, Real):
        raise BadData(f"relevant_from is {relevant_from!r}", "it is a number: the lowest value of a relevant item")
    held_out = hold_out(test, model.training_data)
    relevant = _relevant(held_out.value, test.kind, relevant_from)
    scored = score_test_set(model, held_out, relevant, ks, min_test_ratings)
    metrics: Metrics = {}
    errors: StandardErrors = {}
    predictions = model.clip(scored.scores) if _has_errors(model, test) else None
    step = test.step if model.training_data.step is None else model.training_data.step
    if predictions is not None:
        ratings = PredictedRatings(predictions, held_out.value, step)
        metrics, errors = _rating_metrics(ratings, scored)
    ranking_metrics, ranking_errors = _ranking_metrics(scored)
    metrics |= ranking_metrics
    errors |= ranking_errors
    counts = held_out.counts() | {"ranked_users": len(scored.ranked_users), "rated_users": len(scored.rated_users)}
    return Report(metrics, errors, counts, ks, relevant_from, scored, predictions, step)


def _relevant(values: Floats, kind: Kind, relevant_from: float | None) -> Mask:
    """(n,) whether a test item is relevant."""
    if relevant_from is not None:
        return np.asarray(values >= np.float32(relevant_from))
    return np.asarray(values > 0) if kind == "counts" else np.ones(len(values), dtype=bool)


def _has_errors(model: Model, test: Ratings) -> bool:
    """Whether errors of predicted ratings say something: counts and pairs are no ratings, and ratings that are all
    equal are predicted without an error by every model."""
    if model.scale is None or test.kind != "ratings" or model.training_data.kind != "ratings":
        return False
    first = test.value[0]
    return bool((test.value != first).any() or (model.training_data.interactions.data != first).any())


def _rating_metrics(ratings: PredictedRatings, scored: ScoredTestSet) -> tuple[Metrics, StandardErrors]:
    metrics, errors = {}, {}
    for name, metric in RATING_METRICS.items():
        values = metric.compute(ratings)
        if values is None:
            continue
        metrics[name] = metric_value(metric, values)
        error = standard_error(values, scored.held_out.user_number)
        errors[name] = root_standard_error(error, metrics[name]) if metric.root else error
    return metrics, errors


def _ranking_metrics(scored: ScoredTestSet) -> tuple[Metrics, StandardErrors]:
    """The ranking metrics in the order of a report, and the standard errors of those that are means over users."""
    metrics, errors = {}, {}
    for name, values in scored.values():
        known = values[~np.isnan(values)]
        if len(known):
            metrics[name], errors[name] = float(known.mean()), standard_error(known)
    ordered = [name for name in scored.names() if name in metrics]
    aggregates = scored.aggregate_values() if len(scored.ranked_users) else {}
    known_aggregates = {name: value for name, value in aggregates.items() if not np.isnan(value)}
    return {name: metrics[name] for name in ordered} | known_aggregates, {name: errors[name] for name in ordered}
