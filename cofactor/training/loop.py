"""The loop over the epochs of a training: early stopping, checkpoints, records, and what ends it before its time."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from types import FrameType

from cofactor.errors import TrainingDiverged
from cofactor.training.early_stopping import ValidatedEpoch
from cofactor.training.resume import Checkpointer
from cofactor.training.state import divergence_hint
from cofactor.training.tracking.epoch_row import EpochRow, RowWriter
from cofactor.training.tracking.progress import ProgressDisplay
from cofactor.training.tracking.record import record_epochs

OnEpoch = Callable[[ValidatedEpoch, EpochRow], object]


class TrainingLoop:
    """Runs a training to its end, or to Ctrl-C or an epoch that diverges, and keeps the best epoch.

    A KeyboardInterrupt ends the training, and the best epoch so far is kept; it is raised where there is none yet. With
    `handle_interrupts`, a first Ctrl-C before the end of the first epoch lets that epoch finish, and only a second one
    is raised. This installs a signal handler while the loop runs, in the main thread.

    on_epoch: is called after each epoch, when it is recorded and saved; what it raises ends the training.
    """

    def __init__(
        self,
        checkpointer: Checkpointer,
        display: ProgressDisplay,
        *,
        handle_interrupts: bool = False,
        on_epoch: OnEpoch | None = None,
        measure_objective: bool = True,
    ) -> None:
        self.checkpointer, self.display = checkpointer, display
        self.handle_interrupts, self.on_epoch, self.measure_objective = handle_interrupts, on_epoch, measure_objective
        self.best = checkpointer.best
        self.rows: list[EpochRow] = []
        self.interrupted = self.diverged = False

    @property
    def finished(self) -> bool:
        return not (self.interrupted or self.diverged)

    def run(self, epochs: Iterator[ValidatedEpoch], name: str, *writers: RowWriter) -> ValidatedEpoch:
        """Runs the epochs and returns the best; raises KeyboardInterrupt or TrainingDiverged where there is none."""
        history = nullcontext(self.rows.append)
        recorded = record_epochs(
            epochs,
            self.display,
            history,
            *writers,
            before=self.checkpointer.rows,
            name=name,
            measure_objective=self.measure_objective,
        )
        try:
            with self._interrupts(), closing(recorded):
                for one in recorded:
                    self.best = one if one.best or self.best is None else self.best
                    self.checkpointer.save(one, self.rows)
                    if self.on_epoch is not None:
                        self.on_epoch(one, self.rows[-1])
                    if self.interrupted:
                        break
                else:
                    self.checkpointer.complete()
        except KeyboardInterrupt:
            self.interrupted = True
            if self.best is None:
                raise
        except TrainingDiverged as error:
            self.diverged = True
            if self.best is None:
                raise TrainingDiverged(error.message, divergence_hint(self.checkpointer.trainer.settings())) from None
        assert self.best is not None, f"{name} yielded no epoch"
        return self.best

    @contextmanager
    def _interrupts(self) -> Iterator[None]:
        if not self.handle_interrupts or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        again, self.interrupted = self.interrupted, True
        if again or self.best is not None:
            raise KeyboardInterrupt
        self.display.warn("stopping after the first epoch; Ctrl-C again quits")
