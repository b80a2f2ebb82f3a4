"""Detects the dialect of a text file from its first lines: delimiter, header, and the column of each role."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from cofactor.data.reading.columns import REQUIRED, ROLES, check_columns, find_columns, plain_name
from cofactor.errors import BadData

DELIMITERS = ("::", "\t", ";", "|", ",")  # of two that fit equally well, the first
HEAD = 1 << 16  # bytes that are examined
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
GZIP = b"\x1f\x8b"
NOT_UTF8 = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class TextDialect:
    """The dialect of a text file of ratings."""

    delimiter: str
    header: bool
    before: int  # lines before the first rating: blank ones and the header
    width: int  # columns
    where: Mapping[str, int]  # role -> position
    dated: bool = False  # times are dates
    numbered: bool = False  # the first ids are plain numbers

    @property
    def quote(self) -> str:
        """The quoting character; MovieLens' files with `::` have none."""
        return "" if self.delimiter == "::" else '"'

    def cells(self, line: str) -> list[str]:
        """The cells of one record; raises csv.Error for quotes that do not pair."""
        if self.quote and '"' in line:
            return next(csv.reader([line], delimiter=self.delimiter, strict=True))
        return line.split(self.delimiter)


def detect_dialect(path: Path, columns: Mapping[str, str] | None = None) -> TextDialect:
    """The dialect of a file; raises BadData for an empty or binary file, another encoding or a missing column."""
    blank, lines = _first_lines(path)
    for delimiter in DELIMITERS:  # a header with the names of the columns decides
        names = _split(lines[0], delimiter)
        try:
            where = find_columns(names, columns)
        except BadData:
            continue
        if len(lines) == 1:
            raise BadData("nothing but a header", "the file has no ratings in it")
        return _with_value_types(lines[1:], TextDialect(delimiter, True, blank + 1, len(names), where))
    delimiter = max(DELIMITERS, key=lambda one: _agreement(lines, one))
    names = _split(lines[0], delimiter)
    if check_columns(columns) or not _headerless(lines, delimiter):
        find_columns(names, columns)  # raises BadData with the missing role
    widths = [len(_split(line, delimiter)) for line in lines]
    width = max((len(REQUIRED), len(ROLES)), key=widths.count)
    return _with_value_types(
        lines, TextDialect(delimiter, False, blank, width, dict(zip(ROLES, range(width), strict=False)))
    )


def find_header(path: Path, ids: Collection[str]) -> tuple[int, str, list[str]]:
    """The number of blank lines before the header of a table, its delimiter and its names.

    The delimiter is the one that gives the most names, preferably with one of the plain names `ids`. Raises BadData
    for an empty or binary file and for another encoding.
    """
    blank, lines = _first_lines(path, "a header, and a row for each id")
    headers = [(delimiter, _split(lines[0], delimiter)) for delimiter in DELIMITERS]
    return blank, *max(headers, key=lambda one: (any(plain_name(name) in ids for name in one[1]), len(one[1])))


def open_text(path: Path) -> IO[bytes]:
    """A text file as a stream of bytes, unpacked where it is gzipped."""
    return cast(IO[bytes], gzip.open(path)) if is_gzip(path) else path.open("rb")


def is_gzip(path: Path) -> bool:
    """Whether a file begins with the bytes of gzip."""
    with path.open("rb") as file:
        return file.read(2) == GZIP


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number in plain digits."""
    return NUMBER.fullmatch(cell) is not None


def _first_lines(path: Path, holds: str = "lines of user, item, rating") -> tuple[int, list[str]]:
    """The number of blank lines that a file begins with, and up to 100 lines that are not blank."""
    try:
        with open_text(path) as file:
            head = file.read(HEAD)
            whole = len(head) < HEAD
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"a gzip file that is cut short or damaged ({error})", "fetch or make it again") from error
    _check_text(head)
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
    lines = list(io.StringIO(text, newline=None))
    if not whole and len(lines) > 1:
        lines.pop()  # it may be incomplete
    written = [line.rstrip("\n") for line in lines if line.strip()]
    if not written:
        raise BadData("the file is empty", f"it needs {holds}")
    return next(number for number, line in enumerate(lines) if line.strip()), written[:100]


def _check_text(head: bytes) -> None:
    for mark, encoding in NOT_UTF8.items():
        if head.startswith(mark):
            raise _wrong_encoding(encoding)
    zeros = head.count(0)
    if zeros and zeros >= len(head) // 3 and not any(head[at : at + 2] == b"\0\0" for at in range(0, len(head), 64)):
        raise _wrong_encoding("UTF-16LE" if head[::2].count(0) < head[1::2].count(0) else "UTF-16BE")
    if zeros:
        raise BadData("a binary file, not a table of ratings", "a ratings file is CSV, TSV or Parquet")


def _wrong_encoding(encoding: str) -> BadData:
    return BadData(f"written in {encoding}", f"save it as UTF-8 (iconv -f {encoding} -t UTF-8)")


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter != "::" and '"' in line:
        line_cells = next(csv.reader([line], delimiter=delimiter), [])
    else:
        line_cells = line.split(delimiter)
    return [cell.strip() for cell in line_cells]


def _agreement(lines: Sequence[str], delimiter: str) -> int:
    """The largest number of lines that have the same number of cells, three or more."""
    widths = [len(_split(line, delimiter)) for line in lines]
    return max((widths.count(width) for width in set(widths) if width >= len(REQUIRED)), default=0)


def _headerless(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the first line is data: three or four cells, of which the third is a number there or later."""
    first = _split(lines[0], delimiter)
    if len(first) not in (len(REQUIRED), len(ROLES)):
        return False
    rows = [first] if not first[0].isdigit() else [_split(line, delimiter) for line in lines]
    return any(len(row) > 2 and is_number(row[2]) for row in rows)


def _with_value_types(lines: Sequence[str], dialect: TextDialect) -> TextDialect:
    """The dialect with what the first ratings tell about times and ids."""
    rows = [_split(line, dialect.delimiter) for line in lines]
    whole = [row for row in rows if len(row) == dialect.width]
    time = dialect.where.get("time")
    dated = time is not None and not any(is_number(row[time]) for row in whole)
    numbered = all(row[dialect.where[role]].isdigit() for row in whole for role in ("user", "item"))
    return replace(dialect, dated=dated, numbered=numbered)
