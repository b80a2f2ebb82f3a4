"""Every metric by its name, and what tables, plots, comparisons and searches ask of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cofactor.evaluation.metrics.list_properties import OF_A_LIST, OF_ALL_LISTS
from cofactor.evaluation.metrics.metric import COMPARED, DESCRIPTIVE, LOWER, TABULATED, Direction, Metric
from cofactor.evaluation.metrics.ranking_metrics import AT_K, OVER_ALL, RATED
from cofactor.evaluation.metrics.rating_errors import BIAS, RATING_METRICS
from cofactor.evaluation.metrics.sampled import SAMPLED

LIST_PROPERTIES: dict[str, Metric[Any]] = {**OF_A_LIST, **OF_ALL_LISTS}
METRICS: dict[str, Metric[Any]] = {
    **RATING_METRICS, **OVER_ALL, **AT_K, **LIST_PROPERTIES, **RATED, **SAMPLED, BIAS.name: BIAS
}  # fmt: skip


def base_name(metric: str) -> str:
    """The name without its k: "ndcg" of "ndcg@10"."""
    return metric.partition("@")[0]


def find_metric(name: str) -> Metric[Any] | None:
    """The metric of a name with or without k, as "ndcg@10"; None if there is none."""
    return METRICS.get(base_name(name))


def direction(metric: str) -> Direction:
    """In which direction a metric is better; DESCRIPTIVE for an unknown one."""
    found = find_metric(metric)
    return DESCRIPTIVE if found is None else found.direction


def direction_of_label(label: str) -> Direction:
    """The same by label, as "RMSE" or "NDCG@10"."""
    base = base_name(label)
    return next((metric.direction for metric in METRICS.values() if metric.label == base), DESCRIPTIVE)


def lower_is_better(metric: str) -> bool:
    return direction(metric) is LOWER


def digits(metric: str) -> int:
    """Decimals of a metric in tables."""
    found = find_metric(metric)
    return 4 if found is None else found.digits


def metric_label(metric: str) -> str:
    """A metric as it is written: RMSE, NDCG@10, hit rate@10."""
    name, at, k = metric.partition("@")
    found = METRICS.get(name)
    return (name.replace("_", " ") if found is None else found.label) + at + k


def compared_metrics(k: int | None) -> list[str]:
    """The metrics that models are compared by unless others are named; those of lists at k, or without k for None."""
    return _with_k((metric for metric in _accuracy_metrics() if metric.priority <= COMPARED), k)


def headline_metrics() -> list[str]:
    """The names, without k, of the metrics that findings are stated by."""
    return [metric.name for metric in _accuracy_metrics() if metric.priority == 1]


def headline_columns(k: Sequence[int]) -> list[str]:
    """The headline metrics of predicted ratings and of whole-catalogue rankings, the latter at the first k."""
    headline = (
        metric for metric in METRICS.values() if metric.name in headline_metrics() and metric.name not in SAMPLED
    )
    return [name for name in _with_k(headline, k[0] if k else None) if k or not needs_ranking(name)]


def summary_columns(k: Sequence[int]) -> list[str]:
    """The metrics that are printed after training, those of lists at the first k."""
    names = _with_k((metric for metric in METRICS.values() if metric.in_summary), k[0] if k else None)
    return [name for name in names if k or not needs_ranking(name)]


def accuracy_columns() -> list[str]:
    """The names, without k, of the metrics in tables of accuracy, in the order of their columns."""
    return [metric.name for metric in _accuracy_metrics() if metric.priority <= TABULATED]


def list_columns() -> list[str]:
    """The names, without k, of the properties in tables of lists, in the order of their columns."""
    return [metric.name for metric in _by_priority(LIST_PROPERTIES)]


def needs_ranking(metric: str) -> bool:
    """Whether a metric is measured on rankings, not on predicted ratings."""
    return base_name(metric) not in RATING_METRICS


def _accuracy_metrics() -> list[Metric[Any]]:
    return [metric for group in (RATING_METRICS, AT_K, SAMPLED) for metric in _by_priority(group)]


def _by_priority(metrics: Mapping[str, Metric[Any]]) -> list[Metric[Any]]:
    return sorted((metric for metric in metrics.values() if metric.priority), key=lambda metric: metric.priority)


def _with_k(metrics: Iterable[Metric[Any]], k: int | None) -> list[str]:
    return [f"{m.name}@{k}" if k is not None and needs_ranking(m.name) else m.name for m in metrics]
