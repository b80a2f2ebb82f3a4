"""The worker process of a search: receives trials through a pipe, trains, and sends back the results.

It reads a folder with the train and validation parts of a split once; the folder holds no test part.
"""

import os
import queue
import signal
import threading
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from cofactor.data.splitting.saved_split import read_parts
from cofactor.errors import BadHyperparameter, CofactorError
from cofactor.experiments.compilation_messages import forward_compilation
from cofactor.experiments.tuning.objective import TrainingPair, evaluate_trial, make_training_pairs
from cofactor.trainers import TRAINERS

WARM_UP_RATINGS = 1_000  # ratings of a warm-up training, which loads and compiles kernels before time is measured

Message = dict[str, Any]


def send(pipe: Connection, message: Message) -> None:
    """Sends a message as JSON, so that nothing that is received can be executed."""
    pipe.send_bytes(orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY))


def receive(pipe: Connection) -> Message:
    """The next message; raises EOFError where the other end is closed."""
    message: Message = orjson.loads(pipe.recv_bytes())
    return message


def run_worker(pipe: Connection, folder: str, n_folds: int, seed: int) -> None:
    """Evaluates trials until the pipe is closed, and then ends at once, even during a training."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")  # a training that diverges is reported as such
    forward_compilation(lambda: send(pipe, {"compiling": True}))
    said = _start_listener(pipe)
    try:
        parts = _read_pairs(Path(folder), n_folds, seed)
    except CofactorError as error:
        send(pipe, {"wrong": [error.message, error.hint]})
        return
    send(pipe, {"ready": True})
    warm: set[str] = set()
    while True:
        asked = said.get()
        if asked["trainer"] not in warm:
            _warm_up(asked, parts[0])
            warm.add(asked["trainer"])
        send(pipe, _run_trial(pipe, said, asked, parts))


def _start_listener(pipe: Connection) -> "queue.SimpleQueue[Message]":
    """A queue of the messages that arrive; a thread fills it, and ends this process where the pipe is closed."""
    said: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                said.put(receive(pipe))
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return said


def _read_pairs(folder: Path, n_folds: int, seed: int) -> list[TrainingPair]:
    parts, _ = read_parts(folder, ("train", "validation"))
    return make_training_pairs(parts["train"], parts["validation"], n_folds, seed)


def _warm_up(asked: Mapping[str, Any], part: TrainingPair) -> None:
    """Trains on a few ratings, so that kernels are loaded and compiled; the trial itself reports any error."""
    few = part[0].where(np.arange(min(WARM_UP_RATINGS, len(part[0]))))
    try:
        trainer = TRAINERS[asked["trainer"]].of(**asked["hyperparameters"])
        next(iter(trainer.epochs(few))).model.predict_rows(part[1].user[:1], part[1].item[:1])
    except Exception:
        return


def _run_trial(
    pipe: Connection, said: "queue.SimpleQueue[Message]", asked: Message, parts: list[TrainingPair]
) -> Message:
    """The result of a trial, or its error.

    failed: this trial failed. wrong: the data or the machine is at fault, and every other trial would fail as well.
    """

    def report(step: int, loss: float) -> bool:
        send(pipe, {"step": step, "loss": loss})
        return bool(said.get()["go_on"])

    try:
        trainer = TRAINERS[asked["trainer"]].of(**asked["hyperparameters"])
        found = evaluate_trial(trainer, parts, asked["patience"], report)
    except BadHyperparameter as error:
        return {"failed": error.message}
    except CofactorError as error:
        return {"wrong": [error.message, error.hint]}
    except MemoryError:
        return {"failed": "not enough memory"}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    return {"judged": asdict(found)}
