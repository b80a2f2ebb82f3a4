"""The progress of a training on a terminal: a row of metrics for each epoch above a bar."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

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
        with Progress(
            *_columns_of_bar(), console=self.console, transient=True, disable=not self.console.is_terminal
        ) as bar:
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


class ProgressBar(NoProgress):
    """Shows a bar while a training runs, and nothing after it; warnings are those of Python."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self.console = stderr_console() if console is None else console

    @contextmanager
    def show(self, name: str) -> Iterator[tuple[WriteRow, Advance]]:
        with Progress(*_columns_of_bar(), console=self.console, transient=True) as bar:
            task = bar.add_task(escape(name), total=None)

            def show_metric(row: EpochRow) -> None:
                bar.update(task, description=escape(f"{name} {_describe(row)}".strip()))

            yield show_metric, lambda done, planned: bar.update(task, completed=done, total=planned)

    def inform(self, message: str) -> None:
        """Shows nothing: the bar is all."""


def choose_display(progress: bool | ProgressDisplay | None) -> ProgressDisplay:
    """The display of an argument `progress`: a table of epochs for True, nothing for False; for None a bar where a
    person looks on, in a terminal or a notebook."""
    if isinstance(progress, ProgressDisplay):
        return progress
    if progress is not None:
        return ProgressDisplay() if progress else NoProgress()
    console = stderr_console()
    return ProgressBar(console) if has_onlooker(console) else NoProgress()


def has_onlooker(console: Console) -> bool:
    """Whether a person sees what is shown on a console now: on a terminal, or in a notebook that can show a bar."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_terminal and not console.is_dumb_terminal


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


def _columns_of_bar() -> tuple[ProgressColumn, ...]:
    bar = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    return TextColumn("{task.description}"), *bar


def _describe(row: EpochRow) -> str:
    """The validation metric of an epoch, or else its training RMSE."""
    metrics = (("NDCG@10", row.validation_ndcg), ("RMSE", row.validation_rmse), ("train RMSE", row.train_rmse))
    return next((f"{name} {value:.4f}" for name, value in metrics if value is not None), "")


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
