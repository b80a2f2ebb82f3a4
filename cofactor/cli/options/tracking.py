"""What `cofactor train` writes of a training while it goes on: CSV, TensorBoard, curves, MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.trainers.base import Trainer
    from cofactor.training.tracking.epoch_row import RowWriter
    from cofactor.training.tracking.mlflow import Run


mlflow_option = click.option(
    "--mlflow", metavar="STORE", help="Record it with MLflow: in a folder, or where an address like https://… says."
)


def tracking_options(command: Any) -> Any:
    """Where the figures of the epochs go, besides the terminal."""
    file = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option("--curves", type=file, help="A picture of the learning curves, .png or .svg."),
        click.option(
            "--tensorboard",
            type=click.Path(path_type=Path, file_okay=False),
            help="Event files for `tensorboard --logdir`, in a folder of their own under this one.",
        ),
        click.option("--log", type=file, help="A CSV of the figures of each epoch."),
        mlflow_option,
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Tracking:
    """The places that were asked for."""

    log: Path | None = None
    tensorboard: Path | None = None
    curves: Path | None = None
    mlflow: str | None = None

    @classmethod
    def of(cls, options: dict[str, Any]) -> "Tracking":
        """From the tracking options, which are taken out of `options`.

        Raises Unavailable where a package is missing that one of them needs: better known before a training.
        """
        from cofactor.training.tracking.curves import check_curves
        from cofactor.training.tracking.mlflow import check_mlflow
        from cofactor.training.tracking.tensorboard import check_tensorboard

        asked = cls(*(options.pop(name) for name in ("log", "tensorboard", "curves", "mlflow")))
        if asked.tensorboard is not None:
            check_tensorboard()
        if asked.curves is not None:
            check_curves(asked.curves)
        if asked.mlflow is not None:
            check_mlflow()
        return asked

    def sinks(self, trainer: "Trainer", data: str, run: str) -> "list[RowWriter]":
        """What `track` writes to. TensorBoard's folder is DATA/TRAINER/RUN: the same ones go on with a training."""
        from cofactor.training.tracking.csv_log import csv_log
        from cofactor.training.tracking.curves import curves
        from cofactor.training.tracking.tensorboard import event_files

        sinks: list[RowWriter] = []
        if self.log is not None:
            sinks.append(csv_log(self.log))
        if self.tensorboard is not None:
            settings = {"data": data, "trainer": trainer.name} | trainer.settings()
            folder = self.tensorboard / (data.lstrip(".") or "data") / trainer.name / run  # data may be ".."
            sinks.append(event_files(folder, settings))
        if self.curves is not None:
            sinks.append(curves(self.curves, f"{trainer.name} on {data}"))
        return sinks

    def record(self, trainer: "Trainer", data: str, split: str, run: str, console: "Console") -> "Run | None":
        """The run in MLflow's store, where one was asked for: the same RUN goes on with a training."""
        if self.mlflow is None:
            return None
        from cofactor.cli.display.terminal import waiting
        from cofactor.training.tracking.mlflow import Experiment

        given = parameters_of(trainer.name, trainer.settings(), data, split)
        with waiting(console, "opening MLflow's store"):
            return Experiment(self.mlflow, data).run(trainer.name, given, {}, training=run)


def parameters_of(trainer: str, settings: Mapping[str, Any], data: str, split: str) -> dict[str, Any]:
    """What MLflow calls the parameters of a run."""
    return {"trainer": trainer, "data": data, "split": split, **settings}


def figures_of(metrics: Mapping[str, float], errors: Mapping[str, float]) -> dict[str, float]:
    """What MLflow is told of a model's figures on the test part, and of their standard errors."""
    around = {f"test_{name}_error": error for name, error in errors.items()}
    return {f"test_{name}": value for name, value in metrics.items()} | around


def new_run(trainer: "Trainer") -> str:
    """The name of a training that begins now."""
    from cofactor.training.tracking.tensorboard import run_name

    usual = {p.name: p.default for p in trainer.hyperparameters()}
    return run_name(datetime.now(), {name: x for name, x in trainer.settings().items() if x != usual[name]})
