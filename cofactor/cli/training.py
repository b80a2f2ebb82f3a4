"""What `cofactor train` does: open, fit, measure, save, report."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cofactor.cli.display.evaluation_tables import print_summary
from cofactor.cli.display.terminal import messages, print_json, waiting
from cofactor.cli.fitting import fit
from cofactor.cli.options.data_argument import open_split, to_shell
from cofactor.cli.options.tracking import Tracking, figures_of
from cofactor.cli.options.warm_start import Starting
from cofactor.cli.resuming import keeper, run_of
from cofactor.data.data_source import DataSource
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.split import Split
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.report import Report
from cofactor.saved.model_folder import check_place, save
from cofactor.trainers.base import Trainer
from cofactor.training.fit import Fit


def train(
    trainer: Trainer,
    source: DataSource,
    recipe: SplitRecipe,
    *,
    out: Path,
    patience: int,
    refit: bool,
    starting: Starting,
    tracking: Tracking,
    checkpoint: Path | None,
    resume: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Trains on a source, measures on its test part, and saves the model with the evidence."""
    if resume and checkpoint is None:
        raise click.UsageError("--resume goes on from a checkpoint: name its folder with --checkpoint")
    console = messages(quiet)
    split, made_with = open_split(source, recipe, console)
    check_place(out)
    start, started_from = starting.models(split), starting.notes()
    digests = {name: one["manifest_sha256"] for name, one in started_from.items()}
    kept = keeper(trainer, split, console, patience=patience, folder=checkpoint, resume=resume, **digests)
    sinks = tracking.sinks(trainer, source.name, run_of(kept))
    record = tracking.record(trainer, source.name, split.fingerprint, run_of(kept), console)
    sinks += [] if record is None else [record.epochs()]
    fitted = fit(kept, split, console, *sinks, patience=patience, refit=refit, start=start)
    try:
        with waiting(console, "measuring"):
            report = evaluate(fitted.model, split.test)
    except KeyboardInterrupt:
        _save(trainer, fitted, source, made_with, split, {}, out, started_from)
        console.print("interrupted while measuring: the model is saved without its figures", style="yellow")
        _next_steps(console, fitted, out, source)
        return
    with waiting(console, "saving"):
        _save(trainer, fitted, source, made_with, split, report.metrics, out, started_from)
    if record is not None:
        record.figures(figures_of(report.metrics, report.standard_errors))
        record.flush()
    if as_json:
        print_json(document(trainer, fitted, report, split, out) | {"started_from": started_from})
    else:
        print_summary(report)
    _next_steps(console, fitted, out, source)


def _save(
    trainer: Trainer,
    fitted: Fit,
    source: DataSource,
    recipe: SplitRecipe | None,
    split: Split,
    metrics: Mapping[str, float],
    out: Path,
    started_from: Mapping[str, Any],
) -> None:
    save(
        fitted.model,
        out,
        trainer=trainer.name,
        hyperparameters=trainer.settings(),
        metrics=metrics,
        data=source.name,
        read=split.train.origin_record(),
        split_recipe=asdict(recipe) if recipe else None,
        best_epoch=fitted.best_epoch,
        fit_seconds=round(fitted.seconds, 3),
        refitted=fitted.refitted,
        started_from=started_from,
        **fitted.curve(),
    )


def document(trainer: Trainer, fitted: Fit, report: Report, split: Split, out: Path) -> dict[str, Any]:
    """A training as JSON."""
    return {
        "model": str(out),
        "trainer": trainer.name,
        "hyperparameters": trainer.settings(),
        "read": split.train.origin_record(),
        "split": fitted.model.training_data.split,
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "refitted": fitted.refitted,
        "interrupted": fitted.interrupted,
        "fit_seconds": fitted.seconds,
        "metrics": report.metrics,
        "errors": report.standard_errors,
    }


def _next_steps(console: Any, fitted: Fit, out: Path, source: DataSource) -> None:
    if fitted.interrupted:
        console.print(f"interrupted: epoch {fitted.best_epoch}, the best so far, is kept", style="yellow")
    console.print(f"saved as {click.format_filename(out)}; try")
    user = next(iter(fitted.model.training_data.users.ids), "1")
    model, asked = shlex.quote(str(out)), shlex.quote(user)
    asked = f"-- {asked}" if user.startswith("-") else asked
    for line in (f"evaluate {model} {to_shell(source)}", f"recommend {model} -n 5 --why 1 {asked}", f"serve {model}"):
        console.print(f"  cofactor {line}", markup=False)
