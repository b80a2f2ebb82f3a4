"""Training as it happens: a bar, a row of figures for each epoch, and the same rows for every other record of it.

`track` passes the epochs through, so a training loop stays a plain loop:

    for one in track(early_stopping(trainer.epochs(train), validation), console, csv_log(path)):
        ...
"""

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cofactor.training.tracking.epoch_row import CellValue, EpochRow, Judged, RowWriter, WriteRow

HEADINGS = {
    "epoch": "epoch",
    "train_loss": "train loss",
    "train_rmse": "train RMSE",
    "validation_rmse": "validation RMSE",
    "validation_mae": "MAE",
    "validation_ndcg@10": "NDCG@10",
    "best": "best",
    "seconds": "seconds",
}

J = TypeVar("J", bound=Judged)


def track(
    judged: Iterable[J], console: Console, *sinks: RowWriter, before: Sequence[EpochRow] = (), name: str = "training"
) -> Generator[J]:
    """The same epochs, each shown as it passes: a row above a bar on a terminal, a line elsewhere.

    sinks: what else the rows are written to, each complete after every epoch.
    before: the rows of a training that goes on. They are shown and written again, so that every record is that of the
        whole training, whatever became of the first one's; the seconds go on from the last of them.

    The bar is gone at the end, the rows stay. A training that is left early (`break`, Ctrl-C) leaves terminal and
    files in order. Raises OSError where a sink cannot be opened, before the training begins.
    """
    started = time.perf_counter() - (before[-1].seconds if before else 0.0)
    with ExitStack() as stack:
        bar = stack.enter_context(_bar(console))
        task = bar.add_task(escape(name), total=None)
        writes = [stack.enter_context(table(console))]
        writes += [stack.enter_context(_Lasting(sink, console)) for sink in sinks]
        for row in before:
            _write(row, writes)
        for one in judged:
            _write(EpochRow.of(one, time.perf_counter() - started), writes)
            bar.update(task, completed=one.epoch.number, total=one.epoch.n_epochs)
            yield one


def _write(row: EpochRow, writes: Iterable[WriteRow]) -> None:
    for write in writes:
        write(row)


class _Lasting:
    """A sink that gives up, and says so, where it can be written no more: that must not cost a training its model."""

    def __init__(self, sink: RowWriter, console: Console) -> None:
        self.sink, self.console = sink, console
        self.given_up = False

    def __enter__(self) -> WriteRow:
        write = self.sink.__enter__()

        def spared(row: EpochRow) -> None:
            if not self.given_up:
                with self._sparing():
                    write(row)

        return spared

    def __exit__(self, *error: Any) -> bool | None:
        with self._sparing():  # an error of the training is handed on and not raised here
            return self.sink.__exit__(*error)
        return False

    @contextmanager
    def _sparing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self.given_up:
                about = f": {error.filename}" if error.filename else ""
                said = f"a record of the training is given up: {error.strerror or error}{about}"
                self.console.print(said, style="yellow", markup=False)
            self.given_up = True


@contextmanager
def table(console: Console) -> Iterator[WriteRow]:
    """Rows as lines under a heading, in the columns for which the first row has a figure; the best ones in green."""
    columns: list[str] = []

    def write(row: EpochRow) -> None:
        if not columns:
            columns.extend(_columns(row))
            console.print(_line({name: HEADINGS[name] for name in columns}), style="bold")
        figures = row.by_column()
        cells = {name: _cell(figures[name], 2 if name == "seconds" else 4) for name in columns}
        console.print(_line(cells), style="green" if row.best else None)

    yield write


def _columns(row: EpochRow) -> list[str]:
    """A loss is read only where there is no error in the units of the ratings to read instead."""
    idle = {name for name, figure in row.by_column().items() if figure is None}
    if row.train_rmse is not None:
        idle.add("train_loss")
    if row.validation_rmse is None and row.validation_ndcg is None:
        idle.add("best")
    return [name for name in HEADINGS if name not in idle]


def _cell(figure: CellValue, digits: int) -> str:
    if figure is None or isinstance(figure, bool):
        return "*" if figure else ""
    return str(figure) if isinstance(figure, int) else f"{figure:.{digits}f}"


def _line(cells: dict[str, str]) -> str:
    """Cells to the right of columns of a fixed width, so that rows line up as they come."""
    return "".join(f"{cell:>{max(8, len(HEADINGS[name]) + 2)}}" for name, cell in cells.items())


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
