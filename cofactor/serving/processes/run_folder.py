"""A temporary folder in which the processes of one service find each other: configuration, states and requests."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as validated_dataclass

from cofactor.serving.api.rate_limit import SharedTimes
from cofactor.serving.server_config import ServerConfig

VARIABLE = "COFACTOR_RUN_FOLDER"
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # of prometheus_client: must be set before a process imports it
LAST_CALL = 0.8  # seconds in which clients are told that the next response of their connection is the last
SILENT = 15.0  # seconds without a sign of life after which a worker counts as hung

_CONFIG = TypeAdapter(ServerConfig)


@validated_dataclass(frozen=True)
class WorkerState:
    """What a worker says of itself about once a second."""

    process: int
    time: float  # of the system's monotonic clock
    reloads: int  # requests to reload that it has carried out
    versions: dict[str, str]  # of each model by name

    @property
    def is_silent(self) -> bool:
        """Whether the last sign of life is too long ago."""
        return time.monotonic() - self.time > SILENT


_STATE = TypeAdapter(WorkerState)


@dataclass(frozen=True)
class RunFolder:
    """The folder. Files are written under another name and renamed, so that nobody reads half a file."""

    path: Path

    @classmethod
    @contextmanager
    def create(cls, config: ServerConfig, port: int, inherited: bool = False) -> Iterator["RunFolder"]:
        """A new folder for a service and its child processes, removed at the end.

        inherited: whether the socket belongs to a service manager, which goes on listening when the service has ended.
        """
        path = Path(tempfile.mkdtemp(prefix="cofactor-"))
        before = {name: os.environ.get(name) for name in (VARIABLE, METRICS_VARIABLE)}
        try:
            folder = cls(path)
            folder._write("config", _CONFIG.dump_json(config))
            folder._write("port", b"%d" % port)
            folder._write("process", b"%d" % os.getpid())
            if inherited:
                (path / "inherited").touch()
            folder.metrics.mkdir()
            SharedTimes.create(folder.times)
            os.environ |= {VARIABLE: str(path), METRICS_VARIABLE: str(folder.metrics)}
            yield folder
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
            cls(path).remove()

    def remove(self) -> None:
        """Removes the folder, if it is there."""
        shutil.rmtree(self.path, ignore_errors=True)

    @classmethod
    def of_parent(cls) -> "RunFolder":
        """The folder that the parent process created."""
        return cls(Path(os.environ[VARIABLE]))

    @property
    def metrics(self) -> Path:
        """Folder of the metrics of all processes."""
        return self.path / "metrics"

    @property
    def times(self) -> Path:
        """File of the times of rate limits."""
        return self.path / "times"

    def config(self) -> ServerConfig:
        """The configuration of the service."""
        return _CONFIG.validate_json((self.path / "config").read_bytes())

    @property
    def port(self) -> int:
        """The port on which the service listens."""
        return int((self.path / "port").read_bytes())

    @property
    def is_inherited(self) -> bool:
        """Whether the socket belongs to a service manager."""
        return (self.path / "inherited").exists()

    @property
    def main_process(self) -> int:
        """The process that created the folder."""
        return int((self.path / "process").read_bytes())

    @property
    def is_orphaned(self) -> bool:
        """Whether this is a child process whose parent has ended."""
        return self.main_process not in (os.getpid(), os.getppid())

    # Stopping

    def begin_stop(self) -> None:
        """Tells the workers that the service is about to stop."""
        (self.path / "stopping").touch()

    @property
    def stopping(self) -> bool:
        """Whether the service is about to stop."""
        return (self.path / "stopping").exists()

    # Start

    def note_start(self) -> None:
        """Notes that all workers have answered."""
        (self.path / "started").touch()

    @property
    def started(self) -> bool:
        """Whether all workers have answered since the start of the service."""
        return (self.path / "started").exists()

    def fail(self, message: str, hint: str) -> None:
        """Notes why a worker cannot start."""
        self._write("failure", TypeAdapter(tuple[str, str]).dump_json((message, hint)))

    @property
    def failure(self) -> tuple[str, str] | None:
        """Why a worker could not start, and a hint."""
        try:
            return TypeAdapter(tuple[str, str]).validate_json((self.path / "failure").read_bytes())
        except FileNotFoundError:
            return None

    # Reloads

    def request_reload(self) -> int:
        """Asks every worker to check its models; returns the number of requests so far."""
        with (self.path / "reloads").open("ab") as file:
            file.write(b".")
        return self.reloads

    @property
    def reloads(self) -> int:
        """The number of requests to reload so far."""
        try:
            return (self.path / "reloads").stat().st_size
        except FileNotFoundError:
            return 0

    # States of workers

    def write_state(self, reloads: int, versions: dict[str, str]) -> None:
        """A sign of life of this worker."""
        state = WorkerState(os.getpid(), time.monotonic(), reloads, versions)
        self._write(f"worker-{state.process}", _STATE.dump_json(state))

    def states(self) -> list[WorkerState]:
        """The states of all workers that live."""
        states = []
        for file in self.path.glob("worker-*"):
            state = _STATE.validate_json(file.read_bytes())
            if _is_alive(state.process):
                states.append(state)
            else:
                file.unlink(missing_ok=True)
        return states

    def _write(self, name: str, text: bytes) -> None:
        written = self.path / f".{name}-{os.getpid()}-{threading.get_ident()}"  # threads write the same name
        written.write_bytes(text)
        written.replace(self.path / name)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
