"""Parses a text file record by record, for its faults: quotes, records over several lines, and text that is not UTF-8.

The csv module reads the records that are as they should be. What it does not accept is looked at line by line.
"""

import csv
import gzip
import io
import sys
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cofactor.data.reading.formats.text_dialect import BLANKS, TextDialect
from cofactor.data.reading.formats.text_head import open_text
from cofactor.errors import BadData

MAX_QUOTED_LINES = 100  # lines that a quoted cell may span
VALUE_OF_PAIR = "1"  # in a table without a column of values

Line = tuple[int, str]
Parsed = tuple[int, int, str | None, str | None, str | None, str | None, str | None, str | None]


@dataclass(frozen=True)
class CleanText:
    """A copy of a text file without header, blank lines and records with a fault; and those records.

    runs: where successive lines of the copy are no longer successive lines of the file, the numbers of both.
    """

    path: Path
    faults: list[Parsed]
    runs: list[tuple[int, int]]

    def line(self, number: int) -> int:
        """The number in the file of a line of the copy."""
        copied, original = self.runs[bisect_right(self.runs, (number, sys.maxsize)) - 1]
        return original + number - copied


def parse_records(text: Iterable[str], dialect: TextDialect) -> Iterator[Parsed]:
    """Yields the first line, the number of lines, the raw text and the fault of each record, and its cells by role.

    Blank lines, comments and the header are left out. The raw text is None for a record without a fault. Bytes that are
    not UTF-8 are lone surrogates in the text.
    """
    lines = _Lines(text)
    deque(islice(lines, dialect.before), maxlen=0)
    for first in lines:
        if not dialect.is_blank(first[1].rstrip("\n")):
            yield _parse_line(first, lines, dialect)[0]


def clean_text(path: Path, dialect: TextDialect, into: Path) -> CleanText:
    """Copies the records without a fault in their syntax; the csv module reads all of them. `is_regular` must hold."""
    faults, runs = list[Parsed](), list[tuple[int, int]]()
    with _opened(path) as text, into.open("w", newline="", encoding="utf-8", errors="replace") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL, **_csv_options(dialect))
        lines = _Lines(text)
        deque(islice(lines, dialect.before), maxlen=0)
        copied, following = 1, 0
        while True:
            for record in _regular_records(lines, dialect):
                if record[0][0] != following:
                    runs.append((copied, record[0][0]))
                for _, line in record:
                    out.write(line)
                copied += len(record)
                following = record[-1][0] + 1
            if (first := next(lines, None)) is None:
                return CleanText(into, faults, runs)
            if dialect.is_blank(first[1].rstrip("\n")):
                continue
            parsed, cells = _parse_line(first, lines, dialect)
            if parsed[3] is not None:
                faults.append(parsed)
                continue
            runs.append((copied, first[0]))
            writer.writerow(cells)
            copied += parsed[1]
            following = first[0] + parsed[1]


