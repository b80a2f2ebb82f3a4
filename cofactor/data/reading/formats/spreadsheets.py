"""Reads a sheet of an Excel or OpenDocument workbook."""

import csv
import importlib.util
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cofactor.data.reading.containers.zip_files import CHUNK, list_files, open_zip
from cofactor.errors import BadData, Unavailable

CELL = re.compile(rb'r="([A-Z]{1,3})([0-9]{1,7})"')
MAX_CELLS = 20_000_000  # of a sheet from its first to its last row and column, empty ones included
MAX_BYTES = 1 << 28  # of the parts of a workbook, unpacked: it is read as a whole
LONGEST_CELL = 16  # bytes of the name of a cell
INSTALL = "pip install 'cofactor[excel]'; or save the sheet as CSV"


def is_workbook(path: Path) -> bool:
    """Whether a zip is a workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    return "xl/workbook.xml" in names


def sheet_names(path: Path) -> list[str]:
    """The names of the sheets of a workbook; raises Unavailable where the package that reads it is not installed."""
    return [str(name) for name in _open(path).sheet_names]


def write_sheet_as_text(path: Path, sheet: str, into: Path) -> Path:
    """Writes the cells of a sheet to a CSV file, a line for each row; whole numbers without a decimal point."""
    try:
        rows = _open(path).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except Exception as error:  # the parser's own kinds of error, also for a damaged sheet
        raise BadData(f"sheet {sheet!r} cannot be read ({error})", "save it again, or as CSV") from None
    with into.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_texts(rows))
    return into


def _open(path: Path) -> Any:
    if importlib.util.find_spec("python_calamine") is None:
        raise Unavailable("reading a workbook needs the package python-calamine", INSTALL)
    from python_calamine import CalamineError, CalamineWorkbook

    list_files(path)  # raises BadData for a zip that is damaged or made to fill the memory
    with open_zip(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
        if size > MAX_BYTES:
            raise BadData(f"a workbook of {size:,} bytes, {MAX_BYTES:,} are allowed", "save the sheet as CSV")
        for info in archive.infolist():
            if info.filename.startswith("xl/worksheets/") and (cells := _extent(archive, info)) > MAX_CELLS:
                raise BadData(f"a sheet over {cells:,} cells, {MAX_CELLS:,} are allowed", "save the sheet as CSV")
    try:
        return CalamineWorkbook.from_path(str(path))
    except CalamineError as error:
        raise BadData(f"the workbook cannot be read ({error})", "save it again, or as CSV") from None


def _extent(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """The number of rows times that of columns up to the last cell of a sheet, all of which a parser makes room for."""
    rows = columns = 0
    before = b""
    with archive.open(info) as file:
        while chunk := file.read(CHUNK):
            for name, row in CELL.findall(before + chunk):
                rows = max(rows, int(row))
                columns = max(columns, sum((letter - 64) * 26**at for at, letter in enumerate(reversed(name))))
            before = chunk[-LONGEST_CELL:]
    return rows * columns


def _texts(rows: list[list[Any]]) -> Iterator[list[str]]:
    for row in rows:
        yield [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return " ".join(str(cell).split())
