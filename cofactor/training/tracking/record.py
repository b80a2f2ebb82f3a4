"""Records the epochs of a training while they pass: in the progress display and in every tracker."""

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from cofactor.training.early_stopping import ValidatedEpoch, check_finite
from cofactor.training.tracking.epoch_row import EpochRow, RowWriter, WriteRow
from cofactor.training.tracking.progress import ProgressDisplay


def record_epochs(
    epochs: Iterable[ValidatedEpoch],
    display: ProgressDisplay,
    *writers: RowWriter,
    before: Sequence[EpochRow] = (),
    name: str = "training",
    measure_objective: bool = True,
) -> Generator[ValidatedEpoch]:
    """Yields the same epochs, after the row of each is shown and given to every writer.

    before: the rows of the earlier epochs of a resumed training. They are shown and written first, so that every record
        is complete; the seconds are counted on from the last of them.

    measure_objective: whether rows have the objective; for some trainers, it takes longer to compute than the epoch.

    A generator that is closed early, or interrupted by Ctrl-C, leaves terminal and files in order. Raises the error of
    a writer that cannot be opened, before the training begins, and TrainingDiverged for an infinite objective.
    """
    started = time.perf_counter() - (before[-1].seconds if before else 0.0)
    with ExitStack() as stack:
        show, advance = stack.enter_context(display.show(name))
        writes = [show, *(stack.enter_context(_Forgiving(writer, display)) for writer in writers)]
        for row in before:
            _write(row, writes)
        for one in epochs:
            row = EpochRow.of(one, time.perf_counter() - started, measure_objective=measure_objective)
            check_finite(row.epoch, row.train_loss)
            _write(row, writes)
            advance(one.epoch.number, one.epoch.n_epochs)
            yield one


def _write(row: EpochRow, writes: Iterable[WriteRow]) -> None:
    for write in writes:
        write(row)


class _Forgiving:
    """A writer that is given up, with a warning, at its first OSError: a full disk must not end a training."""

    def __init__(self, writer: RowWriter, display: ProgressDisplay) -> None:
        self.writer, self.display = writer, display
        self.given_up = False

    def __enter__(self) -> WriteRow:
        write = self.writer.__enter__()

        def write_unless_given_up(row: EpochRow) -> None:
            if not self.given_up:
                with self._forgiving():
                    write(row)

        return write_unless_given_up

    def __exit__(self, *error: Any) -> bool | None:
        with self._forgiving():  # an error of the training is passed on to the writer and not raised here
            return self.writer.__exit__(*error)
        return False

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self.given_up:
                file = f": {error.filename}" if error.filename else ""
                self.display.warn(f"a record of the training is given up: {error.strerror or error}{file}")
            self.given_up = True
