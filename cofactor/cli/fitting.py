"""Training in front of a person: shown as it happens, and Ctrl-C keeps the best epoch so far."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from itertools import islice
from types import FrameType

from rich.console import Console

from cofactor.cli.resuming import Keeper
from cofactor.data.splitting.split import Split, join_parts
from cofactor.training.early_stopping import ValidatedEpoch, early_stopping
from cofactor.training.epoch import WarmStart
from cofactor.training.fit import Fit
from cofactor.training.tracking.epoch_row import EpochRow, RowWriter
from cofactor.training.tracking.progress import track


class Course:
    """How far a training has come, and what Ctrl-C does to it.

    The first Ctrl-C ends it at once, or after the first epoch where none is done yet; the second quits the program.
    """

    def __init__(self, keeper: Keeper, console: Console) -> None:
        self.keeper, self.console = keeper, console
        self.best = keeper.best
        self.rows: list[EpochRow] = []
        self.interrupted = False

    def run(self, epochs: Iterator[ValidatedEpoch], name: str, *sinks: RowWriter) -> ValidatedEpoch:
        """Passes through the epochs and returns the best."""
        kept = self.keeper
        shown = track(epochs, self.console, nullcontext(self.rows.append), *sinks, before=kept.rows, name=name)
        try:
            with self._listening(), closing(shown):
                for one in shown:
                    self.best = one if one.best or self.best is None else self.best
                    kept.keep(one, self.rows)
                    if self.interrupted:
                        break
                else:
                    kept.end()
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
    kept: Keeper,
    split: Split,
    console: Console,
    *sinks: RowWriter,
    patience: int,
    refit: bool = False,
    start: WarmStart | None = None,
) -> Fit:
    """Trains on the train part, from `start` on where there is one, and chooses the epoch on the validation part.

    kept: what is known of the same training from earlier runs, and what keeps it for later ones.
    sinks: what the figures of the epochs are written to.
    `refit`: then trains once more, on both parts, for as many epochs. An interrupted training is not refitted, and an
    interrupted refit leaves the model that was there before it.
    """
    started = time.perf_counter()
    validation, name = split.validation if len(split.validation) else None, kept.trainer.name
    course = Course(kept, console)
    chosen = early_stopping(kept.epochs(start), validation, patience, kept.lowest, kept.waited)
    best = course.run(chosen, name, *sinks)
    model, interrupted, refitted, earlier = best.model, course.interrupted, False, kept.seconds
    if refit and validation is not None and not interrupted:
        kept = kept.of_refit(join_parts(split.train, validation), best.epoch.number)
        again = Course(kept, console)
        both = early_stopping(islice(kept.epochs(start), best.epoch.number - len(kept.rows)), None)
        last = again.run(both, f"{name}, refitting")
        interrupted, earlier = again.interrupted, earlier + kept.seconds
        if not interrupted:
            model, refitted = last.model, True
    seconds, epochs = earlier + time.perf_counter() - started, [row.by_column() for row in course.rows]
    return Fit(model, best.epoch.number, epochs, seconds, interrupted, refitted)
