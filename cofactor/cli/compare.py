"""`cofactor compare CANDIDATES --on DATA`: trains and evaluates models on the same split, and compares them."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cofactor.cli import debugging, unknown_choice
from cofactor.cli.options.candidates import TrainingDefaults, parse_candidates
from cofactor.cli.options.data_argument import (
    reading_options,
    source_from_manifest,
    source_from_options,
    without_secrets,
)
from cofactor.cli.options.plan import make_plan, plan_options
from cofactor.cli.options.renamed_option import renamed
from cofactor.cli.options.seed import seed_option
from cofactor.cli.options.split import split_options, take_recipe
from cofactor.cli.options.tracking import mlflow_option
from cofactor.cli.options.training import patience_option, refit_option
from cofactor.cli.terminal import as_json, drawing, messages, print_json, print_paragraphs, quietly, waiting

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.experiments.comparison.candidates import Candidate, SavedModel
    from cofactor.experiments.comparison.run import SplitNotes
    from cofactor.experiments.evaluation_plan import EvaluationPlan

COMMANDLINE = ParameterSource.COMMANDLINE
NOT_REPEATED = ("as_json", "quiet", "retrain", "mlflow")  # options that do not change the result


@click.command()
@click.argument("candidates", nargs=-1, required=True, metavar="CANDIDATE…")
@click.option("--on", "data", help="The split, or the ratings, on which all models are evaluated.")
@click.option(
    "-k",
    multiple=True,
    type=click.IntRange(1),
    default=(10,),
    show_default=True,
    help="Length of the top-N lists. Repeatable.",
)
@click.option("--relevant-from", type=float, help="The lowest test rating that counts as relevant [default: any].")
@click.option(
    "--against",
    metavar="NAME",
    help="The model with which the others are compared [default: the best model of each metric].",
)
@seed_option("for the split and for training")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of seeds to train each model with, starting at --seed.",
)
@patience_option
@refit_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the report, and for the models in models/NAME.",
)
@mlflow_option
@renamed(
    "--retrain", "--again", is_flag=True, help="Train every model, also if OUT holds it from an earlier comparison."
)
@plan_options
@split_options
@reading_options
@as_json
@quietly
@click.pass_context
def compare(context: click.Context, /, **options: Any) -> None:
    """Train and evaluate models on the same ratings, and test which differences are statistically significant.

    A CANDIDATE is a trainer with its options in one argument, the folder of a saved model, or `all` for every trainer.
    NAME= in front of it gives it a name. Popularity and baseline are added to every comparison.

    \b
    cofactor compare svd "svd --rank 128" bayes --on ml-100k -o report/
    cofactor compare models/* deep=ensemble --on splits/ml-1m
    """
    from cofactor.experiments.comparison.candidates import SavedModel
    from cofactor.experiments.comparison.mlflow_runs import log_comparison
    from cofactor.experiments.comparison.run import run_comparison
    from cofactor.experiments.comparison.summarize import summarize
    from cofactor.folder_lock import reserve_folder
    from cofactor.report.progress.comparison_display import ComparisonDisplay
    from cofactor.report.text.comparison import describe_comparison
    from cofactor.report.write import write_report
    from cofactor.training.tracking.mlflow import check_mlflow

    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    defaults = TrainingDefaults(options["seed"], options.pop("patience"), options.pop("refit"))
    candidates = parse_candidates(options.pop("candidates"), defaults)
    against, out, retrain, store, seeds = (
        options.pop(name) for name in ("against", "out", "retrain", "mlflow", "seeds")
    )
    names = [one.name for one in candidates]
    if against is not None and against not in names:
        raise unknown_choice("candidate", against, names)
    if store is not None:
        check_mlflow()
    if out is not None:
        context.with_resource(reserve_folder(out, "comparison"))
    plan, notes = _make_plan(candidates, options, console)
    candidates = [
        one if isinstance(one, SavedModel) else replace(one, refit=one.refit or plan.refit) for one in candidates
    ]
    models, display = None if out is None else out / "models", ComparisonDisplay(console, show_details=debugging())
    result = run_comparison(plan, candidates, display, out=models, retrain=retrain, seeds=seeds, notes=notes)
    if result.interrupted:
        console.print("interrupted: the results until then are compared", style="yellow")
    with waiting(console, "comparing"):
        summary = summarize(plan, result, command=repeat_command(context), against=against)
    if out is not None:
        with drawing(console) as advance:
            write_report(summary, out, advance)
        console.print(f"the report: {click.format_filename(out / 'report.html')}", markup=False)
    if store is not None:
        with waiting(console, "logging to MLflow"):
            log_comparison(summary, store)
    if as_json:
        left_out = {name: error.message for name, error in summary.failures.items()}
        print_json(summary.as_dict() | {"left_out": left_out, "interrupted": summary.interrupted})
    else:
        print_paragraphs(describe_comparison(summary, plan))


def _make_plan(
    candidates: "Sequence[Candidate | SavedModel]", options: dict[str, Any], console: "Console"
) -> "tuple[EvaluationPlan, SplitNotes]":
    """The plan, and the notes for the manifests of the models that are trained on its splits.

    With saved models, the split of the first one is made again.
    """
    from cofactor.experiments.comparison.candidates import SavedModel
    from cofactor.experiments.training_split import training_recipe
    from cofactor.saved.model_folder import load_manifest

    data, k, relevant_from = (options.pop(name) for name in ("data", "k", "relevant_from"))
    recipe, protocol = take_recipe(options), options["protocol"]
    manifests = [load_manifest(one.folder) for one in candidates if isinstance(one, SavedModel)]
    if manifests and protocol is None:
        source = source_from_manifest(manifests[0], data, options)
        recipe = training_recipe(manifests[0]) if manifests[0]["notes"].get("split_recipe") else recipe
    else:
        source = source_from_options(data, options)
    plan = make_plan(source, recipe, options, console)
    if relevant_from is not None and plan.evaluator is not None:
        raise click.UsageError("--relevant-from has no effect where items are ranked among sampled negatives")
    if protocol is None or click.get_current_context().get_parameter_source("k") is COMMANDLINE:
        plan = replace(plan, k=k)
    notes = {"data": source.name, "split_recipe": plan.recipe, **source.notes()}
    return replace(plan, relevant_from=relevant_from), lambda split: notes | {"read": split.train.origin_record()}


def repeat_command(context: click.Context) -> str:
    """The command line that gives the same result, without the options that only change its output."""
    words = ["cofactor", "compare"]
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name or "") is not COMMANDLINE:
            continue
        value = context.params[parameter.name or ""]
        if isinstance(parameter, click.Argument):
            words += map(str, value)
        elif parameter.name == "ratings_from":
            words += [parameter.opts[0], without_secrets(value)]
        elif parameter.name not in NOT_REPEATED:
            flag = parameter.opts[-1] if value is not False else parameter.secondary_opts[-1]
            values = value if parameter.multiple else (value,)
            words += [flag] if isinstance(value, bool) else [word for one in values for word in (flag, str(one))]
    return shlex.join(words)
