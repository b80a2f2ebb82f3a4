"""The options of `compare`, `tune` and `split` that say on which splits an experiment is run.

Without such an option it is the split that DATA is or is split into, or each split in a folder of splits.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.data_argument import READING_OPTIONS, open_split, read_selected
from cofactor.cli.options.split import GIVEN_PARTS, SPLITTING, refuse_ignored, refuse_split_options

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.data.splitting.recipe import SplitRecipe
    from cofactor.experiments.evaluation_plan import EvaluationPlan, Evaluator

SEVERAL = ("protocol", "folds", "repeats", "windows")
NEGATIVES = ("sampled", "negatives")
READING = ("columns", "repeated", "scale", *READING_OPTIONS)
IGNORED = {  # the options that an option leaves without effect
    "protocol": (*SPLITTING, *GIVEN_PARTS, *NEGATIVES, *READING),
    "folds": ("kind", "cut", "test_share", *GIVEN_PARTS),
    "windows": ("kind", "cut", *GIVEN_PARTS),
}


protocol_option = click.option(
    "--protocol", metavar="NAME", help="A published evaluation protocol; `cofactor protocols` lists them."
)


def plan_options(command: Any) -> Any:
    """Options for several splits and for sampled negatives, in addition to `split_options` and `--seed`."""
    for option in (
        click.option(
            "--negatives",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Rank each test item among the negative items that this file lists for it, as test.negative of NCF.",
        ),
        click.option(
            "--sampled",
            type=click.IntRange(1),
            help="Rank each test item among this many random items that its user has not rated.",
        ),
    ):
        command = option(command)
    return several_options(command)


def several_options(command: Any) -> Any:
    """The options for several splits."""
    for option in (
        click.option("--windows", type=click.IntRange(2), help="Number of rolling time windows to test one by one."),
        click.option(
            "--repeats", type=click.IntRange(1), help="Number of times to repeat the folds, with other seeds."
        ),
        click.option("--folds", type=click.IntRange(2), help="Number of cross-validation folds."),
        protocol_option,
    ):
        command = option(command)
    return command


def make_plan(
    source: "DataSource", recipe: "SplitRecipe", options: dict[str, Any], console: "Console"
) -> "EvaluationPlan":
    """The plan of the plan options, which are taken out of `options`. Ratings are read at once.

    A protocol reads its data from the data folder unless DATA is given. Raises UsageError for options that contradict
    one another, Unavailable for data that is missing.
    """
    chosen = {name: options.pop(name, None) for name in (*SEVERAL, *NEGATIVES)}
    _check(chosen)
    if chosen["protocol"] is not None:
        return _protocol_plan(chosen["protocol"], source, console)
    from dataclasses import replace

    plan = _split_plan(source, recipe, chosen, console)
    return replace(plan, evaluator=_evaluator(chosen["sampled"], chosen["negatives"], recipe.seed))


def _split_plan(
    source: "DataSource", recipe: "SplitRecipe", chosen: dict[str, Any], console: "Console"
) -> "EvaluationPlan":
    from cofactor.experiments import evaluation_plan as plans

    name, shares = source.name, {"validation": recipe.validation}
    if chosen["folds"] is not None:
        ratings, n_repeats = read_selected(source, recipe, console), chosen["repeats"] or 1
        return plans.cross_validation_plan(ratings, chosen["folds"], n_repeats, name=name, seed=recipe.seed, **shares)
    if chosen["windows"] is not None:
        ratings = read_selected(source, recipe, console)
        return plans.rolling_window_plan(ratings, chosen["windows"], name=name, test=recipe.test, **shares)
    folders = source.split_folders()
    if folders or source.is_split():
        refuse_split_options(name)
    if folders:
        return plans.saved_splits_plan(folders, name)
    split, made_with = open_split(source, recipe, console)
    return plans.single_split_plan(split, name, recipe=None if made_with is None else asdict(made_with))


def _check(chosen: dict[str, Any]) -> None:
    """Raises UsageError for options that exclude one another, or that have no effect together."""
    given = [name for name in ("protocol", "folds", "windows") if chosen[name] is not None]
    if len(given) > 1:
        raise click.UsageError(f"give one of --{' and --'.join(given)}")
    if chosen["repeats"] is not None and given != ["folds"]:
        raise click.UsageError("--repeats needs --folds, the number of folds")
    if chosen["sampled"] is not None and chosen["negatives"] is not None:
        raise click.UsageError("give one of --sampled and --negatives")
    if given:
        refuse_ignored(f"--{given[0]}", IGNORED[given[0]])


def _protocol_plan(name: str, source: "DataSource", console: "Console") -> "EvaluationPlan":
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


def _evaluator(n: int | None, file: Path | None, seed: int) -> "Evaluator | None":
    from cofactor.experiments.protocols.sampled_evaluators import listed_negatives, random_negatives

    if file is not None:
        return listed_negatives(file)
    return None if n is None else random_negatives(n, seed)
