"""`cofactor train TRAINER [DATA]`: one command for each trainer, its options made from its hyperparameters."""

import inspect
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli import unknown_choice
from cofactor.cli.options.data_argument import open_split, reading_options, source_from_options, to_shell
from cofactor.cli.options.hyperparameters import TrainCommand, make_option
from cofactor.cli.options.outputs import reserve_outputs
from cofactor.cli.options.seed import seed_option
from cofactor.cli.options.split import refuse_split_options, split_options, take_recipe
from cofactor.cli.options.tracking import take_trackers, tracking_options
from cofactor.cli.options.training import patience_option, refit_option
from cofactor.cli.options.warm_start import take_warm_start, warm_start_options
from cofactor.cli.terminal import as_json, messages, print_json, print_paragraphs, quietly, waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from cofactor.data.data_source import DataSource
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
    synthetic ratings are used. Data that is not a split is split in memory as `cofactor split` does by default.
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
        if source.is_split():
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
    warm_start: Path | dict[str, Path] | None,
    trackers: "Sequence[Tracker]",
    as_json: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Trains on a source, evaluates on its test part, and saves the model with its metrics."""
    from cofactor.evaluation.evaluate import evaluate
    from cofactor.output_checks import check_free_space
    from cofactor.saved.model_folder import check_room
    from cofactor.training.fit import fit
    from cofactor.training.tracking.progress import ProgressDisplay

    console = messages(quiet)
    split, split_recipe = open_split(source, recipe, console)
    check_free_space(out, len(split.train) * RATING_BYTES, "a model of these ratings")
    fitted = fit(
        trainer,
        split,
        warm_start=warm_start,
        trackers=trackers,
        progress=ProgressDisplay(console),
        handle_interrupts=True,
        on_epoch=lambda epoch, row: row.epoch > 1 or check_room(epoch.model, out),
        data=source.name,
        **how,
    )
    notes: dict[str, Any] = {
        "trainer": trainer.name,
        "hyperparameters": trainer.settings(),
        "data": source.name,
        "read": split.train.origin_record(),
        "split_recipe": asdict(split_recipe) if split_recipe else None,
        **fitted.notes(),
    }
    try:
        with waiting(console, "evaluating"):
            report = evaluate(fitted.model, split.test)
    except KeyboardInterrupt:
        _save(fitted, out, {}, notes)
        console.print("interrupted during evaluation: the model is saved without metrics", style="yellow")
        _next_steps(console, fitted, out, source)
        return
    with waiting(console, "saving"):
        _save(fitted, out, report.metrics, notes)
    _log_test_metrics(trackers, report)
    _print_report(trainer, fitted, report, split, out, as_json)
    _next_steps(console, fitted, out, source)


def _save(fitted: "Fit", out: Path, metrics: Mapping[str, float], notes: Mapping[str, Any]) -> None:
    from cofactor.saved.model_folder import save

    save(fitted.model, out, metrics=metrics, **notes)


def _log_test_metrics(trackers: "Sequence[Tracker]", report: "Report") -> None:
    from cofactor.training.tracking.mlflow import MLflowTracker

    for tracker in trackers:
        if isinstance(tracker, MLflowTracker):
            tracker.log_test_metrics(report.metrics, report.standard_errors)


def _print_report(
    trainer: "Trainer", fitted: "Fit", report: "Report", split: "Split", out: Path, as_json: bool
) -> None:
    from cofactor.report.text.evaluation import summarize_report

    if not as_json:
        print_paragraphs(summarize_report(report))
        return
    print_json(
        {
            "model": str(out),
            "trainer": trainer.name,
            "hyperparameters": trainer.settings(),
            "read": split.train.origin_record(),
            "split": fitted.model.training_data.split,
            "epochs": [row.by_column() for row in fitted.history],
            "best_epoch": fitted.best_epoch,
            "refitted": fitted.refitted,
            "interrupted": fitted.interrupted,
            "fit_seconds": fitted.seconds,
            "metrics": report.metrics,
            "errors": report.standard_errors,
            "started_from": fitted.started_from,
        }
    )


def _next_steps(console: "Console", fitted: "Fit", out: Path, source: "DataSource") -> None:
    """Says how training ended, where the model is, and which commands use it."""
    if fitted.interrupted:
        console.print(f"interrupted: epoch {fitted.best_epoch}, the best so far, is kept", style="yellow")
    if fitted.diverged:
        console.print(f"diverged: epoch {fitted.best_epoch}, the best before that, is kept", style="yellow")
    console.print(f"saved as {click.format_filename(out)}; try")
    user = next(iter(fitted.model.training_data.users.ids), "1")
    model, quoted = shlex.quote(str(out)), shlex.quote(user)
    quoted = f"-- {quoted}" if user.startswith("-") else quoted
    tested = source.given_parts().get("test", source)
    for line in (f"evaluate {model} {to_shell(tested)}", f"recommend {model} -n 5 --why 1 {quoted}", f"serve {model}"):
        console.print(f"  cofactor {line}", markup=False)


def _summary_line(trainer: "type[Trainer]") -> str:
    """The first line of the docstring of a trainer's module."""
    docstring = inspect.cleandoc(sys.modules[trainer.__module__].__doc__ or trainer.name)
    return docstring.partition("\n")[0]


def _help_text(trainer: "type[Trainer]") -> str:
    """The summary line, and the docstring of the trainer with its line breaks."""
    paragraphs = inspect.cleandoc(trainer.__doc__ or "").split("\n\n")
    return "\n\n".join([_summary_line(trainer), *(f"\b\n{p}" for p in paragraphs)])
