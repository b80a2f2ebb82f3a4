"""What a comparison found, in sentences."""

from cofactor.evaluation.compare import Comparison
from cofactor.report.formatting import error, figure, listed, metric_name

SAID = ("rmse", "ndcg", "sampled_ndcg")  # the metrics that the answer is given by, of lists at the first k


def sentences(comparison: Comparison) -> list[str]:
    """One for each metric of SAID, of what else was compared where there is none of these; of one model its figures."""
    said = dict(zip(comparison.differences, comparison.words(), strict=True))
    main = [one for metric, one in said.items() if metric.partition("@")[0] in SAID]
    return main or list(said.values()) or [_alone(comparison)]


def _alone(comparison: Comparison) -> str:
    """Of figures that nothing is compared with."""
    if len(comparison.metrics) != 1:
        return "No figure was measured of two models, so that there is nothing to compare."
    ((name, figures),) = comparison.metrics.items()
    errors = comparison.errors[name]
    main = [metric for metric in figures if metric.partition("@")[0] in SAID][:2]
    some = [f"{metric_name(one)} {figure(figures[one])} {error(errors.get(one))}".rstrip() for one in main]
    return f"One model: {name}, {listed(some)}." if some else f"One model: {name}."
