"""What `cofactor train` says at its end: how the training went, where the model is, and which commands use it."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.data_argument import to_shell

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.evaluation.report import Report
    from cofactor.trainers.base import Trainer
    from cofactor.training.fit import Fit


def describe_training(
    trainer: "Trainer", fitted: "Fit", report: "Report | None", read: dict[str, Any] | None
) -> dict[str, Any]:
    """A training and the metrics of its model, for JSON. report: None where nothing was measured."""
    return {
        "trainer": trainer.name,
        "hyperparameters": trainer.settings(),
        "read": read,
        "split": fitted.model.training_data.split,
        "epochs": [row.by_column() for row in fitted.history],
        "best_epoch": fitted.best_epoch,
        "refitted": fitted.refitted,
        "interrupted": fitted.interrupted,
        "fit_seconds": fitted.seconds,
        "metrics": report.metrics if report else {},
        "errors": report.standard_errors if report else {},
        "started_from": fitted.started_from,
    }


def describe_unmeasured(fitted: "Fit", n_ratings: int) -> str:
    """What a training on all of n ratings says in place of metrics."""
    from cofactor.data.kind import values_noun

    learned = fitted.model.training_data.interactions.nnz
    share = f"all {n_ratings:,}" if learned == n_ratings else f"{learned:,} of the {n_ratings:,}"
    noun = values_noun(fitted.model.training_data.kind)
    return f"trained on {share} {noun}; nothing was measured, because there are no test {noun}"


def print_next_steps(
    console: "Console", fitted: "Fit", out: Path, source: "DataSource", *, evaluated: bool = True
) -> None:
    """Says how training ended, where the model is, and which commands use it."""
    if fitted.interrupted:
        console.print(f"interrupted: epoch {fitted.best_epoch}, the best so far, is kept", style="yellow")
    if fitted.diverged:
        console.print(f"diverged: epoch {fitted.best_epoch}, the best before that, is kept", style="yellow")
    console.print(f"saved as {click.format_filename(out)}; try")
    user = next(iter(fitted.model.training_data.users.ids), "1")
    model, quoted = shlex.quote(str(out)), shlex.quote(user)
    quoted = f"-- {quoted}" if user.startswith("-") else quoted
    test = source.given_parts().get("test", source)
    commands = [f"evaluate {model} {to_shell(test)}"] if evaluated else []
    for line in (*commands, f"recommend {model} -n 5 --why 1 {quoted}", f"serve {model}"):
        console.print(f"  cofactor {line}", markup=False)
