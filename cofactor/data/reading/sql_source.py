"""SQL that scans a text file, a Parquet file or a data frame for the columns of ratings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import quoted, quoted_name, quoted_path
from cofactor.data.kind import Kind
from cofactor.data.reading.columns import ROLES, column_notes, find_columns, value_kind
from cofactor.data.reading.dataframes import rating_columns
from cofactor.data.reading.formats.text_dialect import TextDialect
from cofactor.data.reading.formats.text_head import is_gzip
from cofactor.data.reading.text_format import detect_dialect
from cofactor.ids import BLANKS, HIDDEN, JOINING, MAX_LENGTH

WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
REAL = ("FLOAT", "DOUBLE")
TEXT = "VARCHAR"
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


@dataclass(frozen=True)
class SqlScan:
    """Unchecked rows in their order, with the columns user, item and perhaps rating and time."""

    sql: str  # a SELECT of the rows
    types: Mapping[str, str]  # role -> SQL type
    numbered: bool  # the first ids are plain numbers
    dated: bool = False  # times are text with dates
    text: tuple[Path, TextDialect] | None = None  # the file and its dialect where it is a text file
    columns: "FoundColumns" = field(default_factory=lambda: FoundColumns())

    def id_number(self, role: str) -> str:
        """SQL for an id as an INTEGER, -1 where its text is not just that number ("007", 1.5); fails on other text."""
        kind = self.types[role]
        if kind in WHOLE:
            return f'CASE WHEN "{role}" BETWEEN 0 AND 2147483647 THEN CAST("{role}" AS INTEGER) ELSE -1 END'
        number = f'CAST("{role}" AS INTEGER)'
        same = f'{number} = "{role}"' if kind in REAL else f'CAST({number} AS VARCHAR) = "{role}"'
        return f"CASE WHEN {same} THEN {number} ELSE -1 END"

    def id_text(self, role: str) -> str:
        """SQL for an id as text in normal form; a whole float is written as the integer it is."""
        text = normalized_id_sql(f'CAST("{role}" AS VARCHAR)')
        if self.types[role] not in REAL:
            return text
        return f'CASE WHEN abs("{role}") < 1e15 AND "{role}" = trunc("{role}") THEN ' + (
            f'CAST(CAST("{role}" AS BIGINT) AS VARCHAR) ELSE {text} END'
        )

    @property
    def rating(self) -> str:
        """SQL for the rating as a FLOAT, 1 without a column of values; fails on text that is not a number."""
        return "CAST(rating AS FLOAT)" if "rating" in self.types else "1::FLOAT"

    @property
    def time(self) -> str:
        """SQL for the time as a BIGINT, a date as seconds since 1970; fails on text that is neither."""
        kind = self.types.get("time")
        if kind is None:
            return "NULL::BIGINT"
        if kind.startswith(("TIMESTAMP", "DATE")):
            return 'CAST(floor(epoch("time")) AS BIGINT)'
        if self.dated:
            return 'CAST(floor(epoch(CAST("time" AS TIMESTAMPTZ))) AS BIGINT)'
        return 'CAST("time" AS BIGINT)'


def normalized_id_sql(text: str) -> str:
    """SQL for `ids.normalize_id` of a text."""
    trimmed = f"trim({text}, {quoted(BLANKS)})"
    # nfc_normalize ends at a NUL, which is a fault anyway
    return f"CASE WHEN contains({trimmed}, chr(0)) THEN {trimmed} ELSE nfc_normalize({trimmed}) END"


def id_fault_sql(text: str) -> str:
    """SQL for `ids.find_id_fault` of a text in normal form: the fault, or NULL; '' for an empty id."""
    return (
        f"CASE WHEN coalesce({text}, '') = '' THEN '' "
        f"WHEN length({text}) > {MAX_LENGTH} THEN 'is longer than {MAX_LENGTH} characters' "
        f"WHEN {text} IN ('.', '..') THEN 'is not accepted as an id' "
        f"WHEN regexp_full_match({text}, {quoted(f'[{JOINING}]*')}) THEN 'has no visible character' "
        f"WHEN regexp_matches({text}, {quoted(f'[{HIDDEN}]')}) "
        "THEN 'has a control character or an invisible character in it' END"
    )


def scan_text(path: Path, columns: Mapping[str, str] | None, delimiter: str | None = None) -> SqlScan:
    """A CSV or TSV file, or one of MovieLens' own."""
    form = detect_dialect(path, columns, delimiter)
    names = ", ".join(f"'c{column}': 'VARCHAR'" for column in range(form.width))
    scan = (
        f"SELECT {_chosen(form.where, [f'c{column}' for column in range(form.width)])} FROM read_csv("
        f"{quoted_path(path)}, {form.read_csv_options()}, columns={{{names}}}, hive_partitioning=false"
        f"{', compression=gzip' if is_gzip(path) else ''})"
    )
    columns_found = FoundColumns.of(form.names, form.where, columns, form.width)
    return SqlScan(scan, dict.fromkeys(form.where, TEXT), form.numbered, form.dated, (path, form), columns_found)


def scan_query(connection: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, str] | None) -> SqlScan:
    """The rows of an SQL query, as over a Parquet file, whose columns have names and types."""
    table = f"({query})"
    described = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    names = [str(row[0]) for row in described]
    where = find_columns(names, columns)
    types = {role: str(described[place][1]) for role, place in where.items()}
    if types.get("time") == ZONED:  # such values cannot be fetched without a further package
        zoned = quoted_name(names[where["time"]])
        table = f"(SELECT * REPLACE (make_timestamp(epoch_us({zoned})) AS {zoned}) FROM {table})"
        types["time"] = "TIMESTAMP"
    found = FoundColumns.of(names, where, columns)
    return _typed(connection, f"SELECT {_chosen(where, names)} FROM {table}", types, found)


def scan_frame(connection: duckdb.DuckDBPyConnection, frame: object, columns: Mapping[str, str] | None) -> SqlScan:
    """A pandas, polars or Arrow table, or a mapping of columns; nothing of it is changed."""
    names, where, arrays = rating_columns(frame, columns)
    connection.register("frame", arrays)
    described = connection.execute("DESCRIBE frame").fetchall()
    types = {str(row[0]): str(row[1]) for row in described}
    scan = f"SELECT {', '.join(quoted_name(role) for role in arrays)} FROM frame"
    return _typed(connection, scan, types, FoundColumns.of(names, where, columns))


def _typed(
    connection: duckdb.DuckDBPyConnection, scan: str, types: Mapping[str, str], columns: FoundColumns
) -> SqlScan:
    """The scan of a table with types; its first rows tell whether text holds numbers or dates."""
    first = connection.execute(f"{scan} LIMIT 100").fetchall()
    at = {role: number for number, role in enumerate(role for role in ROLES if role in types)}
    numbered = all(
        types[role] in WHOLE + REAL or all(str(row[at[role]]).isdigit() for row in first) for role in ("user", "item")
    )
    dated = types.get("time") == TEXT and not any(str(row[at["time"]]).strip().isdigit() for row in first)
    return SqlScan(scan, types, numbered, dated, columns=columns)


def _chosen(where: Mapping[str, int], names: list[str]) -> str:
    """The columns of the roles, in the order of ROLES."""
    return ", ".join(f'{quoted_name(names[where[role]])} AS "{role}"' for role in ROLES if role in where)
