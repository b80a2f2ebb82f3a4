"""The result of a search as tables and sentences on the terminal."""

from collections.abc import Sequence

import click

from cofactor.cli.display.comparison_tables import accuracy_table
from cofactor.cli.display.terminal import figure, print_table
from cofactor.cli.display.tuning_progress import format_metric, format_value
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.result import DEFAULT, SearchResult
from cofactor.experiments.tuning.search import average_seeds
from cofactor.experiments.tuning.trial import TrialResult

ENDINGS = {
    "trials": "all trials are done",
    "time": "the time is up",
    "interrupted": "interrupted",
    "swept": "all points are done",
}


def print_result(result: SearchResult, first: Sequence[str] = ()) -> None:
    """The best and the default hyperparameters, their metrics, and the command that trains with the best."""
    metric, default = format_metric(result.metric), result.space.default()
    rows = [
        [
            name,
            format_value(default[name]),
            format_value(result.best.hyperparameters[name]),
            _share(result.importances.get(name)),
        ]
        for name in sorted(default, key=lambda name: -result.importances.get(name, 0.0))
    ]
    rows.append([f"validation {metric}", _figure(result.default), _figure(result.best), ""])
    rows.append(
        ["± standard error", *(figure(one.error if one else None) for one in (result.default, result.best)), ""]
    )
    rows.append(["epochs", *(str(one.epochs) if one else "–" for one in (result.default, result.best)), ""])
    rows.append(["seconds", *(figure(one.seconds if one else None, 1) for one in (result.default, result.best)), ""])
    print_table(rows, [result.space.trainer.name, DEFAULT, "best", "importance"])
    click.echo(f"\n{_tally(result)}\n")
    _print_test(result, first)
    if result.default is not None and result.best.number == result.default.number:
        click.echo("Nothing was better than the defaults. They are trained with:\n")
    else:
        click.echo("Train with the best:\n")
    click.echo(f"  {result.command}")


def _print_test(result: SearchResult, first: Sequence[str]) -> None:
    """The metrics on the test part, and whether the difference is significant."""
    if result.test is None:
        return
    times = "once" if result.test_readings == 1 else f"for the {_ordinal(result.test_readings)} time in this search"
    click.echo(f"On the test part, read {times}:\n")
    print_table(*accuracy_table(result.test, first))
    differences = result.test.differences
    name = next((name for name in (*first, result.metric, "ndcg@10") if name in differences), "")
    for one in differences.get(name, {}).values():
        if one.model != one.against:
            interval = f"95 % interval {one.low:+.4f} to {one.high:+.4f}"
            verdict = f"{one.model} is {one.verdict}" if one.verdict in ("better", "worse") else one.verdict
            difference = f"{one.model} minus {one.against} is {one.value:+.4f} ({interval})"
            click.echo(f"\n{format_metric(name)}: {difference}, {verdict}")
    click.echo()


def print_all(results: Sequence[SearchResult], first: Sequence[str] = ()) -> None:
    """The best of each trainer, in a table for each validation metric, and the command of each."""
    for metric in dict.fromkeys(one.metric for one in results):
        of_metric = sorted(
            (one for one in results if one.metric == metric),
            key=lambda one: direction(one.metric) * (one.best.value or 0),
        )
        rows = [
            [
                one.space.trainer.name,
                _figure(one.default),
                _figure(one.best),
                figure(one.best.error),
                str(len(one.trials)),
            ]
            for one in of_metric
        ]
        print_table(rows, [f"validation {format_metric(metric)}", DEFAULT, "best", "± error", "trials"])
        click.echo()
    if (test := results[0].test) is not None:
        click.echo("The best of each on the test part, read once:\n")
        print_table(*accuracy_table(test, first))
        click.echo()
    for one in results:
        click.echo(f"  {one.command}")


def print_sweep(result: SearchResult) -> None:
    """The metric and the cost of each point, in the order of the grid."""
    names = [name for name in result.space.axes if name != "seed"]
    rows = [
        [
            *(format_value(one.hyperparameters[name]) for name in names),
            _figure(one),
            figure(one.error),
            figure(one.seconds, 2),
            figure(one.cpu_seconds, 2),
            str(one.epochs or "–"),
        ]
        for one in average_seeds(result.trials)
    ]
    several = any(name == "seed" for name in result.space.axes)
    error = "± error over seeds" if several else "± error"
    print_table(
        rows, [*names, f"validation {format_metric(result.metric)}", error, "seconds", "CPU s", "epochs"], left=0
    )
    click.echo(f"\n{_tally(result)}\n\nTrain with the best:\n\n  {result.command}")


def _tally(result: SearchResult) -> str:
    counts = [f"{n} {state}" for state in ("done", "pruned", "failed") if (n := result.count(state))]
    n = len(result.trials)
    return f"{n} trial{'s' * (n != 1)} ({', '.join(counts)}) in {result.seconds:.0f} s: {ENDINGS[result.ending]}."


def _ordinal(n: int) -> str:
    ending = "th" if 10 < n % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _figure(one: TrialResult | None) -> str:
    return figure(None if one is None else one.value)


def _share(importance: float | None) -> str:
    return "" if importance is None else f"{importance:.0%}"
