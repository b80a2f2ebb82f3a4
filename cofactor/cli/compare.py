"""`cofactor compare CONTESTANTS --on DATA`: trained here or before, measured on the same test rows."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cofactor.cli import unknown_choice
from cofactor.cli.display.terminal import as_json, drawing, messages, print_json, quietly, waiting
from cofactor.cli.options.candidates import Usual, contestants
from cofactor.cli.options.data_argument import (
    reading_options,
    source_from_manifest,
    source_from_options,
    without_secrets,
)
from cofactor.cli.options.split import recipe_of, split_options
from cofactor.cli.options.splits import plan_of, plan_options
from cofactor.cli.options.tracking import mlflow_option

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.experiments.comparison.candidates import Candidate, SavedModel
    from cofactor.experiments.comparison.run import Notes
    from cofactor.experiments.evaluation_plan import EvaluationPlan

COMMANDLINE = ParameterSource.COMMANDLINE


@click.command()
@click.argument("contestants", nargs=-1, required=True, metavar="CONTESTANT…")
@click.option("--on", "data", help="The split, or the ratings, that all are measured on.")
@click.option("-k", multiple=True, type=click.IntRange(1), default=(10,), show_default=True, help="Lengths of list.")
@click.option("--relevant-from", type=float, help="The lowest test rating a list should find [default: any].")
@click.option("--against", metavar="NAME", help="Whom the others are compared with [default: the best of each figure].")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split and of the trainings.")
@click.option(
    "--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings of each, from --seed on."
)
@click.option("--patience", type=click.IntRange(1), default=3, show_default=True, help="Epochs to wait for a best.")
@click.option("--refit", is_flag=True, help="Then train again on train and validation part, as many epochs.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for the report, and for the models in models/NAME.",
)
@mlflow_option
@click.option("--again", is_flag=True, help="Train anew what an earlier comparison left in that folder.")
@plan_options
@split_options
@reading_options
@as_json
@quietly
@click.pass_context
def compare(context: click.Context, /, **options: Any) -> None:
    """Train and measure models on the same ratings, and say which differences are more than chance.

    A CONTESTANT is a trainer with its options in one argument, a saved model's folder, or `all` for every trainer.
    NAME= before it gives it a name. Popularity and baseline are always there to measure the others by.

    \b
    cofactor compare svd "svd --rank 128" bayes --on ml-100k -o report/
    cofactor compare models/* deep=ensemble --on splits/ml-1m
    """
    from cofactor.cli.display.comparison_progress import Watching
    from cofactor.cli.display.comparison_tables import document, print_outcome
    from cofactor.cli.recording import record
    from cofactor.experiments.comparison.candidates import SavedModel, expand_seeds
    from cofactor.experiments.comparison.run import run_comparison
    from cofactor.experiments.comparison.summarize import summarize
    from cofactor.report.write import write_report
    from cofactor.training.tracking.mlflow import check_mlflow

    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    usual = Usual(options["seed"], options.pop("patience"), options.pop("refit"))
    entered = contestants(options.pop("contestants"), usual)
    against, out, again, store, seeds = (options.pop(name) for name in ("against", "out", "again", "mlflow", "seeds"))
    names = [one.name for one in entered]
    if against is not None and against not in names:
        raise unknown_choice("contestant", against, names)
    if store is not None:
        check_mlflow()
    plan, notes = _plan(entered, options, console)
    entered = [one if isinstance(one, SavedModel) else replace(one, refit=one.refit or plan.refit) for one in entered]
    each = [[one] if isinstance(one, SavedModel) else expand_seeds(one, seeds) for one in entered]
    with Watching(console, [one.name for some in each for one in some]) as watcher:
        models = None if out is None else out / "models"
        found = run_comparison(plan, entered, watcher, out=models, retrain=again, seeds=seeds, notes=notes)
    if found.interrupted:
        console.print("interrupted: what was measured until then is compared", style="yellow")
    with waiting(console, "comparing"):
        against = against if against in found.names else None
        outcome = summarize(plan, found, command=as_typed(context), against=against)
    if out is not None:
        with drawing(console) as advance:
            write_report(outcome, out, advance)
        console.print(f"the report: {click.format_filename(out / 'report.html')}", markup=False)
    if store is not None:
        with waiting(console, "recording"):
            record(outcome, store)
    if as_json:
        print_json(document(outcome, found))
    else:
        print_outcome(outcome, plan)


def _plan(
    entered: "Sequence[Candidate | SavedModel]", options: dict[str, Any], console: "Console"
) -> "tuple[EvaluationPlan, Notes]":
    """What is compared on, and what the models that are trained on it say of it. Of saved models, the split that the
    first was trained on is made again."""
    from cofactor.experiments.comparison.candidates import SavedModel
    from cofactor.experiments.training_split import training_recipe
    from cofactor.saved.model_folder import load_manifest

    data, k, relevant_from = (options.pop(name) for name in ("data", "k", "relevant_from"))
    recipe, protocol = recipe_of(options), options["protocol"]
    brought = [load_manifest(one.folder) for one in entered if isinstance(one, SavedModel)]
    if brought and protocol is None:
        source = source_from_manifest(brought[0], data, options)
        recipe = training_recipe(brought[0]) if brought[0]["notes"].get("split_recipe") else recipe
    else:
        source = source_from_options(data, options)
    plan = plan_of(source, recipe, options, console)
    if relevant_from is not None and plan.evaluator is not None:
        raise click.UsageError("--relevant-from has no say where items are ranked among sampled ones")
    if protocol is None or click.get_current_context().get_parameter_source("k") is COMMANDLINE:
        plan = replace(plan, k=k)
    told = {"data": source.name, "split_recipe": plan.recipe}
    return replace(plan, relevant_from=relevant_from), lambda split: told | {"read": split.train.origin_record()}


def as_typed(context: click.Context) -> str:
    """The command line again, without what only says how its result is shown."""
    words = ["cofactor", "compare"]
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name or "") is not COMMANDLINE:
            continue
        value = context.params[parameter.name or ""]
        if isinstance(parameter, click.Argument):
            words += map(str, value)
        elif parameter.name == "ratings_from":
            words += [parameter.opts[0], without_secrets(value)]
        elif parameter.name not in ("as_json", "quiet", "again", "mlflow"):
            flag = parameter.opts[-1] if value is not False else parameter.secondary_opts[-1]
            some = value if parameter.multiple else (value,)
            words += [flag] if isinstance(value, bool) else [word for one in some for word in (flag, str(one))]
    return shlex.join(words)
