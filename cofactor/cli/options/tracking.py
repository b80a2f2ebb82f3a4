"""The options that record a training: CSV, TensorBoard, MLflow, a plot of the learning curves."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.outputs import check_records

if TYPE_CHECKING:
    from cofactor.training.tracking.tracker import Tracker

mlflow_option = click.option(
    "--mlflow", metavar="STORE", help="Record the run with MLflow, in a folder or at an address such as https://…"
)


def tracking_options(command: Any) -> Any:
    """Where the metrics of each epoch are written, besides the terminal."""
    file = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option("--curves", type=file, help="File for a plot of the learning curves, .png or .svg."),
        click.option(
            "--tensorboard",
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder for TensorBoard's event files; each run has a folder of its own in it.",
        ),
        click.option("--log", type=file, help="CSV file for the metrics of each epoch."),
        mlflow_option,
    ):
        command = option(command)
    return command


def take_trackers(options: dict[str, Any]) -> "list[Tracker]":
    """The trackers of the tracking options, which are removed from `options`.

    Raises Unavailable where a package is missing that one of them needs, and BadArtifact for a place that cannot be
    written.
    """
    from cofactor.training.tracking.csv_log import CsvTracker
    from cofactor.training.tracking.curves import CurvesTracker
    from cofactor.training.tracking.mlflow import MLflowTracker
    from cofactor.training.tracking.tensorboard import TensorBoardTracker

    kinds: dict[str, Callable[[Any], Tracker]] = {
        "log": CsvTracker,
        "tensorboard": TensorBoardTracker,
        "curves": CurvesTracker,
        "mlflow": MLflowTracker,
    }
    check_records(options)
    given = {name: options.pop(name) for name in kinds}
    return [kinds[name](place) for name, place in given.items() if place is not None]
