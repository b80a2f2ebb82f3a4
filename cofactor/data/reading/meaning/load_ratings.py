"""Ratings from the rows of a scan: loads them, understands their values, and merges the rows of a pair."""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from cofactor.data.kind import Kind
from cofactor.data.origin import Origin
from cofactor.data.ratings import Ratings
from cofactor.data.reading.load_rows import EncodedRatings, load_rows
from cofactor.data.reading.meaning.column_rules import ColumnRules, find_rules, find_rules_of_more_rows
from cofactor.data.reading.meaning.repeats import merge_repeats
from cofactor.data.reading.meaning.value_notes import note_ids, note_values
from cofactor.data.reading.meaning.value_options import ValueOptions
from cofactor.data.reading.rejected_rows import RejectedRows, check_rows, load_valid_rows
from cofactor.data.reading.sql_source import FoundColumns, SqlScan
from cofactor.data.stated_scale import find_outside
from cofactor.errors import BadData


@dataclass(frozen=True)
class LeftOut:
    """Rows that are not among those loaded: the bad ones, and those whose value means that there is no rating."""

    rejected: RejectedRows = field(default_factory=lambda: RejectedRows(0, None))
    missing: int = 0


def load_ratings(
    connection: duckdb.DuckDBPyConnection,
    source: SqlScan,
    options: ValueOptions,
    name: str,
    folder: Path,
    rejected: Path | None,
) -> Ratings:
    """The ratings of a scan.

    name: of the source. folder: for temporary files. rejected: the file for rows that cannot be used; without one, such
    a row raises BadData.
    """
    if options.missing and "rating" not in source.types:
        raise BadData("missing values, and no column of ratings", "name the column: --columns rating=NAME")
    rules = find_rules(connection, source, options)
    loaded, rejected_rows = _load_rows(connection, source, rules), RejectedRows(0, None)
    if loaded is None:
        keep = rejected is not None
        check = check_rows(connection, source, rules, folder, keep=keep)
        others = find_rules_of_more_rows(connection, source, options) if check.doubtful else rules
        if others != rules:
            rules, loaded = others, _load_rows(connection, source, others)
            check = check if loaded else check_rows(connection, source, rules, folder, keep=keep)
        if loaded is None:
            loaded, rejected_rows = load_valid_rows(connection, source, rules, check, rejected)
    left_out = LeftOut(rejected_rows, _count_missing(connection, source, rules))
    for table in ("rated", "users", "items", "ids"):  # room for the arrays that follow
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    return make_ratings(loaded, source.columns, options, name, left_out, rules)


def _load_rows(connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules) -> EncodedRatings | None:
    """The rows of a scan; None where one has a fault, such as a rating outside the scale."""
    loaded = load_rows(connection, source, rules)
    if loaded is None or rules.scale is None or not find_outside(loaded.value, rules.scale).any():
        return loaded
    return None


def make_ratings(
    loaded: EncodedRatings,
    columns: FoundColumns,
    options: ValueOptions,
    name: str,
    left_out: LeftOut | None = None,
    rules: ColumnRules | None = None,
) -> Ratings:
    """The ratings of loaded rows, with one row for each pair and what was done to them in `origin`."""
    left_out = left_out or LeftOut()
    kind: Kind = "counts" if options.implicit and columns.kind == "ratings" else columns.kind
    if kind != "ratings" and options.scale is not None:
        raise BadData(f"a scale for {kind}", "only ratings have one: leave it out, or name the column of ratings")
    if kind == "counts" and loaded.value.min() < 0:
        raise BadData(
            f"a count of {loaded.value.min():g} is negative", "counts are numbers from 0; ratings are read as they are"
        )
    merged = merge_repeats(loaded, kind, options.repeats)
    rows = merged.rows
    notes = (*columns.notes, *note_values(rows.value, rows.time, merged.kind))
    if not options.exact:
        notes += (*note_ids(rows.users.ids.tolist(), "user"), *note_ids(rows.items.ids.tolist(), "item"))
    origin = Origin(
        name,
        len(loaded) + left_out.rejected.count + left_out.missing,
        merged.merged,
        left_out.rejected.count,
        left_out.rejected.file,
        notes,
        repeats=merged.rule,
        missing=left_out.missing,
        columns=_described(columns, rules),
    )
    return Ratings(rows.users, rows.items, rows.user, rows.item, rows.value, rows.time, origin=origin, kind=merged.kind)


def _described(columns: FoundColumns, rules: ColumnRules | None) -> dict[str, str]:
    """The columns by role, with how their values were read where there are several ways."""
    names = dict(columns.names)
    if rules is None:
        return names
    if "time" in names and rules.time is not None:
        names["time"] += f" ({rules.time.name})"
    if "rating" in names and (notes := rules.notes()):
        names["rating"] += f" ({'; '.join(notes)})"
    return names


def _count_missing(connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules) -> int:
    if not rules.is_missing:
        return 0
    counted = connection.execute(f"SELECT count(*) FROM ({source.whole_lines}) WHERE {rules.is_missing}").fetchone()
    return 0 if counted is None else int(counted[0])
