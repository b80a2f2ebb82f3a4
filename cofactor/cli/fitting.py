"""Training in front of a person: shown as it happens, and Ctrl-C keeps the best epoch so far."""

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from rich.console import Console

from cofactor.data.ratings import Ratings
from cofactor.data.split import Split
from cofactor.models.base import Model
from cofactor.tracking import track
from cofactor.trainers.base import Resume, Trainer
from cofactor.trainers.early import Judged, judged


@dataclass(frozen=True)
class Fitted:
    """What a training left, and how it went."""

    model: Model
    best_epoch: int
    epochs: list[dict[str, Any]]  # the figures of each, by the names of the log
    seconds: float
    interrupted: bool
    refitted: bool


class Course:
    """How far a training has come, and what Ctrl-C does to it.

    The first Ctrl-C ends it at once, or after the first epoch where none is done yet; the second quits the program.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.best: Judged | None = None
        self.epochs: list[dict[str, Any]] = []
        self.interrupted = False

    def run(self, epochs: Iterable[Judged], log: Path | None, name: str) -> Judged:
        """Passes through the epochs and returns the best."""
        try:
            with self._listening(), closing(track(epochs, self.console, log=log, name=name)) as shown:
                for one in shown:
                    self.epochs.append(_figures(one))
                    self.best = one if one.best or self.best is None else self.best
                    if self.interrupted:
                        break
        except KeyboardInterrupt:
            if self.best is None:
                raise
        assert self.best is not None, f"{name} yielded no epoch"
        return self.best

    @contextmanager
    def _listening(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        again, self.interrupted = self.interrupted, True
        if again or self.best is not None:
            raise KeyboardInterrupt
        self.console.print("stopping after the first epoch; Ctrl-C again quits", style="yellow")


def fit(
    trainer: Trainer,
    split: Split,
    console: Console,
    *,
    patience: int,
    log: Path | None = None,
    refit: bool = False,
    start: Resume | None = None,
) -> Fitted:
    """Trains on the train part, from `start` on where there is one, and chooses the epoch on the validation part.

    `refit`: then trains once more, on both parts, for as many epochs. An interrupted training is not refitted, and an
    interrupted refit leaves the model that was there before it.
    """
    started = time.perf_counter()
    validation = split.validation if len(split.validation) else None
    course = Course(console)
    best = course.run(judged(trainer.epochs(split.train, start), validation, patience), log, trainer.name)
    model, interrupted, refitted = best.model, course.interrupted, False
    if refit and validation is not None and not interrupted:
        both = judged(islice(trainer.epochs(joined(split.train, validation), start), best.epoch.number), None)
        again = Course(console)
        last = again.run(both, None, f"{trainer.name}, refitting")
        interrupted = again.interrupted
        if not interrupted:
            model, refitted = last.model, True
    seconds = time.perf_counter() - started
    return Fitted(model, best.epoch.number, course.epochs, seconds, interrupted, refitted)


def joined(train: Ratings, validation: Ratings) -> Ratings:
    """The rows of two parts of one split as one."""
    both: dict[str, Any] = {
        name: np.concatenate((getattr(train, name), getattr(validation, name))) for name in ("user", "item", "value")
    }
    if train.time is not None and validation.time is not None:
        both["time"] = np.concatenate((train.time, validation.time))
    return replace(train, **both)


def _figures(one: Judged) -> dict[str, Any]:
    return {
        "epoch": one.epoch.number,
        "train_rmse": one.epoch.train_rmse,
        "validation_rmse": one.rmse,
        "validation_mae": one.mae,
        "validation_ndcg@10": one.ndcg,
        "best": one.best,
    }
