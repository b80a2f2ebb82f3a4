"""SQL that scans a text file, a Parquet file or a data frame for the columns of ratings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import quoted_name, quoted_path
from cofactor.data.kind import Kind
from cofactor.data.reading.columns import ROLES, check_columns, column_notes, find_columns, value_kind
from cofactor.data.reading.dataframes import rating_columns
from cofactor.data.reading.formats.text_dialect import BLANKS, TextDialect
from cofactor.data.reading.formats.text_head import is_gzip, read_head
from cofactor.data.reading.formats.text_lines import split_rows_sql
from cofactor.data.reading.meaning.id_rules import TEXT
from cofactor.data.reading.meaning.unread_values import SAMPLE, check_unread_columns
from cofactor.data.reading.text_format import detect_dialect
from cofactor.errors import BadData

ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True)
class FoundColumns:
    """The names of the columns that were taken, by role, what the values are, and notes on columns not taken."""

    names: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = "ratings"
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, names: Sequence[str], where: Mapping[str, int], chosen: Mapping[str, str] | None, width: int = 0
    ) -> "FoundColumns":
        """Those of a table with these names, or with `width` columns without names."""
        shown = list(names) or [f"column {number}" for number in range(1, width + 1)]
        notes = tuple(column_notes(shown, where, chosen))
        return cls({role: shown[place] for role, place in where.items()}, value_kind(shown, where, chosen), notes)

    def with_unread(
        self, names: Sequence[str], where: Mapping[str, int], cells: Mapping[int, Sequence[str]]
    ) -> "FoundColumns":
        """The same with a note on columns that are not read; see `check_unread_columns`."""
        return replace(self, notes=(*self.notes, *check_unread_columns(names, where, cells)))


@dataclass(frozen=True)
class SqlScan:
    """Unchecked rows in their order, with the columns user, item and perhaps rating and time."""

    sql: str  # a SELECT of the rows; fails where a line is no row
    types: Mapping[str, str]  # role -> SQL type
    text: tuple[Path, TextDialect] | None = None  # the file and its dialect where it is a text file
    columns: FoundColumns = field(default_factory=FoundColumns)
    lenient: str = ""  # a SELECT of the lines that are rows

    @property
    def whole_lines(self) -> str:
        """A SELECT of the rows that passes over lines that are none."""
        return self.lenient or self.sql


def scan_text(path: Path, columns: Mapping[str, str] | None, delimiter: str | None = None) -> SqlScan:
    """A CSV or TSV file, or one of MovieLens' own."""
    form = detect_dialect(path, columns, delimiter)
    found = FoundColumns.of(form.names, form.where, columns, form.width)
    if found.kind == "pairs" and "rating" not in check_columns(columns):
        records = [cells for _, line in read_head(path).lines if (cells := form.whole_record(line)) is not None]
        rows = records[1 if form.header else 0 :]
        found = found.with_unread(form.names, form.where, dict(enumerate(zip(*rows, strict=True))))
    return scan_dialect(path, form, found)


def scan_dialect(path: Path, form: TextDialect, columns: FoundColumns) -> SqlScan:
    """A text file of a known dialect."""
    names = ", ".join(f"'c{column}': 'VARCHAR'" for column in range(form.width))
    chosen = _chosen(form.where, [f"c{column}" for column in range(form.width)])
    options = (
        f"{form.read_csv_options()}, columns={{{names}}}, hive_partitioning=false"
        f"{', compression=gzip' if is_gzip(path) else ''}"
    )
    commented = f" WHERE NOT {form.comment_cell_sql('c0')}" if form.comment else ""
    strict, lenient = (
        f"SELECT {chosen} FROM read_csv({quoted_path(path)}, {options}{more}){commented}"
        for more in ("", ", ignore_errors=true, strict_mode=false")
    )
    if form.delimiter == BLANKS and not form.quote:
        strict, lenient = (f"SELECT {chosen} FROM ({rows})" for rows in split_rows_sql(path, form))
    return SqlScan(strict, dict.fromkeys(form.where, TEXT), (path, form), columns, lenient)


