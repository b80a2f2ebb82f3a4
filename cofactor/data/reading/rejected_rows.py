"""Finds the rows that cannot be used, and names them in an error or writes them to a file."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import RESOURCE_ERRORS
from cofactor.data.reading.formats.parsed_text import clean_text, is_regular, raw_records
from cofactor.data.reading.formats.text_head import TO_UTF8
from cofactor.data.reading.load_rows import EncodedRatings, create_rated, load_checked_rows
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.reread_rows import check_rated
from cofactor.data.reading.meaning.row_faults import checked_rows_sql
from cofactor.data.reading.records import QUOTED, line_records, parsed_records, table_records
from cofactor.data.reading.sql_source import SqlScan, scan_dialect
from cofactor.errors import BadData

NO_RATING = re.compile(
    r"rating '(NA|N/A|n/a|NULL|null|None|none|nan|NaN|\\N|<NA>|-|\?|\.)' is not a (?:finite )?number"
)
MAX_NAMED = 3  # rows that an error names
# A number that another rule reads: with a decimal comma, or true and false.
DOUBTFUL_RATING = "(place = 'rating' AND regexp_matches(lower(reason), '(,|true|false).* is not a number'))"


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
    if source.text is not None and is_regular(source.text[1]) and _check_loaded_rows(connection, source, rules, folder):
        return _count_faults(connection, rules)
    make = f"CREATE OR REPLACE TEMP {'TABLE' if keep else 'VIEW'} checked AS"
    if source.text is None:
        connection.execute(f"{make} {checked_rows_sql(table_records(source, rules), rules)}")
        return _count_faults(connection, rules)
    path, dialect = source.text
    try:
        connection.execute(f"{make} {checked_rows_sql(line_records(path, dialect), rules)}")
        check = _count_faults(connection, rules)
        if not check.quoted:
            return check
    except RESOURCE_ERRORS:
        raise
    except duckdb.Error:  # not UTF-8, most likely
        pass
    connection.execute(f"{make} {checked_rows_sql(parsed_records(path, dialect, folder / 'records.csv'), rules)}")
    return _count_faults(connection, rules)


def _check_loaded_rows(
    connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules, folder: Path
) -> bool:
    """Creates the view `checked` of the table `rated`, which `load_rows` has made if all lines of a text are rows.

    Otherwise, the table is made of a copy of the text without the other lines. False where that is not possible.
    """
    assert source.text is not None
    path, dialect = source.text
    clean = None
    try:
        if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'rated'").fetchall():
            clean = clean_text(path, dialect, folder / "clean.csv")
            source = scan_dialect(clean.path, replace(dialect, before=0, header=False), source.columns)
            create_rated(connection, source, rules)
        return check_rated(connection, source, rules, clean)
    except RESOURCE_ERRORS:
        raise
    except (duckdb.Error, csv.Error):  # lines that are split in another way here than there
        return False


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


def _error(source: SqlScan, check: RowCheck) -> BadData:
    unit = "line" if source.text else "row"
    rows, faults, first = check.rows, check.faults, check.first
    named = "; ".join(f"{unit} {line:,}: {_on_one_line(reason)}" for line, _, reason in first)
    more = f"; and {faults - len(first):,} more" if faults > len(first) else ""
    hint = "correct them, or leave them out with --bad-rows skip (bad_rows='skip'), which writes them to a file"
    if faults == rows:
        named = f"none of the {rows:,} {unit}s can be used: {named.replace(', as others are', '')}"
        hint = "check that it is a table of ratings"
        if all(place == "rating" for _, place, _ in first):
            hint = "write numbers for the ratings, or read each row as an interaction: --columns rating="
    if words := _missing_values([reason for _, _, reason in first]):
        options, given = " ".join(f"--missing '{word}'" for word in words), words[0] if len(words) == 1 else words
        hint = f"to leave out the rows without a rating: {options} (missing={given!r}); or {hint}"
    if any("UTF-8" in reason for _, _, reason in first):
        hint = f"{TO_UTF8}; or {hint}"
    if all(place == "time" for _, place, _ in first):
        how = (
            ""
            if all(reason == "no time" for _, _, reason in first)
            else "say how they are written: --time-format '%d.%m.%Y %H:%M' or the like; "
        )
        hint = f"{how}to read without the times: --columns time= (columns={{'time': ''}}); or {hint}"
    return BadData(named + more, hint)


def _missing_values(reasons: Sequence[str]) -> list[str]:
    """The values that stand for a missing rating, where all faults are such values."""
    found = ["" if reason == "no rating" else (NO_RATING.fullmatch(reason) or [""] * 2)[1] for reason in reasons]
    words = [word for word, reason in zip(found, reasons, strict=True) if word or reason == "no rating"]
    return sorted(set(words)) if len(words) == len(reasons) else []


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
