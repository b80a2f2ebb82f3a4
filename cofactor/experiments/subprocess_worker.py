"""The process that `subprocess_training` starts: reads a request from stdin, trains, and answers in lines of JSON.

{"compiling": true}            when kernels have to be compiled
{"ready": true}                when everything is imported and compiled
{"row": {…}, "of": 20}         after each epoch: its `EpochRow`, and how many epochs are planned
{"result": {…}}                when the model is saved
{"error": {…}}                 instead of a result: kind, message and hint of what went wrong
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import join_parts, load_split
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import CofactorError
from cofactor.experiments.compilation_messages import forward_compilation
from cofactor.experiments.resource_usage import measure_resources
from cofactor.output_checks import HINTS
from cofactor.saved.model_folder import save
from cofactor.trainers import TRAINERS
from cofactor.trainers.base import Trainer
from cofactor.training.early_stopping import ValidatedEpoch, early_stopping
from cofactor.training.fit import fit_ratings
from cofactor.training.rating_checks import check_kind, check_ratings_vary
from cofactor.training.tracking.epoch_row import EpochRow

WARM_UP_RATINGS = 500  # enough to compile everything
Answer = Callable[[dict[str, Any]], None]


def main() -> None:
    """Trains as the request on stdin says. Ctrl-C is handled by the parent process, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = json.loads(sys.stdin.readline())
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what a library prints goes to stderr

        def answer(what: dict[str, Any]) -> None:
            answers.write(json.dumps(what) + "\n")
            answers.flush()

        forward_compilation(lambda: answer({"compiling": True}))
        try:
            _train(request, answer)
        except CofactorError as error:
            answer({"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}})
        except MemoryError:
            answer({"error": {"kind": "Unavailable", "message": "there is not enough memory to train it", "hint": ""}})
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            message = f"{error.strerror or error}{place}"
            answer({"error": {"kind": "Unavailable", "message": message, "hint": HINTS.get(error.errno or 0, "")}})


def _train(request: dict[str, Any], answer: Answer) -> None:
    split, trainer = load_split(request["split"]), TRAINERS[request["trainer"]].of(**request["settings"])
    train, validation = split.train, split.validation if len(split.validation) else None
    check_kind(trainer, train)
    check_ratings_vary(trainer, *split.parts.values())
    refit = bool(request["refit"])
    joined = warm_up(trainer, train) == 1 and refit and validation is not None
    if joined and validation is not None:  # a closed form has no epoch to choose: it learns both parts at once
        train, validation, refit = join_parts(train, validation), None, False
    train.training_data  # noqa: B018  # computed here: it is a part of reading, not of training

    def on_epoch(one: ValidatedEpoch, row: EpochRow) -> None:
        answer({"row": asdict(row), "of": one.epoch.n_epochs})

    answer({"ready": True})
    with measure_resources() as usage:
        fitted = fit_ratings(trainer, train, validation, patience=request["patience"], refit=refit, on_epoch=on_epoch)
    save(fitted.model, Path(request["out"]), trainer=trainer.name, hyperparameters=trainer.settings())
    result = {"best_epoch": fitted.best_epoch, "refitted": fitted.refitted or joined}
    answer({"result": result | asdict(usage) | fitted.learning_curve()})


def warm_up(trainer: Trainer, ratings: Ratings) -> int:
    """Trains on a few of the ratings, so that everything is imported and compiled afterwards.

    Returns the planned number of epochs, which is 1 for a closed form, or 0 where the few ratings cannot be trained on.
    """
    some, planned = sample_ratings(ratings), 0
    with suppress(CofactorError):
        for one in islice(early_stopping(trainer.epochs(some), some), 2):
            planned = one.epoch.n_epochs
            one.loss, one.epoch.objective  # noqa: B018
    return planned


def sample_ratings(ratings: Ratings, n: int = WARM_UP_RATINGS) -> Ratings:
    """n ratings at equal distances, with the users and items of these ratings only."""
    rows = np.unique(np.arange(n) * len(ratings) // n) if len(ratings) else np.empty(0, np.int64)
    users, user = np.unique(ratings.user[rows], return_inverse=True)
    items, item = np.unique(ratings.item[rows], return_inverse=True)
    known = {"user_features": users, "item_features": items}
    features = {name: one.take(which) for name, which in known.items() if (one := getattr(ratings, name)) is not None}
    return replace(
        ratings,
        users=Vocabulary(ratings.users.ids[users], "user"),
        items=Vocabulary(ratings.items.ids[items], "item"),
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        value=ratings.value[rows],
        time=None if ratings.time is None else ratings.time[rows],
        titles=None,
        genres=None,
        **features,
    )
