"""One training in a process of its own: told what to do on stdin, it answers in lines of JSON.

{"ready": true}                when everything is imported and compiled
{"row": {…}, "of": 20}         after each epoch, see `tracking.row.Row`, and how many are planned
{"result": {…}}                when the model lies in its folder
{"error": {…}}                 instead of the latter: what went wrong, for a person
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
from cofactor.experiments.resource_usage import measure_resources
from cofactor.saved.model_folder import save
from cofactor.trainers import TRAINERS
from cofactor.trainers.base import Trainer
from cofactor.training.early_stopping import early_stopping
from cofactor.training.fit import fitted

FEW = 500  # ratings that are enough to have everything compiled
Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Does the one job on stdin. Ctrl-C is for the process that asked, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    job = json.loads(sys.stdin.readline())
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # whatever a library prints is no answer

        def say(what: dict[str, Any]) -> None:
            answers.write(json.dumps(what) + "\n")
            answers.flush()

        try:
            _do(job, say)
        except CofactorError as error:
            say({"error": {"message": error.message, "hint": error.hint}})
        except MemoryError:
            say({"error": {"message": "there is too little memory to train it", "hint": ""}})


def _do(job: dict[str, Any], say: Say) -> None:
    split, trainer = load_split(job["split"]), TRAINERS[job["trainer"]].of(**job["settings"])
    train, validation, refit = split.train, split.validation if len(split.validation) else None, bool(job["refit"])
    at_once = warm_up(trainer, train) == 1 and refit and validation is not None
    if at_once and validation is not None:  # nothing is chosen by the validation part
        train, validation, refit = join_parts(train, validation), None, False
    train.training_data  # noqa: B018  # what a model remembers of the ratings is part of reading them
    say({"ready": True})
    with measure_resources() as meter:
        made = fitted(
            trainer, train, validation, job["patience"], refit, lambda row, of: say({"row": asdict(row), "of": of})
        )
    save(made.model, Path(job["out"]), trainer=trainer.name, hyperparameters=trainer.settings())
    told = {"best_epoch": made.best_epoch, "refitted": made.refitted or at_once}
    say({"result": told | asdict(meter) | made.curve()})


def warm_up(trainer: Trainer, ratings: Ratings) -> int:
    """Trains on a few of the ratings and throws the model away: what is compiled and imported for it is then there.

    How many epochs were planned: one is that of a closed form, which has none to choose. 0 where it cannot be trained
    on them, which says nothing of all ratings.
    """
    some, planned = sample_ratings(ratings), 0
    with suppress(CofactorError):
        for one in islice(early_stopping(trainer.epochs(some), some), 2):
            planned = one.epoch.n_epochs
            one.loss, one.epoch.objective  # noqa: B018
    return planned


def sample_ratings(ratings: Ratings, n: int = FEW) -> Ratings:
    """n of the ratings, at equal distances, over no more users and items than they name."""
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
