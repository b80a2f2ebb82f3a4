"""Adds to ratings what is next to them, titles of items and features of users, and titles that a caller names."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import first_line
from cofactor.data.ratings import Ratings
from cofactor.data.reading.feature_tables import add_features, read_movielens_users, title_features
from cofactor.data.reading.source_files import SourceFiles
from cofactor.data.reading.titles import Titles, align_titles, frame_titles, read_titles
from cofactor.errors import BadData, CofactorError, error_context


def add_source_titles(ratings: Ratings, source: SourceFiles) -> Ratings:
    """The ratings with the titles next to them, and features of the titles; unchanged where no item has a title.

    A table of titles that cannot be read is a note in the origin of the ratings.
    """
    notes = []
    for path in source.titles:
        try:
            found = _with_titles(ratings, _read(path, ratings, source.genres))
        except CofactorError as error:
            notes.append(f"no titles are read from {path.name}: {error.message}")
            continue
        if found is not None:
            return with_notes(found, notes)
    return with_notes(ratings, notes)


def add_source_users(ratings: Ratings, source: SourceFiles) -> Ratings:
    """The ratings with the features of users in MovieLens' files; one that cannot be read is a note."""
    if source.users is None:
        return ratings
    try:
        return add_features(ratings, read_movielens_users(source.users), "user")
    except CofactorError as error:
        return with_notes(ratings, [f"no features of users are read from {source.users.name}: {error.message}"])


def add_titles(ratings: Ratings, titles: str | os.PathLike[str] | object) -> Ratings:
    """The ratings with the titles of a file or a data frame.

    Raises BadData where it cannot be read, has no columns of ids and titles, or knows none of the items.
    """
    path = Path(titles) if isinstance(titles, str | os.PathLike) else None
    name = "the table of titles" if path is None else str(path)
    with error_context(name):
        if path is not None and not path.is_file():
            raise BadData("no such file", "a table of titles has a header such as item_id,title,genres")
        known = frame_titles(titles, ratings.items) if path is None else _read(path, ratings, None)
        if not known:
            raise BadData("no columns of ids and titles", "a table of titles has a header such as item_id,title,genres")
        found = _with_titles(ratings, known)
        if found is None:
            raise BadData("none of its titles is that of an item of the ratings", "check that its ids are the same")
    return found


def with_notes(ratings: Ratings, notes: Sequence[str]) -> Ratings:
    """The ratings with further notes on their origin."""
    if not notes or ratings.origin is None:
        return ratings
    return replace(ratings, origin=replace(ratings.origin, notes=(*ratings.origin.notes, *notes)))


def _read(path: Path, ratings: Ratings, genres: Path | None) -> Titles:
    try:
        return read_titles(path, ratings.items, genres)
    except duckdb.Error as error:
        raise BadData(f"cannot be read: {first_line(error)}", "correct it, or move it away") from None
    except (OSError, ValueError) as error:
        raise BadData(f"cannot be read: {error}", "correct it, or move it away") from None


def _with_titles(ratings: Ratings, known: Titles) -> Ratings | None:
    """The ratings with the titles of their items; None where none of them has one."""
    found = align_titles(known, ratings.items)
    if found is None:
        return None
    return add_features(replace(ratings, titles=found[0], genres=found[1]), title_features(known), "item")
