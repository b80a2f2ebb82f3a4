"""Reads titles and genres of items: u.item with u.genre, movies.dat, and CSV or Parquet tables with a header."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np

from cofactor.arrays import Strings
from cofactor.data.duckdb_connection import quoted_name, shared_connection
from cofactor.data.parquet import parquet_table
from cofactor.data.reading.columns import COMMON_NAMES, plain_name
from cofactor.data.reading.containers.compressed_files import (
    decompression_errors,
    find_compression,
    open_compressed,
    plain_file_name,
)
from cofactor.data.reading.dataframes import text_columns
from cofactor.data.reading.formats.json_tables import find_form, is_json, json_query
from cofactor.data.reading.formats.text_head import HEAD, foreign_encoding
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.ids import normalize_id

Titles = Mapping[str, tuple[str, str]]  # item id -> title, genres as in "Comedy|Drama"

TITLE_NAMES = (
    *("title", "itemtitle", "movietitle", "booktitle", "producttitle", "name", "itemname", "label", "trackname"),
    *("songname", "artistname", "productname", "gamename", "animename", "primarytitle", "originaltitle", "bookname"),
)
GENRE_NAMES = ("genres", "genre", "categories", "category", "tags")
NO_GENRES = "(no genres listed)"  # as MovieLens writes it
GENRES_FROM = 5  # u.item: id, title, two dates and an address come first
MAX_BYTES = 1 << 30  # of a table of titles, which is read as a whole
NETFLIX = re.compile(r"\d+,(\d{4}|NULL),")  # movie_titles.csv: id, year, and a title that may hold commas
BACKSLASH = re.compile(r'\\"(?=[^",;|\s])')  # before a quote inside a cell
MEND = "correct the table of titles, or move it away"


def read_titles(path: Path, items: Vocabulary | None = None, genres: Path | None = None) -> Titles:
    """Titles and genres by item id; empty where the file is not a table of titles.

    Text is UTF-8, or Latin-1 where it is not valid UTF-8 (as in MovieLens 100K and 1M). Of several columns of ids, the
    one with the most ids of `items` is used. Raises BadData, with the line, where the file cannot be read.
    """
    if plain_file_name(path.name).endswith(".parquet"):
        return _from_parquet(path, items)
    if path.name == "u.item":
        names = _genre_names(genres) if genres else []
        return dict(_u_item(line, number, names) for number, line in numbered_lines(path))
    if find_compression(path) is None and is_json(_head(path)):
        return _from_json(path, items)
    text = _text(path)
    first = next((line for line in text.split("\n") if line.strip()), "")
    if "::" in first:
        return dict(_movie(line, number) for number, line in numbered_lines(path))
    if path.name.casefold().startswith("movie_titles") and NETFLIX.match(first):
        cells = (line.split(",", 2) for _, line in numbered_lines(path))
        return {normalize_id(id_): (title.strip(), "") for id_, _, title in cells}
    return _from_csv(text, items)


def frame_titles(frame: object, items: Vocabulary) -> Titles:
    """Titles and genres by item id of a data frame with a column of ids and one of titles; empty without these."""
    columns, _ = text_columns(frame)
    return _of_rows(list(columns), [[cell or "" for cell in row] for row in zip(*columns.values(), strict=True)], items)


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


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _text(path: Path) -> str:
    with decompression_errors(path), open_compressed(path) as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise BadData(f"a table of titles of more than {MAX_BYTES:,} bytes", "leave out what is no title")
    if encoding := foreign_encoding(raw[:HEAD]):
        return raw.decode(encoding, errors="replace").removeprefix("\ufeff")
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


def _from_csv(text: str, items: Vocabulary | None) -> Titles:
    delimiter = _delimiter(text)
    plain = delimiter == "\t" and not text.startswith('"')  # TSV without quotes may hold lone ones
    lines = io.StringIO(text, newline="")
    rows = csv.reader(
        lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL,
        escapechar="\\" if not plain and BACKSLASH.search(text[:HEAD]) else None,
    )
    try:
        names = next((row for row in rows if row), [])
        if _places(names, [], items) is None:
            return {}
        found = []
        for row in rows:
            if any(row):
                if len(row) < len(names):
                    raise _short(rows.line_num, len(row), f"{len(names)}")
                found.append(row)
        return _of_rows(names, found, items)
    except csv.Error as error:
        raise BadData(f"line {rows.line_num:,}: {error}", MEND) from None


def _from_parquet(path: Path, items: Vocabulary | None) -> Titles:
    with shared_connection() as connection:
        return _from_query(connection, f"SELECT * FROM {parquet_table(path)}", items)


def _from_json(path: Path, items: Vocabulary | None) -> Titles:
    form = find_form(path)
    if form == "document":
        raise BadData("a JSON document", "give titles as JSON lines, CSV or Parquet")
    with shared_connection() as connection:
        return _from_query(connection, json_query(connection, [path], form)[0], items)


def _from_query(connection: duckdb.DuckDBPyConnection, query: str, items: Vocabulary | None) -> Titles:
    names = [str(row[0]) for row in connection.execute(f"DESCRIBE {query}").fetchall()]
    wanted = [name for name in names if _may_be_id(name) or plain_name(name) in (*TITLE_NAMES, *GENRE_NAMES)]
    if not wanted:
        return {}
    cells = ", ".join(f"coalesce(CAST({quoted_name(name)} AS VARCHAR), '')" for name in wanted)
    return _of_rows(wanted, connection.execute(f"SELECT {cells} FROM ({query})").fetchall(), items)


def _of_rows(names: Sequence[str], rows: Sequence[Sequence[str]], items: Vocabulary | None) -> Titles:
    where = _places(names, rows, items)
    if where is None:
        return {}
    id_, title, genres = where
    return {
        normalize_id(row[id_].strip()): (row[title].strip(), "" if genres is None else _plain_genres(row[genres]))
        for row in rows
    }


def _places(
    names: Sequence[str], rows: Sequence[Sequence[str]], items: Vocabulary | None
) -> tuple[int, int, int | None] | None:
    """The positions of id, title and genres; None for a table without ids or titles."""
    plain = [plain_name(name) for name in names]
    title, genres = (
        next((plain.index(name) for name in wanted if name in plain), None) for wanted in (TITLE_NAMES, GENRE_NAMES)
    )
    ids = [place for name in (*COMMON_NAMES["item"], "id") for place, one in enumerate(plain) if one == name]
    ids += [place for place, name in enumerate(names) if place not in ids and _may_be_id(name)]
    ids = [place for place in ids if place != title]
    if title is None or not ids:
        return None
    known = set() if items is None else set(items.ids.tolist())
    matches = [sum(normalize_id(row[place].strip()) in known for row in rows) for place in ids]
    return ids[matches.index(max(matches))], title, genres


def _may_be_id(name: str) -> bool:
    plain = plain_name(name)
    return plain in COMMON_NAMES["item"] or plain.endswith(("id", "isbn", "asin", "sku", "code"))


def _delimiter(text: str) -> str:
    first = next((line for line in text.split("\n", 50) if line.strip()), "")
    return max((",", "\t", ";", "|"), key=first.count)


def _plain_genres(genres: str) -> str:
    genres = genres.strip()
    return "" if genres == NO_GENRES else genres


def _short(number: int, n: int, wanted: str) -> BadData:
    return BadData(f"line {number:,}: {n} columns instead of {wanted}", MEND)


def _strings(texts: list[str]) -> Strings:
    return np.array(texts, dtype=object)
