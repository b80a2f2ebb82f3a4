"""What `cofactor tune` does: search, train the best once more, measure it, report."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cofactor.cli.comparing import worth
from cofactor.cli.screen import figure, messages, print_json, print_table
from cofactor.cli.searching import Searching, Wanted
from cofactor.cli.tuned import DEFAULT, Found, contestants, finals, measured, write_found
from cofactor.cli.tuning_screen import shown, shown_metric
from cofactor.errors import BadHyperparameter, CofactorError
from cofactor.experiments.space import Space, fixed_of, parted
from cofactor.experiments.trial import Trial
from cofactor.experiments.tuning import over_seeds
from cofactor.trainers.base import Trainer

ENDINGS = {
    "trials": "all trials are done",
    "time": "the time is up",
    "interrupted": "interrupted",
    "swept": "all points are done",
}


def space_of(trainer: type[Trainer], given: Mapping[str, Any], seed: int, options: Mapping[str, Any]) -> Space:
    """Where to look: the ranges of a trainer as the options change them, or the grid of a sweep."""
    texts = [*options["over"], *options["only"], *options["fix"], *options["sweep"]]
    if any(name == "seed" for name, _ in parted(texts)):
        hint = "--seed is that of split, training and search, and --seeds are those of a sweep"
        raise BadHyperparameter("the seed is nothing to search", hint)
    fixed = {**_seeded(trainer, seed), **given, **fixed_of(trainer, options["fix"])}
    if options["sweep"]:
        if options["over"] or options["only"]:
            raise BadHyperparameter("a sweep tries the values that it is given", "leave --over and --only out")
        return Space.grid(trainer, options["sweep"], fixed, options["seeds"])
    if options["seeds"] > 1:
        raise BadHyperparameter("--seeds are of a sweep", "give the values, as in --sweep rank=8,16,32")
    space = Space.of(trainer, over=options["over"], only=options["only"], fixed=fixed)
    if not space.axes:
        raise BadHyperparameter(
            f"{trainer.name}: there is nothing to search", "--over NAME=LOW:HIGH says where to look"
        )
    return space


def tune_one(wanted: Wanted, space: Space, *, sweep: bool) -> None:
    """A search, or a sweep, of one trainer, and what it found."""
    console = messages(wanted.quiet)
    folder = wanted.out or Path("tuning") / space.trainer.name
    if space.fixed.get("device") == "cuda" and wanted.jobs is None:  # the trainings would share one accelerator
        wanted = replace(wanted, jobs=1)
    with Searching(wanted, folder, console) as searching:
        found = searching.search(searching.study(space, sweep=sweep), wanted.budget(), sweep=sweep)
        write_found(found, folder)
        if not sweep:
            (found,) = _tested(searching, [found], contestants(found), console)
            write_found(found, folder)
    console.print(f"written to {folder}: search.html, trials.csv, search.json, study.db\n", markup=False)
    if wanted.as_json:
        print_json(found.as_dict())
    elif sweep:
        _print_sweep(found)
    else:
        _print(found)


def tune_all(wanted: Wanted, trainers: list[type[Trainer]]) -> None:
    """A search of each trainer in turn, with its share of the time, and the best of each beside one another."""
    console, folder = messages(wanted.quiet), wanted.out or Path("tuning/all")
    found: dict[str, Found] = {}
    with Searching(wanted, folder, console) as searching:
        for n, trainer in enumerate(trainers):
            console.print(f"{trainer.name}, {n + 1} of {len(trainers)}", style="bold")
            study = searching.study(Space.of(trainer, fixed=_seeded(trainer, wanted.seed)), sweep=False)
            try:
                one = searching.search(study, wanted.budget(1 / (len(trainers) - n)))
            except CofactorError as error:
                console.print(f"{trainer.name} is left out: {error.message}", style="yellow", markup=False)
                continue
            found[trainer.name] = one
            write_found(one, folder / trainer.name)
            if one.ending == "interrupted":
                break
        if not found:
            raise BadHyperparameter("no trainer could be tuned", "the lines above say why")
        best = {name: one.space.trainer.of(**one.settings(one.best)) for name, one in found.items()}
        tested = _tested(searching, list(found.values()), best, console)
    if wanted.as_json:
        print_json([one.as_dict() for one in tested])
    else:
        _print_all(tested)


def _tested(searching: Searching, found: list[Found], models: Mapping[str, Trainer], console: Console) -> list[Found]:
    """With what the test part says of certain trainers; without, where it is not wanted or Ctrl-C was pressed."""
    if not searching.wanted.test or any(one.ending == "interrupted" for one in found):
        return found
    try:
        test = finals(searching.split, models, searching.wanted.patience, console)
    except KeyboardInterrupt:
        console.print("interrupted: the test part is not read", style="yellow")
        return found
    readings = searching.read_test(found)
    return [measured(one, test, readings) for one in found]


def _seeded(trainer: type[Trainer], seed: int) -> dict[str, int]:
    return {"seed": seed} if any(p.name == "seed" for p in trainer.hyperparameters()) else {}


def _print(found: Found) -> None:
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
    _print_test(found)
    if found.default is not None and found.best.number == found.default.number:
        click.echo("Nothing was better than the defaults. They are trained with:\n")
    else:
        click.echo("Train with the best:\n")
    click.echo(f"  {found.command}")


def _print_test(found: Found) -> None:
    """The figures on the test part, and whether they differ by more than chance."""
    if found.test is None:
        return
    times = "once" if found.readings == 1 else f"for the {_ordinal(found.readings)} time in this search"
    click.echo(f"On the test part, read {times}:\n")
    print_table(*worth(found.test))
    name = found.metric if found.metric in found.test.differences else "ndcg@10"
    for one in found.test.differences.get(name, {}).values():
        if one.model != one.against:
            said = f"{one.model} less {one.against}: {one.value:+.4f}, 95 % from {one.low:+.4f} to {one.high:+.4f}"
            click.echo(f"\n{shown_metric(name)}, {said}: {one.verdict}")
    click.echo()


def _print_all(found: list[Found]) -> None:
    """The best of each trainer, those judged by one metric together, and the command of each."""
    for metric in dict.fromkeys(one.metric for one in found):
        sign = 1 if metric == "rmse" else -1
        of_metric = sorted((one for one in found if one.metric == metric), key=lambda one: sign * (one.best.value or 0))
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
        print_table(*worth(test))
        click.echo()
    for one in found:
        click.echo(f"  {one.command}")


def _print_sweep(found: Found) -> None:
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
        for one in over_seeds(found.trials)
    ]
    several = any(name == "seed" for name in found.space.axes)
    error = "± error over seeds" if several else "± error"
    print_table(rows, [*names, f"validation {shown_metric(found.metric)}", error, "seconds", "CPU s", "epochs"], left=0)
    click.echo(f"\n{_tally(found)}\n\nTrain with the best:\n\n  {found.command}")


def _tally(found: Found) -> str:
    counts = [f"{n} {state}" for state in ("done", "pruned", "failed") if (n := found.count(state))]
    return f"{len(found.trials)} trials ({', '.join(counts)}) in {found.seconds:.0f} s: {ENDINGS[found.ending]}."


def _ordinal(n: int) -> str:
    ending = "th" if 10 < n % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _figure(one: Trial | None) -> str:
    return figure(None if one is None else one.value)


def _share(importance: float | None) -> str:
    return "" if importance is None else f"{importance:.0%}"
