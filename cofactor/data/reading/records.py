"""The records of a source as text, with the number of each line or row, before their values are checked.

There are three ways to the same table: `line_records`, lines that DuckDB splits, for lines without quotes;
`parsed_records`, text parsed in Python, which handles quotes and bytes that are not UTF-8; and `table_records`, for a
table with types.
"""

from pathlib import Path

from cofactor.data.duckdb_connection import quoted, quoted_path
from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.formats.parsed_text import write_records
from cofactor.data.reading.formats.text_dialect import TextDialect
from cofactor.data.reading.formats.text_lines import lines_sql
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.id_rules import TEXT
from cofactor.data.reading.sql_source import SqlScan

ABSENT = {"rating": "'1'", "time": "NULL::VARCHAR"}  # cells of a table without the column
# The first line, the number of lines, the text (NULL where it is not at hand), the fault in its syntax, and the cells.
RECORD = ("line", "span", "raw", "fault", *ROLES)
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
    return f"SELECT line, 1 AS span, raw, {fault} AS fault, {cells} FROM ({rated})"


def table_records(source: SqlScan, rules: ColumnRules) -> str:
    """SQL for the RECORDs of a table with types; the line is its cells joined by commas."""
    typed_ids = {role for role in ("user", "item") if source.types[role] != TEXT}
    as_text = {role: rules.id_text(role) if role in typed_ids else _text(role) for role in source.types}
    cells = ", ".join(f'{text} AS "{role}"' for role, text in as_text.items())
    raw = " || ',' || ".join(f"coalesce({_text(role)}, '')" for role in source.types)
    faults = ", ".join(
        f"'{role} id ' || {_text(role)} || ' ' || {rules.float_fault(role)}" for role in sorted(typed_ids)
    )
    fault = f"coalesce({faults})" if faults else "NULL::VARCHAR"
    absent = "".join(f', {cell} AS "{role}"' for role, cell in ABSENT.items() if role not in source.types)
    return (
        f"SELECT row_number() OVER () AS line, 1 AS span, {raw} AS raw, {fault} AS fault, {cells}{absent} "
        f"FROM ({source.sql})"
    )


def _text(role: str) -> str:
    return f'CAST("{role}" AS {TEXT})'


def parsed_records(path: Path, dialect: TextDialect, into: Path) -> str:
    """SQL for the RECORDs of a text file, which are written to the file `into` first."""
    write_records(path, dialect, into)
    numbers = ("line", "span")
    names = ", ".join(f"'{name}': '{'BIGINT' if name in numbers else TEXT}'" for name in RECORD)
    return (
        f"SELECT * FROM read_csv({quoted_path(into)}, delim=',', quote='\"', escape='\"', header=false, "
        f"auto_detect=false, columns={{{names}}})"
    )
