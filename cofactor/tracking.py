"""Training as it happens: a bar, a row of figures for each epoch, and the same rows as CSV.

`track` passes the epochs through, so a training loop stays a plain loop:

    for one in track(judged(trainer.epochs(train), validation), console):
        ...
"""

import csv
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

COLUMNS = ("epoch", "train_rmse", "validation_rmse", "validation_mae", "validation_ndcg@10", "best", "seconds")
HEADINGS = ("epoch", "train RMSE", "validation RMSE", "MAE", "NDCG@10", "best", "seconds")
WIDTHS = tuple(max(8, len(heading) + 2) for heading in HEADINGS)


class Epoch(Protocol):
    """What is shown of a pass over the ratings."""

    @property
    def number(self) -> int: ...
    @property
    def of(self) -> int: ...
    @property
    def train_rmse(self) -> float | None: ...


class Judged(Protocol):
    """An epoch with its figures on validation ratings; None where they were not measured."""

    @property
    def epoch(self) -> Epoch: ...
    @property
    def rmse(self) -> float | None: ...
    @property
    def mae(self) -> float | None: ...
    @property
    def ndcg(self) -> float | None: ...
    @property
    def best(self) -> bool: ...


J = TypeVar("J", bound=Judged)


@dataclass(frozen=True)
class Row:
    """One line of the table, as it is shown and as it is logged."""

    epoch: int
    train_rmse: float | None
    validation_rmse: float | None
    validation_mae: float | None
    validation_ndcg: float | None  # NDCG@10, of models that only rank
    best: bool  # so far, on validation; False where nothing is measured
    seconds: float  # since training began

    @classmethod
    def of(cls, judged: Judged, seconds: float) -> "Row":
        figures = judged.rmse, judged.mae, judged.ndcg
        best = judged.best and any(figure is not None for figure in figures)
        return cls(judged.epoch.number, judged.epoch.train_rmse, *figures, best, seconds)

    def cells(self) -> tuple[str, ...]:
        """The figures as text, empty where there is none."""
        figures = self.train_rmse, self.validation_rmse, self.validation_mae, self.validation_ndcg
        shown = ("" if figure is None else f"{figure:.4f}" for figure in figures)
        return (str(self.epoch), *shown, "*" if self.best else "", f"{self.seconds:.2f}")


def track(
    judged: Iterable[J],
    console: Console,
    *,
    log: Path | None = None,
    name: str = "training",
    before: Sequence[Row] = (),
    keep: Callable[[Row], None] = lambda row: None,
) -> Generator[J]:
    """The same epochs, each shown as it passes: a row above a bar on a terminal, a line elsewhere.

    before: the rows of a training that goes on, which are shown and written again, and after which its seconds count on
    keep: what else is to happen with every row

    `log`: a CSV file of the same rows, complete after every epoch; its folder is made. The bar is gone at the end, the
    rows stay. A training that is left early (`break`, Ctrl-C) leaves terminal and file in order.
    """
    started = time.perf_counter() - (before[-1].seconds if before else 0)
    with ExitStack() as stack:
        bar = stack.enter_context(_bar(console))
        task = bar.add_task(escape(name), total=None)
        write = _logger(log, stack)
        shown = 0

        def show(row: Row) -> None:
            nonlocal shown
            if shown == 0:
                console.print(line(HEADINGS), style="bold")
            shown += 1
            console.print(line(row.cells()), style="green" if row.best else None)
            write(row)
            keep(row)

        for row in before:
            show(row)
        for one in judged:
            show(Row.of(one, time.perf_counter() - started))
            bar.update(task, completed=one.epoch.number, total=one.epoch.of)
            yield one


def line(cells: Iterable[str]) -> str:
    """Cells to the right of columns of a fixed width, so that rows line up as they come."""
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Logger(Protocol):
    def __call__(self, row: Row) -> None: ...


def _logger(path: Path | None, stack: ExitStack) -> _Logger:
    if path is None:
        return lambda row: None
    path.parent.mkdir(parents=True, exist_ok=True)
    file = stack.enter_context(closing(path.open("w", newline="", encoding="utf-8")))
    writer = csv.writer(file)
    writer.writerow(COLUMNS)

    def write(row: Row) -> None:
        writer.writerow(row.cells())
        file.flush()

    return write