def raw_records(path: Path, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yields the raw text of records, given by their first line and number of lines, in ascending order."""
    with _opened(path) as text:
        done = 0
        for line, span in spans:
            yield readable("".join(islice(text, line - 1 - done, line - 1 - done + span)).rstrip("\n"))
            done = line - 1 + span


def is_regular(dialect: TextDialect) -> bool:
    """Whether the csv module reads records of a dialect."""
    return len(dialect.delimiter) == 1 and dialect.delimiter != BLANKS and bool(dialect.quote) and not dialect.comment


def numbered_records(path: Path, dialect: TextDialect, numbers: Sequence[int]) -> list[Parsed]:
    """The records of some numbers, ascending from 1, of a file whose records are all as they should be.

    Raises csv.Error where they are not, and where there are fewer.
    """
    found: list[Parsed] = []
    with _opened(path) as text:
        deque(islice(text, dialect.before), maxlen=0)
        reader = csv.reader(text, strict=True, **_csv_options(dialect))
        records = filter(None, reader)  # blank lines are none
        done = 0
        for number in numbers:
            cells = next(islice(records, number - done - 1, None), None)
            if cells is None or len(cells) != dialect.width or not _has_text(cells):
                raise csv.Error("another number of records")
            span = 1 + sum(cell.count("\n") for cell in cells)
            found.append(_parsed(dialect.before + reader.line_num - span + 1, span, cells, dialect))
            done = number
    return found


def write_records(path: Path, dialect: TextDialect, into: Path) -> None:
    """Writes the records of a file as CSV; see `parse_records`."""
    with _opened(path) as text, into.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows(parse_records(text, dialect))


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    try:
        with (
            open_text(path) as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape") as text,
        ):
            yield text
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"a gzip file that is cut short or damaged ({error})", "fetch or make it again") from None


def _regular_records(lines: "_Lines", dialect: TextDialect) -> Iterator[list[Line]]:
    """Yields the lines of records up to the first that the csv module does not accept, whose lines are taken back.

    The list is the same each time.
    """
    current = list[Line]()
    try:
        for cells in csv.reader(_recorded(lines, current), strict=True, **_csv_options(dialect)):
            if len(cells) != dialect.width or not (_has_text(cells) and _is_readable(current, cells, dialect)):
                lines.take_back(current)
                return
            yield current
            current.clear()
    except csv.Error:
        lines.take_back(current)


def _csv_options(dialect: TextDialect) -> dict[str, Any]:
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote,
        "doublequote": dialect.escape == dialect.quote,
        "escapechar": None if dialect.escape == dialect.quote else dialect.escape,
    }


def _parsed(line: int, span: int, cells: list[str], dialect: TextDialect) -> Parsed:
    """A record without a fault."""
    where = dialect.where
    value = cells[where["rating"]] if "rating" in where else VALUE_OF_PAIR
    time = cells[where["time"]] if "time" in where else None
    return line, span, None, None, cells[where["user"]], cells[where["item"]], value, time


def _has_text(cells: list[str]) -> bool:
    return bool(cells[0].strip()) or any(cell.strip() for cell in cells)


def _is_readable(lines: list[Line], cells: list[str], dialect: TextDialect) -> bool:
    if all(line.isascii() for _, line in lines):
        return True
    return all(is_unicode(cells[place]) for place in dialect.where.values())


def _recorded(lines: "_Lines", current: list[Line]) -> Iterator[str]:
    """Yields lines and adds them to `current`; ends where a record has too many."""
    for one in lines:
        current.append(one)
        yield one[1]
        if len(current) > MAX_QUOTED_LINES:
            return


def _parse_line(first: Line, lines: "_Lines", dialect: TextDialect) -> tuple[Parsed, list[str]]:
    """The record that begins with a line, and its cells."""
    number, line = first
    record = line.rstrip("\n")
    span = 1
    if dialect.quote and record.count(dialect.quote) % 2:
        record, span = lines.joined(record, dialect)
    fault, cells = _cells(record, dialect)
    if fault is not None:
        return (number, span, readable(record), fault, None, None, None, None), cells
    return _parsed(number, span, cells, dialect), cells


def _cells(text: str, dialect: TextDialect) -> tuple[str | None, list[str]]:
    """The fault in the syntax of a record, or None, and its cells."""
    try:
        cells = dialect.cells(text)
    except csv.Error:
        return "a quote that is not closed", []
    if len(cells) != dialect.width:
        return f"{len(cells)} column{'s' * (len(cells) > 1)} instead of {dialect.width}", []
    if not text.isascii() and not all(is_unicode(cells[place]) for place in dialect.where.values()):
        return "not UTF-8 text", []
    return None, cells


class _Lines:
    """An iterator of numbered lines to which lines can be returned."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines = enumerate(text, start=1)
        self._returned: deque[Line] = deque()

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        return self._returned.popleft() if self._returned else next(self._lines)

    def take_back(self, lines: list[Line]) -> None:
        """Returns the last lines that were given out."""
        self._returned.extendleft(reversed(lines))

    def joined(self, text: str, dialect: TextDialect) -> tuple[str, int]:
        """A line with an open quote, joined with the lines up to its close, and the number of lines.

        The line alone if they are no record.
        """
        taken: list[Line] = []
        whole = text
        while whole.count(dialect.quote) % 2 and len(taken) < MAX_QUOTED_LINES:
            following = next(self, None)
            if following is None:
                break
            taken.append(following)
            whole += "\n" + following[1].rstrip("\n")
        if _cells(whole, dialect)[0] is None:
            return whole, 1 + len(taken)
        self.take_back(taken)
        return text, 1


def is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def readable(text: str) -> str:
    """The text, decoded as Latin-1 where it is not UTF-8."""
    return text if is_unicode(text) else text.encode("utf-8", "surrogateescape").decode("latin-1")
