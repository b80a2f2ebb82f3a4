"""Reads ratings from a file, a folder, a zip or a data frame.

DuckDB reads a table once, which is all that a table without faults needs. Otherwise the table is read again row by row
to find the faults and their lines.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import duckdb

from cofactor.data.datasets.locations import dataset_source
from cofactor.data.duckdb_connection import first_line, reading_connection
from cofactor.data.exporting.export_manifest import check_records, is_export, with_manifest
from cofactor.data.ratings import Ratings
from cofactor.data.reading.adjacency_lists import read_adjacency_lists
from cofactor.data.reading.dataframes import FRAMES
from cofactor.data.reading.feature_tables import (
    Noun,
    add_features,
    read_feature_table,
    read_movielens_users,
    title_features,
)
from cofactor.data.reading.meaning.load_ratings import load_ratings, make_ratings
from cofactor.data.reading.meaning.value_options import ValueOptions
from cofactor.data.reading.source_files import SourceFiles, find_source
from cofactor.data.reading.sql_source import FoundColumns, SqlScan, scan_frame, scan_parquet, scan_text
from cofactor.data.reading.titles import align_titles, read_titles
from cofactor.data.tfrecord.user_examples import read_examples
from cofactor.errors import BadData, error_context

PARQUET = b"PAR1"
BAD_ROWS = ("error", "skip")


def read(
    source: str | os.PathLike[str] | object,
    *,
    columns: Mapping[str, str] | None = None,
    implicit: bool = False,
    repeats: str | None = None,
    bad_rows: str = "error",
    rejected: Path | None = None,
    layout: Literal["lists"] | None = None,
    user_features: str | os.PathLike[str] | object | None = None,
    item_features: str | os.PathLike[str] | object | None = None,
) -> Ratings:
    """Ratings in the order of their rows, over vocabularies of the users and items that are rated.

    source: a CSV, TSV (`,` `;` tab `|` `::`, also gzipped), Parquet or TFRecord file, a zip, a folder of TFRecord
    shards (see `user_examples`) or in one of MovieLens' layouts, a pandas, polars or Arrow table, or the name of a data
    set that `cofactor.fetch` has downloaded, as in "ml-100k" (Unavailable where it has not). Columns are found by their
    common names or by `columns`, which maps user, item, rating and time to names or to numbers from 1 ("" for no
    ratings or no times); up to four columns without a header are user, item, rating, time. Times are seconds since 1970
    (or milli-, micro- or nanoseconds, recognised by their size) or ISO dates, in UTC where no zone is given. Titles and
    genres are read from u.item, movies.dat, movies.csv or items.csv next to the ratings; items without a rating are
    left out.

    A table without a column of ratings holds interactions: of the kind "counts" where a column has a common name of
    counts (plays, weight, quantity, …), and otherwise "pairs", each of value 1. `implicit` says that the values are
    counts, whatever their column is called.

    Of a repeated (user, item) pair the latest rating is kept, and of equal times the last in the file; counts are added
    up, and rows of a pair without a value are counted. `repeats` sets another rule: "latest", "first", "sum", "count",
    "mean" or "max" (see `merge_repeats`). `origin.duplicates` is the number of rows that were merged. A row that cannot
    be used raises BadData, which names it; with `bad_rows="skip"` such rows are written with line, column and reason to
    the file `rejected` (by default `<name>.rejected.csv` in the current folder) and counted in `origin.rejected`.

    With `layout="lists"` the file has one line for each user, `user item item …`, and every rating is 1.

    Features of users are read from u.user or users.dat next to the ratings, and features of items (year, genres) from
    the titles. `user_features` and `item_features` replace them: tables with a column of ids and any others, in a
    file with a header or a data frame (see `feature_tables`). Rows of ids without ratings are left out, and counted in
    `origin.notes`.
    """
    if bad_rows not in BAD_ROWS:
        raise BadData(f"bad_rows is {bad_rows!r}", f"one of {', '.join(BAD_ROWS)}")
    if layout not in (None, "lists"):
        raise BadData(f"unknown layout {layout!r}", "the only layout to name is lists; others are recognised")
    source = dataset_source(source)
    with tempfile.TemporaryDirectory(prefix="cofactor-", ignore_cleanup_errors=True) as working:
        values = ValueOptions(implicit, repeats)
        reading = _Reading(Path(working), columns, values, bad_rows == "skip", rejected)
        if layout == "lists":
            ratings = reading.lists(source)
        else:
            ratings = reading.path(Path(source)) if isinstance(source, str | os.PathLike) else reading.frame(source)
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
    ) -> None:
        self.folder, self.columns, self.values, self.skip, self.rejected = folder, columns, values, skip, rejected

    def frame(self, frame: object) -> Ratings:
        """The ratings of a data frame."""
        if frame is None:
            raise BadData("there is nothing to read", f"give {FRAMES}")
        with reading_connection(self.folder, "the table") as connection, error_context("the table"):
            source = scan_frame(connection, frame, self.columns)
            return self._ratings(connection, source, "table")

    def lists(self, source: object) -> Ratings:
        """The pairs of a file of adjacency lists."""
        if not isinstance(source, str | os.PathLike) or not Path(source).is_file():
            raise BadData(f"{source}: no such file", "lists are in a file of text")
        if self.columns or self.skip:
            raise BadData("lists have neither columns nor rows to skip", "read them without columns and bad_rows")
        with error_context(str(source)):
            loaded = read_adjacency_lists(Path(source))
            return make_ratings(loaded, FoundColumns(kind="pairs"), self.values, Path(source).name)

    def path(self, path: Path) -> Ratings:
        """The ratings of a file, a folder or a zip."""
        source = find_source(path, self.folder)
        try:
            ratings = self._shards(source) if source.shards else self._table(source)
            return with_manifest(ratings, path) if path.is_dir() and is_export(path) else ratings
        except OSError as error:
            raise BadData(
                f"{error.filename or path}: {error.strerror or error}", "check that it can be read"
            ) from error

    def _shards(self, source: SourceFiles) -> Ratings:
        if self.skip:
            raise BadData(
                f"{source.folder / source.shards[0]}: TFRecord has no rows to skip", "read it without bad_rows"
            )
        loaded, records = read_examples([source.folder / one for one in source.shards], self.columns)
        check_records(source.folder, dict(zip(source.shards, records, strict=True)))
        return _add_titles(make_ratings(loaded, FoundColumns(), self.values, source.name), source)

    def _table(self, source: SourceFiles) -> Ratings:
        path = source.ratings
        with reading_connection(self.folder, source.shown) as connection, error_context(source.shown):
            parquet = path.suffix == ".parquet" or is_parquet(path)
            scan = scan_parquet(connection, path, self.columns) if parquet else scan_text(path, self.columns)
            ratings = self._ratings(connection, scan, source.name)
        if source.layout.users is not None:
            users = source.folder / source.layout.users
            with error_context(str(users)):
                ratings = add_features(ratings, read_movielens_users(users), "user")
        return _add_titles(ratings, source)

    def _ratings(self, connection: duckdb.DuckDBPyConnection, source: SqlScan, name: str) -> Ratings:
        file = (self.rejected or Path(f"{_stem(name)}.rejected.csv").absolute()) if self.skip else None
        return load_ratings(connection, source, self.values, name, self.folder, file)


def _add_titles(ratings: Ratings, source: SourceFiles) -> Ratings:
    """The ratings with the titles next to them, and features of the titles; unchanged where no item has a title."""
    folder, layout = source.folder, source.layout
    if layout.titles is None:
        return ratings
    titles = folder / layout.titles
    with error_context(str(titles)):
        try:
            known = read_titles(titles, folder / layout.genres if layout.genres else None)
        except duckdb.Error as error:
            raise BadData(f"cannot be read: {first_line(error)}", "correct it, or move it away") from error
    found = align_titles(known, ratings.items)
    if found is None:
        return ratings
    return add_features(replace(ratings, titles=found[0], genres=found[1]), title_features(known), "item")


def is_parquet(path: Path) -> bool:
    """Whether a file begins with the bytes of Parquet."""
    with path.open("rb") as file:
        return file.read(4) == PARQUET


def _stem(name: str) -> str:
    plain = name.removesuffix(".gz")
    return plain.rpartition(".")[0] or plain
