"""Reads ratings from a file, a folder, a zip or a data frame.

DuckDB reads a table once, which is all that a table without faults needs. Otherwise the table is read again row by row
to find the faults and their lines.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import duckdb

from cofactor.data.duckdb_connection import first_line, reading_connection
from cofactor.data.exporting.export_manifest import check_records, is_export, with_manifest
from cofactor.data.origin import Origin
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
from cofactor.data.reading.folder_layouts import RATINGS, Layout, find_layout, layout_around
from cofactor.data.reading.load_rows import EncodedRatings, find_latest_rows, load_rows
from cofactor.data.reading.rejected_rows import RejectedRows, load_valid_rows
from cofactor.data.reading.sql_source import SqlScan, scan_frame, scan_parquet, scan_text
from cofactor.data.reading.titles import align_titles, read_titles
from cofactor.data.reading.zip_files import list_files, unzip
from cofactor.data.tfrecord.shards import find_shards, is_tfrecord
from cofactor.data.tfrecord.user_examples import read_examples
from cofactor.errors import BadData, error_context

PARQUET = b"PAR1"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
BAD_ROWS = ("error", "skip")


def read(
    source: str | os.PathLike[str] | object,
    *,
    columns: Mapping[str, str] | None = None,
    bad_rows: str = "error",
    rejected: Path | None = None,
    layout: Literal["lists"] | None = None,
    user_features: str | os.PathLike[str] | object | None = None,
    item_features: str | os.PathLike[str] | object | None = None,
) -> Ratings:
    """Ratings in the order of their rows, over vocabularies of the users and items that are rated.

    source: a CSV, TSV (`,` `;` tab `|` `::`, also gzipped), Parquet or TFRecord file, a zip, a folder of TFRecord
    shards (see `user_examples`) or in one of MovieLens' layouts, or a pandas, polars or Arrow table. Columns are
    found by their common names or by `columns`, which maps user, item, rating and time to names ("" for no time); three
    or four columns without a header are user, item, rating, time. Times are seconds since 1970 (or milli-, micro- or
    nanoseconds, recognised by their size) or ISO dates, in UTC where no zone is given. Titles and genres are read from
    u.item, movies.dat, movies.csv or items.csv next to the ratings; items without a rating are left out.

    Of a repeated (user, item) pair the latest rating is kept, and of equal times the last in the file;
    `origin.duplicates` counts the others. A row that cannot be used raises BadData, which names it; with
    `bad_rows="skip"` such rows are written with line, column and reason to the file `rejected` (by default
    `<name>.rejected.csv` in the current folder) and counted in `origin.rejected`.

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
    with tempfile.TemporaryDirectory(prefix="cofactor-", ignore_cleanup_errors=True) as working:
        reading = _Reading(Path(working), columns, bad_rows == "skip", rejected)
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

    def __init__(self, folder: Path, columns: Mapping[str, str] | None, skip: bool, rejected: Path | None) -> None:
        self.folder, self.columns, self.skip, self.rejected = folder, columns, skip, rejected

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
            return _without_duplicates(read_adjacency_lists(Path(source)), RejectedRows(0, None), Path(source).name)

    def path(self, path: Path) -> Ratings:
        """The ratings of a file, a folder or a zip."""
        try:
            if path.is_dir():
                ratings = self._folder(path)
                return with_manifest(ratings, path) if is_export(path) else ratings
            if not path.is_file():
                what = "is not a file" if path.exists() else "no such file or folder"
                raise BadData(f"{path}: {what}", f"give {FRAMES}")
            if _first_bytes(path) in ZIP or path.suffix == ".zip":
                return self._zip(path)
            if is_tfrecord(path):
                return self._shards(path.parent, [path.name], path.name)
            names = [file.name for file in path.parent.iterdir()]
            return self._files(path.parent, layout_around(path.name, names), path.name, str(path))
        except OSError as error:
            raise BadData(
                f"{error.filename or path}: {error.strerror or error}", "check that it can be read"
            ) from error

    def _folder(self, path: Path) -> Ratings:
        with error_context(str(path)):
            files = _files(path)
            shards = find_shards(files)
            layout = None if shards and not set(files) & set(RATINGS) else find_layout(files)
        if layout is None:
            return self._shards(path, shards, path.name)
        return self._files(path, layout, path.name, str(path / layout.ratings))

    def _shards(self, folder: Path, names: list[str], name: str) -> Ratings:
        if self.skip:
            raise BadData(f"{folder / names[0]}: TFRecord has no rows to skip", "read it without bad_rows")
        loaded, records = read_examples([folder / one for one in names], self.columns)
        check_records(folder, dict(zip(names, records, strict=True)))
        ratings = _without_duplicates(loaded, RejectedRows(0, None), name)
        layout = layout_around(names[0], [file.name for file in folder.iterdir()])
        return ratings if layout.titles is None else _add_titles(ratings, folder, layout)

    def _zip(self, path: Path) -> Ratings:
        with error_context(str(path)):
            layout = find_layout(list_files(path))
            wanted = [name for name in (layout.ratings, layout.titles, layout.genres, layout.users) if name]
            unzip(path, self.folder / "unzipped", wanted)
        return self._files(self.folder / "unzipped", layout, path.name, f"{path}: {layout.ratings}")

    def _files(self, folder: Path, layout: Layout, name: str, shown: str) -> Ratings:
        path = folder / layout.ratings
        with reading_connection(self.folder, shown) as connection, error_context(shown):
            parquet = path.suffix == ".parquet" or _first_bytes(path) == PARQUET
            source = scan_parquet(connection, path, self.columns) if parquet else scan_text(path, self.columns)
            ratings = self._ratings(connection, source, name)
        if layout.users is not None:
            with error_context(str(folder / layout.users)):
                ratings = add_features(ratings, read_movielens_users(folder / layout.users), "user")
        return ratings if layout.titles is None else _add_titles(ratings, folder, layout)

    def _ratings(self, connection: duckdb.DuckDBPyConnection, source: SqlScan, name: str) -> Ratings:
        loaded, rejected_rows = load_rows(connection, source), RejectedRows(0, None)
        if loaded is None:
            file = (self.rejected or Path(f"{_stem(name)}.rejected.csv").absolute()) if self.skip else None
            loaded, rejected_rows = load_valid_rows(connection, source, self.folder, file)
        return _without_duplicates(loaded, rejected_rows, name)


