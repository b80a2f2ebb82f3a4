"""Trainings in processes of their own, so that one's memory and threads are not the next one's."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cofactor.errors import CofactorError
from cofactor.trainers.base import Trainer
from cofactor.training.tracking.epoch_row import EpochRow

# The places that this process imports from are those of the other: neither the folder it is started in nor an
# installation elsewhere can put itself in between.
PROGRAM = (
    "import json, sys; sys.path = json.loads(sys.argv[1]); "
    "from cofactor.experiments.subprocess_worker import main; main()"
)
OnEpoch = Callable[[EpochRow | None, int], object]
OUT_OF_MEMORY = "the system ended its training, perhaps for want of memory"


@dataclass(frozen=True)
class TrainingRequest:
    """One training: of what, how, and where the model goes."""

    trainer: Trainer
    split: Path  # a saved one
    out: Path
    patience: int = 3
    refit: bool = False


class SubprocessFailure(CofactorError):
    """A training that ended without a word: a bug, or the system's doing; `details` is what it wrote on stderr."""

    exit_code = 1

    def __init__(self, message: str, hint: str, details: str) -> None:
        super().__init__(message, hint)
        self.details = details


def train_in_subprocess(job: TrainingRequest, told: OnEpoch = lambda row, of: None) -> dict[str, Any]:
    """Trains in a new process, saves the model as a folder, and returns how that went (see `worker`): best_epoch,
    refitted, curve, curve_metric; seconds, cpu_seconds and peak_bytes of the training alone.

    told: is given None when the training begins, and then each row of it with how many epochs are planned. Raises the
    error that the training ended with, or Crash. An exception of `told`, or Ctrl-C, ends the process.
    """
    asked = {
        "trainer": job.trainer.name,
        "settings": job.trainer.settings(),
        "split": str(job.split.resolve()),
        "out": str(job.out.resolve()),
        "patience": job.patience,
        "refit": job.refit,
    }
    command = [sys.executable, "-c", PROGRAM, json.dumps(sys.path)]
    with tempfile.TemporaryFile() as noise:
        running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise)
        with running:
            try:
                result = _followed(running, json.dumps(asked), told)
            except BaseException:
                running.kill()
                raise
        if result is None:
            raise _crash(job.trainer.name, running.returncode, noise)
    return result


def _followed(running: "subprocess.Popen[bytes]", asked: str, told: OnEpoch) -> dict[str, Any] | None:
    """Its result, or None where it ends without one."""
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        running.stdin.write(asked.encode() + b"\n")
        running.stdin.close()
    except BrokenPipeError:  # it is no more, and its end says why
        return None
    for line in running.stdout:
        said = json.loads(line)
        if "error" in said:
            raise CofactorError(said["error"]["message"], said["error"]["hint"])
        if "result" in said:
            result: dict[str, Any] = said["result"]
            return result
        told(EpochRow(**said["row"]) if "row" in said else None, said.get("of", 0))
    return None


def _crash(name: str, code: int, noise: IO[bytes]) -> SubprocessFailure:
    noise.seek(0)
    written = noise.read().decode(errors="replace").strip()
    if code == -signal.SIGKILL:
        return SubprocessFailure(f"{name}: {OUT_OF_MEMORY}", "give it fewer ratings, or a smaller model", written)
    last = written.splitlines()[-1] if written else f"exit code {code}"
    return SubprocessFailure(
        f"{name}: a bug in cofactor: {last[:200]}", "`cofactor --debug compare …` shows the traceback", written
    )
