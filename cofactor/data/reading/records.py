"""The records of a source as text, with the number of each line or row, before their values are checked.

There are three ways to the same table: `line_records`, lines that DuckDB splits, for lines without quotes;
`parsed_records`, text parsed in Python, which handles quotes and bytes that are not UTF-8 and is about five times
slower; and `table_records`, for a table with types.
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
from cofactor.data.reading.formats.text_dialect import TextDialect
from cofactor.data.reading.formats.text_head import open_text
from cofactor.data.reading.formats.text_lines import lines_sql
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.id_rules import TEXT
from cofactor.data.reading.sql_source import SqlScan
from cofactor.errors import BadData

ABSENT = {"rating": "'1'", "time": "NULL::VARCHAR"}  # cells of a table without the column
RECORD = ("line", "raw", "fault", *ROLES)  # line number, the line, the fault in its syntax, its cells
MAX_QUOTED_LINES = 100  # lines that a quoted cell may span
QUOTED = "quotes"  # the fault of a line that SQL cannot split, because it has quotes


def line_records(path: Path, dialect: TextDialect) -> str:
    """SQL for the RECORDs of a text file; lines with a quote have the fault QUOTED. Fails on text that is not UTF-8."""
    quotes = f"WHEN contains(raw, {quoted(dialect.quote)}) THEN '{QUOTED}' " if dialect.quote else ""
    columns = "len(cells) || CASE WHEN len(cells) = 1 THEN ' column' ELSE ' columns' END"
    fault = f"CASE {quotes}WHEN len(cells) <> {dialect.width} THEN {columns} || ' instead of {dialect.width}' END"
    cell = {role: f"cells[{dialect.where[role] + 1}]" if role in dialect.where else ABSENT[role] for role in ROLES}
    cells = ", ".join(f'{cell[role]} AS "{role}"' for role in ROLES)
    lines = f"SELECT row_number() OVER () AS line, raw FROM ({lines_sql(path)})"
    split = f"SELECT line, raw, {dialect.split_sql('raw')} AS cells FROM ({lines})"
    rated = f"{split} WHERE line > {dialect.before} AND NOT {dialect.blank_sql('raw')}"
    return f"SELECT line, raw, {fault} AS fault, {cells} FROM ({rated})"


def table_records(source: SqlScan, rules: ColumnRules) -> str:
    """SQL for the RECORDs of a table with types; the line is its cells joined by commas."""
    as_text = {role: rules.id_text(role) if role in ("user", "item") else _text(role) for role in source.types}
    cells = ", ".join(f'{text} AS "{role}"' for role, text in as_text.items())
    raw = " || ',' || ".join(f"coalesce({_text(role)}, '')" for role in source.types)
    faults = ", ".join(
        f"'{role} id ' || {_text(role)} || ' ' || {rules.float_fault(role)}"
        for role in ("user", "item")
        if source.types[role] != TEXT
    )
    absent = "".join(f', {cell} AS "{role}"' for role, cell in ABSENT.items() if role not in source.types)
    return (
        f"SELECT row_number() OVER () AS line, {raw} AS raw, {f'coalesce({faults})' if faults else 'NULL::VARCHAR'} "
        f"AS fault, {cells}{absent} FROM ({source.sql})"
    )


def _text(role: str) -> str:
    return f'CAST("{role}" AS {TEXT})'


def parsed_records(path: Path, dialect: TextDialect, into: Path) -> str:
    """SQL for the RECORDs of a text file, which are written to the file `into` first."""
    try:
        with (
            open_text(path) as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape") as text,
            into.open("w", newline="", encoding="utf-8") as out,
        ):
            csv.writer(out).writerows(parse_records(text, dialect))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"a gzip file that is cut short or damaged ({error})", "fetch or make it again") from None
    names = ", ".join(f"'{name}': '{'BIGINT' if name == 'line' else TEXT}'" for name in RECORD)
    return (
        f"SELECT * FROM read_csv({quoted_path(into)}, delim=',', quote='\"', escape='\"', header=false, "
        f"auto_detect=false, columns={{{names}}})"
    )


def parse_records(text: Iterable[str], dialect: TextDialect) -> Iterator[tuple[object, ...]]:
    """The RECORDs of lines of text, without header and blank lines; lines that cannot be parsed have a fault.

    Bytes that are not UTF-8 are lone surrogates in the text.
    """
    positions = [(dialect.where.get(role), "1" if role == "rating" else None) for role in ROLES]
    lines = _Lines(text)
    for number, line in lines:
        record = line.rstrip("\n")
        if number <= dialect.before or dialect.is_blank(record):
            continue
        if dialect.quote and record.count(dialect.quote) % 2:
            record = lines.joined(record, dialect)
        fault, cells = _cells(record, dialect)
        if fault is None:
            roles = (absent if place is None else cells[place] for place, absent in positions)
            yield number, _readable(record), None, *roles
        else:
            yield number, _readable(record), fault, None, None, None, None


def _cells(text: str, dialect: TextDialect) -> tuple[str | None, list[str]]:
    """The fault in the syntax of a record, or None, and its cells."""
    try:
        cells = dialect.cells(text)
    except csv.Error:
        return "a quote that is not closed", []
    if len(cells) != dialect.width:
        return f"{len(cells)} column{'s' * (len(cells) > 1)} instead of {dialect.width}", []
    if not text.isascii() and not all(_is_unicode(cells[place]) for place in dialect.where.values()):
        return "not UTF-8 text", []
    return None, cells


class _Lines:
    """An iterator of numbered lines to which lines can be returned."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines = enumerate(text, start=1)
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._returned.popleft() if self._returned else next(self._lines)

    def joined(self, text: str, dialect: TextDialect) -> str:
        """A line with an open quote, joined with the lines up to its close; the line alone if they are no record."""
        taken: list[tuple[int, str]] = []
        whole = text
        while whole.count(dialect.quote) % 2 and len(taken) < MAX_QUOTED_LINES:
            following = next(self, None)
            if following is None:
                break
            taken.append(following)
            whole += "\n" + following[1].rstrip("\n")
        if _cells(whole, dialect)[0] is None:
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
    """The text, decoded as Latin-1 where it is not UTF-8."""
    return text if _is_unicode(text) else text.encode("utf-8", "surrogateescape").decode("latin-1")
