"""The findings of a comparison as sentences."""

from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.metrics.registry import headline_metrics
from cofactor.report.formatting import format_error, format_metric, join_names, metric_name


def sentences(comparison: Comparison) -> list[str]:
    """One sentence for each headline metric, else for each compared metric, else one on a lone model."""
    by_metric = dict(zip(comparison.differences, comparison.sentences(), strict=True))
    main = [one for metric, one in by_metric.items() if metric.partition("@")[0] in headline_metrics()]
    return main or list(by_metric.values()) or [_alone(comparison)]


def _alone(comparison: Comparison) -> str:
    """A sentence for metrics that were not compared."""
    if len(comparison.metrics) != 1:
        return "No metric was measured for two models, so there is nothing to compare."
    ((name, metrics),) = comparison.metrics.items()
    errors = comparison.standard_errors[name]
    main = [metric for metric in metrics if metric.partition("@")[0] in headline_metrics()][:2]
    some = [
        f"{metric_name(one)} {format_metric(metrics[one])} {format_error(errors.get(one))}".rstrip() for one in main
    ]
    return f"One model: {name}, {join_names(some)}." if some else f"One model: {name}."
