"""Finds the faults of rows that are loaded: only the records of rows with a fault are read again."""

from collections.abc import Sequence

import duckdb
import numpy as np

from cofactor.arrays import Array
from cofactor.data.reading.formats.parsed_text import CleanText, Parsed, numbered_records
from cofactor.data.reading.load_rows import faultless_sql, record_number
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.id_rules import TEXT
from cofactor.data.reading.meaning.row_faults import checked_rows_sql
from cofactor.data.reading.records import RECORD
from cofactor.data.reading.sql_source import SqlScan

MAX_REREAD = 100_000  # records that are read again by themselves


def check_rated(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules, clean: CleanText | None
) -> bool:
    """Creates the view `checked` of the rows of the table `rated`, with the faults of those that have one.

    source: the text that `rated` was made of, which is `clean` or the file itself. False where that is not possible.
    Raises csv.Error where the csv module splits the text in another way, and duckdb.Error.
    """
    assert source.text is not None
    path, dialect = source.text
    numbers = [number for (number,) in connection.execute(_faulty_sql(rules)).fetchall()]
    if len(numbers) > MAX_REREAD:
        return False
    records = numbered_records(path, dialect, numbers)
    if clean is not None:
        records = [(clean.line(line), *rest) for line, *rest in records]  # type: ignore[misc]
    _create_reread(connection, numbers, records, [] if clean is None else clean.faults)
    checked = checked_rows_sql("SELECT * EXCLUDE (place) FROM reread", rules)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE faulty AS {checked}")
    if connection.execute("SELECT 1 FROM faulty WHERE reason IS NULL LIMIT 1").fetchall():
        return False
    number = record_number(rules)
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW checked AS SELECT * FROM faulty UNION ALL "
        f"SELECT {number}, 1, '', NULL, NULL, user_id, item_id, rating, time FROM rated "
        f"WHERE {number} NOT IN (SELECT place FROM reread WHERE place IS NOT NULL)"
    )
    return True


def _faulty_sql(rules: ColumnRules) -> str:
    """SQL for the numbers of the rows of `rated` with a fault."""
    faults = [f"NOT {faultless_sql(rules)}"]
    for role in ("user", "item"):
        ids = f"(SELECT DISTINCT {role}_id FROM rated)"
        faults.append(f"{role}_id IN (SELECT {role}_id FROM {ids} WHERE {rules.id_fault(f'{role}_id')} IS NOT NULL)")
    return f"SELECT {record_number(rules)} FROM rated WHERE {' OR '.join(faults)} ORDER BY rowid LIMIT {MAX_REREAD + 1}"


def _create_reread(
    connection: duckdb.DuckDBPyConnection, numbers: Sequence[int], records: Sequence[Parsed], faults: Sequence[Parsed]
) -> None:
    """Creates the table `reread` of RECORDs, with the number of those that are rows of `rated`."""
    rows = [*zip(numbers, records, strict=True), *((None, record) for record in faults)]
    columns: dict[str, Array] = {"place": np.array([number or 0 for number, _ in rows], dtype=np.int64)}
    for at, name in enumerate(RECORD):
        columns[name] = _column([record[at] for _, record in rows], int if at < 2 else str)
    connection.register("reread_columns", columns)
    typed = ", ".join(f'"{name}"::{"BIGINT" if at < 2 else TEXT} AS "{name}"' for at, name in enumerate(RECORD))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE reread AS SELECT nullif(place, 0) AS place, {typed} FROM reread_columns"
    )


def _column(values: Sequence[object], kind: type) -> Array:
    column = np.empty(len(values), dtype=np.int64 if kind is int else object)
    column[:] = values
    return column
