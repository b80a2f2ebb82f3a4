"""Finds the rows that cannot be used, and names them in an error or writes them to a file."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from cofactor.arrays import Array
from cofactor.data.duckdb_connection import RESOURCE_ERRORS, quoted
from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.formats.parsed_text import is_regular, numbered_records, raw_records
from cofactor.data.reading.formats.text_head import read_head
from cofactor.data.reading.load_rows import EncodedRatings, faultless_sql, load_checked_rows
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.id_rules import read_fault_sql
from cofactor.data.reading.records import QUOTED, RECORD, line_records, parsed_records, table_records
from cofactor.data.reading.sql_source import SqlScan
from cofactor.errors import BadData

MAX_NAMED = 3  # rows that an error names
MAX_REREAD = 100_000  # records with a fault that are read again by themselves

# A row has the first fault whose condition holds. `{role}` in a reason is the text of the cell, shortened and quoted.
FAULTS = (
    ("fault IS NOT NULL", "", "fault"),
    ("{is_header}", "", "'the header again'"),
    ("{user_float} IS NOT NULL", "user", "'user id ' || {user} || ' ' || {user_float}"),
    ("{item_float} IS NOT NULL", "item", "'item id ' || {item} || ' ' || {item_float}"),
    ("user_fault = ''", "user", "'no user id'"),
    ("item_fault = ''", "item", "'no item id'"),
    ("user_fault IS NOT NULL", "user", "'user id ' || {user} || ' ' || user_fault"),
    ("item_fault IS NOT NULL", "item", "'item id ' || {item} || ' ' || item_fault"),
    ("coalesce(trim(rating), '') = ''", "rating", "'no rating'"),
    ("number IS NULL", "rating", "'rating ' || {rating} || ' is not a number'"),
    ("NOT coalesce(isfinite(TRY_CAST(number AS FLOAT)), false)", "rating",
     "'rating ' || {rating} || ' is not a finite number'"),
)  # fmt: skip
COUNT_FAULTS = (("number < 0", "rating", "'count ' || {rating} || ' is negative'"),)
SCALE_FAULTS = (
    ("TRY_CAST(number AS FLOAT) < {low}::FLOAT OR TRY_CAST(number AS FLOAT) > {high}::FLOAT", "rating",
     "'rating ' || {rating} || ' is outside the scale {low} to {high}'"),
)  # fmt: skip
TIME_FAULTS = (
    ("coalesce(trim(\"time\"), '') = ''", "time", "'no time'"),
    ("microseconds IS NULL AND NOT {is_time}", "time", "'time ' || {time} || ' is neither a number nor a date'"),
    ("microseconds IS NULL", "time", "'time ' || {time} || ' is not in ' || {time_form} || ', as others are'"),
)
# A number that another rule reads: with a decimal comma, or true and false.
DOUBTFUL_RATING = "(place = 'rating' AND regexp_matches(lower(reason), '(,|true|false).* is not a number'))"
IS_TIME = (
    '(TRY_CAST(TRY_CAST("time" AS DOUBLE) AS BIGINT) IS NOT NULL '
    r"""OR regexp_matches("time", '^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}'))"""
)


@dataclass(frozen=True)
class RejectedRows:
    """The number of rows left out, and the file they were written to."""

    count: int
    file: Path | None


@dataclass(frozen=True)
class RowCheck:
    """The number of rows, of rows with a fault, and of rows with quotes that SQL cannot split; the first faults.

    doubtful: whether a fault may be one of the rules of the columns rather than of its row.
    """

    rows: int
    faults: int
    quoted: int
    first: list[tuple[int, str, str]]  # line, column, reason
    doubtful: bool


def check_rows(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules, folder: Path, *, keep: bool
) -> RowCheck:
    """Counts the faults of all rows, and creates the table `checked` of the rows with their faults.

    keep: whether rows without a fault will be loaded; if not, `checked` is a view, as a table would be as large as the
    file. folder: for a temporary file.
    """
    connection.execute("DROP VIEW IF EXISTS checked")
    if _check_loaded_rows(connection, source, rules):
        return _count_faults(connection, rules)
    make = f"CREATE OR REPLACE TEMP {'TABLE' if keep else 'VIEW'} checked AS"
    if source.text is None:
        connection.execute(f"{make} {_checked_rows_sql(table_records(source, rules), rules)}")
        return _count_faults(connection, rules)
    path, dialect = source.text
    if not (dialect.quote and any(dialect.quote in line for line in read_head(path).texts)):
        try:
            connection.execute(f"{make} {_checked_rows_sql(line_records(path, dialect), rules)}")
            check = _count_faults(connection, rules)
            if not check.quoted:
                return check
        except RESOURCE_ERRORS:
            raise
        except duckdb.Error:  # not UTF-8, most likely
            pass
    connection.execute(f"{make} {_checked_rows_sql(parsed_records(path, dialect, folder / 'records.csv'), rules)}")
    return _count_faults(connection, rules)


def _check_loaded_rows(connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules) -> bool:
    """Creates the view `checked` of the table `rated`, if `load_rows` has made it: all its lines are records.

    Only the records of which a value or an id has a fault are read again. False where that is not possible.
    """
    if source.text is None or rules.is_missing or not is_regular(source.text[1]):
        return False
    path, dialect = source.text
    try:
        numbers = [number for (number,) in connection.execute(_faulty_sql(rules)).fetchall()]
        records = numbered_records(path, dialect, numbers) if len(numbers) <= MAX_REREAD else []
    except RESOURCE_ERRORS:
        raise
    except (duckdb.Error, csv.Error):  # there is no such table, or its lines are split in another way
        return False
    if not records:
        return False
    columns = {"number": numbers, **dict(zip(RECORD, zip(*records, strict=True), strict=True))}
    connection.register("reread_columns", {name: _column(column) for name, column in columns.items()})
    connection.execute("CREATE OR REPLACE TEMP TABLE reread AS SELECT * FROM reread_columns")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE faulty AS {_checked_rows_sql('SELECT * EXCLUDE (number) FROM reread', rules)}"
    )
    if connection.execute("SELECT 1 FROM faulty WHERE reason IS NULL LIMIT 1").fetchall():
        return False
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW checked AS SELECT * FROM faulty UNION ALL "
        "SELECT rowid + 1, 1, '', NULL, NULL, user_id, item_id, rating, time FROM rated "
        "WHERE rowid + 1 NOT IN (SELECT number FROM reread)"
    )
    return True


def _faulty_sql(rules: ColumnRules) -> str:
    """SQL for the numbers of the rows of `rated` with a fault."""
    faults = [f"NOT {faultless_sql(rules)}"]
    for role in ("user", "item"):
        ids = f"(SELECT DISTINCT {role}_id FROM rated)"
        faults.append(f"{role}_id IN (SELECT {role}_id FROM {ids} WHERE {read_fault_sql(f'{role}_id')} IS NOT NULL)")
    return f"SELECT rowid + 1 FROM rated WHERE {' OR '.join(faults)} ORDER BY rowid LIMIT {MAX_REREAD + 1}"


def _column(values: Sequence[object]) -> Array:
    if isinstance(values[0], int):
        return np.array(values, dtype=np.int64)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def load_valid_rows(
    connection: duckdb.DuckDBPyConnection,
    source: SqlScan,
    rules: ColumnRules,
    check: RowCheck,
    rejected: Path | None,
) -> tuple[EncodedRatings, RejectedRows]:
    """The ratings of the rows without a fault that `check_rows` kept; the others are written to the file `rejected`.

    Raises BadData, with the first faults, where `rejected` is None and where no row is valid.
    """
    faults = check.faults
    if not check.rows:
        raise BadData("there are no ratings in it", "the file needs lines of user, item, rating")
    if faults and (rejected is None or faults == check.rows):
        raise _error(source, check)
    if faults and rejected is not None:
        _write(connection, source, rejected)
    connection.execute("CREATE OR REPLACE TEMP TABLE valid AS SELECT * EXCLUDE (line, span, raw, place, reason) "
                       "FROM checked WHERE reason IS NULL ORDER BY line")  # fmt: skip
    connection.execute("DROP TABLE IF EXISTS rated")
    connection.execute("ALTER TABLE valid RENAME TO rated")
    loaded = load_checked_rows(connection, timed="time" in rules.types)
    return loaded, RejectedRows(faults, rejected if faults else None)


def _count_faults(connection: duckdb.DuckDBPyConnection, rules: ColumnRules) -> RowCheck:
    """Counts rows and faults in one pass over `checked`."""
    ids = ", ".join(f"'{role}'" for role in rules.whole) or "''"
    doubtful = f"(place IN ({ids}) OR place = 'time' AND reason <> 'no time' OR {DOUBTFUL_RATING})"
    ((rows, faults, quotes, first, doubt),) = connection.execute(
        f"SELECT count(*), count(reason), count(*) FILTER (reason = '{QUOTED}'), "
        f"arg_min((line, place, reason), line, {MAX_NAMED}) FILTER (reason IS NOT NULL), bool_or({doubtful}) "
        "FROM checked"
    ).fetchall()
    return RowCheck(rows, faults, quotes, first or [], bool(doubt))


def _checked_rows_sql(records: str, rules: ColumnRules) -> str:
    text = rules.of_text()
    faults = FAULTS + (COUNT_FAULTS if rules.kind == "counts" else ()) + (SCALE_FAULTS if rules.scale else ())
    faults += TIME_FAULTS if "time" in rules.types else ()
    shown = {role: f"'''' || left(\"{role}\", 40) || ''''" for role in ROLES}
    ids = {role: text.id_text(role) for role in ("user", "item")}
    computed = {f"{role}_float": text.float_fault(role) for role in ids} | {"is_time": IS_TIME}
    computed["low"], computed["high"] = (f"{end:.9g}" for end in rules.scale or (0.0, 0.0))
    computed["is_header"] = f"({rules.is_header})"
    computed["time_form"] = quoted(rules.time.name if rules.time else "")
    conditions = [condition.format(**computed) for condition, _, _ in faults]
    place = " ".join(f"WHEN {held} THEN '{role}'" for held, (_, role, _) in zip(conditions, faults, strict=True))
    reason = " ".join(
        f"WHEN {held} THEN {why.format(**shown, **computed)}"
        for held, (_, _, why) in zip(conditions, faults, strict=True)
    )
    found = ", ".join(f"{read_fault_sql(f'{role}_id')} AS {role}_fault" for role in ids)
    left_out = f" WHERE fault IS NOT NULL OR NOT {text.is_missing}" if text.is_missing else ""
    return (
        f"SELECT line, span, raw, CASE {place} END AS place, CASE {reason} END AS reason, user_id, item_id, "
        f'TRY_CAST(number AS FLOAT) AS rating, microseconds AS "time" FROM '
        f"(SELECT *, {found}, {text.number} AS number, {text.microseconds} AS microseconds FROM "
        f"(SELECT *, {ids['user']} AS user_id, {ids['item']} AS item_id FROM ({records}){left_out}))"
    )


def _error(source: SqlScan, check: RowCheck) -> BadData:
    unit = "line" if source.text else "row"
    rows, faults, first = check.rows, check.faults, check.first
    named = "; ".join(f"{unit} {line:,}: {_on_one_line(reason)}" for line, _, reason in first)
    more = f"; and {faults - len(first):,} more" if faults > len(first) else ""
    hint = "correct them, or leave them out with --bad-rows skip (bad_rows='skip'), which writes them to a file"
    if faults == rows:
        named, hint = f"none of the {rows:,} {unit}s can be used: {named}", "check that it is a table of ratings"
        if all(place == "rating" for _, place, _ in first):
            hint = "write numbers for the ratings, or read each row as an interaction: --columns rating="
    if any("UTF-8" in reason for _, _, reason in first):
        hint = f"save the file as UTF-8 (iconv -f LATIN1 -t UTF-8); or {hint}"
    if all(place == "time" for _, place, _ in first):
        hint = f"to read without the times: --columns time= (columns={{'time': ''}}); or {hint}"
    return BadData(named + more, hint)


def _write(connection: duckdb.DuckDBPyConnection, source: SqlScan, path: Path) -> None:
    raws = iter(_missing_texts(connection, source))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(("line", "column", "reason", "raw"))
            found = connection.execute(
                "SELECT line, place, reason, raw FROM checked WHERE reason IS NOT NULL ORDER BY line"
            )
            while some := found.fetchmany(10_000):
                out.writerows((*rest, next(raws) if raw is None else raw) for *rest, raw in some)
    except OSError as error:
        raise BadData(f"{path}: cannot write the bad rows there: {error.strerror}", "name another file") from None


def _missing_texts(connection: duckdb.DuckDBPyConnection, source: SqlScan) -> Iterator[str]:
    """The texts of the bad records whose text is not at hand, in the order of their lines."""
    if source.text is None:
        return iter(())
    found = connection.execute(
        "SELECT line, span FROM checked WHERE reason IS NOT NULL AND raw IS NULL ORDER BY line"
    ).fetchnumpy()
    return raw_records(source.text[0], zip(found["line"].tolist(), found["span"].tolist(), strict=True))


def _on_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
