"""Trains in a process of its own, so that memory and threads of one training do not affect the next."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cofactor import errors
from cofactor.errors import CofactorError
from cofactor.experiments.compilation_messages import announce_compilation
from cofactor.trainers.base import Trainer
from cofactor.training.tracking.epoch_row import EpochRow

# The new process imports from the same places as this one, whatever its working folder and other installations hold.
PROGRAM = (
    "import json, sys; sys.path = json.loads(sys.argv[1]); "
    "from cofactor.experiments.subprocess_worker import main; main()"
)
OnEpoch = Callable[[EpochRow | None, int], object]
OUT_OF_MEMORY = "the system ended the training, perhaps because memory ran out"


@dataclass(frozen=True)
class TrainingRequest:
    """A training: what is trained and how, and the folder for the model."""

    trainer: Trainer
    split: Path  # the folder of a saved split
    out: Path
    patience: int = 3
    refit: bool = False


class SubprocessFailure(CofactorError):
    """A training process that ended without an answer, by a bug or by the system; `details` is its stderr."""

    exit_code = 1

    def __init__(self, message: str, hint: str, details: str) -> None:
        super().__init__(message, hint)
        self.details = details


def train_in_subprocess(request: TrainingRequest, on_epoch: OnEpoch = lambda row, n_epochs: None) -> dict[str, Any]:
    """Trains in a new process, saves the model in a folder, and returns how the training went.

    The result has best_epoch, refitted, curve, curve_metric; and seconds, cpu_seconds and peak_bytes of the training
    alone. on_epoch: is called with None when the training begins, and then with the row of each epoch; and with the
    planned number of epochs. Raises the error that the training ended with, or SubprocessFailure. An exception of
    `on_epoch`, or Ctrl-C, ends the process.
    """
    description = {
        "trainer": request.trainer.name,
        "settings": request.trainer.settings(),
        "split": str(request.split.resolve()),
        "out": str(request.out.resolve()),
        "patience": request.patience,
        "refit": request.refit,
    }
    command = [sys.executable, "-c", PROGRAM, json.dumps(sys.path)]
    with tempfile.TemporaryFile() as stderr_file:
        running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr_file)
        with running:
            try:
                result = _read_answers(running, json.dumps(description), on_epoch)
            except BaseException:
                running.kill()
                raise
        if result is None:
            raise _failure(request.trainer.name, running.returncode, stderr_file)
    return result


def _read_answers(running: "subprocess.Popen[bytes]", request: str, on_epoch: OnEpoch) -> dict[str, Any] | None:
    """The result of a training process, or None where it ends without one."""
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        running.stdin.write(request.encode() + b"\n")
        running.stdin.close()
    except BrokenPipeError:  # the process has ended already; its exit code says why
        return None
    for line in running.stdout:
        answer = json.loads(line)
        if "compiling" in answer:
            announce_compilation()
            continue
        if "error" in answer:
            kind = getattr(errors, answer["error"]["kind"], CofactorError)  # the process has classes of ours only
            raise kind(answer["error"]["message"], answer["error"]["hint"])
        if "result" in answer:
            result: dict[str, Any] = answer["result"]
            return result
        on_epoch(EpochRow(**answer["row"]) if "row" in answer else None, answer.get("of", 0))
    return None


def _failure(name: str, code: int, stderr_file: IO[bytes]) -> SubprocessFailure:
    stderr_file.seek(0)
    written = stderr_file.read().decode(errors="replace").strip()
    if code == -signal.SIGKILL:
        return SubprocessFailure(f"{name}: {OUT_OF_MEMORY}", "use fewer ratings, or a smaller model", written)
    last = written.splitlines()[-1] if written else f"exit code {code}"
    return SubprocessFailure(
        f"{name}: a bug in cofactor: {last[:200]}", "`cofactor --debug compare …` shows the traceback", written
    )
