"""Ratings from the rows of a scan: loads them, understands their values, and merges the rows of a pair."""

from pathlib import Path

import duckdb

from cofactor.data.kind import Kind
from cofactor.data.origin import Origin
from cofactor.data.ratings import Ratings
from cofactor.data.reading.load_rows import EncodedRatings, load_rows
from cofactor.data.reading.meaning.repeats import check_repeats, merge_repeats
from cofactor.data.reading.meaning.value_options import ValueOptions
from cofactor.data.reading.rejected_rows import RejectedRows, load_valid_rows
from cofactor.data.reading.sql_source import FoundColumns, SqlScan
from cofactor.errors import BadData

NOTHING_REJECTED = RejectedRows(0, None)


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
    loaded, rejected_rows = load_rows(connection, source), NOTHING_REJECTED
    if loaded is None:
        loaded, rejected_rows = load_valid_rows(connection, source, folder, rejected)
    return make_ratings(loaded, source.columns, options, name, rejected_rows)


def make_ratings(
    loaded: EncodedRatings,
    columns: FoundColumns,
    options: ValueOptions,
    name: str,
    rejected: RejectedRows = NOTHING_REJECTED,
) -> Ratings:
    """The ratings of loaded rows, with one row for each pair and what was done to them in `origin`."""
    kind: Kind = "counts" if options.implicit and columns.kind == "ratings" else columns.kind
    if kind == "counts" and loaded.value.min() < 0:
        raise BadData(
            f"a count of {loaded.value.min():g} is negative", "counts are numbers from 0; ratings are read as they are"
        )
    merged = merge_repeats(loaded, kind, check_repeats(options.repeats))
    rows = merged.rows
    origin = Origin(
        name,
        len(loaded) + rejected.count,
        merged.merged,
        rejected.count,
        rejected.file,
        columns.notes,
        repeats=merged.rule,
        columns=columns.names,
    )
    return Ratings(rows.users, rows.items, rows.user, rows.item, rows.value, rows.time, origin=origin, kind=merged.kind)
