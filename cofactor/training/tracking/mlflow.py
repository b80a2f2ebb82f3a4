"""Runs in MLflow: parameters, metrics by epoch, tags.

A store is a folder, which holds a SQLite file and needs no server, or an address that MLflow accepts. MLflow is
imported when a store is opened, with its telemetry switched off.
"""

import logging
import math
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cofactor.errors import Unavailable
from cofactor.training.tracking.epoch_row import EpochRow, RowWriter, WriteRow
from cofactor.training.tracking.tracker import RunDescription

__all__ = ["MLflowTracker"]

INSTALL_HINT = "pip install 'cofactor[mlflow]'"
DATABASE, FILES = "mlflow.db", "artifacts"
MAX_LETTERS = 500  # of a parameter or a tag, which every version of MLflow accepts
CREDENTIALS = re.compile(r"//[^/@\s]*@")  # user and password in an address
FLUSH_SECONDS = 1.0  # between two writes of metrics: a write takes as long as a short epoch
RUN_TAG = "cofactor.run"  # by which a resumed training finds its run


def check_mlflow() -> None:
    """Raises Unavailable where MLflow, or SQLAlchemy, which it needs for a store in a file, is not installed."""
    for name, value in (("MLFLOW_DISABLE_TELEMETRY", "true"), ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")):
        os.environ.setdefault(name, value)  # its seven retries take minutes without a message
    try:
        import mlflow.tracking  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise Unavailable("runs are recorded by MLflow, which is not installed", INSTALL_HINT) from None
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)  # not that it creates its tables


def address(store: str) -> str:
    """The tracking URI of a store: the address itself, or that of the SQLite file in a folder."""
    return store if "://" in store else f"sqlite:///{(Path(store) / DATABASE).absolute()}"


class Experiment:
    """An experiment in a store, for the runs of one data set; both are created where they do not exist.

    Raises Unavailable where MLflow is not installed or cannot write there.
    """

    def __init__(self, store: str, name: str) -> None:
        check_mlflow()
        from mlflow.tracking import MlflowClient

        self.store, files = store, None
        with _named_store(store):
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
        """A new run, or the existing run of a resumed `training`, which continues after the epochs that it holds."""
        from mlflow.entities import Param

        with _named_store(self.store):
            if training:
                for found in self.client.search_runs([self.id], f"tags.`{RUN_TAG}` = '{training}'"):
                    return Run(self, found.info.run_id, int(found.data.metrics.get("epoch", 0)))
            more = {RUN_TAG: training, "mlflow.parentRunId": parent.id if parent else ""}
            texts = {key: str(value)[:MAX_LETTERS] for key, value in {**tags, **more}.items() if value != ""}
            created = self.client.create_run(self.id, run_name=name, tags=texts)
            params = [Param(key, str(value)[:MAX_LETTERS]) for key, value in parameters.items()]
            self.client.log_batch(created.info.run_id, params=params)
        return Run(self, created.info.run_id)


class Run:
    """A training or a comparison in a store; `after`: the number of the last epoch that it holds already."""

    def __init__(self, experiment: Experiment, run_id: str, after: int = 0) -> None:
        self.experiment, self.id, self.after = experiment, run_id, after
        self._waiting: list[Any] = []
        self._written = 0.0

    def log_metrics(self, metrics: Mapping[str, float | None], step: int = 0, at: float | None = None) -> None:
        """Adds metrics of an epoch; `at` is a time in seconds since 1970. None, NaN and infinities are left out."""
        from mlflow.entities import Metric

        when = round(1000 * (time.time() if at is None else at))
        finite = {name: value for name, value in metrics.items() if value is not None and math.isfinite(value)}
        self._waiting += [Metric(name.replace("@", "_at_"), float(value), when, step) for name, value in finite.items()]
        if time.monotonic() >= self._written + FLUSH_SECONDS or len(self._waiting) > 500:
            self.flush()

    def flush(self) -> None:
        """Writes the metrics that are not written yet. Raises Unavailable where that is not possible."""
        with _named_store(self.experiment.store):
            while self._waiting:
                self.experiment.client.log_batch(self.id, metrics=self._waiting[:1000])
                del self._waiting[:1000]
        self._written = time.monotonic()

    def end(self, status: str = "FINISHED") -> None:
        """Ends the run as FINISHED, FAILED or KILLED."""
        self.flush()
        with _named_store(self.experiment.store):
            self.experiment.client.set_terminated(self.id, status)

    @contextmanager
    def epochs(self) -> Iterator[WriteRow]:
        """Writes every metric of every epoch, and ends the run; more metrics may be added afterwards."""

        def write(row: EpochRow) -> None:
            metrics = {name: value for name, value in row.by_column().items() if name != "best"}
            if row.epoch > self.after:
                with _as_os_error():
                    self.log_metrics(metrics, row.epoch, row.at)

        status = "FAILED"
        try:
            yield write
            status = "FINISHED"
        except (KeyboardInterrupt, GeneratorExit):  # the user has stopped it
            status = "KILLED"
            raise
        finally:
            with _as_os_error():
                self.end(status)


@dataclass
class MLflowTracker:
    """Records runs in a store of MLflow's: hyperparameters, and the metrics of every epoch and of the test part.

    Raises Unavailable where MLflow is not installed.
    """

    store: str
    _run: Run | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_mlflow()

    def open(self, run: RunDescription) -> RowWriter:
        parameters = run_parameters(run.trainer, run.hyperparameters, run.data, run.split or "")
        self._run = Experiment(self.store, run.data).run(run.trainer, parameters, {}, training=run.name)
        return self._run.epochs()

    def log_test_metrics(self, metrics: Mapping[str, float], errors: Mapping[str, float]) -> None:
        """Adds the metrics of the test part, and their standard errors, to the run of the last training."""
        assert self._run is not None, "a training comes before its test metrics"
        self._run.log_metrics(as_test_metrics(metrics, errors))
        self._run.flush()


def run_parameters(trainer: str, hyperparameters: Mapping[str, Any], data: str, split: str) -> dict[str, Any]:
    """The parameters of a run in MLflow."""
    return {"trainer": trainer, "data": data, "split": split, **hyperparameters}


def as_test_metrics(metrics: Mapping[str, float], errors: Mapping[str, float]) -> dict[str, float]:
    """The metrics of a run on the test part and their standard errors, as `test_rmse` and `test_rmse_error`."""
    standard_errors = {f"test_{name}_error": error for name, error in errors.items()}
    return {f"test_{name}": value for name, value in metrics.items()} | standard_errors


@contextmanager
def _named_store(store: str) -> Iterator[None]:
    """Raises the errors of MLflow and of its database as one line that names the store."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # about MLflow's use of SQLAlchemy
            yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        said = str(error).strip().partition("\n")[0][:200]
        said, where = (CREDENTIALS.sub("//", text) for text in (said, store))
        raise Unavailable(f"MLflow cannot write to {where}: {said}", "name a folder you may write to") from None


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Raises Unavailable as an OSError, which gives up a record without ending the training."""
    try:
        yield
    except Unavailable as error:
        raise OSError(error.message) from error
