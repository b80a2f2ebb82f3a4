"""A process that trains what it is told to, and the pipe to the one that tells it.

It is given a folder that holds the train and the validation part of a split and no test part, and reads it once.
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
from cofactor.experiments.tuning.objective import TrainingPair, evaluate_trial, make_training_pairs
from cofactor.trainers import TRAINERS

WARM_UP_RATINGS = 1_000  # ratings on which a trainer is tried before time is taken: its kernels are loaded then

Message = dict[str, Any]


def send(pipe: Connection, message: Message) -> None:
    """Messages are JSON: nothing that comes out of a pipe is run."""
    pipe.send_bytes(orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY))


def receive(pipe: Connection) -> Message:
    """The next message; raises EOFError where the other end is gone."""
    message: Message = orjson.loads(pipe.recv_bytes())
    return message


def run_worker(pipe: Connection, folder: str, n_folds: int, seed: int) -> None:
    """Judges one trainer after another until the pipe is closed; then it ends at once, in the middle of a training."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that tells
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")  # of a training that diverges it is said that it did
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
    """What comes through the pipe, while something else is done; where nothing can come any more, all ends."""
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
    """A short training loads and compiles what the trainer needs; what is wrong with it, the true one will say."""
    few = part[0].where(np.arange(min(WARM_UP_RATINGS, len(part[0]))))
    try:
        trainer = TRAINERS[asked["trainer"]].of(**asked["hyperparameters"])
        next(iter(trainer.epochs(few))).model.predict_rows(part[1].user[:1], part[1].item[:1])
    except Exception:
        return


def _run_trial(
    pipe: Connection, said: "queue.SimpleQueue[Message]", asked: Message, parts: list[TrainingPair]
) -> Message:
    """What the hyperparameters give, or why nothing came of them.

    wrong: it is the fault of the data or of this machine, and would be the same with any other hyperparameters.
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
