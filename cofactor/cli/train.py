"""`cofactor train TRAINER [DATA]`: one command for each trainer, its options made from its hyperparameters."""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli import unknown_choice
from cofactor.cli.options.data_argument import (
    open_split,
    read_all_ratings,
    reading_options,
    source_from_options,
)
from cofactor.cli.options.hyperparameters import TrainCommand, make_option
from cofactor.cli.options.outputs import reserve_outputs
from cofactor.cli.options.seed import seed_option
from cofactor.cli.options.split import refuse_ignored, refuse_split_options, split_options, take_recipe
from cofactor.cli.options.tracking import take_trackers, tracking_options
from cofactor.cli.options.training import all_option, patience_option, refit_option
from cofactor.cli.options.warm_start import take_warm_start, warm_start_options
from cofactor.cli.terminal import as_json, messages, print_json, print_paragraphs, quietly, waiting
from cofactor.cli.training_output import (
    describe_replaced,
    describe_shortfall,
    describe_training,
    describe_unmeasured,
    print_next_steps,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.data.ratings import Ratings
    from cofactor.data.splitting.recipe import SplitRecipe
    from cofactor.data.splitting.split import Split
    from cofactor.evaluation.report import Report
    from cofactor.trainers.base import Trainer
    from cofactor.training.fit import Fit
    from cofactor.training.tracking.tracker import Tracker


RATING_BYTES = 8  # of a training rating in a saved model: the row of its item, and its value


class TrainerGroup(click.Group):
    """A command for each entry of TRAINERS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from cofactor.trainers import TRAINERS

        return list(TRAINERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from cofactor.trainers import TRAINERS

        return _make_command(TRAINERS[cmd_name]) if cmd_name in TRAINERS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from cofactor.trainers import TRAINERS

        if args[0] not in TRAINERS and not args[0].startswith("-"):
            raise unknown_choice("trainer", args[0], TRAINERS)
        return super().resolve_command(ctx, args)


@click.group(cls=TrainerGroup, name="train", subcommand_metavar="TRAINER [DATA] …")
def train() -> None:
    """Train a model, evaluate it on the test part and save it as a folder.

    DATA is a known name (ml-100k), a file, a MovieLens folder or zip, or a folder made by `cofactor split`; without it,
    synthetic ratings are used. Data that is not a split is split in memory as `cofactor split` does by default. With
    --all, the model learns every rating, as one that is served should.
    Ctrl-C ends training and keeps the best epoch so far.
    """


def _make_command(trainer: "type[Trainer]") -> click.Command:
    """The command of one trainer."""

    @click.argument("data", required=False)
    @click.option(
        "-o",
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("models") / trainer.name,
        show_default=True,
        help="Folder to save the model in.",
    )
    @seed_option("for the split and for training")
    @patience_option
    @refit_option
    @all_option
    @tracking_options
    @click.option(
        "--checkpoint",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder in which the state of the training is saved after each epoch.",
    )
    @click.option("--resume", is_flag=True, help="Resume from the checkpoint, where there is one.")
    @split_options
    @reading_options
    @as_json
    @quietly
    def run(data: str | None, **options: Any) -> None:
        chosen = {p.name: options.pop(p.name) for p in tuned}
        if seeded:
            chosen["seed"] = options["seed"]
        source = source_from_options(data, options)
        if options["everything"]:
            refuse_ignored("--all", ("test_share", "cut", "test", "validation"))
        elif source.is_split():
            refuse_split_options(source.data or source.name)
        recipe = take_recipe(options)
        warm_start, configured = take_warm_start(trainer, options), trainer.of(**chosen)
        with reserve_outputs(options):
            trackers = take_trackers(options)
            _train(configured, source, recipe, warm_start=warm_start, trackers=trackers, **options)

    seeded = any(p.name == "seed" for p in trainer.hyperparameters())
    tuned = [p for p in trainer.hyperparameters() if p.name != "seed"]
    texts = {"help": _help_text(trainer), "short_help": _summary_line(trainer)}
    command = click.command(cls=TrainCommand, name=trainer.name, **texts)(run)
    command.hyperparameters = tuple(p.name for p in tuned)
    command.params[:0] = [make_option(p) for p in tuned]
    command.params += warm_start_options(trainer)
    return command


def _train(
    trainer: "Trainer",
    source: "DataSource",
    recipe: "SplitRecipe",
    *,
    out: Path,
    refit: bool,
    everything: bool,
    warm_start: Path | dict[str, Path] | None,
    trackers: "Sequence[Tracker]",
    as_json: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Trains on a source, evaluates on its test part, and saves the model with its metrics.

    everything: train on all ratings instead, and measure nothing.
    """
    from cofactor.evaluation.report_text import summarize_report
    from cofactor.output_checks import check_free_space
    from cofactor.saved.model_folder import check_room
    from cofactor.training.fit import fit
    from cofactor.training.tracking.progress import ProgressDisplay

    console = messages(quiet)
    split, split_recipe, all_ratings = _open_data(trainer, source, recipe, console, everything=everything)
    n_ratings = len(split.train if all_ratings is None else all_ratings)
    check_free_space(out, n_ratings * RATING_BYTES, "a model of these ratings")
    fitted = fit(
        trainer,
        split,
        refit=refit if all_ratings is None else all_ratings,
        warm_start=warm_start,
        trackers=trackers,
        progress=ProgressDisplay(console),
        handle_interrupts=True,
        on_epoch=lambda epoch, row: row.epoch > 1 or check_room(epoch.model, out),
        data=source.name,
        **how,
    )
    read = split.train.origin_record()
    notes: dict[str, Any] = {
        "trainer": trainer.name,
        "hyperparameters": trainer.settings(),
        "read": read,
        **_describe_data(source, split_recipe, everything=everything),
        **fitted.notes(),
    }
    try:
        report = _evaluate(fitted, split, trainer, console) if all_ratings is None else None
    except KeyboardInterrupt:
        _save(fitted, out, {}, notes, console)
        console.print("interrupted during evaluation: the model is saved without metrics", style="yellow")
        print_next_steps(console, fitted, out, source)
        return
    with waiting(console, "saving"):
        _save(fitted, out, report.metrics if report else {}, notes, console)
    if report is not None:
        _log_test_metrics(trackers, report)
    if as_json:
        print_json({"model": str(out), **describe_training(trainer, fitted, report, read)})
    else:
        print_paragraphs(summarize_report(report) if report else [describe_unmeasured(fitted, n_ratings)])
    if not (console.quiet or fitted.interrupted):
        _print_shortfall(trainer, fitted, split, source, console)
    print_next_steps(console, fitted, out, source, evaluated=report is not None)


def _describe_data(source: "DataSource", recipe: "SplitRecipe | None", *, everything: bool) -> dict[str, Any]:
    """What the manifest keeps of the data and of their split."""
    described = {"data": source.name, "split_recipe": asdict(recipe) if recipe else None, **source.notes()}
    return described | ({"trained_on": "all ratings"} if everything else {})


def _open_data(
    trainer: "Trainer", source: "DataSource", recipe: "SplitRecipe", console: "Console", *, everything: bool
) -> "tuple[Split, SplitRecipe | None, Ratings | None]":
    """The split to train on, its recipe, and all ratings where the model is to learn everything."""
    from cofactor.data.splitting.validation_split import hold_out_validation, keep_all

    if not everything:
        return *open_split(source, recipe, console), None
    ratings = read_all_ratings(source, recipe, console)
    split = keep_all(ratings) if trainer.one_step else hold_out_validation(ratings, recipe)
    return split, None, ratings


def _evaluate(fitted: "Fit", split: "Split", trainer: "Trainer", console: "Console") -> "Report":
    from cofactor.evaluation.evaluate import evaluate
    from cofactor.experiments.training_split import find_relevant_from

    with waiting(console, "evaluating"):
        return evaluate(fitted.model, split.test, relevant_from=find_relevant_from(trainer.settings()))


def _print_shortfall(
    trainer: "Trainer", fitted: "Fit", split: "Split", source: "DataSource", console: "Console"
) -> None:
    """A line where the simplest model does as well on the validation part."""
    from cofactor.experiments.reference_check import find_shortfall

    with waiting(console, "comparing with the simplest model"):
        shortfall = find_shortfall(trainer, fitted, split)
    if shortfall is not None:
        console.print(describe_shortfall(shortfall, source), style="yellow", markup=False)


def _save(fitted: "Fit", out: Path, metrics: Mapping[str, float], notes: Mapping[str, Any], console: "Console") -> None:
    """Saves the model, with a line on stderr where it replaces another one."""
    from cofactor.saved.model_folder import save

    replaced = describe_replaced(out, fitted, notes)
    save(fitted.model, out, metrics=metrics, **notes)
    if replaced:
        console.print(replaced, markup=False)


def _log_test_metrics(trackers: "Sequence[Tracker]", report: "Report") -> None:
    from cofactor.training.tracking.mlflow import MLflowTracker

    for tracker in trackers:
        if isinstance(tracker, MLflowTracker):
            tracker.log_test_metrics(report.metrics, report.standard_errors)


def _summary_line(trainer: "type[Trainer]") -> str:
    """The first line of the docstring of a trainer's module."""
    docstring = inspect.cleandoc(sys.modules[trainer.__module__].__doc__ or trainer.name)
    return docstring.partition("\n")[0]


def _help_text(trainer: "type[Trainer]") -> str:
    """The summary line, and the docstring of the trainer with its line breaks."""
    paragraphs = inspect.cleandoc(trainer.__doc__ or "").split("\n\n")
    return "\n\n".join([_summary_line(trainer), *(f"\b\n{p}" for p in paragraphs)])
