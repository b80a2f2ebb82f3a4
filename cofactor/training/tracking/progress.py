"""The progress of a training on a terminal: a row of metrics for each epoch above a bar."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cofactor.training.tracking.epoch_row import CellValue, EpochRow, WriteRow
from cofactor.training.tracking.terminal_console import stderr_console

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

Advance = Callable[[int, int], object]  # epochs that are done, and epochs that are planned


class ProgressDisplay:
    """Shows a training on a console: rows that stay, a bar that is gone at the end, and messages.

    On something else than a terminal there is no bar, and each row is a line.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = stderr_console() if console is None else console

    @contextmanager
    def show(self, name: str) -> Iterator[tuple[WriteRow, Advance]]:
        """Shows a run under a name; gives the function that shows a row, and the one that moves the bar."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(escape(name), total=None)
            yield table(self.console), lambda done, planned: bar.update(task, completed=done, total=planned)

    def inform(self, message: str) -> None:
        """Shows a line."""
        self.console.print(message, markup=False)

    def warn(self, message: str) -> None:
        """Shows a line in yellow."""
        self.console.print(message, style="yellow", markup=False)


class NoProgress(ProgressDisplay):
    """Shows nothing; a warning is one of Python's."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))

    def warn(self, message: str) -> None:
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def table(console: Console) -> WriteRow:
    """Prints rows under a heading, in the columns for which the first row has a value; the best ones in green."""
    columns: list[str] = []

    def write(row: EpochRow) -> None:
        if not columns:
            columns.extend(_columns(row))
            console.print(_line({name: HEADINGS[name] for name in columns}), style="bold")
        values = row.by_column()
        cells = {name: _cell(values[name], 2 if name == "seconds" else 4) for name in columns}
        console.print(_line(cells), style="green" if row.best else None)

    return write


def _columns(row: EpochRow) -> list[str]:
    """The columns to show: a loss only where there is no error in the units of the ratings."""
    empty = {name for name, value in row.by_column().items() if value is None}
    if row.train_rmse is not None:
        empty.add("train_loss")
    if row.validation_rmse is None and row.validation_ndcg is None:
        empty.add("best")
    return [name for name in HEADINGS if name not in empty]


def _cell(value: CellValue, digits: int) -> str:
    if value is None or isinstance(value, bool):
        return "*" if value else ""
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def _line(cells: dict[str, str]) -> str:
    """Right-aligned cells in columns of fixed widths, so that rows line up as they come."""
    return "".join(f"{cell:>{max(8, len(HEADINGS[name]) + 2)}}" for name, cell in cells.items())
