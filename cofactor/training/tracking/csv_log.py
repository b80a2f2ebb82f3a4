"""The rows of a training as CSV."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cofactor.training.tracking.epoch_row import COLUMNS, CellValue, EpochRow, WriteRow


@contextmanager
def csv_log(path: Path) -> Iterator[WriteRow]:
    """A CSV file of the figures, six digits of each, complete after every row; its folder is made.

    An empty cell is a figure that was not measured; `best` is `*` where the epoch was the best so far.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)

        def write(row: EpochRow) -> None:
            writer.writerow([_cell(figure) for figure in row.by_column().values()])
            file.flush()

        yield write


def _cell(figure: CellValue) -> str:
    if figure is None or isinstance(figure, bool):
        return "*" if figure else ""
    return str(figure) if isinstance(figure, int) else f"{figure:.6g}"
