"""How the columns of a scan are read: one rule for each, found in its first rows or stated by the caller.

The first rows decide for a table whose rows all follow them. Where a row does not, or where the first rows leave it
open, a larger sample decides, with rows that settle the order of days and months.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from cofactor.data.duckdb_connection import RESOURCE_ERRORS, quoted
from cofactor.data.kind import Kind
from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.formats.number_text import is_number
from cofactor.data.reading.formats.text_head import read_head
from cofactor.data.reading.meaning.id_rules import (
    LARGEST,
    TEXT,
    WHOLE,
    WHOLE_FLOAT,
    float_fault_sql,
    id_fault_sql,
    id_number_sql,
    id_text_sql,
    is_real,
    other_than_whole_sql,
    read_fault_sql,
)
from cofactor.data.reading.meaning.time_rules import DATED, EXPORTED, TimeRule, find_rule, named_rule
from cofactor.data.reading.meaning.value_options import ValueOptions
from cofactor.data.reading.meaning.value_rules import NUMBERS, ValueRule, find_value_rule
from cofactor.data.reading.sql_source import SqlScan
from cofactor.data.stated_scale import Scale
from cofactor.errors import BadData

FIRST_ROWS, MORE_ROWS = 1000, 20_000
IDS = ("user", "item")
PLAIN_NUMBER = re.compile(r"0|[1-9]\d{0,8}")
DAY_OR_MONTH = r"'^\s*(\d{1,2})[-/](\d{1,2})[-/]'"

Sample = Mapping[str, Sequence[str]]  # texts by role, "" where there is none


@dataclass(frozen=True)
class ColumnRules:
    """The rules of a scan's columns.

    types: SQL types by role. whole: the roles of ids that are whole floats. numbered: whether the first ids are plain
    numbers. missing: values that mean that there is no rating. scale: of ratings, where it is stated. header: the names
    of the columns of users and items in the header. exact: see `ValueOptions`.
    """

    types: Mapping[str, str]
    kind: Kind = "ratings"
    value: ValueRule = NUMBERS
    time: TimeRule | None = None
    whole: frozenset[str] = frozenset()
    numbered: bool = False
    missing: tuple[str, ...] = ()
    scale: Scale | None = None
    header: tuple[str, str] | None = None
    exact: bool = False

    def of_text(self) -> "ColumnRules":
        """The rules of the same columns as text, in which ids that had another type are integers already."""
        whole = frozenset(role for role in self.whole if self.types[role] == TEXT)
        return replace(self, types=dict.fromkeys(self.types, TEXT), whole=whole)

    def id_text(self, role: str) -> str:
        """SQL for an id as text in normal form."""
        return id_text_sql(f'"{role}"', self.types[role], whole=role in self.whole)

    def id_number(self, role: str) -> str:
        """SQL for an id as an INTEGER; see `id_number_sql`."""
        return id_number_sql(f'"{role}"', self.types[role], whole=role in self.whole)

    def float_fault(self, role: str) -> str:
        """SQL for the fault of an id that is a float; see `float_fault_sql`."""
        if self.exact:
            return "NULL::VARCHAR"
        return float_fault_sql(f'"{role}"', self.types[role], whole=role in self.whole)

    def id_fault(self, id_: str) -> str:
        """SQL for the fault of an id in normal form; '' for an empty one, NULL for none."""
        return id_fault_sql(id_) if self.exact else read_fault_sql(id_)

    @property
    def number(self) -> str:
        """SQL for the value as a DOUBLE, NULL where it is no number; 1 without a column of values."""
        if "rating" not in self.types:
            return "1::DOUBLE"
        return self.value.number("rating") if self.types["rating"] == TEXT else "CAST(rating AS DOUBLE)"

    @property
    def microseconds(self) -> str:
        """SQL for the time in microseconds since 1970, NULL where it does not follow the rule."""
        if self.time is None or "time" not in self.types:
            return "NULL::BIGINT"
        return self.time.microseconds('"time"', number=self.types["time"] != TEXT)

    @property
    def is_header(self) -> str:
        """SQL for whether a row is the header again, as where files were joined."""
        if self.header is None:
            return "false"
        return " AND ".join(f'trim("{role}") = {quoted(name)}' for role, name in zip(IDS, self.header, strict=True))

    @property
    def is_missing(self) -> str | None:
        """SQL for whether the value of a row means that there is none; None where no value does."""
        if not self.missing or "rating" not in self.types:
            return None
        numbers = [text for text in self.missing if is_number(text)]
        empty = ("",) if any(text.lower() == "nan" for text in self.missing) else ()  # as frames hold NaN
        texts = ", ".join(map(quoted, (*self.missing, *empty)))
        listed = f"coalesce({self.number} IN ({', '.join(numbers)}), false) OR " if numbers else ""
        return f"({listed}trim(coalesce(CAST(rating AS VARCHAR), '')) IN ({texts}))"

    def notes(self) -> list[str]:
        """What the report says about how values were read."""
        if self.types.get("rating") == "BOOLEAN":
            return ["true is 1, false is 0"]
        return [self.value.note] if self.value.note and self.types.get("rating") == TEXT else []


def find_rules(connection: duckdb.DuckDBPyConnection, source: SqlScan, options: ValueOptions) -> ColumnRules:
    """The rules that the first rows of a scan follow, or a larger sample where the first rows leave them open."""
    try:
        return _rules(connection, source, options, _first_rows(connection, source))
    except BadData:
        return find_rules_of_more_rows(connection, source, options)


def find_rules_of_more_rows(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, options: ValueOptions
) -> ColumnRules:
    """The rules that most rows of a larger sample follow; raises BadData where the values leave them open."""
    rules = _rules(connection, source, options, _more_rows(connection, source))
    whole = frozenset(
        role for role in rules.whole if is_real(rules.types[role]) or _all_whole(connection, source, role)
    )
    return replace(rules, whole=whole)


def _rules(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, options: ValueOptions, sample: Sample
) -> ColumnRules:
    types = source.types
    kind: Kind = "counts" if options.implicit and source.columns.kind == "ratings" else source.columns.kind
    real = () if options.exact else IDS
    whole = frozenset(role for role in real if _is_whole(connection, source, role, sample[role]))
    value = NUMBERS
    if not options.exact and types.get("rating") == TEXT:
        texts = [text for text in sample["rating"] if text.strip() not in options.missing]
        value = find_value_rule(texts, commas=_may_hold_commas(source))
    numbered = all(
        types[role] in WHOLE or is_real(types[role]) or all(map(PLAIN_NUMBER.fullmatch, _integers(sample[role], whole)))
        for role in IDS
    )
    time = _time_rule(connection, types, options, sample)
    header = None if options.exact else _header(source)
    missing, scale = options.missing, options.scale
    return ColumnRules(types, kind, value, time, whole, numbered, missing, scale, header, options.exact)


def _header(source: SqlScan) -> tuple[str, str] | None:
    """The names above the columns of users and items of a text file, if it has a header."""
    if source.text is None or not source.text[1].header:
        return None
    return source.columns.names["user"], source.columns.names["item"]


def _time_rule(
    connection: duckdb.DuckDBPyConnection, types: Mapping[str, str], options: ValueOptions, sample: Sample
) -> TimeRule | None:
    kind = types.get("time")
    if kind is None:
        if options.time_format is not None:
            raise BadData("a time format, and no column of times", "name the column: --columns time=NAME")
        return None
    if kind.startswith(("TIMESTAMP", "DATE")):
        return DATED
    if options.exact:
        return EXPORTED
    return named_rule(options.time_format) if options.time_format else find_rule(connection, sample["time"])


def _is_whole(connection: duckdb.DuckDBPyConnection, source: SqlScan, role: str, sample: Sequence[str]) -> bool:
    """Whether every id of a column is a whole float; of a column of text, every id of the sample."""
    kind, name = source.types[role], f'"{role}"'
    if is_real(kind):
        held = f"bool_and({name} = trunc({name}) AND abs({name}) < {LARGEST.get(kind, 1 << 53)})"
        found = connection.execute(f"SELECT {held} FROM ({source.sql}) WHERE isfinite({name}::DOUBLE)").fetchone()
        return found is not None and bool(found[0])
    ids = [text for text in sample if text.strip()]
    return kind == TEXT and bool(ids) and all(re.fullmatch(WHOLE_FLOAT, text.strip()) for text in ids)


def _all_whole(connection: duckdb.DuckDBPyConnection, source: SqlScan, role: str) -> bool:
    """Whether no id of a column of text is other than a whole float."""
    other = other_than_whole_sql(f'"{role}"')
    try:
        return not connection.execute(f"SELECT 1 FROM ({source.whole_lines}) WHERE {other} LIMIT 1").fetchall()
    except RESOURCE_ERRORS:
        raise
    except duckdb.Error:  # lines that no reader of tables accepts
        return False


def _may_hold_commas(source: SqlScan) -> bool:
    """Whether a comma in a cell does not end it."""
    return source.text is None or source.text[1].delimiter != ","


def _integers(ids: Sequence[str], whole: frozenset[str]) -> list[str]:
    return [text.removesuffix(".0") if whole else text for text in ids]


def _first_rows(connection: duckdb.DuckDBPyConnection, source: SqlScan) -> Sample:
    """The first rows; of a text file, those among its first lines that are whole rows."""
    if source.text is None:
        rows = _fetch(connection, f"SELECT {_texts(source)} FROM ({source.sql}) LIMIT {FIRST_ROWS}")
        return _by_role(source, rows)
    path, dialect = source.text
    lines = [line for number, line in read_head(path).lines if number > dialect.before and not dialect.is_blank(line)]
    records = [cells for cells in map(dialect.whole_record, lines) if cells is not None]
    return {role: [cells[place] for cells in records] for role, place in dialect.where.items()}


def _more_rows(connection: duckdb.DuckDBPyConnection, source: SqlScan) -> Sample:
    """Random rows, the same each time, and rows that settle the order of days and months and what a comma is."""
    table = f"(SELECT {_texts(source)} FROM ({source.whole_lines}))"
    settling = []
    if source.types.get("time") == TEXT:
        settling += [f'TRY_CAST(regexp_extract("time", {DAY_OR_MONTH}, {part}) AS INTEGER) > 12' for part in (1, 2)]
    if source.types.get("rating") == TEXT and _may_hold_commas(source):
        settling.append("regexp_matches(rating, ',([0-9]{1,2}|[0-9]{4,})[^0-9,]*$')")
    try:
        rows = _fetch(connection, f"SELECT * FROM {table} USING SAMPLE reservoir({MORE_ROWS} ROWS) REPEATABLE (1)")
        if settling:
            rows += _fetch(connection, f"SELECT * FROM {table} WHERE {' OR '.join(settling)} LIMIT {FIRST_ROWS}")
    except RESOURCE_ERRORS:
        raise
    except duckdb.Error:  # lines that no reader of tables accepts; their faults are found later
        return _first_rows(connection, source)
    return _by_role(source, rows)


def _texts(source: SqlScan) -> str:
    return ", ".join(f'CAST("{role}" AS VARCHAR) AS "{role}"' for role in ROLES if role in source.types)


def _fetch(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str | None, ...]]:
    return connection.execute(query).fetchall()


def _by_role(source: SqlScan, rows: Sequence[Sequence[str | None]]) -> Sample:
    roles = [role for role in ROLES if role in source.types]
    return {role: [row[at] or "" for row in rows] for at, role in enumerate(roles)}
