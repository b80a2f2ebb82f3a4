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
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cofactor.artifact import save
from cofactor.data.ratings import Ratings
from cofactor.data.split import load_split
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import CofactorError
from cofactor.experiments.fitted import fitted
from cofactor.experiments.measuring import metered
from cofactor.trainers import TRAINERS
from cofactor.trainers.base import Trainer
from cofactor.trainers.early import judged

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
    prepare(trainer, split.train)
    split.train.catalog  # noqa: B018  # what a model remembers of the ratings is part of reading them
    say({"ready": True})
    with metered() as meter:
        made = fitted(
            trainer, split, job["patience"], job["refit"], lambda row, of: say({"row": asdict(row), "of": of})
        )
    save(made.model, Path(job["out"]), trainer=trainer.name, hyperparameters=trainer.settings())
    result = {"best_epoch": made.best_epoch, "refitted": made.refitted, **asdict(meter), **made.curve()}
    say({"result": result})


def prepare(trainer: Trainer, ratings: Ratings) -> None:
    """Trains on a few of the ratings and throws the model away: what is compiled and imported for it is then there.

    What cannot be trained on them may well be on all of them.
    """
    some = few(ratings)
    try:
        for one in islice(judged(trainer.epochs(some), some), 2):
            one.loss, one.epoch.loss  # noqa: B018
    except CofactorError:
        pass


def few(ratings: Ratings, n: int = FEW) -> Ratings:
    """n of the ratings, at equal distances, over no more users and items than they name."""
    rows = np.unique(np.arange(n) * len(ratings) // n) if len(ratings) else np.empty(0, np.int64)
    users, user = np.unique(ratings.user[rows], return_inverse=True)
    items, item = np.unique(ratings.item[rows], return_inverse=True)
    known = {"user_features": users, "item_features": items}
    features = {name: one.rows(which) for name, which in known.items() if (one := getattr(ratings, name)) is not None}
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
