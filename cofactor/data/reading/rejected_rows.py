"""Finds the rows that cannot be used, and names them in an error or writes them to a file."""

import csv
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import RESOURCE_ERRORS, quoted
from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.load_rows import EncodedRatings, load_checked_rows
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.id_rules import id_fault_sql
from cofactor.data.reading.records import QUOTED, line_records, parsed_records, table_records
from cofactor.data.reading.sql_source import SqlScan
from cofactor.errors import BadData

MAX_NAMED = 3  # rows that an error names

# A row has the first fault whose condition holds. `{role}` in a reason is the text of the cell, shortened and quoted.
FAULTS = (
    ("fault IS NOT NULL", "", "fault"),
    ("{user_float} IS NOT NULL", "user", "'user id ' || {user} || ' ' || {user_float}"),
    ("{item_float} IS NOT NULL", "item", "'item id ' || {item} || ' ' || {item_float}"),
    ("{user_fault} = ''", "user", "'no user id'"),
    ("{item_fault} = ''", "item", "'no item id'"),
    ("{user_fault} IS NOT NULL", "user", "'user id ' || {user} || ' ' || {user_fault}"),
    ("{item_fault} IS NOT NULL", "item", "'item id ' || {item} || ' ' || {item_fault}"),
    ("coalesce(trim(rating), '') = ''", "rating", "'no rating'"),
    ("{number} IS NULL", "rating", "'rating ' || {rating} || ' is not a number'"),
    ("NOT coalesce(isfinite(TRY_CAST({number} AS FLOAT)), false)", "rating",
     "'rating ' || {rating} || ' is not a finite number'"),
)  # fmt: skip
COUNT_FAULTS = (("{number} < 0", "rating", "'count ' || {rating} || ' is negative'"),)
TIME_FAULTS = (
    ("coalesce(trim(\"time\"), '') = ''", "time", "'no time'"),
    ("{microseconds} IS NULL AND NOT {is_time}", "time", "'time ' || {time} || ' is neither a number nor a date'"),
    ("{microseconds} IS NULL", "time", "'time ' || {time} || ' is not in ' || {time_form} || ', as others are'"),
)
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
    """The number of rows, of rows with a fault, and of rows with quotes that SQL cannot split; the first faults."""

    rows: int
    faults: int
    quoted: int
    first: list[tuple[int, str, str]]  # line, column, reason


def load_valid_rows(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules, folder: Path, rejected: Path | None
) -> tuple[EncodedRatings, RejectedRows]:
    """The ratings of the rows without a fault; the others are written to the file `rejected`.

    Raises BadData, with the first faults, where `rejected` is None and where no row is valid.
    """
    connection.execute("DROP TABLE IF EXISTS rated")
    # Where one bad row is an error, a view is enough: a table of all rows would be as large as the file.
    check = _check_rows(connection, source, rules, folder, "VIEW" if rejected is None else "TABLE")
    faults = check.faults
    if not check.rows:
        raise BadData("there are no ratings in it", "the file needs lines of user, item, rating")
    if faults and (rejected is None or faults == check.rows):
        raise _error(source, check)
    if faults and rejected is not None:
        _write(connection, rejected)
    connection.execute("CREATE TEMP TABLE rated AS SELECT * EXCLUDE (line, raw, place, reason) FROM checked "
                       "WHERE reason IS NULL ORDER BY line")  # fmt: skip
    return load_checked_rows(connection, timed="time" in rules.types), RejectedRows(
        faults, rejected if faults else None
    )


