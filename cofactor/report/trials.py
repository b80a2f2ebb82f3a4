"""The trials of a search in sentences, and in the order of plots and tables."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.report.formatting import format_metric, is_number, metric_name, shorten


def title(search: TrialHistory) -> str:
    return f"{search.trainer} on {shorten(search.data)}: validation {metric_name(search.metric)}"


def describe(search: TrialHistory) -> str:
    """The plot as a sentence."""
    best = best_trial(search)
    if best is None:
        return f"{_counted(search)}, none of which finished with a value."
    best_text = f"number {best.number}, {metric_name(search.metric)} {format_metric(best.value)}"
    return f"{_counted(search)}; the best is {best_text}, with {format_hyperparameters(best)}."


def error_kind(search: TrialHistory) -> str:
    """What the error bars show."""
    return "standard errors" if search.seeds == 1 else f"standard errors over {search.seeds} seeds"


def _counted(search: TrialHistory) -> str:
    n = len(search.trials)
    if search.seeds > 1:
        return f"{n} points of {search.trainer}, each trained with {search.seeds} seeds"
    return f"{n} trial{'s' * (n != 1)} of {search.trainer}"


def hyperparameters(search: TrialHistory) -> list[str]:
    """The names of the varied hyperparameters, the most important first."""
    names = list(dict.fromkeys(name for trial in search.trials for name in trial.hyperparameters))
    different = [name for name in names if len({repr(one.hyperparameters.get(name)) for one in search.trials}) > 1]
    return sorted(different or names, key=lambda name: -search.importances.get(name, 0.0))


def finished_trials(search: TrialHistory) -> list[TrialResult]:
    """The trials that finished with a value."""
    return [one for one in search.trials if one.state == "done" and one.value is not None and isfinite(one.value)]


def best_trial(search: TrialHistory) -> TrialResult | None:
    sign = direction(search.metric)
    return min(finished_trials(search), key=lambda one: (sign * (one.value or 0.0), one.number), default=None)


def format_hyperparameters(trial: TrialResult) -> str:
    """ "rank 64, l2 0.04"."""
    return ", ".join(f"{name} {format_value(value)}" for name, value in trial.hyperparameters.items()) or "the defaults"


def format_value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def sort_values(values: Sequence[Any]) -> list[Any]:
    kinds = list({repr(value): value for value in values}.values())
    return sorted(kinds, key=lambda one: (0, one, "") if is_number(one) else (1, 0, str(one)))


def count(search: TrialHistory, state: str) -> int:
    return sum(one.state == state for one in search.trials)


def describe_omitted(search: TrialHistory) -> str:
    """The trials that are not shown, as a sentence."""
    lost = [f"{n} {state}" for state in ("pruned", "failed") if (n := count(search, state))]
    return f" Not shown: {' and '.join(lost)}." if lost else ""
