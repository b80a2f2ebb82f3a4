"""Rows that cannot be used: found one by one, named in an error or left out and written to a file."""

import csv
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import RESOURCE_ERRORS
from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.load_rows import EncodedRatings, load_checked_rows
from cofactor.data.reading.records import QUOTED, line_records, parsed_records, table_records
from cofactor.data.reading.sql_source import SqlScan
from cofactor.errors import BadData

MAX_NAMED = 3  # culprits that an error names

# The first of these that holds is what is wrong with a row. `{role}` shows the text of the cell, cut and in quotes.
FAULTS = (
    ("fault IS NOT NULL", "", "fault"),
    ("coalesce(trim(\"user\"), '') = ''", "user", "'no user id'"),
    ("coalesce(trim(item), '') = ''", "item", "'no item id'"),
    ("coalesce(trim(rating), '') = ''", "rating", "'no rating'"),
    ("TRY_CAST(rating AS DOUBLE) IS NULL", "rating", "'rating ' || {rating} || ' is not a number'"),
    ("NOT isfinite(TRY_CAST(rating AS FLOAT))", "rating", "'rating ' || {rating} || ' is not a finite number'"),
)
TIME_FAULTS = (
    ("coalesce(trim(\"time\"), '') = ''", "time", "'no time'"),
    ("{seconds} IS NULL", "time", "'time ' || {time} || ' is neither a number nor a date'"),
)
SECONDS = (
    'coalesce(TRY_CAST(TRY_CAST("time" AS DOUBLE) AS BIGINT), '
    'TRY_CAST(floor(epoch(TRY_CAST("time" AS TIMESTAMPTZ))) AS BIGINT))'
)


@dataclass(frozen=True)
class RejectedRows:
    """How many rows were left out, and where they were written."""

    count: int
    file: Path | None


@dataclass(frozen=True)
class RowCheck:
    """How many rows there are, have a fault, have quotes that SQL cannot take apart; the first with a fault."""

    rows: int
    faults: int
    untold: int
    first: list[tuple[int, str, str]]  # line, column, reason


def load_valid_rows(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, folder: Path, rejected: Path | None
) -> tuple[EncodedRatings, RejectedRows]:
    """The ratings of a source with faults: those without, where the rest may be written to `rejected`.

    Raises BadData with the first culprits where it may not, and where nothing is left.
    """
    timed = "time" in source.types
    connection.execute("DROP TABLE IF EXISTS rated")
    # Where one bad row is the end, the rows are only looked through: a table of them would be as large as the file.
    verdict = _check_rows(connection, source, folder, "VIEW" if rejected is None else "TABLE")
    faults = verdict.faults
    if not verdict.rows:
        raise BadData("there are no ratings in it", "the file needs lines of user, item, rating")
    if faults and (rejected is None or faults == verdict.rows):
        raise _error(source, verdict)
    if faults and rejected is not None:
        _write(connection, rejected)
    connection.execute("CREATE TEMP TABLE rated AS SELECT * EXCLUDE (line, raw, place, reason) FROM judged "
                       "WHERE reason IS NULL ORDER BY line")  # fmt: skip
    return load_checked_rows(connection, timed=timed), RejectedRows(faults, rejected if faults else None)


def _check_rows(connection: duckdb.DuckDBPyConnection, source: SqlScan, folder: Path, kind: str) -> RowCheck:
    """Makes the table or the view `judged` of all rows."""
    timed = "time" in source.types
    make = f"CREATE OR REPLACE TEMP {kind} judged AS"
    if source.text is None:
        connection.execute(f"{make} {_checked_rows_sql(table_records(source), timed)}")
        return _count_faults(connection)
    try:
        connection.execute(f"{make} {_checked_rows_sql(line_records(*source.text), timed)}")
        verdict = _count_faults(connection)
        if not verdict.untold:
            return verdict
    except RESOURCE_ERRORS:
        raise
    except duckdb.Error:  # not UTF-8, most likely
        pass
    connection.execute(f"{make} {_checked_rows_sql(parsed_records(*source.text, folder / 'records.csv'), timed)}")
    return _count_faults(connection)


def _count_faults(connection: duckdb.DuckDBPyConnection) -> RowCheck:
    """In one pass over `judged`."""
    ((rows, faults, untold, first),) = connection.execute(
        f"SELECT count(*), count(reason), count(*) FILTER (reason = '{QUOTED}'), "
        f"arg_min((line, place, reason), line, {MAX_NAMED}) FILTER (reason IS NOT NULL) FROM judged"
    ).fetchall()
    return RowCheck(rows, faults, untold, first or [])


def _checked_rows_sql(records: str, timed: bool) -> str:
    faults = FAULTS + (TIME_FAULTS if timed else ())
    shown = {role: f"'''' || left(\"{role}\", 40) || ''''" for role in ROLES}
    conditions = [condition.format(seconds=SECONDS) for condition, _, _ in faults]
    place = " ".join(f"WHEN {held} THEN '{role}'" for held, (_, role, _) in zip(conditions, faults, strict=True))
    reason = " ".join(
        f"WHEN {held} THEN {why.format(**shown)}" for held, (_, _, why) in zip(conditions, faults, strict=True)
    )
    return (
        f'SELECT line, raw, CASE {place} END AS place, CASE {reason} END AS reason, trim("user") AS user_id, '
        f"trim(item) AS item_id, TRY_CAST(rating AS FLOAT) AS rating, "
        f'{SECONDS if timed else "NULL::BIGINT"} AS "time" FROM ({records})'
    )


def _error(source: SqlScan, verdict: RowCheck) -> BadData:
    unit = "line" if source.text else "row"
    rows, faults, first = verdict.rows, verdict.faults, verdict.first
    named = "; ".join(f"{unit} {line:,}: {_on_one_line(reason)}" for line, _, reason in first)
    more = f"; and {faults - len(first):,} more" if faults > len(first) else ""
    hint = "mend them, or leave them out with --bad-rows skip (bad_rows='skip'), which writes them to a file"
    if faults == rows:
        named, hint = f"none of the {rows:,} {unit}s can be used: {named}", "is it a table of ratings?"
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
                "SELECT line, place, reason, raw FROM judged WHERE reason IS NOT NULL ORDER BY line"
            )
            while some := found.fetchmany(10_000):
                out.writerows(some)
    except OSError as error:
        raise BadData(f"{path}: cannot write the bad rows there: {error.strerror}", "name another file") from error


def _on_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