def scan_query(connection: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, str] | None) -> SqlScan:
    """The rows of an SQL query, as over a Parquet file, whose columns have names and types."""
    table = f"({query})"
    described = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    names = [str(row[0]) for row in described]
    where = find_columns(names, columns)
    types = {role: str(described[place][1]).replace(ZONED, "TIMESTAMP") for role, place in where.items()}
    cells = {place: _plain_cell(quoted_name(names[place]), str(described[place][1])) for place in where.values()}
    _refuse_nested(types, names, where)
    for role in (role for role, kind in types.items() if kind == "BLOB"):
        _check_bytes(connection, table, role, quoted_name(names[where[role]]))
    types = {role: TEXT if types[role] == "BLOB" else types[role] for role in types}
    chosen = ", ".join(f'{cells[where[role]]} AS "{role}"' for role in ROLES if role in where)
    found = FoundColumns.of(names, where, columns)
    if found.kind == "pairs" and "rating" not in check_columns(columns):
        texts = ", ".join(f"CAST({quoted_name(name)} AS VARCHAR)" for name in names)
        rows = connection.execute(f"SELECT {texts} FROM {table} LIMIT {SAMPLE}").fetchall()
        found = found.with_unread(names, where, {at: [row[at] or "" for row in rows] for at in range(len(names))})
    return SqlScan(f"SELECT {chosen} FROM {table}", types, columns=found)


def _refuse_nested(types: Mapping[str, str], names: Sequence[str], where: Mapping[str, int]) -> None:
    """Raises BadData for a column of lists, structs or maps, which has no single value in a row."""
    for role, kind in types.items():
        if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
            what = "lists" if kind.endswith("]") else "structs"
            hint = f"write the table with one value in each row, or name another column: --columns {role}=NAME"
            raise BadData(f"column {names[where[role]]!r} for the {role} holds {what}", hint)


def _check_bytes(connection: duckdb.DuckDBPyConnection, table: str, role: str, name: str) -> None:
    """Raises BadData, with the first rows, for bytes that are not UTF-8."""
    numbered = f"SELECT row_number() OVER () AS line, {name} AS cell FROM {table}"
    bad = connection.execute(
        f"SELECT line FROM ({numbered}) WHERE cell IS NOT NULL AND TRY(decode(cell)) IS NULL ORDER BY line LIMIT 3"
    ).fetchall()
    if bad:
        rows = ", ".join(f"{line:,}" for (line,) in bad)
        raise BadData(f"the {role} is not UTF-8 text in row {rows}", "write the column as text in UTF-8")


def _plain_cell(name: str, kind: str) -> str:
    """SQL for a column of Parquet; times with a zone cannot be fetched without a further package."""
    if kind == "BLOB":  # text of writers that do not say so
        return f"decode({name})"
    return f"make_timestamp(epoch_us({name}))" if kind == ZONED else name


def scan_frame(connection: duckdb.DuckDBPyConnection, frame: object, columns: Mapping[str, str] | None) -> SqlScan:
    """A pandas, polars or Arrow table, or a mapping of columns; nothing of it is changed."""
    names, where, arrays, unread = rating_columns(frame, columns)
    connection.register("frame", arrays)
    described = connection.execute("DESCRIBE frame").fetchall()
    types = {str(row[0]): str(row[1]) for row in described}
    scan = f"SELECT {', '.join(quoted_name(role) for role in arrays)} FROM frame"
    found = FoundColumns.of(names, where, columns)
    if found.kind == "pairs" and "rating" not in check_columns(columns):
        found = found.with_unread(names, where, unread)
    return SqlScan(scan, types, columns=found)


def _chosen(where: Mapping[str, int], names: list[str]) -> str:
    """The columns of the roles, in the order of ROLES."""
    return ", ".join(f'{quoted_name(names[where[role]])} AS "{role}"' for role in ROLES if role in where)
