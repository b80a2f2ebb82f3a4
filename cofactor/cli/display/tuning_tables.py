"""What a search found, as tables and words on the terminal."""

from collections.abc import Sequence

import click

from cofactor.cli.display.comparison_tables import accuracy_table
from cofactor.cli.display.terminal import figure, print_table
from cofactor.cli.display.tuning_progress import shown, shown_metric
from cofactor.cli.tuned import DEFAULT, Found
from cofactor.evaluation.metrics.registry import direction
from cofactor.experiments.tuning.search import average_seeds
from cofactor.experiments.tuning.trial import TrialResult

ENDINGS = {
    "trials": "all trials are done",
    "time": "the time is up",
    "interrupted": "interrupted",
    "swept": "all points are done",
}


def print_found(found: Found, first: Sequence[str] = ()) -> None:
    """The best beside the defaults, what it is worth, and the command that trains with it."""
    metric, default = shown_metric(found.metric), found.space.default()
    rows = [
        [name, shown(default[name]), shown(found.best.hyperparameters[name]), _share(found.importances.get(name))]
        for name in sorted(default, key=lambda name: -found.importances.get(name, 0.0))
    ]
    rows.append([f"validation {metric}", _figure(found.default), _figure(found.best), ""])
    rows.append(["± standard error", *(figure(one.error if one else None) for one in (found.default, found.best)), ""])
    rows.append(["epochs", *(str(one.epochs) if one else "–" for one in (found.default, found.best)), ""])
    rows.append(["seconds", *(figure(one.seconds if one else None, 1) for one in (found.default, found.best)), ""])
    print_table(rows, [found.space.trainer.name, DEFAULT, "best", "importance"])
    click.echo(f"\n{_tally(found)}\n")
    _print_test(found, first)
    if found.default is not None and found.best.number == found.default.number:
        click.echo("Nothing was better than the defaults. They are trained with:\n")
    else:
        click.echo("Train with the best:\n")
    click.echo(f"  {found.command}")


def _print_test(found: Found, first: Sequence[str]) -> None:
    """The figures on the test part, and whether they differ by more than chance."""
    if found.test is None:
        return
    times = "once" if found.readings == 1 else f"for the {_ordinal(found.readings)} time in this search"
    click.echo(f"On the test part, read {times}:\n")
    print_table(*accuracy_table(found.test, first))
    differences = found.test.differences
    name = next((name for name in (*first, found.metric, "ndcg@10") if name in differences), "")
    for one in differences.get(name, {}).values():
        if one.model != one.against:
            said = f"{one.model} less {one.against}: {one.value:+.4f}, 95 % from {one.low:+.4f} to {one.high:+.4f}"
            click.echo(f"\n{shown_metric(name)}, {said}: {one.verdict}")
    click.echo()


def print_all(found: Sequence[Found], first: Sequence[str] = ()) -> None:
    """The best of each trainer, those judged by one metric together, and the command of each."""
    for metric in dict.fromkeys(one.metric for one in found):
        of_metric = sorted(
            (one for one in found if one.metric == metric),
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
        print_table(rows, [f"validation {shown_metric(metric)}", DEFAULT, "best", "± error", "trials"])
        click.echo()
    if (test := found[0].test) is not None:
        click.echo("The best of each on the test part, read once:\n")
        print_table(*accuracy_table(test, first))
        click.echo()
    for one in found:
        click.echo(f"  {one.command}")


def print_sweep(found: Found) -> None:
    """Error and cost of each point, in the order of the grid."""
    names = [name for name in found.space.axes if name != "seed"]
    rows = [
        [
            *(shown(one.hyperparameters[name]) for name in names),
            _figure(one),
            figure(one.error),
            figure(one.seconds, 2),
            figure(one.cpu_seconds, 2),
            str(one.epochs or "–"),
        ]
        for one in average_seeds(found.trials)
    ]
    several = any(name == "seed" for name in found.space.axes)
    error = "± error over seeds" if several else "± error"
    print_table(rows, [*names, f"validation {shown_metric(found.metric)}", error, "seconds", "CPU s", "epochs"], left=0)
    click.echo(f"\n{_tally(found)}\n\nTrain with the best:\n\n  {found.command}")


def _tally(found: Found) -> str:
    counts = [f"{n} {state}" for state in ("done", "pruned", "failed") if (n := found.count(state))]
    n = len(found.trials)
    return f"{n} trial{'s' * (n != 1)} ({', '.join(counts)}) in {found.seconds:.0f} s: {ENDINGS[found.ending]}."


def _ordinal(n: int) -> str:
    ending = "th" if 10 < n % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _figure(one: TrialResult | None) -> str:
    return figure(None if one is None else one.value)


def _share(importance: float | None) -> str:
    return "" if importance is None else f"{importance:.0%}"
