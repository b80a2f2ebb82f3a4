"""Reads titles and genres of items: u.item with u.genre, movies.dat, and CSV or Parquet tables with a header."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cofactor.arrays import Strings
from cofactor.data.duckdb_connection import quoted_name, shared_connection
from cofactor.data.parquet import parquet_table
from cofactor.data.reading.columns import COMMON_NAMES, plain_name
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.ids import normalize_id

Titles = Mapping[str, tuple[str, str]]  # item id -> title, genres as in "Comedy|Drama"

TITLE_NAMES = ("title", "itemtitle", "movietitle", "booktitle", "producttitle", "name", "itemname", "label")
GENRE_NAMES = ("genres", "genre", "categories", "category", "tags")
NO_GENRES = "(no genres listed)"  # as MovieLens writes it
GENRES_FROM = 5  # u.item: id, title, two dates and an address come first


def read_titles(path: Path, genres: Path | None = None) -> Titles:
    """Titles and genres by item id; empty where the file is not a table of titles.

    Text is UTF-8, or Latin-1 where it is not valid UTF-8 (as in MovieLens 100K and 1M). Raises BadData, with the line,
    where the file cannot be read.
    """
    if path.suffix == ".parquet":
        return _from_parquet(path)
    if path.name == "u.item":
        names = _genre_names(genres) if genres else []
        return dict(_u_item(line, number, names) for number, line in numbered_lines(path))
    if path.suffix == ".dat":
        return dict(_movie(line, number) for number, line in numbered_lines(path))
    return _from_csv(_text(path))


def align_titles(titles: Titles, items: Vocabulary) -> tuple[Strings, Strings] | None:
    """(n_items,) titles and genres in the order of the vocabulary, "" where missing; None without any title."""
    found = [titles.get(id_, ("", "")) for id_ in items.ids.tolist()]
    if not any(title for title, _ in found):
        return None
    return _strings([title for title, _ in found]), _strings([genres for _, genres in found])


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers; the text as in `read_titles`."""
    lines = enumerate(io.StringIO(_text(path)), start=1)  # not splitlines: a title may hold a form feed or U+0085
    return [(number, line.rstrip("\r\n")) for number, line in lines if line.strip()]


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _genre_names(path: Path) -> list[str]:
    named = [line.rpartition("|") for _, line in numbered_lines(path)]
    return [name for name, _, _ in sorted(named, key=lambda one: int(one[2]) if one[2].isdigit() else 0)]


def _u_item(line: str, number: int, genres: list[str]) -> tuple[str, tuple[str, str]]:
    cells = line.split("|")
    if len(cells) < GENRES_FROM:
        raise _short(number, len(cells), f"at least {GENRES_FROM}")
    flagged = [name for name, flag in zip(genres, cells[GENRES_FROM:], strict=False) if flag.strip() == "1"]
    return normalize_id(cells[0]), (cells[1].strip(), "|".join(flagged))


def _movie(line: str, number: int) -> tuple[str, tuple[str, str]]:
    cells = line.split("::")
    if len(cells) < 3:
        raise _short(number, len(cells), "3")
    return normalize_id(cells[0]), ("::".join(cells[1:-1]).strip(), _plain_genres(cells[-1]))


def _from_csv(text: str) -> Titles:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        where = _places(next(rows, []))
        if where is None:
            return {}
        found = {}
        for row in rows:
            if not row:
                continue
            if len(row) <= max(place for place in where if place is not None):
                raise _short(rows.line_num, len(row), "more")
            id_, title, genres = (row[place].strip() if place is not None else "" for place in where)
            found[normalize_id(id_)] = (title, _plain_genres(genres))
        return found
    except csv.Error as error:
        raise BadData(f"line {rows.line_num:,}: {error}", "correct the table of titles, or move it away") from error


def _from_parquet(path: Path) -> Titles:
    table = parquet_table(path)
    with shared_connection() as connection:
        names = [str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()]
        where = _places(names)
        if where is None:
            return {}
        chosen = (quoted_name(names[place]) if place is not None else "NULL" for place in where)
        cells = ", ".join(f"coalesce(CAST({name} AS VARCHAR), '')" for name in chosen)
        rows = connection.execute(f"SELECT {cells} FROM {table}").fetchall()
        return {normalize_id(id_): (title, _plain_genres(genres)) for id_, title, genres in rows}


def _places(names: list[str]) -> tuple[int, int, int | None] | None:
    """The positions of id, title and genres; None for a table without ids or titles."""
    plain = [plain_name(name) for name in names]
    id_, title, genres = (
        next((plain.index(name) for name in wanted if name in plain), None)
        for wanted in ((*COMMON_NAMES["item"], "id"), TITLE_NAMES, GENRE_NAMES)
    )
    return None if id_ is None or title is None else (id_, title, genres)


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max((",", "\t", ";", "|"), key=first.count)


def _plain_genres(genres: str) -> str:
    genres = genres.strip()
    return "" if genres == NO_GENRES else genres


def _short(number: int, n: int, wanted: str) -> BadData:
    return BadData(f"line {number:,}: {n} columns instead of {wanted}", "correct the table of titles, or move it away")


def _strings(texts: list[str]) -> Strings:
    return np.array(texts, dtype=object)
