"""Trainings and comparisons as MLflow shows them, for those who have it: parameters, figures by epoch, tags.

MLflow is imported only when somebody asks for a store: a folder (a SQLite file in it, no server is needed), or an
address that MLflow knows. It is told to send nothing to its makers.
"""

import logging
import math
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cofactor.errors import Unavailable
from cofactor.training.tracking.epoch_row import EpochRow, WriteRow

HINT = "pip install 'cofactor[mlflow]'"
DATABASE, FILES = "mlflow.db", "artifacts"
LONGEST = 500  # letters of a parameter or a tag, which every version of MLflow takes
AFTER_SLASHES = re.compile(r"//[^/@\s]*@")  # user and password in an address
PAUSE = 1.0  # seconds between two writings of figures: each takes as long as many an epoch
RUN = "cofactor.run"  # the tag by which a training that goes on finds its run again


def check_mlflow() -> None:
    """Raises Unavailable where MLflow, or what it needs for a store in a file, is not installed."""
    for name, value in (("MLFLOW_DISABLE_TELEMETRY", "true"), ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")):
        os.environ.setdefault(name, value)  # the usual seven retries are minutes in which nothing happens
    try:
        import mlflow.tracking  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise Unavailable("runs are recorded by MLflow, which is not installed", HINT) from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)  # that it makes its tables is no news


def address(store: str) -> str:
    """What MLflow calls a store: an address as it is, that of the SQLite file for a folder."""
    return store if "://" in store else f"sqlite:///{(Path(store) / DATABASE).absolute()}"


class Experiment:
    """The runs of one data set in a store, which is made where there is none.

    Raises Unavailable where MLflow is missing or cannot write there.
    """

    def __init__(self, store: str, name: str) -> None:
        check_mlflow()
        from mlflow.tracking import MlflowClient

        self.store, files = store, None
        with _told(store):
            if "://" not in store:
                Path(store).mkdir(parents=True, exist_ok=True)
                files = (Path(store) / FILES).absolute().as_uri()
            self.client = MlflowClient(address(store), address(store))
            found = self.client.get_experiment_by_name(name)
            self.id: str = found.experiment_id if found else self.client.create_experiment(name, files)

    def run(
        self,
        name: str,
        parameters: Mapping[str, Any],
        tags: Mapping[str, Any],
        *,
        parent: "Run | None" = None,
        training: str = "",
    ) -> "Run":
        """A new run; where `training` names one that has begun before, its run, after the epochs that it has."""
        from mlflow.entities import Param

        with _told(self.store):
            if training:
                for found in self.client.search_runs([self.id], f"tags.`{RUN}` = '{training}'"):
                    return Run(self, found.info.run_id, int(found.data.metrics.get("epoch", 0)))
            more = {RUN: training, "mlflow.parentRunId": parent.id if parent else ""}
            told = {key: str(value)[:LONGEST] for key, value in {**tags, **more}.items() if value != ""}
            made = self.client.create_run(self.id, run_name=name, tags=told)
            given = [Param(key, str(value)[:LONGEST]) for key, value in parameters.items()]
            self.client.log_batch(made.info.run_id, params=given)
        return Run(self, made.info.run_id)


class Run:
    """One training or comparison in a store; `after` so many epochs that it holds already."""

    def __init__(self, experiment: Experiment, run_id: str, after: int = 0) -> None:
        self.experiment, self.id, self.after = experiment, run_id, after
        self._waiting: list[Any] = []
        self._written = 0.0

    def figures(self, figures: Mapping[str, float | None], step: int = 0, at: float | None = None) -> None:
        """Figures by name at an epoch, and at a time in seconds since 1970; those that are no numbers are left out."""
        from mlflow.entities import Metric

        when = round(1000 * (time.time() if at is None else at))
        there = {name: value for name, value in figures.items() if value is not None and math.isfinite(value)}
        self._waiting += [Metric(name.replace("@", "_at_"), float(value), when, step) for name, value in there.items()]
        if time.monotonic() >= self._written + PAUSE or len(self._waiting) > 500:
            self.flush()

    def flush(self) -> None:
        """Writes what is waiting to be written. Raises Unavailable where that is not possible."""
        with _told(self.experiment.store):
            while self._waiting:
                self.experiment.client.log_batch(self.id, metrics=self._waiting[:1000])
                del self._waiting[:1000]
        self._written = time.monotonic()

    def end(self, status: str = "FINISHED") -> None:
        """Status: FINISHED, FAILED or KILLED."""
        self.flush()
        with _told(self.experiment.store):
            self.experiment.client.set_terminated(self.id, status)

    @contextmanager
    def epochs(self) -> Iterator[WriteRow]:
        """A record of a training, as `track` takes it: every figure of every epoch. The run ends with it; figures may
        still be added."""

        def write(row: EpochRow) -> None:
            figures = {name: value for name, value in row.by_column().items() if name != "best" and value is not None}
            if row.epoch > self.after:
                with _as_the_disk():
                    self.figures(figures, row.epoch, row.at)

        status = "FAILED"
        try:
            yield write
            status = "FINISHED"
        except (KeyboardInterrupt, GeneratorExit):  # somebody has seen enough
            status = "KILLED"
            raise
        finally:
            with _as_the_disk():
                self.end(status)


@contextmanager
def _told(store: str) -> Iterator[None]:
    """MLflow's own errors and the database's, in a line that names the store."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what MLflow does with SQLAlchemy
            yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        said = str(error).strip().partition("\n")[0][:200]
        said, where = (AFTER_SLASHES.sub("//", text) for text in (said, store))
        raise Unavailable(f"MLflow cannot write to {where}: {said}", "name a folder you may write to") from error


@contextmanager
def _as_the_disk() -> Iterator[None]:
    """What cannot be written in the middle of a training is for `track` to tell, and must not end it."""
    try:
        yield
    except Unavailable as error:
        raise OSError(error.message) from error
