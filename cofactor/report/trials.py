"""What a search tried, in words, and in the order that pictures and tables have it."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report.formatting import figure, is_figure, metric_name, short


def title(search: TrialHistory) -> str:
    return f"{search.trainer} on {short(search.data)}: validation {metric_name(search.metric)}"


def told(search: TrialHistory) -> str:
    """The picture in words."""
    best = best_of(search)
    if best is None:
        return f"{_counted(search)}, none of which gave a figure."
    gave = f"number {best.number}, {metric_name(search.metric)} {figure(best.value)}"
    return f"{_counted(search)}; the best is {gave}, with {setting(best)}."


def spread(search: TrialHistory) -> str:
    """What the errors are."""
    return "standard errors" if search.seeds == 1 else f"standard errors over {search.seeds} seeds"


def _counted(search: TrialHistory) -> str:
    n = len(search.trials)
    if search.seeds > 1:
        return f"{n} points of {search.trainer}, each trained with {search.seeds} seeds"
    return f"{n} trial{'s' * (n != 1)} of {search.trainer}"


def hyperparameters(search: TrialHistory) -> list[str]:
    """The names of those that were varied, the most important first."""
    names = list(dict.fromkeys(name for trial in search.trials for name in trial.hyperparameters))
    different = [name for name in names if len({repr(one.hyperparameters.get(name)) for one in search.trials}) > 1]
    return sorted(different or names, key=lambda name: -search.importances.get(name, 0.0))


def finished(search: TrialHistory) -> list[TrialResult]:
    """The trials that ended with a figure."""
    return [one for one in search.trials if one.state == "done" and one.value is not None and isfinite(one.value)]


def best_of(search: TrialHistory) -> TrialResult | None:
    sign = direction(search.metric)
    return min(finished(search), key=lambda one: (sign * (one.value or 0.0), one.number), default=None)


def setting(trial: TrialResult) -> str:
    """ "rank 64, l2 0.04"."""
    return ", ".join(f"{name} {value_shown(value)}" for name, value in trial.hyperparameters.items()) or "the defaults"


def value_shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ordered(values: Sequence[Any]) -> list[Any]:
    kinds = list({repr(value): value for value in values}.values())
    return sorted(kinds, key=lambda one: (0, one, "") if is_figure(one) else (1, 0, str(one)))


def count(search: TrialHistory, state: str) -> int:
    return sum(one.state == state for one in search.trials)


def lost(search: TrialHistory) -> str:
    """What is not drawn, in words."""
    lost = [f"{n} {state}" for state in ("pruned", "failed") if (n := count(search, state))]
    return f" Not shown: {' and '.join(lost)}." if lost else ""
