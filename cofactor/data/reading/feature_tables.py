"""Tables of what is known of users or items: those of MovieLens, and any file or frame with a column of ids."""

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
from cofactor.data.reading.sql_source import REAL, TEXT
from cofactor.data.reading.text_format import find_header, is_gzip
from cofactor.data.reading.titles import TITLE_NAMES, Titles, numbered_lines
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData

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
    """Texts by column over distinct ids."""

    ids: Sequence[str]
    columns: Mapping[str, Cells]
    kinds: Mapping[str, ColumnKind]  # of the columns whose cells are not to be asked


def read_movielens_users(path: Path) -> FeatureTable:
    """u.user (id, age, gender, occupation, zip) or users.dat (id, gender, age, occupation, zip).

    Of a zip code only its first digit counts, which names a region of the United States. Raises BadData with the line.
    """
    delimiter, names = USERS[path.name]
    rows = []
    for number, line in numbered_lines(path):
        cells = [one.strip() for one in line.split(delimiter)]
        if len(cells) != len(names) + 1:
            said = f"line {number:,}: {len(cells)} columns instead of {len(names) + 1}"
            raise BadData(said, "mend the table of users, or move it away")
        rows.append(cells)
    ids, *columns = map(list, zip(*rows, strict=True)) if rows else ([], *([] for _ in names))
    found = {name: [cell_text(one) for one in column] for name, column in zip(names, columns, strict=True)}
    found["region"] = [one and (one[0] if one[0].isdigit() else "elsewhere") for one in found.pop("zip")]
    kinds: dict[str, ColumnKind] = dict.fromkeys(found, "category")
    return FeatureTable(ids, found, kinds | {"age": "number"})


def title_features(titles: Titles) -> FeatureTable:
    """Genres, and the year where it stands at the end of a title in brackets."""
    years = [YEAR.search(title) for title, _ in titles.values()]
    columns = {
        "year": [found[1] if found else None for found in years],
        "genres": [genres or None for _, genres in titles.values()],
    }
    return FeatureTable(list(titles), columns, {"year": "number", "genres": "set"})


def read_feature_table(
    source: str | os.PathLike[str] | object, noun: Noun, id_column: str | None = None
) -> FeatureTable:
    """A CSV, TSV or Parquet file with a header, or a frame. Its ids stand under `id_column` or a common name.

    Text in a table with types holds categories, or sets where it has "|" in it; everything else goes by
    `features.column_of`. A title becomes the year at its end. Raises BadData for a table without ids, with an id twice
    or missing, or without another column.
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
        raise BadData(f"no column beside {place!r}", "a table of features has at least one")
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
            raise BadData(f"nothing in {', '.join(table.columns)} is shared by two rows", "categories or numbers are")
        raise BadData(f"none of its {len(table.ids):,} {noun}s is in the ratings", f"is its id that of a {noun}?")
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
        notes.append(f"no features in {', '.join(unused)} of {name}: hardly a value is shared by two {noun}s")
    return notes


def _checked_ids(ids: Cells, noun: str) -> list[str]:
    seen: dict[str, int] = {}
    for number, id_ in enumerate(ids, start=1):
        if id_ is None:
            raise BadData(f"row {number:,} has no {noun} id", "give it one, or take it out")
        if seen.setdefault(id_, number) != number:
            said = f"{noun} {id_[:40]!r} stands in rows {seen[id_]:,} and {number:,}"
            raise BadData(said, f"a table of features has one row for each {noun}")
    return list(seen)


def _columns(found: Mapping[str, Cells], texts: set[str]) -> tuple[dict[str, Cells], dict[str, ColumnKind]]:
    """Columns by their plain names, and their kinds where these are known."""
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
            raise BadData(f"two columns are called {name!r}", "give each a name of its own")
        if type_ == "token_seq":
            cells = [one and one.replace(" ", SEPARATOR) for one in cells]
        columns[name] = cells
        if type_:
            kinds[name] = KINDS[type_]
        elif given in texts:
            kinds[name] = "set" if any(SEPARATOR in one for one in cells if one) else "category"
    return columns, kinds


def _file(path: Path, ids: Sequence[str]) -> tuple[dict[str, Cells], set[str]]:
    """Cells of each column, and which columns are text of a table with types."""
    try:
        with path.open("rb") as file:
            parquet = path.suffix == ".parquet" or file.read(4) == b"PAR1"
        return _parquet(path) if parquet else (_text(path, ids), set())
    except OSError as error:
        raise BadData(str(error.strerror or error), f"give {FRAMES}") from error


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
    """SQL of a typed column as text, as `features.cell` writes values."""
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
    """What DuckDB says in ten lines, in one."""
    said = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", said)
    where = f"line {int(line[1]):,}: " if line else ""
    if "unicode" in said:
        return BadData(f"{where}not UTF-8 text", "save the file as UTF-8 (iconv -f LATIN1 -t UTF-8)")
    if width := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said):
        return BadData(f"{where}{width[2]} columns instead of {width[1]}", "mend the line")
    if "unterminated quote" in said:
        return BadData(f"{where}a quote that is not closed", "mend the line")
    return BadData(f"cannot be read: {first_line(error)}", "is it whole, and a table with a header?")
