"""Training in front of a person: shown as it happens, and Ctrl-C keeps the best epoch so far."""

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from types import FrameType
from typing import Any

import numpy as np
from rich.console import Console

from cofactor.data.ratings import Ratings
from cofactor.data.split import Split
from cofactor.models.base import Model
from cofactor.tracking.progress import track
from cofactor.tracking.row import Figure, Row, Sink
from cofactor.trainers.base import Trainer
from cofactor.trainers.early import Judged, judged


@dataclass(frozen=True)
class Fitted:
    """What a training left, and how it went."""

    model: Model
    best_epoch: int
    epochs: list[dict[str, Figure]]  # the figures of each, by the names of the log
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
        self.rows: list[Row] = []
        self.interrupted = False

    def run(self, epochs: Iterable[Judged], name: str, *sinks: Sink) -> Judged:
        """Passes through the epochs and returns the best."""
        shown = track(epochs, self.console, nullcontext(self.rows.append), *sinks, name=name)
        try:
            with self._listening(), closing(shown):
                for one in shown:
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


def fit(trainer: Trainer, split: Split, console: Console, *sinks: Sink, patience: int, refit: bool = False) -> Fitted:
    """Trains on the train part and chooses the epoch on the validation part; `sinks` get the figures of its epochs.

    `refit`: then trains once more, on both parts, for as many epochs. An interrupted training is not refitted, and an
    interrupted refit leaves the model that was there before it.
    """
    started = time.perf_counter()
    validation = split.validation if len(split.validation) else None
    course = Course(console)
    best = course.run(judged(trainer.epochs(split.train), validation, patience), trainer.name, *sinks)
    model, interrupted, refitted = best.model, course.interrupted, False
    if refit and validation is not None and not interrupted:
        both = judged(islice(trainer.epochs(joined(split.train, validation)), best.epoch.number), None)
        again = Course(console)
        last = again.run(both, f"{trainer.name}, refitting")
        interrupted = again.interrupted
        if not interrupted:
            model, refitted = last.model, True
    seconds = time.perf_counter() - started
    epochs = [row.figures() for row in course.rows]
    return Fitted(model, best.epoch.number, epochs, seconds, interrupted, refitted)


def joined(train: Ratings, validation: Ratings) -> Ratings:
    """The rows of two parts of one split as one."""
    both: dict[str, Any] = {
        name: np.concatenate((getattr(train, name), getattr(validation, name))) for name in ("user", "item", "value")
    }
    if train.time is not None and validation.time is not None:
        both["time"] = np.concatenate((train.time, validation.time))
    return replace(train, **both)
