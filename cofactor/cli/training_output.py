"""What `cofactor train` says at its end: how the training went, where the model is, and which commands use it."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.data_argument import to_shell
from cofactor.errors import CofactorError

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.evaluation.report import Report
    from cofactor.experiments.reference_check import Shortfall
    from cofactor.trainers.base import Trainer
    from cofactor.training.fit import Fit

LONGEST_NAME = 80  # characters of the name of a data set that a line quotes


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


def describe_shortfall(shortfall: "Shortfall", source: "DataSource") -> str:
    """A line that says that a model is no better than the simplest one, and what to do."""
    data = "" if source.is_synthetic else f" {to_shell(source)}"
    hint = f"`cofactor tune {shortfall.trainer}{data}` searches for better hyperparameters"
    return f"note: {shortfall}; {hint}, and `cofactor train {shortfall.reference}{data}` trains the simpler model"


def describe_replaced(out: Path, fitted: "Fit", notes: Mapping[str, Any]) -> str | None:
    """A line on the model that a new one replaces; None where there is none, or one of the same training.

    notes: what is saved with the new model, with its trainer, hyperparameters and data.
    """
    from cofactor.saved import manifest as manifests

    file = out / manifests.NAME
    if not manifests.names_a_model(file):
        return None
    try:
        old = manifests.read(file)
    except CofactorError:
        return f"replaced the model in {click.format_filename(out)}, whose manifest could not be read"
    changes = list(_changes(old, fitted, notes))
    version = manifests.compute_version(old)
    return f"replaced version {version} in {click.format_filename(out)}, {' and '.join(changes)}" if changes else None


def _changes(old: Mapping[str, Any], fitted: "Fit", notes: Mapping[str, Any]) -> Iterator[str]:
    """Yields how the training of a saved model differed from a new one."""
    if old["trainer"] != notes["trainer"]:
        yield f"which {old['trainer'] or 'another trainer'} had trained"
    else:
        before, after = old["hyperparameters"], notes["hyperparameters"]
        changed = [f"{name} {value}" for name, value in before.items() if after.get(name) != value]
        if changed or before.keys() != after.keys():
            yield f"which had {', '.join(changed) or 'other hyperparameters'}"
    if old["notes"].get("data") != notes["data"]:
        yield f"which was trained on {str(old['notes'].get('data') or 'other data')[:LONGEST_NAME]}"
    elif old["split"] != fitted.model.training_data.split:
        yield "which was trained on another split"
