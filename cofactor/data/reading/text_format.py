"""How a text file of ratings is written, told from its first lines: delimiter, header, which column is what."""

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

DELIMITERS = ("::", "\t", ";", "|", ",")  # where two fit equally well, the first of them
HEAD = 1 << 16  # bytes that are looked at
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
GZIP = b"\x1f\x8b"
NOT_UTF8 = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class TextDialect:
    """How a text file is written."""

    delimiter: str
    header: bool
    before: int  # lines before the first rating: blank ones and the header
    width: int  # columns
    where: Mapping[str, int]  # role -> position
    dated: bool = False  # times are written as dates
    numbered: bool = False  # ids look like plain numbers

    @property
    def quote(self) -> str:
        """The quoting character; MovieLens' own `::` files know none."""
        return "" if self.delimiter == "::" else '"'

    def cells(self, line: str) -> list[str]:
        """The cells of one record; raises csv.Error for quotes that do not pair."""
        if self.quote and '"' in line:
            return next(csv.reader([line], delimiter=self.delimiter, strict=True))
        return line.split(self.delimiter)


def detect_dialect(path: Path, columns: Mapping[str, str] | None = None) -> TextDialect:
    """How `path` is written; raises BadData for an empty or binary file, another encoding, a missing column."""
    blank, lines = _first_lines(path)
    for delimiter in DELIMITERS:  # a header that says what the columns are settles it
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
        find_columns(names, columns)  # says what is missing
    widths = [len(_split(line, delimiter)) for line in lines]
    width = max((len(REQUIRED), len(ROLES)), key=widths.count)
    return _with_value_types(
        lines, TextDialect(delimiter, False, blank, width, dict(zip(ROLES, range(width), strict=False)))
    )


def find_header(path: Path, ids: Collection[str]) -> tuple[int, str, list[str]]:
    """Blank lines before it, delimiter and names of a table's header.

    The delimiter is the one that makes most names, one of them among the plain names `ids` if that can be. Raises
    BadData for an empty or binary file, another encoding.
    """
    blank, lines = _first_lines(path, "a header, and a row for each id")
    headers = [(delimiter, _split(lines[0], delimiter)) for delimiter in DELIMITERS]
    return blank, *max(headers, key=lambda one: (any(plain_name(name) in ids for name in one[1]), len(one[1])))


def open_text(path: Path) -> IO[bytes]:
    """The bytes of a text file, unpacked where it is gzipped."""
    return cast(IO[bytes], gzip.open(path)) if is_gzip(path) else path.open("rb")


def is_gzip(path: Path) -> bool:
    """Whether a file starts as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == GZIP


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number in plain digits."""
    return NUMBER.fullmatch(cell) is not None


def _first_lines(path: Path, holds: str = "lines of user, item, rating") -> tuple[int, list[str]]:
    """How many blank lines a file begins with, and up to 100 lines that are not blank."""
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
        lines.pop()  # cut in the middle
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
    """How many lines have the same number of cells, at least three."""
    widths = [len(_split(line, delimiter)) for line in lines]
    return max((widths.count(width) for width in set(widths) if width >= len(REQUIRED)), default=0)


def _headerless(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the first line is data: three or four cells of which the third is a number, in it or in what follows."""
    first = _split(lines[0], delimiter)
    if len(first) not in (len(REQUIRED), len(ROLES)):
        return False
    rows = [first] if not first[0].isdigit() else [_split(line, delimiter) for line in lines]
    return any(len(row) > 2 and is_number(row[2]) for row in rows)


def _with_value_types(lines: Sequence[str], form: TextDialect) -> TextDialect:
    """The form with what the first ratings say of times and ids."""
    rows = [_split(line, form.delimiter) for line in lines]
    whole = [row for row in rows if len(row) == form.width]
    time = form.where.get("time")
    dated = time is not None and not any(is_number(row[time]) for row in whole)
    numbered = all(row[form.where[role]].isdigit() for row in whole for role in ("user", "item"))
    return replace(form, dated=dated, numbered=numbered)
