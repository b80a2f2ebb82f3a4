"""Tables of user or item features: those of MovieLens, and any file or data frame with a column of ids."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np

from cofactor.data.duckdb_connection import first_line, quoted, quoted_name, quoted_path, shared_connection
from cofactor.data.features import SEPARATOR, Cells, ColumnKind, Features, cell_text
from cofactor.data.parquet import parquet_table
from cofactor.data.ratings import Ratings
from cofactor.data.reading.columns import COMMON_NAMES, plain_name
from cofactor.data.reading.dataframes import FRAMES, text_columns
from cofactor.data.reading.formats.text_head import is_gzip
from cofactor.data.reading.meaning.id_rules import REAL, TEXT
from cofactor.data.reading.text_format import find_header
from cofactor.data.reading.titles import TITLE_NAMES, Titles, numbered_lines
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.ids import normalize_id

Noun = Literal["user", "item"]
YEAR = re.compile(r"\((\d{4})\)\s*$")  # at the end of a title
KINDS: Mapping[str, ColumnKind] = {
    "token": "category",
    "token_seq": "set",
    "float": "number",
}  # RecBole's, as in "zip:token"
USERS = {  # delimiter, and columns after the id
    "u.user": ("|", ("age", "gender", "occupation", "zip")),
    "users.dat": ("::", ("gender", "age", "occupation", "zip")),
}


@dataclass(frozen=True)
class FeatureTable:
    """Columns of text over distinct ids."""

    ids: Sequence[str]
    columns: Mapping[str, Cells]
    kinds: Mapping[str, ColumnKind]  # of columns whose kind is not inferred from their cells


def read_movielens_users(path: Path) -> FeatureTable:
    """u.user (id, age, gender, occupation, zip) or users.dat (id, gender, age, occupation, zip).

    Only the first digit of a zip code is used: it stands for a region of the United States. Raises BadData with the
    number of a line that has another number of columns.
    """
    delimiter, names = USERS[path.name]
    rows = []
    for number, line in numbered_lines(path):
        cells = [one.strip() for one in line.split(delimiter)]
        if len(cells) != len(names) + 1:
            message = f"line {number:,}: {len(cells)} columns instead of {len(names) + 1}"
            raise BadData(message, "correct the table of users, or move it away")
        rows.append(cells)
    ids, *columns = map(list, zip(*rows, strict=True)) if rows else ([], *([] for _ in names))
    found = {name: [cell_text(one) for one in column] for name, column in zip(names, columns, strict=True)}
    found["region"] = [one and (one[0] if one[0].isdigit() else "elsewhere") for one in found.pop("zip")]
    kinds: dict[str, ColumnKind] = dict.fromkeys(found, "category")
    return FeatureTable(ids, found, kinds | {"age": "number"})


def title_features(titles: Titles) -> FeatureTable:
    """Genres, and the year in brackets at the end of a title."""
    years = [YEAR.search(title) for title, _ in titles.values()]
    columns = {
        "year": [found[1] if found else None for found in years],
        "genres": [genres or None for _, genres in titles.values()],
    }
    return FeatureTable(list(titles), columns, {"year": "number", "genres": "set"})


def read_feature_table(
    source: str | os.PathLike[str] | object, noun: Noun, id_column: str | None = None
) -> FeatureTable:
    """The table in a CSV, TSV or Parquet file with a header, or in a data frame.

    The column of ids is `id_column`, or one with a common name. A column of text in a table with types holds
    categories, or sets where a cell has "|" in it; the kind of any other column is inferred (see
    `features.infer_encoding`). A title becomes the year at its end. Raises BadData for a table without ids, with a
    repeated or missing id, or without another column.
    """
    names = [plain_name(id_column)] if id_column else []
    names += [*COMMON_NAMES[noun], "id"]
    found, texts = _file(Path(source), names) if isinstance(source, str | os.PathLike) else text_columns(source)
    place = next((given for name in names for given in found if plain_name(given) == name), None)
    if place is None:
        shown = ", ".join(repr(name[:40]) for name in list(found)[:8])
        raise BadData(
            f"no column of {noun} ids among {shown}", f"a table of features has a header with {noun}_id in it"
        )
    ids = _checked_ids(found.pop(place), noun)
    columns, kinds = _columns(found, texts)
    if not columns:
        raise BadData(f"no column but {place!r}", "a table of features has at least one other column")
    return FeatureTable(ids, columns, kinds)


def add_features(ratings: Ratings, table: FeatureTable, noun: Noun, name: str | None = None) -> Ratings:
    """The ratings with the features of a table.

    `name` is what a table that was asked for is called: raises BadData where it knows none of the ids or has nothing
    that could be a feature, and `origin.notes` say what of it is not used. Without a name, such a table is passed over.
    """
    known: Vocabulary = ratings.users if noun == "user" else ratings.items
    rows = Vocabulary(np.array(table.ids, dtype=object), noun).rows(known.ids) if table.ids else np.empty(0)
    features = Features.from_table(table.columns, table.kinds)
    rated = int((rows >= 0).sum()) if table.ids else 0
    if features is None or not rated:
        if name is None:
            return ratings
        if features is None:
            raise BadData(
                f"no value of {', '.join(table.columns)} occurs in two rows",
                "give columns of categories or numbers that rows have in common",
            )
        raise BadData(
            f"none of its {len(table.ids):,} {noun}s is in the ratings",
            f"check that its column of ids holds {noun} ids",
        )
    origin = ratings.origin
    if name is not None and origin is not None:
        origin = replace(origin, notes=(*origin.notes, *_notes(table, features, known, rated, noun, name)))
    aligned = features.take(rows)
    if noun == "user":
        return replace(ratings, user_features=aligned, origin=origin)
    return replace(ratings, item_features=aligned, origin=origin)


def _notes(table: FeatureTable, features: Features, known: Vocabulary, rated: int, noun: str, name: str) -> list[str]:
    notes = []
    if len(table.ids) > rated:
        notes.append(f"{noun}s of {name} without a rating: {len(table.ids) - rated:,}")
    if len(known) > rated:
        notes.append(f"{noun}s without a row in {name}: {len(known) - rated:,}")
    used = {column.name for column in features.encoding.columns} if features.encoding else set()
    if unused := [column for column in table.columns if column not in used]:
        notes.append(f"no features in {', '.join(unused)} of {name}: few values occur for two {noun}s")
    return notes


def _checked_ids(ids: Cells, noun: str) -> list[str]:
    seen: dict[str, int] = {}
    for number, given in enumerate(ids, start=1):
        id_ = normalize_id(given or "")
        if not id_:
            raise BadData(f"row {number:,} has no {noun} id", "give it an id, or remove it")
        if seen.setdefault(id_, number) != number:
            message = f"{noun} {id_[:40]!r} is in rows {seen[id_]:,} and {number:,}"
            raise BadData(message, f"a table of features has one row for each {noun}")
    return list(seen)


def _columns(found: Mapping[str, Cells], texts: set[str]) -> tuple[dict[str, Cells], dict[str, ColumnKind]]:
    """Columns by name, and the kinds of those whose kind is stated."""
    columns: dict[str, Cells] = {}
    kinds: dict[str, ColumnKind] = {}
    for given, cells in found.items():
        name, _, type_ = given.rpartition(":") if given.rpartition(":")[2] in KINDS else (given, "", "")
        if plain_name(name) in TITLE_NAMES:
            years = [YEAR.search(one or "") for one in cells]
            name, type_, cells = "year", "float", [year[1] if year else None for year in years]
            if "year" in map(plain_name, found) or not any(years):
                continue
        if name in columns:
            raise BadData(f"two columns are called {name!r}", "give each column a different name")
        if type_ == "token_seq":
            cells = [one and one.replace(" ", SEPARATOR) for one in cells]
        columns[name] = cells
        if type_:
            kinds[name] = KINDS[type_]
        elif given in texts:
            kinds[name] = "set" if any(SEPARATOR in one for one in cells if one) else "category"
    return columns, kinds


def _file(path: Path, ids: Sequence[str]) -> tuple[dict[str, Cells], set[str]]:
    """The cells of each column, and the names of the columns of text in a table with types."""
    try:
        with path.open("rb") as file:
            parquet = path.suffix == ".parquet" or file.read(4) == b"PAR1"
        return _parquet(path) if parquet else (_text(path, ids), set())
    except OSError as error:
        raise BadData(str(error.strerror or error), f"give {FRAMES}") from None


def _text(path: Path, ids: Sequence[str]) -> dict[str, Cells]:
    before, delimiter, names = find_header(path, ids)
    if len(set(names)) < len(names) or not all(names):
        raise BadData(f"a column without a name or two of one name in the header: {', '.join(names)[:200]}", "mend it")
    quote = "" if delimiter == "::" else '"'
    columns = ", ".join(f"{quoted(name)}: '{TEXT}'" for name in names)
    scan = (
        f"read_csv({quoted_path(path)}, delim={quoted(delimiter)}, header=true, skip={before}, auto_detect=false, "
        f"quote={quoted(quote)}, escape={quoted(quote)}, columns={{{columns}}}, hive_partitioning=false"
        f"{', compression=gzip' if is_gzip(path) else ''})"
    )
    return _queried(", ".join(f"trim({quoted_name(name)}) AS {quoted_name(name)}" for name in names), scan)


def _parquet(path: Path) -> tuple[dict[str, Cells], set[str]]:
    table = parquet_table(path)
    described = _queried("column_name, column_type", f"(DESCRIBE SELECT * FROM {table})").values()
    types = {str(name): str(kind) for name, kind in zip(*described, strict=True)}
    cells = (f"{_as_text(quoted_name(name), kind)} AS {quoted_name(name)}" for name, kind in types.items())
    return _queried(", ".join(cells), table), {name for name, kind in types.items() if kind.startswith(TEXT)}


def _as_text(name: str, kind: str) -> str:
    """SQL for a typed column as text, written as `features.cell_text` does."""
    if kind.endswith("[]"):
        return f"array_to_string(list_sort(CAST({name} AS VARCHAR[])), '{SEPARATOR}')"
    text = f"trim(CAST({name} AS VARCHAR))"
    if kind not in REAL:
        return text
    whole = f"CAST(CAST({name} AS BIGINT) AS VARCHAR)"
    is_whole = f"abs({name}) < 1e15 AND {name} = trunc({name})"
    return f"CASE WHEN isnan({name}) THEN NULL WHEN {is_whole} THEN {whole} ELSE {text} END"


def _queried(cells: str, scan: str) -> dict[str, Cells]:
    with shared_connection() as connection:
        try:
            found = connection.execute(f"SELECT {cells} FROM {scan}").fetchnumpy()
        except duckdb.Error as error:
            raise _unreadable(error) from error
    return {str(name): [one or None for one in column.tolist()] for name, column in found.items()}


def _unreadable(error: duckdb.Error) -> BadData:
    """The ten lines of an error of DuckDB in one line."""
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    where = f"line {int(line[1]):,}: " if line else ""
    if "unicode" in text:
        return BadData(f"{where}not UTF-8 text", "save the file as UTF-8 (iconv -f LATIN1 -t UTF-8)")
    if width := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
        return BadData(f"{where}{width[2]} columns instead of {width[1]}", "correct the line")
    if "unterminated quote" in text:
        return BadData(f"{where}a quote that is not closed", "correct the line")
    return BadData(f"cannot be read: {first_line(error)}", "check that the file is complete and has a header")