def _without_duplicates(loaded: EncodedRatings, rejected_rows: RejectedRows, name: str) -> Ratings:
    keep = find_latest_rows(loaded.user, loaded.item, loaded.time)
    columns: dict[str, Any] = {"user": loaded.user, "item": loaded.item, "value": loaded.value, "time": loaded.time}
    if keep is not None:
        columns = {role: None if column is None else column[keep] for role, column in columns.items()}
    rows, kept = len(loaded), len(columns["user"])
    origin = Origin(name, rows + rejected_rows.count, rows - kept, rejected_rows.count, rejected_rows.file)
    return Ratings(loaded.users, loaded.items, **columns, origin=origin)


def _add_titles(ratings: Ratings, folder: Path, layout: Layout) -> Ratings:
    """The ratings with the titles next to them, and features of the titles; unchanged where no item has a title."""
    titles = folder / (layout.titles or "")
    with error_context(str(titles)):
        try:
            known = read_titles(titles, folder / layout.genres if layout.genres else None)
        except duckdb.Error as error:
            raise BadData(f"cannot be read: {first_line(error)}", "correct it, or move it away") from error
    found = align_titles(known, ratings.items)
    if found is None:
        return ratings
    return add_features(replace(ratings, titles=found[0], genres=found[1]), title_features(known), "item")


def _files(folder: Path) -> list[str]:
    """The files in a folder and in its direct subfolders."""
    files = (file for level in ("*", "*/*") for file in folder.glob(level) if file.is_file())
    return [file.relative_to(folder).as_posix() for file in files]


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _stem(name: str) -> str:
    plain = name.removesuffix(".gz")
    return plain.rpartition(".")[0] or plain
