"""Reads ratings from a file, a folder, a zip or a data frame.

DuckDB reads a table once, which is all that a table without faults needs. Otherwise the table is read again row by row
to find the faults and their lines.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import duckdb

from cofactor.argument_names import check_arguments
from cofactor.data.datasets.locations import dataset_source
from cofactor.data.duckdb_connection import reading_connection
from cofactor.data.exporting.export_manifest import check_records, is_export, with_manifest
from cofactor.data.ratings import Ratings
from cofactor.data.reading.containers.compressed_files import plain_file_name
from cofactor.data.reading.containers.streams import copy_stream, is_stream
from cofactor.data.reading.dataframes import FRAMES
from cofactor.data.reading.feature_tables import (
    Noun,
    add_features,
    read_feature_table,
)
from cofactor.data.reading.formats.adjacency_lists import read_adjacency_lists
from cofactor.data.reading.formats.matrices import is_sparse_matrix, sparse_columns, wide_frame_columns
from cofactor.data.reading.meaning.load_ratings import load_ratings, make_ratings
from cofactor.data.reading.meaning.value_notes import note_matrix
from cofactor.data.reading.meaning.value_options import ValueOptions
from cofactor.data.reading.source_files import SourceFiles, find_source
from cofactor.data.reading.source_titles import add_source_titles, add_source_users, add_titles, with_notes
from cofactor.data.reading.sql_source import FoundColumns, SqlScan, scan_frame
from cofactor.data.reading.table_scan import TableScanner, check_delimiter
from cofactor.data.stated_scale import state_scale
from cofactor.data.tfrecord.user_examples import read_examples
from cofactor.errors import BadData, CofactorError, check_type, error_context

BAD_ROWS = ("error", "skip")


@check_arguments()
def read(
    source: str | os.PathLike[str] | object,
    *,
    columns: Mapping[str, str] | None = None,
    implicit: bool = False,
    repeats: str | None = None,
    missing: str | float | Iterable[str | float] = (),
    time_format: str | None = None,
    scale: tuple[float, float] | None = None,
    bad_rows: str = "error",
    rejected: Path | None = None,
    layout: Literal["lists", "wide"] | None = None,
    delimiter: str | None = None,
    titles: str | os.PathLike[str] | object | None = None,
    users: Sequence[object] | None = None,
    items: Sequence[object] | None = None,
    user_features: str | os.PathLike[str] | object | None = None,
    item_features: str | os.PathLike[str] | object | None = None,
) -> Ratings:
    """Ratings in the order of their rows, over vocabularies of the users and items that are rated.

    source: a table in a file (text, Parquet, JSON, TFRecord and others: see the page on file formats, also compressed),
    a folder or an archive in one of MovieLens' layouts or with one such table, a member of an archive
    ("ratings.zip:u.data"), "-" for standard input, a stream of bytes, a pandas, polars or Arrow table, a mapping of
    columns, a sparse matrix of SciPy (rows are users, columns items, with the ids in `users` and `items`), or the name
    of a data set that `cofactor.fetch` has downloaded, as in "ml-100k" (Unavailable where it has not). Columns are
    found by their common names or by `columns`, which maps user, item, rating and time to names or to numbers from 1
    ("" for no ratings or no times); up to four columns without a header are user, item, rating, time. `delimiter` is
    the text between columns, where it is not recognised. Times are seconds, milli-, micro- or nanoseconds since
    1970 or dates, of one unit or format a column, which is recognised or stated as `time_format` ("ms", "excel",
    "%d/%m/%Y", …; see the page on columns). Items without a rating are left out.

    A table without a column of ratings holds interactions: of the kind "counts" where a column has a common name of
    counts (plays, weight, quantity, …), and otherwise "pairs", each of value 1. `implicit` says that the values are
    counts, whatever their column is called. `missing` are values, numbers or texts, that mean that there is no rating:
    rows with them are left out, and counted in `origin.missing`. `scale` states the lowest and the highest possible
    rating; a row outside cannot be used. Without it, the scale is that of the ratings found.

    Of a repeated (user, item) pair the latest rating is kept, and of equal times the last in the file; counts are added
    up, and rows of a pair without a value are counted. `repeats` sets another rule: "latest", "first", "sum", "count",
    "mean" or "max" (see `merge_repeats`). `origin.duplicates` is the number of rows that were merged. A row that cannot
    be used raises BadData, which names it; with `bad_rows="skip"` such rows are written with line, column and reason to
    the file `rejected` (by default `<name>.rejected.csv` in the current folder) and counted in `origin.rejected`.

    With `layout="lists"` the file has one line for each user, `user item item …`, and every rating is 1. With
    `layout="wide"` it has one row for each user and one column for each item; empty cells are no ratings.

    Titles and genres are read from u.item, movies.dat, movies.csv, items.csv or the like next to the ratings, and a
    table of titles that cannot be read is a note in `origin.notes`; `titles` names another table, in a file or a data
    frame with columns of ids and titles.

    Features of users are read from u.user or users.dat next to the ratings, and features of items (year, genres) from
    the titles. `user_features` and `item_features` replace them: tables with a column of ids and any others, in a
    file with a header or a data frame (see `feature_tables`). Rows of ids without ratings are left out, and counted in
    `origin.notes`.
    """
    if columns is not None:
        check_type("columns", columns, Mapping, "give a mapping from roles to names, as in columns={'user': 'NAME'}")
    if bad_rows not in BAD_ROWS:
        raise BadData(f"bad_rows is {bad_rows!r}", f"one of {', '.join(BAD_ROWS)}")
    if layout not in (None, "lists", "wide"):
        raise BadData(f"unknown layout {layout!r}", "the layouts to name are lists and wide; others are recognised")
    check_delimiter(delimiter)
    source = dataset_source(source)
    with tempfile.TemporaryDirectory(prefix="cofactor-", ignore_cleanup_errors=True) as working:
        values = ValueOptions.checked(implicit, repeats, missing, time_format, scale)
        reading = _Reading(Path(working), columns, values, bad_rows == "skip", rejected, delimiter, layout == "wide")
        if isinstance(source, str) and not source:
            raise BadData("the path is empty", f"give {FRAMES}")
        if is_stream(source):
            source = copy_stream(source, Path(working))
        if layout == "lists":
            ratings = reading.lists(source)
        elif isinstance(source, str | os.PathLike):
            ratings = reading.path(Path(source))
        else:
            ratings = reading.frame(*_as_columns(source, users, items, columns, layout))
            if is_sparse_matrix(source) and ratings.kind == "ratings" and scale is None:
                ratings = with_notes(ratings, list(note_matrix(ratings.value)))
    ratings = ratings if values.scale is None else state_scale(ratings, values.scale)
    ratings = ratings if titles is None else add_titles(ratings, titles)
    return with_features(ratings, user_features, item_features, columns=columns)


def with_features(
    ratings: Ratings,
    users: str | os.PathLike[str] | object | None = None,
    items: str | os.PathLike[str] | object | None = None,
    *,
    columns: Mapping[str, str] | None = None,
) -> Ratings:
    """The ratings with features from tables of users and items, which replace those they have; see `read`."""
    tables: tuple[tuple[Noun, object], ...] = (("user", users), ("item", items))
    for noun, source in tables:
        if source is None:
            continue
        name = Path(source).name if isinstance(source, str | os.PathLike) else f"the table of {noun}s"
        with error_context(str(source) if isinstance(source, str | os.PathLike) else name):
            ratings = add_features(ratings, read_feature_table(source, noun, (columns or {}).get(noun)), noun, name)
    return ratings


class _Reading:
    """One call of `read`, with a temporary folder for unpacked files and for DuckDB."""

    def __init__(
        self,
        folder: Path,
        columns: Mapping[str, str] | None,
        values: ValueOptions,
        skip: bool,
        rejected: Path | None,
        delimiter: str | None = None,
        wide: bool = False,
    ) -> None:
        self.folder, self.columns, self.values, self.skip, self.rejected = folder, columns, values, skip, rejected
        self.delimiter, self.wide = delimiter, wide

    def frame(self, frame: object, columns: Mapping[str, str] | None) -> Ratings:
        """The ratings of a data frame."""
        if frame is None:
            raise BadData("there is nothing to read", f"give {FRAMES}")
        with reading_connection(self.folder, "the table") as connection, error_context("the table"):
            source = scan_frame(connection, frame, columns)
            return self._ratings(connection, source, "table")

    def lists(self, source: object) -> Ratings:
        """The pairs of a file of adjacency lists."""
        if not isinstance(source, str | os.PathLike):
            raise BadData("lists are in a file of text", "give its path, or a stream of bytes")
        if self.columns or self.skip:
            raise BadData("lists have neither columns nor rows to skip", "read them without columns and bad_rows")
        self._refuse_cell_options(f"{source}: a file of lists")
        files = find_source(Path(source), self.folder, lambda _: frozenset())
        with reading_connection(self.folder, files.shown) as connection, error_context(files.shown):
            text = self._scanner(connection).plain_text(files.ratings[0])
            ratings = make_ratings(read_adjacency_lists(text), FoundColumns(kind="pairs"), self.values, files.name)
        return add_source_titles(ratings, files)

    def path(self, path: Path) -> Ratings:
        """The ratings of a file, a folder or an archive."""
        try:
            exported = path.is_dir() and is_export(path)
            self.values = replace(self.values, exact=exported)
            source = find_source(path, self.folder, self._find_roles)
            ratings = self._shards(source) if source.sharded else self._table(source)
            return with_manifest(ratings, path) if exported else ratings
        except OSError as error:
            raise BadData(f"{error.filename or path}: {error.strerror or error}", "check that it can be read") from None

    def _find_roles(self, path: Path) -> frozenset[str]:
        """The roles of the columns of a file; none where it cannot be read."""
        try:
            with reading_connection(self.folder, str(path)) as connection:
                return frozenset(self._scanner(connection).scan([path]).types)
        except CofactorError:
            return frozenset()

    def _refuse_cell_options(self, what: str) -> None:
        """Raises BadData for options that say what cells of text mean, where there are none."""
        if self.values.missing or self.values.time_format is not None:
            raise BadData(f"{what} has no cells that missing or time_format could be about", "read it without them")

    def _shards(self, source: SourceFiles) -> Ratings:
        self._refuse_cell_options(f"{source.ratings[0]}: TFRecord")
        if self.skip:
            raise BadData(f"{source.ratings[0]}: TFRecord has no rows to skip", "read it without bad_rows")
        loaded, records = read_examples(source.ratings, self.columns, exported=self.values.exact)
        check_records(source.ratings[0].parent, {path.name: n for path, n in zip(source.ratings, records, strict=True)})
        return add_source_titles(make_ratings(loaded, FoundColumns(), self.values, source.name), source)

    def _table(self, source: SourceFiles) -> Ratings:
        with reading_connection(self.folder, source.shown) as connection, error_context(source.shown):
            scanner = self._scanner(connection)
            ratings = self._ratings(connection, scanner.scan(source.ratings, source.sheet, source.keys), source.name)
            ratings = with_notes(ratings, [*source.notes, *scanner.notes])
        return add_source_titles(add_source_users(ratings, source), source)

    def _scanner(self, connection: duckdb.DuckDBPyConnection) -> TableScanner:
        return TableScanner(connection, self.folder, self.columns, self.delimiter, self.wide, self.values.missing)

    def _ratings(self, connection: duckdb.DuckDBPyConnection, source: SqlScan, name: str) -> Ratings:
        file = (self.rejected or Path(f"{_stem(name)}.rejected.csv").absolute()) if self.skip else None
        return load_ratings(connection, source, self.values, name, self.folder, file)


def _as_columns(
    source: object,
    users: Sequence[object] | None,
    items: Sequence[object] | None,
    columns: Mapping[str, str] | None,
    layout: str | None,
) -> tuple[object, Mapping[str, str] | None]:
    """A sparse matrix or a wide data frame as columns with usual names; another data frame with its `columns`."""
    if is_sparse_matrix(source):
        return sparse_columns(source, users, items), None
    if users is not None or items is not None:
        raise BadData("users and items are the ids of a sparse matrix", "leave them out: a table has columns of ids")
    if layout == "wide" and source is not None:
        return wide_frame_columns(source, (columns or {}).get("user")), None
    return source, columns


def _stem(name: str) -> str:
    plain = plain_file_name(name)
    return plain.rpartition(".")[0] or plain
