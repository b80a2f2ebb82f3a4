"""What a comparison found, in sentences."""

from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.metrics.registry import headline_metrics
from cofactor.report.formatting import error, figure, listed, metric_name


def sentences(comparison: Comparison) -> list[str]:
    """One sentence for each headline metric, else for each compared metric, else one on a lone model."""
    said = dict(zip(comparison.differences, comparison.sentences(), strict=True))
    main = [one for metric, one in said.items() if metric.partition("@")[0] in headline_metrics()]
    return main or list(said.values()) or [_alone(comparison)]


def _alone(comparison: Comparison) -> str:
    """Of figures that nothing is compared with."""
    if len(comparison.metrics) != 1:
        return "No figure was measured of two models, so that there is nothing to compare."
    ((name, figures),) = comparison.metrics.items()
    errors = comparison.standard_errors[name]
    main = [metric for metric in figures if metric.partition("@")[0] in headline_metrics()][:2]
    some = [f"{metric_name(one)} {figure(figures[one])} {error(errors.get(one))}".rstrip() for one in main]
    return f"One model: {name}, {listed(some)}." if some else f"One model: {name}."
