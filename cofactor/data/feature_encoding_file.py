"""The names and encodings of features as a table: features.parquet, with one row for each feature, in order.

of      "user" or "item"
name    name of the feature, as in "age=18-24"
column  column of the table it encodes; this and the rest are missing for features without an encoding
kind    category, set or number
value   the value of a category or set
edge    where the interval of a number begins; missing for the first interval
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Strings
from cofactor.data.features import ColumnEncoding, ColumnKind, Encoding, Features
from cofactor.data.parquet import read_small_parquet, write_parquet
from cofactor.errors import BadArtifact, BadData

FILE = "features.parquet"
FIELDS = ("of", "name", "column", "kind", "value", "edge")
NOUNS = ("user", "item")
MAX_FEATURES = 1 << 18

Row = tuple[Any, ...]  # values of FIELDS
NamedEncoding = tuple[Strings, Encoding | None]  # names, and the encoding where there is one


def write_encodings(path: Path, features: Mapping[str, Features]) -> None:
    """Writes the names and encodings of features by noun. Raises duckdb.Error where it cannot, BadData for too many."""
    rows = [row for noun, one in features.items() for row in _rows(noun, one)]
    if len(rows) > MAX_FEATURES:
        raise BadData(f"{len(rows):,} features are more than {MAX_FEATURES:,}", "keep the most frequent values")
    columns: dict[str, Array] = {name: np.array([row[n] for row in rows], object) for n, name in enumerate(FIELDS)}
    columns["edge"] = np.ma.masked_invalid(np.array([row[-1] for row in rows], np.float64))
    write_parquet(path, columns)


def read_encodings(path: Path) -> dict[str, NamedEncoding]:
    """Names and encodings by noun. Raises BadArtifact for a table that is none, duckdb.Error where it is no table."""
    columns = read_small_parquet(path, dict.fromkeys(FIELDS, "VARCHAR") | {"edge": "DOUBLE"}, MAX_FEATURES)
    if list(columns) != list(FIELDS):
        raise _damaged(path, f"has the columns {', '.join(columns)[:100]}, not {', '.join(FIELDS)}")
    rows = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    found: dict[str, NamedEncoding] = {}
    for noun, some in groupby(rows, key=lambda row: row[0]):
        if noun not in NOUNS or noun in found:
            raise _damaged(path, f"names features of {str(noun)[:20]!r} in an unknown place")
        found[noun] = _parse_encoding(path, list(some))
    return found


def decode_features(recipe: NamedEncoding, matrix: csr_array) -> Features:
    """Raises BadArtifact where the matrix is not of these features, or their names are not those of their encoding."""
    try:
        return Features(recipe[0], matrix, recipe[1])
    except BadData as error:
        raise BadArtifact(f"{FILE}: {error.message}", "the folder is damaged") from None


def _rows(noun: str, features: Features) -> list[Row]:
    if features.encoding is None:
        return [(noun, name, None, None, None, np.nan) for name in features.names]
    rows: list[Row] = []
    for column in features.encoding.columns:
        numeric = column.kind == "number"
        values = [None] * len(column) if numeric else column.values
        edges = (np.nan, *column.edges) if numeric else [np.nan] * len(column)
        rows += [
            (noun, name, column.name, column.kind, value, edge)
            for name, value, edge in zip(column.names, values, edges, strict=True)
        ]
    return rows


def _parse_encoding(path: Path, rows: list[Row]) -> NamedEncoding:
    names = np.array([row[1] for row in rows], dtype=object)
    if any(name is None for name in names):
        raise _damaged(path, "has a feature without a name")
    if all(row[2] is None for row in rows):
        return names, None
    columns = []
    for (name, kind), some in groupby(rows, key=lambda row: row[2:4]):
        cells = list(some)
        values, edges = [row[4] for row in cells], [row[5] for row in cells]
        numeric = kind == "number"
        unused, used = (values, edges[1:]) if numeric else (edges, values)
        right = name is not None and kind in get_args(ColumnKind) and None not in used and set(unused) <= {None}
        if not right or (numeric and edges[0] is not None):
            raise _damaged(path, f"describes column {str(name)[:60]!r} in an unknown way")
        try:
            column = ColumnEncoding(
                name, cast(ColumnKind, kind), *((), tuple(edges[1:])) if numeric else (tuple(values),)
            )
        except BadData as error:
            raise _damaged(path, f"is wrong: {error.message}") from error
        columns.append(column)
    if len({column.name for column in columns}) < len(columns):
        raise _damaged(path, "describes a column twice")
    return names, Encoding(tuple(columns))


def _damaged(path: Path, message: str) -> BadArtifact:
    return BadArtifact(f"{path} {message}", "the folder is damaged: make it again")
