"""What `cofactor tune` does: search, train the best once more, measure it, report."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from cofactor.cli.display.terminal import messages, print_json
from cofactor.cli.display.tuning_tables import print_all, print_found, print_sweep
from cofactor.cli.searching import Searching, Wanted
from cofactor.cli.tuned import Found, contest, contestants, finals, measured, write_found
from cofactor.errors import BadHyperparameter, CofactorError
from cofactor.experiments.tuning.search_space import SearchSpace, parse_fixed, split_options
from cofactor.trainers.base import Trainer


def space_of(trainer: type[Trainer], given: Mapping[str, Any], seed: int, options: Mapping[str, Any]) -> SearchSpace:
    """Where to look: the ranges of a trainer as the options change them, or the grid of a sweep."""
    texts = [*options["over"], *options["only"], *options["fix"], *options["sweep"]]
    if any(name == "seed" for name, _ in split_options(texts)):
        hint = "--seed is that of split, training and search, and --seeds are those of a sweep"
        raise BadHyperparameter("the seed is nothing to search", hint)
    fixed = {**_seeded(trainer, seed), **given, **parse_fixed(trainer, options["fix"])}
    if options["sweep"]:
        if options["over"] or options["only"]:
            raise BadHyperparameter("a sweep tries the values that it is given", "leave --over and --only out")
        return SearchSpace.grid(trainer, options["sweep"], fixed, options["seeds"])
    if options["seeds"] > 1:
        raise BadHyperparameter("--seeds are of a sweep", "give the values, as in --sweep rank=8,16,32")
    space = SearchSpace.for_trainer(trainer, ranges=options["over"], only=options["only"], fixed=fixed)
    if not space.axes:
        raise BadHyperparameter(
            f"{trainer.name}: there is nothing to search", "--over NAME=LOW:HIGH says where to look"
        )
    return space


def tune_one(wanted: Wanted, space: SearchSpace, *, sweep: bool) -> None:
    """A search, or a sweep, of one trainer, and what it found."""
    console = messages(wanted.quiet)
    folder = wanted.out or Path("tuning") / space.trainer.name
    if space.fixed.get("device") == "cuda" and wanted.jobs is None:  # the trainings would share one accelerator
        wanted = replace(wanted, jobs=1)
    with Searching(wanted, folder, console) as searching:
        found = searching.search(searching.study(space, sweep=sweep), wanted.budget(), sweep=sweep)
        write_found(found, folder)
        if not sweep:
            found = _tested(searching, found, console)
            write_found(found, folder)
    console.print(f"written to {folder}: search.html, trials.csv, search.json, study.db\n", markup=False)
    if wanted.as_json:
        print_json(found.as_dict())
    elif sweep:
        print_sweep(found)
    else:
        print_found(found, searching.plan.metrics)


def tune_all(wanted: Wanted, trainers: list[type[Trainer]]) -> None:
    """A search of each trainer in turn, with its share of the time, and the best of each beside one another."""
    console, folder = messages(wanted.quiet), wanted.out or Path("tuning/all")
    found: dict[str, Found] = {}
    with Searching(wanted, folder, console) as searching:
        for n, trainer in enumerate(trainers):
            console.print(f"{trainer.name}, {n + 1} of {len(trainers)}", style="bold")
            study = searching.study(SearchSpace.for_trainer(trainer, fixed=_seeded(trainer, wanted.seed)), sweep=False)
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
        told = _compared(searching, list(found.values()), folder, console)
        for one in told:
            write_found(one, folder / one.space.trainer.name)
    console.print(f"written to {folder}: a folder for each trainer, and study.db\n", markup=False)
    if wanted.as_json:
        print_json([one.as_dict() for one in told])
    else:
        print_all(told, searching.plan.metrics)


def _tested(searching: Searching, found: Found, console: Console) -> Found:
    """With what the test part says; without, where it is not wanted or Ctrl-C was pressed."""
    if not searching.wanted.test or found.ending == "interrupted":
        return found
    try:
        test = finals(searching.plan, contestants(found), searching.wanted.patience, console)
    except KeyboardInterrupt:
        console.print("interrupted: the test part is not read", style="yellow")
        return found
    return measured(found, test, searching.read_test([found]))


def _compared(searching: Searching, found: list[Found], folder: Path, console: Console) -> list[Found]:
    """The best of each trainer, trained and measured as `cofactor compare` does, with a report and the models."""
    if not searching.wanted.test or any(one.ending == "interrupted" for one in found):
        return found
    try:
        test = contest(searching, found, folder, console)
    except KeyboardInterrupt:
        console.print("interrupted: nothing was measured on the test part", style="yellow")
        return found
    readings = searching.read_test(found)
    return [measured(one, test, readings) for one in found]


def _seeded(trainer: type[Trainer], seed: int) -> dict[str, int]:
    return {"seed": seed} if any(p.name == "seed" for p in trainer.hyperparameters()) else {}
