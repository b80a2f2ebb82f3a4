"""What a comparison found, in sentences."""

from collections.abc import Mapping

from cofactor.evaluation.compare import NO_DIFFERENCE, Comparison, Difference
from cofactor.report.wording import error, figure, listed, metric_name, sign

SAID = ("rmse", "ndcg")  # by which metrics, the latter at the first k
MOST = 4  # names in a sentence; more are counted


def sentences(comparison: Comparison) -> list[str]:
    """One for each metric of SAID: the best model, and which others are really worse."""
    found = [
        _sentence(metric, some, comparison)
        for metric, some in comparison.differences.items()
        if metric.partition("@")[0] in SAID and some
    ]
    return found or [_alone(comparison)]


def _sentence(metric: str, found: Mapping[str, Difference], comparison: Comparison) -> str:
    against = next(iter(found.values())).against
    value, around = comparison.metrics[against][metric], error(comparison.errors[against].get(metric))
    verdicts: dict[str, list[str]] = {}
    for one in sorted(found.values(), key=lambda one: sign(metric) * one.value):
        verdicts.setdefault(one.verdict, []).append(one.model)
    better, worse, same = (verdicts.get(verdict, []) for verdict in ("better", "worse", NO_DIFFERENCE))
    head = f"{metric_name(metric)}: {against} has {figure(value)}{' ' + around if around else ''}"
    ahead = all(sign(metric) * one.value >= 0 for one in found.values())
    parts = [f"{head}, the best figure" if ahead else head]
    if better:
        parts.append(f"{_some(better)} {_are(better)} better")
    if same:
        parts.append(f"between it and {_some(same)} there is no real difference")
    if worse:
        parts.append(f"{'all others' if len(worse) == len(found) - 1 > 1 else _some(worse)} {_are(worse)} worse")
    return "; ".join(parts) + "."


def _alone(comparison: Comparison) -> str:
    """Of figures that nothing is compared with."""
    if len(comparison.metrics) != 1:
        return "No figure was measured of two models, so that there is nothing to compare."
    ((name, figures),) = comparison.metrics.items()
    errors = comparison.errors[name]
    main = [metric for metric in figures if metric.partition("@")[0] in SAID][:2]
    some = [f"{metric_name(one)} {figure(figures[one])} {error(errors.get(one))}".rstrip() for one in main]
    return f"One model: {name}, {listed(some)}." if some else f"One model: {name}."


def _some(names: list[str]) -> str:
    if len(names) <= MOST:
        return listed(names)
    return f"{', '.join(names[: MOST - 1])} and {len(names) - MOST + 1} others"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
