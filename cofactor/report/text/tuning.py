"""The result of a search, of several searches or of a sweep as text."""

from collections.abc import Sequence

from cofactor.data.tables.text_table import Paragraph, TextTable, format_number
from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.comparison_text import accuracy_table
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.result import DEFAULT, SearchResult
from cofactor.experiments.tuning.search import average_seeds
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.report.progress.search_display import format_metric, format_value

__all__ = ["describe_search", "describe_searches", "describe_sweep", "search_table", "sweep_table", "trainers_table"]

ENDINGS = {
    "trials": "all trials are done",
    "time": "the time is up",
    "interrupted": "interrupted",
    "swept": "all points are done",
}


def describe_search(result: SearchResult, first: Sequence[str] = ()) -> list[Paragraph]:
    """The best and the default hyperparameters, their metrics, and the command that trains with the best. The metrics
    `first` of the test part come before the others."""
    nothing_better = result.default is not None and result.best.number == result.default.number
    advice = (
        "Nothing was better than the defaults. They are trained with:" if nothing_better else "Train with the best:"
    )
    return [
        search_table(result),
        f"\n{_count_trials(result)}\n",
        *_describe_test(result, first),
        f"{advice}\n",
        f"  {result.command}",
    ]


def describe_searches(results: Sequence[SearchResult], first: Sequence[str] = ()) -> list[Paragraph]:
    """The best of each trainer, in a table for each validation metric, and the command of each. The metrics `first` of
    the test part come before the others."""
    paragraphs: list[Paragraph] = []
    for metric in dict.fromkeys(one.metric for one in results):
        paragraphs += [trainers_table([one for one in results if one.metric == metric], metric), ""]
    if (test := results[0].test) is not None:
        paragraphs += ["The best of each on the test part, read once:\n", accuracy_table(test, first), ""]
    return [*paragraphs, *(f"  {one.command}" for one in results)]


def describe_sweep(result: SearchResult) -> list[Paragraph]:
    """The metric and the cost of each point, and the command that trains with the best."""
    return [sweep_table(result), f"\n{_count_trials(result)}\n\nTrain with the best:\n\n  {result.command}"]


def search_table(result: SearchResult) -> TextTable:
    """The default and the best value of each hyperparameter, the most important first, then their metric and cost."""
    defaults, finals = result.space.default(), (result.default, result.best)
    rows = [
        [
            name,
            format_value(defaults[name]),
            format_value(result.best.hyperparameters[name]),
            _format_share(result.importances.get(name)),
        ]
        for name in sorted(defaults, key=lambda name: -result.importances.get(name, 0.0))
    ]
    rows += [
        [f"validation {format_metric(result.metric)}", *map(_format_value_of, finals), ""],
        ["± standard error", *(format_number(one.error if one else None) for one in finals), ""],
        ["epochs", *(str(one.epochs) if one else "–" for one in finals), ""],
        ["seconds", *(format_number(one.seconds if one else None, 1) for one in finals), ""],
    ]
    return TextTable(rows, [result.space.trainer.name, DEFAULT, "best", "importance"])


def trainers_table(results: Sequence[SearchResult], metric: str) -> TextTable:
    """The validation metric of the defaults and of the best of each trainer, the best trainer first."""
    rows = [
        [
            one.space.trainer.name,
            _format_value_of(one.default),
            _format_value_of(one.best),
            format_number(one.best.error),
            str(len(one.trials)),
        ]
        for one in sorted(results, key=lambda one: direction(metric) * (one.best.value or 0))
    ]
    return TextTable(rows, [f"validation {format_metric(metric)}", DEFAULT, "best", "± error", "trials"])


def sweep_table(result: SearchResult) -> TextTable:
    """The metric and the cost of each point of a sweep, in the order of the grid."""
    names = [name for name in result.space.axes if name != "seed"]
    rows = [
        [
            *(format_value(one.hyperparameters[name]) for name in names),
            _format_value_of(one),
            format_number(one.error),
            format_number(one.seconds, 2),
            format_number(one.cpu_seconds, 2),
            str(one.epochs or "–"),
        ]
        for one in average_seeds(result.trials)
    ]
    error = "± error over seeds" if "seed" in result.space.axes else "± error"
    metric = f"validation {format_metric(result.metric)}"
    return TextTable(rows, [*names, metric, error, "seconds", "CPU s", "epochs"], left=0)


def _describe_test(result: SearchResult, first: Sequence[str]) -> list[Paragraph]:
    """The metrics on the test part, and whether the best is better than the defaults; nothing where it was not read."""
    if result.test is None:
        return []
    times = "once" if result.test_readings == 1 else f"for the {_ordinal(result.test_readings)} time in this search"
    differences = _describe_differences(result.test, (*first, result.metric, "ndcg@10"))
    return [f"On the test part, read {times}:\n", accuracy_table(result.test, first), *differences, ""]


def _describe_differences(test: Comparison, metrics: Sequence[str]) -> list[Paragraph]:
    """The differences in the first of these metrics that was compared."""
    name = next((name for name in metrics if name in test.differences), "")
    paragraphs: list[Paragraph] = []
    for one in test.differences.get(name, {}).values():
        if one.model != one.against:
            interval = f"95 % interval {one.low:+.4f} to {one.high:+.4f}"
            verdict = f"{one.model} is {one.verdict}" if one.verdict in ("better", "worse") else one.verdict
            difference = f"{one.model} minus {one.against} is {one.value:+.4f} ({interval})"
            paragraphs.append(f"\n{format_metric(name)}: {difference}, {verdict}")
    return paragraphs


def _count_trials(result: SearchResult) -> str:
    counts = [f"{n} {state}" for state in ("done", "pruned", "failed") if (n := result.count(state))]
    n = len(result.trials)
    return f"{n} trial{'s' * (n != 1)} ({', '.join(counts)}) in {result.seconds:.0f} s: {ENDINGS[result.ending]}."


def _ordinal(n: int) -> str:
    ending = "th" if 10 < n % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _format_value_of(one: TrialResult | None) -> str:
    return format_number(None if one is None else one.value)


def _format_share(importance: float | None) -> str:
    return "" if importance is None else f"{importance:.0%}"
