"""The records of a source with the number of each line or row: as text, before their values are judged.

Three ways to the same table: of lines that DuckDB splits, where none has a quote; of text taken apart in Python, where
quotes and bytes that are not UTF-8 are dealt with one line at a time, some five times slower; of a table with types.
"""

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from cofactor.data.duckdb_connection import quoted, quoted_path
from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.sql_source import TEXT, SqlScan
from cofactor.data.reading.text_format import TextDialect, is_gzip, open_text
from cofactor.errors import BadData

RECORD = ("line", "raw", "fault", *ROLES)  # number, the line itself, what is wrong with its form, its cells
MAX_QUOTED_LINES = 100  # a quoted cell may run over so many lines
QUOTED = "quotes"  # the fault of a line that SQL cannot take apart
NO_DELIMITER = "\x1c\x1d\x1e\x1f"  # a delimiter that no line has in it: one cell a line


def line_records(path: Path, form: TextDialect) -> str:
    """SQL of the RECORDs of a text file; UNTOLD for lines with a quote; fails where it is not UTF-8."""
    quotes = f"WHEN contains(raw, {quoted(form.quote)}) THEN '{QUOTED}' " if form.quote else ""
    columns = "len(cells) || CASE WHEN len(cells) = 1 THEN ' column' ELSE ' columns' END"
    fault = f"CASE {quotes}WHEN len(cells) <> {form.width} THEN {columns} || ' instead of {form.width}' END"
    cell = {role: f"cells[{form.where[role] + 1}]" if role in form.where else "NULL::VARCHAR" for role in ROLES}
    cells = ", ".join(f'{cell[role]} AS "{role}"' for role in ROLES)
    lines = (
        f"SELECT row_number() OVER () AS line, raw FROM read_csv({quoted_path(path)}, delim={quoted(NO_DELIMITER)}, "
        "quote='', escape='', header=false, auto_detect=false, strict_mode=false, columns={'raw': 'VARCHAR'}, "
        f"hive_partitioning=false{', compression=gzip' if is_gzip(path) else ''})"
    )
    split = f"SELECT line, raw, string_split(raw, {quoted(form.delimiter)}) AS cells FROM ({lines})"
    rated = f"{split} WHERE line > {form.before} AND trim(raw, ' \t') <> ''"
    return f"SELECT line, raw, {fault} AS fault, {cells} FROM ({rated})"


def table_records(source: SqlScan) -> str:
    """SQL of the RECORDs of a table with types; cells joined by commas stand for the line."""
    as_text = {role: source.id_text(role) if role in ("user", "item") else _text(role) for role in source.types}
    cells = ", ".join(f'{text} AS "{role}"' for role, text in as_text.items())
    raw = " || ',' || ".join(f"coalesce({_text(role)}, '')" for role in source.types)
    untimed = "" if "time" in source.types else ', NULL::VARCHAR AS "time"'
    return (
        f"SELECT row_number() OVER () AS line, {raw} AS raw, NULL::VARCHAR AS fault, {cells}{untimed} "
        f"FROM ({source.sql})"
    )


def _text(role: str) -> str:
    return f'CAST("{role}" AS {TEXT})'


def parsed_records(path: Path, form: TextDialect, into: Path) -> str:
    """SQL of the RECORDs of a text file, which are written to the file `into`."""
    try:
        with (
            open_text(path) as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape") as text,
            into.open("w", newline="", encoding="utf-8") as out,
        ):
            csv.writer(out).writerows(parse_records(text, form))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"a gzip file that is cut short or damaged ({error})", "fetch or make it again") from error
    names = ", ".join(f"'{name}': '{'BIGINT' if name == 'line' else TEXT}'" for name in RECORD)
    return (
        f"SELECT * FROM read_csv({quoted_path(into)}, delim=',', quote='\"', escape='\"', header=false, "
        f"auto_detect=false, columns={{{names}}})"
    )


def parse_records(text: Iterable[str], form: TextDialect) -> Iterator[tuple[object, ...]]:
    """The RECORDs of lines of text but for header and blank lines; a fault where the cells cannot be told.

    Bytes that are not UTF-8 stand in the text as lone surrogates.
    """
    positions = [form.where.get(role) for role in ROLES]
    lines = _Lines(text)
    header = form.header
    for number, line in lines:
        record = line.rstrip("\n")
        if not record.strip():
            continue
        if form.quote and record.count(form.quote) % 2:
            record = lines.joined(record, form)
        if header:
            header = False
            continue
        fault, cells = _cells(record, form)
        if fault is None:
            yield number, record, None, *(None if place is None else cells[place] for place in positions)
        else:
            yield number, _readable(record), fault, None, None, None, None


def _cells(text: str, form: TextDialect) -> tuple[str | None, list[str]]:
    """What is wrong with the form of a record, and its cells."""
    if not text.isascii() and not _is_unicode(text):
        return "not UTF-8 text", []
    try:
        cells = form.cells(text)
    except csv.Error:
        return "a quote that is not closed", []
    if len(cells) != form.width:
        return f"{len(cells)} column{'s' * (len(cells) > 1)} instead of {form.width}", []
    return None, cells


class _Lines:
    """Numbered lines, of which some can be given back."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines = enumerate(text, start=1)
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._returned.popleft() if self._returned else next(self._lines)

    def joined(self, text: str, form: TextDialect) -> str:
        """A line with an open quote and the lines up to its close; only the line where that makes no record."""
        taken: list[tuple[int, str]] = []
        whole = text
        while whole.count(form.quote) % 2 and len(taken) < MAX_QUOTED_LINES:
            following = next(self, None)
            if following is None:
                break
            taken.append(following)
            whole += "\n" + following[1].rstrip("\n")
        if _cells(whole, form)[0] is None:
            return whole
        self._returned.extendleft(reversed(taken))
        return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _readable(text: str) -> str:
    """The text, as Latin-1 where it is not UTF-8."""
    return text if _is_unicode(text) else text.encode("utf-8", "surrogateescape").decode("latin-1")
