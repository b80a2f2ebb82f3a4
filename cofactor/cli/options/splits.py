"""Which splits an experiment is done on: what `compare`, `tune` and `split` have in common.

Without an option, the split that DATA is, or the one that it is split into; a folder of splits, one after another.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.data_argument import open_split, read_ratings

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.data.splitting.recipe import SplitRecipe
    from cofactor.data.splitting.split import Split
    from cofactor.experiments.evaluation_plan import EvaluationPlan, Evaluator

Splits = Callable[[], "Iterator[Split]"]

SEVERAL = ("protocol", "folds", "repeats", "windows")
MEASURED = ("sampled", "negatives")
OF_SPLITS = ("kind", "cut", "test_share", "validation_share")
READING = ("columns", "bad_rows", "layout", "user_features", "item_features", "ratings_from")
UNREAD = {  # by what was chosen, the options that would have no say
    "protocol": (*OF_SPLITS, *MEASURED, *READING),
    "folds": ("kind", "cut", "test_share"),
    "windows": ("kind", "cut"),
}


protocol_option = click.option(
    "--protocol", metavar="NAME", help="A published protocol: `cofactor protocols` lists them."
)


def plan_options(command: Any) -> Any:
    """Several splits in place of one, and what is measured on them; beside `split_options` and `--seed`."""
    for option in (
        click.option(
            "--negatives",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Rank each test item among those that a file names for it, as NCF's test.negative does.",
        ),
        click.option(
            "--sampled",
            type=click.IntRange(1),
            help="Rank each test item among so many that are drawn of those its user has not rated.",
        ),
    ):
        command = option(command)
    return several_options(command)


def several_options(command: Any) -> Any:
    """The options of `plan_options` that say which splits there are."""
    for option in (
        click.option("--windows", type=click.IntRange(2), help="Windows that roll along time, tested one by one."),
        click.option("--repeats", type=click.IntRange(1), help="Folds anew with so many seeds."),
        click.option("--folds", type=click.IntRange(2), help="Cross-validation: so many folds, tested one by one."),
        protocol_option,
    ):
        command = option(command)
    return command


def plan_of(
    source: "DataSource", recipe: "SplitRecipe", options: dict[str, Any], console: "Console"
) -> "EvaluationPlan":
    """The plan that the plan options ask for; they are taken out of `options`. Ratings are read at once.

    A protocol finds its data in the data folder where the source is not named. Raises UsageError where options
    contradict one another, Unavailable where data is not there.
    """
    wanted = {name: options.pop(name, None) for name in (*SEVERAL, *MEASURED)}
    _check(wanted)
    if wanted["protocol"] is not None:
        return _protocol(wanted["protocol"], source, console)
    from cofactor.experiments.evaluation_plan import EvaluationPlan

    measured = _sampled(wanted["sampled"], wanted["negatives"], recipe.seed)
    if several := _several(source, recipe, wanted, console):
        name, names, splits = several
        return EvaluationPlan(name, lambda: zip(names, splits(), strict=True), len(names), evaluator=measured)
    one, made_with = open_split(source, recipe, console)
    again = None if made_with is None else asdict(made_with)
    return EvaluationPlan(source.name, lambda: iter([(one.kind, one)]), 1, evaluator=measured, recipe=again)


def _several(
    source: "DataSource", recipe: "SplitRecipe", wanted: dict[str, Any], console: "Console"
) -> "tuple[str, list[str], Splits] | None":
    """What the splits are called together, their names, and how to make them; None where there is one split."""
    if wanted["folds"] is not None:
        return _folds(source, recipe, wanted["folds"], wanted["repeats"] or 1, console)
    if wanted["windows"] is not None:
        return _windows(source, recipe, wanted["windows"], console)
    inside = source.split_folders()
    return (source.name, [folder.name for folder in inside], partial(_opened, inside)) if inside else None


def _check(wanted: dict[str, Any]) -> None:
    """Raises UsageError for options that exclude one another, or have no say beside another."""
    chosen = [name for name in ("protocol", "folds", "windows") if wanted[name] is not None]
    if len(chosen) > 1:
        raise click.UsageError(f"give one of --{' and --'.join(chosen)}")
    if wanted["repeats"] is not None and chosen != ["folds"]:
        raise click.UsageError("--repeats is of --folds: give the number of folds too")
    if wanted["sampled"] is not None and wanted["negatives"] is not None:
        raise click.UsageError("give one of --sampled and --negatives")
    if chosen:
        refuse_unread(f"--{chosen[0]}", UNREAD[chosen[0]])


def refuse_unread(chosen: str, names: tuple[str, ...]) -> None:
    """An option that has no say here was meant to have one."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} has no say in {chosen}")


def _protocol(name: str, source: "DataSource", console: "Console") -> "EvaluationPlan":
    from cofactor.cli import unknown_choice
    from cofactor.errors import Unavailable
    from cofactor.experiments.protocols.registry import PROTOCOLS

    if name not in PROTOCOLS:
        raise unknown_choice("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[name]
    folder = source.folder / protocol.data if source.is_synthetic else source.path()
    if not folder.is_dir():
        raise Unavailable(f"{protocol.data} is not in {folder.parent}", f"{name} needs it: {protocol.origin}")
    console.print(f"{name}: {protocol.about}", markup=False)
    return protocol.plan(folder)


def _folds(
    source: "DataSource", recipe: "SplitRecipe", k: int, repeats: int, console: "Console"
) -> "tuple[str, list[str], Splits]":
    from cofactor.data.splitting.split import repeated_folds

    ratings = read_ratings(source, console)
    names = [f"fold-{fold}" for fold in range(1, k + 1)]
    if repeats > 1:
        names = [f"repeat-{repeat}-{name}" for repeat in range(1, repeats + 1) for name in names]
    said = f"{source.name}, {k} folds" + (f", {repeats} repeats" if repeats > 1 else "")
    return said, names, lambda: repeated_folds(ratings, k, repeats, seed=recipe.seed, validation=recipe.validation)


def _windows(
    source: "DataSource", recipe: "SplitRecipe", n: int, console: "Console"
) -> "tuple[str, list[str], Splits]":
    from cofactor.data.splitting.time_windows import rolling_windows

    ratings = read_ratings(source, console)
    names = [f"window-{number}" for number in range(1, n + 1)]
    said = f"{source.name}, {n} windows"
    return said, names, lambda: rolling_windows(ratings, n, test=recipe.test, validation=recipe.validation)


def _sampled(n: int | None, file: Path | None, seed: int) -> "Evaluator | None":
    from cofactor.experiments.protocols.measures import listed_negatives, random_negatives

    if file is not None:
        return listed_negatives(file)
    return None if n is None else random_negatives(n, seed)


def _opened(folders: list[Path]) -> "Iterator[Split]":
    from cofactor.data.splitting.split import load_split

    return map(load_split, folders)
