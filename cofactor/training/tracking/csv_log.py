"""The epochs of a training as a CSV file."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cofactor.output_checks import write_errors
from cofactor.training.tracking.epoch_row import COLUMNS, CellValue, EpochRow, RowWriter, WriteRow
from cofactor.training.tracking.tracker import RunDescription

__all__ = ["CsvTracker"]


@dataclass(frozen=True)
class CsvTracker:
    """Writes a row for each epoch to a CSV file."""

    path: Path | str

    def open(self, run: RunDescription) -> RowWriter:
        return csv_log(Path(self.path))


@contextmanager
def csv_log(path: Path) -> Iterator[WriteRow]:
    """A CSV file with six digits of each value, complete after every row; its folder is created.

    Raises BadArtifact where it cannot be opened.

    A cell is empty where something was not measured; `best` is `*` where the epoch was the best so far.
    """
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("w", newline="", encoding="utf-8")
    with opened as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)

        def write(row: EpochRow) -> None:
            writer.writerow([_cell(value) for value in row.by_column().values()])
            file.flush()

        yield write


def _cell(value: CellValue) -> str:
    if value is None or isinstance(value, bool):
        return "*" if value else ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