def _check_rows(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules, folder: Path, kind: str
) -> RowCheck:
    """Creates the table or view `checked` of all rows, and counts their faults."""
    make = f"CREATE OR REPLACE TEMP {kind} checked AS"
    if source.text is None:
        connection.execute(f"{make} {_checked_rows_sql(table_records(source, rules), rules)}")
        return _count_faults(connection)
    try:
        connection.execute(f"{make} {_checked_rows_sql(line_records(*source.text), rules)}")
        check = _count_faults(connection)
        if not check.quoted:
            return check
    except RESOURCE_ERRORS:
        raise
    except duckdb.Error:  # not UTF-8, most likely
        pass
    connection.execute(f"{make} {_checked_rows_sql(parsed_records(*source.text, folder / 'records.csv'), rules)}")
    return _count_faults(connection)


def _count_faults(connection: duckdb.DuckDBPyConnection) -> RowCheck:
    """Counts rows and faults in one pass over `checked`."""
    ((rows, faults, quoted, first),) = connection.execute(
        f"SELECT count(*), count(reason), count(*) FILTER (reason = '{QUOTED}'), "
        f"arg_min((line, place, reason), line, {MAX_NAMED}) FILTER (reason IS NOT NULL) FROM checked"
    ).fetchall()
    return RowCheck(rows, faults, quoted, first or [])


def _checked_rows_sql(records: str, rules: ColumnRules) -> str:
    text = rules.of_text()
    faults = FAULTS + (COUNT_FAULTS if rules.kind == "counts" else ()) + (TIME_FAULTS if "time" in rules.types else ())
    shown = {role: f"'''' || left(\"{role}\", 40) || ''''" for role in ROLES}
    ids = {role: text.id_text(role) for role in ("user", "item")}
    computed = {f"{role}_fault": id_fault_sql(f"{role}_id") for role in ids}
    computed |= {f"{role}_float": text.float_fault(role) for role in ids}
    computed |= {"number": text.number, "microseconds": text.microseconds, "is_time": IS_TIME}
    computed["time_form"] = quoted(rules.time.name if rules.time else "")
    conditions = [condition.format(**computed) for condition, _, _ in faults]
    place = " ".join(f"WHEN {held} THEN '{role}'" for held, (_, role, _) in zip(conditions, faults, strict=True))
    reason = " ".join(
        f"WHEN {held} THEN {why.format(**shown, **computed)}"
        for held, (_, _, why) in zip(conditions, faults, strict=True)
    )
    left_out = f" WHERE fault IS NOT NULL OR NOT {text.is_missing}" if text.is_missing else ""
    return (
        f"SELECT line, raw, CASE {place} END AS place, CASE {reason} END AS reason, user_id, item_id, "
        f'TRY_CAST({text.number} AS FLOAT) AS rating, {text.microseconds} AS "time" '
        f"FROM (SELECT *, {ids['user']} AS user_id, {ids['item']} AS item_id FROM ({records}){left_out})"
    )


def _error(source: SqlScan, check: RowCheck) -> BadData:
    unit = "line" if source.text else "row"
    rows, faults, first = check.rows, check.faults, check.first
    named = "; ".join(f"{unit} {line:,}: {_on_one_line(reason)}" for line, _, reason in first)
    more = f"; and {faults - len(first):,} more" if faults > len(first) else ""
    hint = "correct them, or leave them out with --bad-rows skip (bad_rows='skip'), which writes them to a file"
    if faults == rows:
        named, hint = f"none of the {rows:,} {unit}s can be used: {named}", "check that it is a table of ratings"
    if any("UTF-8" in reason for _, _, reason in first):
        hint = f"save the file as UTF-8 (iconv -f LATIN1 -t UTF-8); or {hint}"
    if all(place == "time" for _, place, _ in first):
        hint = f"to read without the times: --columns time= (columns={{'time': ''}}); or {hint}"
    return BadData(named + more, hint)


def _write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(("line", "column", "reason", "raw"))
            found = connection.execute(
                "SELECT line, place, reason, raw FROM checked WHERE reason IS NOT NULL ORDER BY line"
            )
            while some := found.fetchmany(10_000):
                out.writerows(some)
    except OSError as error:
        raise BadData(f"{path}: cannot write the bad rows there: {error.strerror}", "name another file") from None


def _on_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
